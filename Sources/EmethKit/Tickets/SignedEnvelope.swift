/// EIP-712 content with its signature, as all signed records of this library travel:
/// `{"domain", <content>, "digest", "signature", "signer"}`.
struct SignedEnvelope<Message: EIP712Struct & Codable & Hashable>: Hashable, Sendable {
  let domain: EIP712Domain
  let message: Message
  let digest: Bytes32
  let signature: Signature
  let signer: Address

  init(signing message: Message, in domain: EIP712Domain, with key: PrivateKey) {
    self.domain = domain
    self.message = message
    digest = message.digest(in: domain)
    signature = key.sign(digest)
    signer = key.address
  }

  /// Checks digest, signature and signer; nothing that is claimed is trusted.
  func check(signer expected: Address?, domain expectedDomain: EIP712Domain?) throws(SignatureFault) {
    if let expectedDomain, expectedDomain != domain {
      throw .domain(found: domain, expected: expectedDomain)
    }
    let computed = message.digest(in: domain)
    guard digest == computed else { throw .digest(found: digest, expected: computed) }
    let recovered: Address
    do throws(CryptoError) {
      recovered = try signature.recoverAddress(from: computed)
    } catch {
      throw .signature(error)
    }
    guard recovered == signer else { throw .signer(found: recovered, expected: signer) }
    if let expected, recovered != expected { throw .signer(found: recovered, expected: expected) }
  }
}

/// What is wrong with an envelope; each domain makes its own error of it.
enum SignatureFault: Error {
  case digest(found: Bytes32, expected: Bytes32)
  case signature(CryptoError)
  case signer(found: Address, expected: Address)
  case domain(found: EIP712Domain, expected: EIP712Domain)
}

extension SignedEnvelope {
  /// The keys, one of which depends on the content.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    static var domain: Key { Key(stringValue: "domain") }
    static var digest: Key { Key(stringValue: "digest") }
    static var signature: Key { Key(stringValue: "signature") }
    static var signer: Key { Key(stringValue: "signer") }
  }

  init(from decoder: any Decoder, messageKey: String) throws {
    let container = try decoder.container(keyedBy: Key.self)
    domain = try container.decode(EIP712Domain.self, forKey: .domain)
    message = try container.decode(Message.self, forKey: Key(stringValue: messageKey))
    digest = try container.decode(Bytes32.self, forKey: .digest)
    signature = try container.decode(Signature.self, forKey: .signature)
    signer = try container.decode(Address.self, forKey: .signer)
  }

  func encode(to encoder: any Encoder, messageKey: String) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(domain, forKey: .domain)
    try container.encode(message, forKey: Key(stringValue: messageKey))
    try container.encode(digest, forKey: .digest)
    try container.encode(signature, forKey: .signature)
    try container.encode(signer, forKey: .signer)
  }
}

extension EIP712Domain {
  /// The domain in a few words, for messages.
  var summary: String {
    "\(quoted(name)) version \(quoted(version)), chain \(chainId), contract \(verifyingContract)"
  }
}
