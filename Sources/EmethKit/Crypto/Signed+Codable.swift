extension Signed: Codable {
  /// The keys, one of which depends on the content.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    static var domain: Key { Key(stringValue: "domain") }
    static var content: Key { Key(stringValue: Content.jsonKey) }
    static var digest: Key { Key(stringValue: "digest") }
    static var signature: Key { Key(stringValue: "signature") }
    static var signer: Key { Key(stringValue: "signer") }
    static var cosignatures: Key { Key(stringValue: "cosignatures") }
  }

  /// Reads an object; nothing of it is checked but the form of the signatures and their number.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let cosignatures = try container.decodeIfPresent([Cosignature].self, forKey: .cosignatures) ?? []
    guard cosignatures.count <= Self.cosignatureLimit else {
      let error = Content.CheckError.signed(
        .cosignatures(found: cosignatures.count, allowed: Self.cosignatureLimit))
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: container.codingPath + [Key.cosignatures], debugDescription: error.message,
          underlyingError: error))
    }
    self.init(
      domain: try container.decode(EIP712Domain.self, forKey: .domain),
      content: try container.decode(Content.self, forKey: .content),
      digest: try container.decode(Bytes32.self, forKey: .digest),
      signature: try container.decode(Signature.self, forKey: .signature),
      signer: try container.decode(Address.self, forKey: .signer), cosignatures: cosignatures)
  }

  /// Writes an object; cosignatures only when there are any.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(domain, forKey: .domain)
    try container.encode(content, forKey: .content)
    try container.encode(digest, forKey: .digest)
    try container.encode(signature, forKey: .signature)
    try container.encode(signer, forKey: .signer)
    if !cosignatures.isEmpty { try container.encode(cosignatures, forKey: .cosignatures) }
  }
}
