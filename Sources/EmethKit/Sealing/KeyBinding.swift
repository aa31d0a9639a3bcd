/// An account's word on the key that data for it is sealed to: ties an X25519 key to a secp256k1 account
/// (PROTOCOL 5).
///
/// ```swift
/// let binding = KeyBinding(of: privateKey, epoch: 3, expiry: now + 86_400)
/// let signed = SignedKeyBinding(signing: binding, in: .embedded, with: privateKey)
/// try signed.check(at: now, account: node)
/// let header = try SealedHeader(of: fileKey, to: [signed.binding.recipient], using: &random)
/// ```
public struct KeyBinding: Hashable, Sendable {
  /// The account, which signs.
  public let account: Address
  /// The X25519 public key.
  public let sealingKey: Bytes32
  /// Which of the account's keys it is; a higher epoch is a later key.
  public let epoch: UInt64
  /// From when on it does not count, in unix seconds.
  public let expiry: UInt64

  /// A binding of these values.
  public init(account: Address, sealingKey: Bytes32, epoch: UInt64, expiry: UInt64) {
    self.account = account
    self.sealingKey = sealingKey
    self.epoch = epoch
    self.expiry = expiry
  }

  /// The binding of an account's own sealing key.
  public init(of key: PrivateKey, epoch: UInt64 = 0, expiry: UInt64) {
    self.init(account: key.address, sealingKey: key.sealingKey(epoch: epoch), epoch: epoch, expiry: expiry)
  }

  /// Whom data for the account is sealed to.
  public var recipient: SealingRecipient { SealingRecipient(key: sealingKey) }
}

extension KeyBinding: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "KeyBinding(address account,bytes32 sealingKey,uint64 epoch,uint64 expiry)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [.address(account), .bytes32(sealingKey), .uint(UInt256(epoch)), .uint(UInt256(expiry))]
  }
}

extension KeyBinding: Codable {
  private enum CodingKeys: String, CodingKey {
    case account, sealingKey, epoch, expiry
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      account: try container.decode(Address.self, forKey: .account),
      sealingKey: try container.decode(Bytes32.self, forKey: .sealingKey),
      epoch: try container.decodeNumber(forKey: .epoch),
      expiry: try container.decodeNumber(forKey: .expiry))
  }

  /// Writes an object; the epoch is a decimal string, the expiry a number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(account, forKey: .account)
    try container.encode(sealingKey, forKey: .sealingKey)
    try container.encodeDecimal(epoch, forKey: .epoch)
    try container.encode(expiry, forKey: .expiry)
  }
}
