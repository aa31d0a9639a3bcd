/// A value as contracts take it in, for ``ABI`` and for EIP-712.
///
/// ```swift
/// let row: ABIValue = .tuple([.address(account), .uint(7), .int(-7), .array([.string("a")])])
/// ```
/// A value does not know its type's width; ``ABIType/check(_:)`` compares the two.
public enum ABIValue: Hashable, Sendable {
  /// `uint8` ... `uint256`; a signed integer as its two's complement of 256 bits.
  case uint(UInt256)
  /// `address`.
  case address(Address)
  /// `bytes32`.
  case bytes32(Bytes32)
  /// `bytes1` ... `bytes32`: 1 to 32 bytes, aligned to the left of the word.
  case fixedBytes([UInt8])
  /// `bool`.
  case bool(Bool)
  /// `bytes`, of any length.
  case bytes([UInt8])
  /// `string`, in UTF-8.
  case string(String)
  /// `T[]`: an array whose length is written; all elements have one type.
  case array([ABIValue])
  /// A struct, or `T[k]`: values one after another, without a length.
  case tuple([ABIValue])

  /// `int8` ... `int256`: the two's complement of a number that may be negative.
  public static func int(_ number: some FixedWidthInteger & SignedInteger) -> ABIValue {
    .uint(UInt256(truncatingIfNeeded: number))
  }

  /// Whether the value is written behind the heads, with an offset in its place.
  var isDynamic: Bool {
    switch self {
    case .uint, .address, .bytes32, .fixedBytes, .bool: false
    case .bytes, .string, .array: true
    case .tuple(let members): members.contains(where: \.isDynamic)
    }
  }

  /// The bytes among the heads: an offset, or the value itself.
  var headByteCount: Int {
    guard case .tuple(let members) = self, !isDynamic else { return 32 }
    return members.reduce(0) { $0 + $1.headByteCount }
  }

  /// The kind of value, for messages.
  var kind: String {
    switch self {
    case .uint: "an integer"
    case .address: "an address"
    case .bytes32: "32 bytes"
    case .fixedBytes(let bytes): "\(bytes.count) fixed bytes"
    case .bool: "a bool"
    case .bytes: "bytes"
    case .string: "a string"
    case .array(let elements): "an array of \(elements.count)"
    case .tuple(let members): "a tuple of \(members.count)"
    }
  }
}
