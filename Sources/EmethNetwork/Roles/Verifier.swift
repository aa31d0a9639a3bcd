import EmethCompute
import EmethKit
import Foundation

/// What the Execution Layer says about a SubJob, against which a submission is judged.
public struct SubJobFacts: Codable, Sendable, Hashable {
  /// The SubJob.
  public var subJob: JobID
  /// Its place in the parent.
  public var position: SubJobPosition
  /// The account that took it.
  public var node: Address
  /// The manifest, canonical JSON.
  public var manifest: String
  /// Root of the part's salted record leaves.
  public var dataRoot: Bytes32
  /// How many sequences the part has.
  public var sequenceCount: Int
  /// Object: parameters at the beginning of the round.
  public var startingParameters: Bytes32
  /// State root at the beginning of the round.
  public var initRoot: Bytes32
  /// Quantiser exponents of the round.
  public var exponents: [Int32]
  /// Fuel of the SubJob by the formula.
  public var fuel: Fuel
  /// Hash of the update that the node posted for the Aggregator.
  public var contribution: Bytes32
}

/// A verifier's finding on one submission.
public struct Judgement: Codable, Sendable, Hashable {
  /// The signed verdict.
  public var verdict: SignedVerdict
  /// Hash of the update that the replayed last state gives; `nil` when the replay did not get there.
  public var contribution: Bytes32?
  /// What was found, in words.
  public var finding: String
  /// The segments that were replayed.
  public var segments: [Int]
}

/// A third party that checks a submission by replaying drawn segments (PROTOCOL 7).
///
/// It gets a submission, the Execution Layer's facts and an opening as encoded bytes, reads objects by hash
/// from the store, and never sees a node's objects, folders or settings.
public struct Verifier: Sendable {
  let key: PrivateKey
  let store: ContentStore
  let domain: EIP712Domain

  /// A verifier with its key and its view of the store.
  public init(key: PrivateKey, store: ContentStore, domain: EIP712Domain) {
    self.key = key
    self.store = store
    self.domain = domain
  }

  /// The verifier's account.
  public var address: Address { key.address }

  /// The secret behind commitment `number`; 32 bytes that only this verifier knows until it is used.
  func secret(_ number: UInt32) -> Bytes32 {
    key.withSecretBytes {
      HMACSHA256.authenticate(Array("verifier secret".utf8) + number.bigEndianBytes, key: $0)
    }
  }

  /// The commitment posted before any submission it is used on.
  func commitment(_ number: UInt32) -> Bytes32 {
    SegmentDraw.commitment(address: address, secret: secret(number))
  }

  /// The segments to replay: `count` drawn ones and the last, or all when `count` is nil.
  func draw(seed: Bytes32, count: Int?, of segments: Int) -> [Int] {
    guard let count, count < segments else { return Array(0..<segments) }
    return SegmentDraw.segments(seed: seed, count: count, of: segments)
  }

  /// Judges a submission from its opening.
  ///
  /// - Parameters:
  ///   - submission: the node's signed submission, encoded.
  ///   - facts: what the Execution Layer says about the SubJob, encoded.
  ///   - opening: the node's answer to the challenge, encoded.
  ///   - seed: the challenge's seed; `segments` were drawn from it.
  /// - Returns: an accepting or rejecting judgement. An error means that this verifier could not do its
  ///   work (its disk or device failed), which is no verdict.
  public func judge(
    submission: Data, facts: Data, opening: Data, seed: Bytes32, segments: [Int], device: Device,
    stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> Judgement {
    let facts: SubJobFacts = try Self.decode("facts about a SubJob", facts)
    let submission: SignedSubmission = try Self.decode("submission", submission)
    let replay = SegmentReplay(
      facts: facts, submission: submission, seed: seed, segments: segments, store: store, domain: domain)
    let outcome = try replay.run(opening: opening, device: device, stop: stop)
    let verdict = Verdict(
      jobID: facts.subJob, submission: submission.digest, verifier: address,
      accepted: outcome.mismatch == nil, seed: seed, step: outcome.step, stepRoot: outcome.stepRoot,
      evidence: outcome.mismatch.map { SHA256.hash(Array($0.utf8)) } ?? .zero)
    return Judgement(
      verdict: SignedVerdict(signing: verdict, in: domain, with: key), contribution: outcome.contribution,
      finding: outcome.mismatch ?? "\(segments.count) segments replayed to the same bytes", segments: segments
    )
  }

  private static func decode<Value: Decodable>(_ what: String, _ bytes: Data) throws(NetworkError) -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: bytes)
    } catch {
      throw .malformed(what: what, reason: "\(error)")
    }
  }
}

extension FixedWidthInteger {
  /// The integer's bytes, most significant first, as hashes take them.
  var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
