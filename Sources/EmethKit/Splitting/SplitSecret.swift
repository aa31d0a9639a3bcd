/// What all salts of a split follow from: 32 bytes that the requester keeps.
///
/// Who has it can make the roots of the plan again and prove any record's place; who has one part's secret
/// can do so for that part alone.
///
/// ```swift
/// let secret = SplitSecret(try Bytes32(hex: text))
/// let hasher = RecordHasher(partSecret: secret.partSecret(0))
/// ```
public struct SplitSecret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The 32 bytes.
  public let bytes: Bytes32

  /// The secret of 32 bytes, random ones if nobody is to guess short records.
  public init(_ bytes: Bytes32) {
    self.bytes = bytes
  }

  /// The secret of one part: HMAC-SHA256(split secret, "part secret" ‖ part u32).
  ///
  /// - Parameter part: The part's number, from 0.
  public func partSecret(_ part: UInt32) -> Bytes32 {
    HMACSHA256.authenticate(Array("part secret".utf8) + part.bigEndianBytes, key: bytes.bytes)
  }

  /// Says what it is, never its bytes.
  public var description: String { "SplitSecret" }

  /// Shows nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
