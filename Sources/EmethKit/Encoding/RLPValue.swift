/// A value of the Recursive Length Prefix, in which Ethereum writes transactions: bytes, or a list of values.
///
/// ```swift
/// let value: RLPValue = .list([.bytes(Array("cat".utf8)), .integer(1024 as UInt64)])
/// Hex.encode(value.encoded)                                       // 0xc783636174820400
/// let same = try RLPValue(decoding: value.encoded)
/// ```
/// Every value has exactly one encoding (Ethereum yellow paper, appendix B), and only that one is read.
public enum RLPValue: Hashable, Sendable {
  /// A byte string, which may be empty.
  case bytes([UInt8])
  /// A list, which may be empty.
  case list([RLPValue])

  /// The most bytes that are read unless the caller says otherwise: 16 MiB.
  public static let defaultByteLimit = 16 << 20
  /// The deepest nesting that is read unless the caller says otherwise.
  public static let defaultDepthLimit = 64
  /// The deepest nesting that a caller may ask for.
  public static let maximumDepthLimit = 1_000

  /// The value of an encoding.
  ///
  /// The memory taken is at most some 50 bytes for each byte of the encoding, which lists of one value in each
  /// other come to.
  ///
  /// - Parameters:
  ///   - bytes: One whole value, nothing behind it.
  ///   - byteLimit: The most bytes.
  ///   - depthLimit: How many lists may lie in each other, from 0 to ``maximumDepthLimit``; traps beyond.
  /// - Throws: ``FormatError/rlp(_:at:)`` with the offset of the value that is wrong.
  public init(
    decoding bytes: some Collection<UInt8>, byteLimit: Int = defaultByteLimit,
    depthLimit: Int = defaultDepthLimit
  ) throws(FormatError) {
    precondition((0...Self.maximumDepthLimit).contains(depthLimit), "depth limit is out of range")
    var reader = try RLPReader(bytes, byteLimit: byteLimit)
    self = try reader.value(depthLimit: depthLimit)
    try reader.finish()
  }

  /// The bytes of a number, most significant first and without leading zeros: none for zero.
  public static func integer(_ number: some FixedWidthInteger & UnsignedInteger) -> RLPValue {
    let zeros = number.leadingZeroBitCount / 8
    return .bytes(Array(number.bigEndianBytes.dropFirst(zeros)))
  }

  /// The number that the bytes stand for.
  ///
  /// - Throws: ``FormatError/rlp(_:at:)``, at 0, when this is a list, the number has leading zeros or is
  ///   wider than its type.
  public func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type = Number.self
  ) throws(FormatError) -> Number {
    guard case .bytes(let bytes) = self else {
      throw .rlp(.kind(found: "a list", allowed: "a byte string"), at: 0)
    }
    return try RLPReader.unsigned(bytes[...], at: 0)
  }

  /// The one encoding of the value.
  public var encoded: [UInt8] {
    // From the back to the front: every length is known when it is written.
    var reversed: [UInt8] = []
    appendReversed(to: &reversed)
    reversed.reverse()
    return reversed
  }

  private func appendReversed(to output: inout [UInt8]) {
    let start = output.count
    switch self {
    case .bytes(let bytes):
      output += bytes.reversed()
      guard bytes.count != 1 || bytes[0] >= 0x80 else { return }
      Self.appendHeader(byteCount: bytes.count, base: 0x80, to: &output)
    case .list(let items):
      for item in items.reversed() { item.appendReversed(to: &output) }
      Self.appendHeader(byteCount: output.count - start, base: 0xC0, to: &output)
    }
  }

  /// The header of a content in reverse: the length in the first byte, or its own bytes behind that.
  private static func appendHeader(byteCount: Int, base: UInt8, to output: inout [UInt8]) {
    guard byteCount > RLPReader.longestShortForm else { return output.append(base + UInt8(byteCount)) }
    var (rest, lengthByteCount) = (byteCount, 0)
    while rest > 0 {
      output.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
      lengthByteCount += 1
    }
    output.append(base + UInt8(RLPReader.longestShortForm + lengthByteCount))
  }
}
