/// EIP-712 typed data as wallets exchange it: a JSON object of `types`, `primaryType`, `domain` and
/// `message`.
///
/// ```swift
/// let data = try TypedData(json: JSONValue(parsing: text))
/// let signature = key.sign(data.digest)
/// ```
/// Everything is checked when it is read: unknown types, members that are missing or that no type names
/// (they would be shown but not signed), numbers out of range, arrays of the wrong length. For types known
/// when a program is written, ``EIP712Struct`` is simpler.
public struct TypedData: Hashable, Sendable {
  /// The type of the message.
  public let primaryType: String
  /// The whole text of the message's type (encodeType).
  public let encodedType: String
  /// The type hash and the members of the message, 32 bytes each.
  public let encodedMessage: [UInt8]
  /// The domain separator.
  public let separator: Bytes32

  /// The typed data of a JSON object.
  ///
  /// Without a type `EIP712Domain` the domain's members are taken in the order of the specification.
  ///
  /// - Throws: ``CryptoError/typedData(at:problem:)``.
  public init(json: JSONValue) throws(CryptoError) {
    let types = try Self.member(of: json, "types")
    let primary = try Self.member(of: json, "primaryType")
    let domain = try Self.member(of: json, "domain")
    let message = try Self.member(of: json, "message")
    guard case .string(let primaryType) = primary else {
      throw .typedData(at: "primaryType", problem: "found \(primary.kind), needed is the name of a type")
    }
    var encoder = try TypedDataEncoder(types: types, domain: domain)
    self.primaryType = primaryType
    encodedType = try encoder.encodedType(primaryType)
    encodedMessage = try encoder.encodedStruct(primaryType, message, at: "message")
    separator = Keccak256.hash(try encoder.encodedStruct(TypedDataEncoder.domainType, domain, at: "domain"))
  }

  /// The struct hash of the message.
  public var structHash: Bytes32 { Keccak256.hash(encodedMessage) }

  /// What is signed: keccak256(0x1901 ‖ domain separator ‖ struct hash).
  public var digest: Bytes32 { EIP712.digest(separator: separator, structHash: structHash) }

  private static func member(of json: JSONValue, _ key: String) throws(CryptoError) -> JSONValue {
    do throws(FormatError) {
      return try json.required(key)
    } catch {
      throw .typedData(at: key, problem: error.message)
    }
  }
}
