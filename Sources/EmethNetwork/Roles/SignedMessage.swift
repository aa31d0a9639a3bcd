import EmethKit

/// A typed message and the signature of the account it speaks for.
public struct SignedMessage<Message: EIP712Struct & Codable & Hashable>: Codable, Sendable, Hashable {
  /// What was signed.
  public var message: Message
  /// The 65-byte signature over its EIP-712 digest.
  public var signature: Signature

  /// Signs `message` with `key`.
  public init(_ message: Message, in domain: EIP712Domain, key: PrivateKey) {
    self.message = message
    signature = key.sign(message.digest(in: domain))
  }

  /// The digest that was signed.
  public func digest(in domain: EIP712Domain) -> Bytes32 { message.digest(in: domain) }

  /// Whether `account` signed the message as it stands.
  public func isSigned(by account: Address, in domain: EIP712Domain) -> Bool {
    (try? signature.recoverAddress(from: digest(in: domain))) == account
  }
}
