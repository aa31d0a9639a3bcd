/// A value as contracts take it in, for ``ABI`` and for EIP-712.
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

  /// Whether the value is written behind the heads, with an offset in its place.
  var isDynamic: Bool {
    switch self {
    case .uint, .address, .bytes32, .fixedBytes, .bool: false
    case .bytes, .string, .array: true
    case .tuple(let members): members.contains(where: \.isDynamic)
    }
  }
}
