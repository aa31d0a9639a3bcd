import EmethKit
import Foundation

/// A node's answer to a challenge: of the whole trace only what the drawn segments need (PROTOCOL 7).
public struct Opening: Codable, Sendable, Hashable {
  /// One sequence that a segment was trained on.
  public struct Sequence: Codable, Sendable, Hashable {
    /// Its position in the part.
    public var index: Int
    /// The salt of its leaf.
    @HexText public var salt: Data
    /// Its bytes.
    @HexText public var record: Data
    /// Path from the leaf to the part's root.
    public var proof: [Bytes32]
  }

  /// One drawn segment.
  public struct Segment: Codable, Sendable, Hashable {
    /// Which segment, 0 … n − 1.
    public var segment: Int
    /// SHA-256 of the full state at its beginning, the state stream of PROTOCOL 7, which comes along.
    public var state: Bytes32
    /// The sequences it read, each once.
    public var sequences: [Sequence]
  }

  /// Digest of the submission that is opened.
  public var submission: Bytes32
  /// The seed of the challenge that is answered.
  public var seed: Bytes32
  /// The segments that were drawn from it, ascending.
  public var drawn: [Int]
  /// How many sequences the part has, by which the node drew its batches.
  public var sequenceCount: Int
  /// The quantiser's exponents that the node used.
  public var exponents: [Int32]
  /// What is public of the noise that the node added; `nil` without.
  public var partNoise: PartNoise?
  /// Boundaries 0, n and both ends of every drawn segment, ascending.
  public var boundaries: [BoundaryOpening]
  /// The drawn segments, ascending.
  public var segments: [Segment]
  /// The seed of the round's noise, with its path; `nil` without.
  public var noise: NoiseOpening?
  /// The salts of the update's 1 MiB chunks.
  public var resultSalts: [HexText]
}

/// An opening as it travels: sealed to the drawn verifier, so that the store holds nothing that others can read.
public struct SealedOpening: Codable, Sendable, Hashable {
  /// A state that the opening names.
  public struct State: Codable, Sendable, Hashable {
    /// SHA-256 of the state.
    public var state: Bytes32
    /// Object: the state, sealed.
    public var sealed: Bytes32
  }

  /// The node's word on what it opens.
  public var statement: SignedOpeningStatement
  /// Object: the opening's bytes, sealed.
  public var document: Bytes32
  /// The states, each once.
  public var states: [State]

  /// All objects that belong to it.
  var objects: [Bytes32] { [document] + states.map(\.sealed) }
}
