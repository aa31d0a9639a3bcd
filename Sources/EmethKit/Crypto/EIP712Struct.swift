/// A value that can be signed as EIP-712 typed data.
///
/// ```swift
/// struct Mail: EIP712Struct {
///   static let eip712Type = "Mail(address to,string contents)"
///   var to: Address, contents: String
///   var eip712Values: [ABIValue] { [.address(to), .string(contents)] }
/// }
/// let signature = key.sign(mail.digest(in: domain))
/// ```
public protocol EIP712Struct: Sendable {
  /// The whole text of encodeType: this type, then the types that it names, sorted.
  static var eip712Type: String { get }
  /// The members in the order of the type; a member that is a struct as `.bytes32` of its ``structHash``.
  var eip712Values: [ABIValue] { get }
}

extension EIP712Struct {
  /// The hash of the type's text and the members (hashStruct).
  public var structHash: Bytes32 {
    EIP712.structHash(type: Self.eip712Type, values: eip712Values)
  }

  /// What is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash).
  public func digest(in domain: EIP712Domain) -> Bytes32 {
    EIP712.digest(separator: domain.separator, structHash: structHash)
  }
}

/// The hashing rules of EIP-712, shared by ``EIP712Struct`` and ``TypedData``.
enum EIP712 {
  static func structHash(type: String, values: [ABIValue]) -> Bytes32 {
    Keccak256.hash(Keccak256.hash(type.utf8).bytes + values.flatMap(encodeData))
  }

  static func digest(separator: Bytes32, structHash: Bytes32) -> Bytes32 {
    Keccak256.hash([0x19, 0x01] + separator.bytes + structHash.bytes)
  }

  /// The 32 bytes that stand for a member: itself, or the hash of what has no fixed length.
  static func encodeData(_ value: ABIValue) -> [UInt8] {
    switch value {
    case .uint(let number): ABI.word(number)
    case .address(let address): ABI.word(address)
    case .bytes32(let bytes): ABI.word(bytes)
    case .fixedBytes(let bytes): ABI.word(fixedBytes: bytes)
    case .bool(let truth): ABI.word(truth)
    case .bytes(let bytes): Keccak256.hash(bytes).bytes
    case .string(let text): Keccak256.hash(text.utf8).bytes
    // Both kinds of array; a struct comes as its hash, since its type's text is part of it.
    case .array(let elements), .tuple(let elements): Keccak256.hash(elements.flatMap(encodeData)).bytes
    }
  }
}
