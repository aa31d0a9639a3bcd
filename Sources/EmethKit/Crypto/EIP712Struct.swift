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
/// What is signed by the thousand also keeps its type's hash:
/// `static let eip712TypeHash = Keccak256.hash(eip712Type.utf8)`.
public protocol EIP712Struct: Sendable {
  /// The whole text of encodeType: this type, then the types that it names, sorted.
  static var eip712Type: String { get }
  /// The hash of ``eip712Type`` (typeHash); computed each time unless the type keeps it.
  static var eip712TypeHash: Bytes32 { get }
  /// The members in the order of the type; a member that is a struct as `.bytes32` of its ``structHash``.
  var eip712Values: [ABIValue] { get }
}

extension EIP712Struct {
  /// The hash of the type's text.
  public static var eip712TypeHash: Bytes32 { Keccak256.hash(eip712Type.utf8) }

  /// The hash of the type and the members (hashStruct).
  public var structHash: Bytes32 {
    EIP712.structHash(typeHash: Self.eip712TypeHash, values: eip712Values)
  }

  /// What is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash).
  public func digest(in domain: EIP712Domain) -> Bytes32 {
    EIP712.digest(separator: domain.separator, structHash: structHash)
  }
}
