/// What a party of a ``Bisection`` signs before it answers: which list, and its root (PROTOCOL 7).
///
/// A node that is told to show where it went wrong binds itself by this; its answers prove themselves by their
/// paths to `root`.
public struct BisectionClaim: Hashable, Sendable {
  /// What a list is over.
  public enum Level: UInt32, Hashable, Sendable {
    /// The state roots after each step of a segment.
    case steps = 0
    /// The chain over the outputs of one step's operators, and the state root after it.
    case operators = 1
  }

  /// Digest of the submission in dispute.
  public let submission: Bytes32
  /// The segment.
  public let segment: UInt32
  /// What the list is over.
  public let level: Level
  /// The step within the SubJob, from 0; that of the segment's beginning for a list of steps.
  public let step: UInt32
  /// How many entries the list has.
  public let entries: UInt32
  /// The root of the tree over the entries.
  public let root: Bytes32

  /// A claim of these values.
  public init(
    submission: Bytes32, segment: UInt32, level: Level, step: UInt32, entries: UInt32, root: Bytes32
  ) {
    self.submission = submission
    self.segment = segment
    self.level = level
    self.step = step
    self.entries = entries
    self.root = root
  }
}

/// A claim with its party's signature.
///
/// In JSON `{"domain", "claim", "digest", "signature", "signer"}`.
public typealias SignedBisectionClaim = Signed<BisectionClaim>

extension BisectionClaim: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "BisectionClaim(bytes32 submission,uint32 segment,uint32 level,uint32 step,uint32 entries,bytes32 root)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .bytes32(submission), .uint(UInt256(segment)), .uint(UInt256(level.rawValue)), .uint(UInt256(step)),
      .uint(UInt256(entries)), .bytes32(root),
    ]
  }
}

extension BisectionClaim: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = VerificationError

  /// The member `claim`.
  public static var jsonKey: String { "claim" }
}

extension BisectionClaim: Codable {}
extension BisectionClaim.Level: Codable {}
