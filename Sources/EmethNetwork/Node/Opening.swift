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
    /// Object: the full state at its beginning, the state stream of PROTOCOL 7.
    public var state: Bytes32
    /// The sequences it read, each once.
    public var sequences: [Sequence]
  }

  /// Digest of the submission that is opened.
  public var submission: Bytes32
  /// Boundaries 0, n and both ends of every drawn segment, ascending.
  public var boundaries: [BoundaryOpening]
  /// The drawn segments, ascending.
  public var segments: [Segment]
  /// The salts of the update's 1 MiB chunks.
  public var resultSalts: [HexText]
}
