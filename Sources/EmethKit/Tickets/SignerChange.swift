/// The Signer's word that another account signs tickets and batches from an epoch on, signed by both: by the one that
/// hands the role on, and as a cosignature by the one that takes it over.
///
/// ```swift
/// let change = SignerChange(epoch: 9, previous: oldKey.address, next: newKey.address)
/// let signed = try SignedSignerChange(signing: change, in: domain, with: oldKey).cosigned(with: newKey)
/// ```
/// ``SignerSchedule`` says what follows from a chain of them.
public struct SignerChange: Hashable, Sendable {
  /// The first epoch that the next one signs.
  public let epoch: UInt64
  /// Who signed until then.
  public let previous: Address
  /// Who signs from then on.
  public let next: Address

  /// A change of these values.
  public init(epoch: UInt64, previous: Address, next: Address) {
    self.epoch = epoch
    self.previous = previous
    self.next = next
  }
}

extension SignerChange: EIP712Struct {
  /// The type's text.
  public static let eip712Type = "SignerChange(uint64 epoch,address previous,address next)"

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] { [.uint(UInt256(epoch)), .address(previous), .address(next)] }
}

extension SignerChange: Codable {
  private enum CodingKeys: String, CodingKey { case epoch, previous, next }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      epoch: try container.decodeNumber(forKey: .epoch),
      previous: try container.decode(Address.self, forKey: .previous),
      next: try container.decode(Address.self, forKey: .next))
  }

  /// Writes an object; the epoch is a decimal string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeDecimal(epoch, forKey: .epoch)
    try container.encode(previous, forKey: .previous)
    try container.encode(next, forKey: .next)
  }
}

extension SignerChange: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = TicketError

  /// The member `signerChange`.
  public static var jsonKey: String { "signerChange" }

  /// The one that hands the role on signs first.
  public var requiredSigner: Address? { previous }
}

/// A change with the signatures of both.
///
/// In JSON `{"domain", "signerChange", "digest", "signature", "signer", "cosignatures"}`.
public typealias SignedSignerChange = Signed<SignerChange>
