/// The encoding of contract arguments (Solidity contract ABI specification 2, strict mode).
///
/// ```swift
/// let data = ABI.encode([.uint(7), .string("seven")])   // as Solidity's abi.encode(7, "seven")
/// ```
public enum ABI {
  /// The 32 bytes of a number, most significant first.
  public static func word(_ value: UInt256) -> [UInt8] {
    value.bigEndianBytes
  }

  /// The 32 bytes of an address, aligned to the right.
  public static func word(_ value: Address) -> [UInt8] {
    [UInt8](repeating: 0, count: 12) + value.bytes
  }

  /// The 32 bytes themselves.
  public static func word(_ value: Bytes32) -> [UInt8] {
    value.bytes
  }

  /// The 32 bytes of a truth value: 1 or 0.
  public static func word(_ value: Bool) -> [UInt8] {
    word(UInt256(high: 0, low: value ? 1 : 0))
  }

  /// The 32 bytes of a `bytes16`, aligned to the left. Traps unless there are 16.
  public static func word(bytes16 value: some Collection<UInt8>) -> [UInt8] {
    precondition(value.count == 16, "bytes16 has 16 bytes")
    return word(fixedBytes: value)
  }

  /// The 32 bytes of a `bytes1` ... `bytes32`, aligned to the left. Traps when there are none or more.
  public static func word(fixedBytes value: some Collection<UInt8>) -> [UInt8] {
    precondition((1...32).contains(value.count), "fixed bytes are 1 to 32")
    return Array(value) + [UInt8](repeating: 0, count: 32 - value.count)
  }

  /// The values one after another as `abi.encode` writes them: heads, then the parts of dynamic length.
  public static func encode(_ values: [ABIValue]) -> [UInt8] {
    var output: [UInt8] = []
    append(values, to: &output)
    return output
  }

  private static func append(_ values: [ABIValue], to output: inout [UInt8]) {
    var headByteCount = 0
    for value in values {
      headByteCount += value.isDynamic ? 32 : staticByteCount(value)
    }
    var tail: [UInt8] = []
    for value in values {
      if value.isDynamic {
        output += word(UInt256(headByteCount + tail.count))
        appendBody(value, to: &tail)
      } else {
        appendBody(value, to: &output)
      }
    }
    output += tail
  }

  private static func appendBody(_ value: ABIValue, to output: inout [UInt8]) {
    switch value {
    case .uint(let number): output += word(number)
    case .address(let address): output += word(address)
    case .bytes32(let bytes): output += word(bytes)
    case .fixedBytes(let bytes): output += word(fixedBytes: bytes)
    case .bool(let truth): output += word(truth)
    case .bytes(let bytes): appendBytes(bytes, to: &output)
    case .string(let text): appendBytes(Array(text.utf8), to: &output)
    case .array(let elements):
      output += word(UInt256(elements.count))
      append(elements, to: &output)
    case .tuple(let members):
      append(members, to: &output)
    }
  }

  private static func appendBytes(_ bytes: [UInt8], to output: inout [UInt8]) {
    output += word(UInt256(bytes.count))
    output += bytes
    output += [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
  }

  private static func staticByteCount(_ value: ABIValue) -> Int {
    guard case .tuple(let members) = value else { return 32 }
    return members.reduce(0) { $0 + staticByteCount($1) }
  }
}
