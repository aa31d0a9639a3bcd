/// What an account has, as the Signer states it at the end of an epoch (PROTOCOL 9).
///
/// Cumulative, not numbered: `cumulativePayout` is all that was ever granted for withdrawal, so that a newer
/// ticket replaces an older one, the same ticket twice pays nothing, and a lost one is harmless.
///
/// ```swift
/// let ticket = Ticket(
///   account: node, epoch: 7, cumulativePayout: TokenAmount(emeth: "0.0144"), unspent: .zero, locked: .zero,
///   jobsRoot: TicketTrees.jobsRoot(of: leaves))
/// let signed = SignedTicket(signing: ticket, in: .embedded, with: signerKey)
/// ```
/// As a leaf of a batch's accounts it is ``abiValues``.
public struct Ticket: Hashable, Sendable {
  /// The account.
  public let account: Address
  /// The epoch that the ticket closes.
  public let epoch: UInt64
  /// All that was ever granted for withdrawal; never falls.
  public let cumulativePayout: TokenAmount
  /// What can be spent on L2.
  public let unspent: TokenAmount
  /// What is bound in running jobs.
  public let locked: TokenAmount
  /// The root of the account's jobs settled in the epoch; zero when there are none.
  public let jobsRoot: Bytes32

  /// A ticket of these values.
  public init(
    account: Address, epoch: UInt64, cumulativePayout: TokenAmount, unspent: TokenAmount, locked: TokenAmount,
    jobsRoot: Bytes32
  ) {
    self.account = account
    self.epoch = epoch
    self.cumulativePayout = cumulativePayout
    self.unspent = unspent
    self.locked = locked
    self.jobsRoot = jobsRoot
  }

  /// The leaf of the accounts' tree: ("address","uint64","uint256","uint256","uint256","bytes32").
  public var abiValues: [ABIValue] {
    [
      .address(account), .uint(UInt256(epoch)), .uint(cumulativePayout.holon), .uint(unspent.holon),
      .uint(locked.holon),
      .bytes32(jobsRoot),
    ]
  }

  /// Checks that this ticket may replace an older one of the same account.
  ///
  /// - Throws: ``TicketError/accountMismatch(found:expected:)``, ``TicketError/wrongEpoch(found:allowed:)``
  ///   unless the epoch is later, ``TicketError/payoutFell(account:found:before:)``.
  public func check(after older: Ticket) throws(TicketError) {
    guard account == older.account else { throw .accountMismatch(found: account, expected: older.account) }
    guard epoch > older.epoch else { throw .wrongEpoch(found: epoch, allowed: "above \(older.epoch)") }
    guard cumulativePayout >= older.cumulativePayout else {
      throw .payoutFell(account: account, found: cumulativePayout, before: older.cumulativePayout)
    }
  }

  /// Checks that these are all jobs of the account that the epoch settled.
  ///
  /// - Throws: ``TicketError/jobsRootMismatch(found:expected:)``.
  public func check(jobs: [JobLeaf]) throws(TicketError) {
    let root = TicketTrees.jobsRoot(of: jobs)
    guard root == jobsRoot else { throw .jobsRootMismatch(found: root, expected: jobsRoot) }
  }
}

extension Ticket: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Ticket(address account,uint64 epoch,uint256 cumulativePayout,uint256 unspent,uint256 locked,"
    + "bytes32 jobsRoot)"

  /// The hash of the type's text.
  public static let eip712TypeHash = Keccak256.hash(eip712Type.utf8)

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] { abiValues }
}

extension Ticket: Codable {
  private enum CodingKeys: String, CodingKey {
    case account, epoch, cumulativePayout, unspent, locked, jobsRoot
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      account: try container.decode(Address.self, forKey: .account),
      epoch: try container.decodeNumber(forKey: .epoch),
      cumulativePayout: try container.decode(TokenAmount.self, forKey: .cumulativePayout),
      unspent: try container.decode(TokenAmount.self, forKey: .unspent),
      locked: try container.decode(TokenAmount.self, forKey: .locked),
      jobsRoot: try container.decode(Bytes32.self, forKey: .jobsRoot))
  }

  /// Writes an object; epoch and amounts are decimal strings.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(account, forKey: .account)
    try container.encodeDecimal(epoch, forKey: .epoch)
    try container.encode(cumulativePayout, forKey: .cumulativePayout)
    try container.encode(unspent, forKey: .unspent)
    try container.encode(locked, forKey: .locked)
    try container.encode(jobsRoot, forKey: .jobsRoot)
  }
}
