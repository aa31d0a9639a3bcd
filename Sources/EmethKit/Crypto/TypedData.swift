/// EIP-712 typed data as wallets exchange it: a JSON object of `types`, `primaryType`, `domain` and
/// `message`.
///
/// ```swift
/// let data = try TypedData(json: JSONValue(parsing: text))
/// let signature = key.sign(data.digest)
/// ```
/// Everything is checked when it is read: unknown types, members that are missing or that no type names
/// (they would be shown but not signed), numbers out of range, arrays of the wrong length. Integers may be
/// JSON numbers, decimal strings or `0x` strings, with a minus where the type has a sign; bytes are `0x`
/// strings. A type may hold itself, in arrays or directly; where such a value ends stands `null`. At most 256
/// types, with names and types of 64 KiB together. For types known when a program is written,
/// ``EIP712Struct`` is simpler.
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
    guard primaryType != TypedDataSchema.domainType else {
      throw .typedData(at: "primaryType", problem: "the domain can't be the message")
    }
    let schema = try TypedDataSchema(types: types, domain: domain)
    var encoder = TypedDataEncoder(schema: schema)
    self.primaryType = primaryType
    encodedType = try schema.encodedType(primaryType)
    encodedMessage = try encoder.encodedStruct(primaryType, message, named: "message")
    separator = Keccak256.hash(
      try encoder.encodedStruct(TypedDataSchema.domainType, domain, named: "domain"))
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
