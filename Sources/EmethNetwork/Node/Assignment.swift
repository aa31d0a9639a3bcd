import EmethKit
import Foundation

/// What a node is handed when it takes a SubJob: identities and hashes; the bytes lie in the store.
public struct Assignment: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: JobID
  /// Its place in the parent.
  public var position: SubJobPosition
  /// The manifest, canonical JSON.
  public var manifest: String
  /// Object: the part's records, sealed.
  public var data: Bytes32
  /// The header that lets this node open them, and nobody else (PROTOCOL 5).
  @HexText public var header: Data
  /// Root of the part's salted record leaves.
  public var dataRoot: Bytes32
  /// The part's first record in the whole data set.
  public var firstRecord: UInt64
  /// The secret from which the part's record salts follow.
  public var partSecret: Bytes32
  /// Object: parameters at the beginning of the round.
  public var startingParameters: Bytes32
  /// State root at the beginning of the round.
  public var initRoot: Bytes32
  /// Quantiser exponents of this round, one a tensor.
  public var exponents: [Int32]
  /// What is public of the part's noise; `nil` without.
  public var noise: PartNoise?
  /// The seed of this round's noise, with its path; `nil` without.
  public var noiseOpening: NoiseOpening?
  /// Fuel of this SubJob by the formula.
  public var fuel: Fuel
  /// The program of a SubJob that is no training; `nil` for one that is.
  public var program: ProgramID?
  /// Who pays for it; `nil` from servers that did not say it.
  public var requester: Address?
  /// The node that lets one of its workers compute it, and the key to which that one seals what comes out; `nil` from a
  /// network.
  public var owner: SignedKeyBinding?
  /// The key that an output is sealed to which is handed in with the result; `nil` where there is none, and from servers of
  /// earlier versions.
  public var aggregator: SignedKeyBinding?
}

/// What a node hands in: the signed submission. The update stays with the node until it is masked.
public struct NodeResult: Codable, Sendable, Hashable {
  /// What the node commits to.
  public var submission: SignedSubmission
  /// Mean training loss over the SubJob's steps, as the node says. Nobody is paid by it.
  public var trainLoss: Double
  /// Coordinates that the quantiser clipped.
  public var clipped: Int
  /// Object: an output that proves itself, sealed to the Aggregator if the assignment has its key; `nil` for what is
  /// computed again.
  public var output: Bytes32?
  /// What the module said where it refuses the part, which the submission's resultRoot says too; `nil` otherwise.
  public var refusal: String?
}

/// Which segments of a submission a verifier wants to see.
public struct Challenge: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: JobID
  /// The drawn verifier.
  public var verifier: Address
  /// What the segments were drawn from.
  public var seed: Bytes32
  /// The segments, ascending; the last is always among them.
  public var segments: [Int]
}
