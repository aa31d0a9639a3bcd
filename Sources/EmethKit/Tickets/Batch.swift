/// The state of all accounts at the end of an epoch, in one hash chain (PROTOCOL 9).
///
/// ```swift
/// let batch = try Batch(
///   after: previous, leaves: tickets, totalBurned: burned, depositsSeen: 3, fromTime: start, toTime: now)
/// let signed = SignedBatch(signing: batch, in: domain, with: signerKey)
/// ```
public struct Batch: Hashable, Sendable {
  /// The epoch; rises by one.
  public let epoch: UInt64
  /// The digest of the batch before; zero for the first.
  public let previousBatch: Bytes32
  /// The root of the newest ticket of every account that ever had a balance.
  public let accountsRoot: Bytes32
  /// The sum of all accounts' cumulativePayout; never falls.
  public let totalPayout: TokenAmount
  /// All that was ever burned; never falls.
  public let totalBurned: TokenAmount
  /// The number of L1 deposits credited; never falls.
  public let depositsSeen: UInt64
  /// The SHA-256 of the public file of all leaves.
  public let dataHash: Bytes32
  /// When the epoch began, unix seconds.
  public let fromTime: UInt64
  /// When it was closed, unix seconds.
  public let toTime: UInt64

  /// A batch of these values.
  public init(
    epoch: UInt64, previousBatch: Bytes32, accountsRoot: Bytes32, totalPayout: TokenAmount,
    totalBurned: TokenAmount, depositsSeen: UInt64, dataHash: Bytes32, fromTime: UInt64, toTime: UInt64
  ) {
    self.epoch = epoch
    self.previousBatch = previousBatch
    self.accountsRoot = accountsRoot
    self.totalPayout = totalPayout
    self.totalBurned = totalBurned
    self.depositsSeen = depositsSeen
    self.dataHash = dataHash
    self.fromTime = fromTime
    self.toTime = toTime
  }

  /// The batch that closes an epoch over these leaves.
  ///
  /// - Parameters:
  ///   - previous: The batch before; nil: this is the first, with epoch 1.
  ///   - leaves: The newest ticket of every account that ever had a balance.
  /// - Throws: ``TicketError``, as ``check(leaves:)`` and ``check(after:in:)`` do.
  public init(
    after previous: SignedBatch?, leaves: [Ticket], totalBurned: TokenAmount, depositsSeen: UInt64,
    fromTime: UInt64, toTime: UInt64
  ) throws(TicketError) {
    let (epoch, overflow) = (previous?.batch.epoch ?? 0).addingReportingOverflow(1)
    guard !overflow else { throw .wrongEpoch(found: .max, allowed: "below \(UInt64.max)") }
    self.init(
      epoch: epoch, previousBatch: previous?.digest ?? .zero,
      accountsRoot: TicketTrees.accountsRoot(of: leaves),
      totalPayout: try Batch.totalPayout(of: leaves), totalBurned: totalBurned, depositsSeen: depositsSeen,
      dataHash: SHA256.hash(TicketTrees.leavesFile(leaves)), fromTime: fromTime, toTime: toTime)
    try check(leaves: leaves)
    if let previous { try check(after: previous.batch, in: previous.domain) }
  }

  static func totalPayout(of leaves: [Ticket]) throws(TicketError) -> TokenAmount {
    var total = TokenAmount.zero
    for leaf in leaves {
      do throws(NumberError) {
        total = try total.adding(leaf.cumulativePayout)
      } catch {
        throw .number(error)
      }
    }
    return total
  }
}

extension Batch: EIP712Struct {
  /// The type's text.
  public static let eip712Type =
    "Batch(uint64 epoch,bytes32 previousBatch,bytes32 accountsRoot,uint256 totalPayout,uint256 totalBurned,"
    + "uint64 depositsSeen,bytes32 dataHash,uint64 fromTime,uint64 toTime)"

  /// The hash of the type's text.
  public static let eip712TypeHash = Keccak256.hash(eip712Type.utf8)

  /// The members in the order of the type.
  public var eip712Values: [ABIValue] {
    [
      .uint(UInt256(epoch)), .bytes32(previousBatch), .bytes32(accountsRoot), .uint(totalPayout.holon),
      .uint(totalBurned.holon), .uint(UInt256(depositsSeen)), .bytes32(dataHash), .uint(UInt256(fromTime)),
      .uint(UInt256(toTime)),
    ]
  }
}

extension Batch: Codable {
  private enum CodingKeys: String, CodingKey {
    case epoch, previousBatch, accountsRoot, totalPayout, totalBurned, depositsSeen, dataHash, fromTime,
      toTime
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      epoch: try container.decodeNumber(forKey: .epoch),
      previousBatch: try container.decode(Bytes32.self, forKey: .previousBatch),
      accountsRoot: try container.decode(Bytes32.self, forKey: .accountsRoot),
      totalPayout: try container.decode(TokenAmount.self, forKey: .totalPayout),
      totalBurned: try container.decode(TokenAmount.self, forKey: .totalBurned),
      depositsSeen: try container.decodeNumber(forKey: .depositsSeen),
      dataHash: try container.decode(Bytes32.self, forKey: .dataHash),
      fromTime: try container.decodeNumber(forKey: .fromTime),
      toTime: try container.decodeNumber(forKey: .toTime))
  }

  /// Writes an object; epoch, depositsSeen and amounts are decimal strings, times are numbers.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeDecimal(epoch, forKey: .epoch)
    try container.encode(previousBatch, forKey: .previousBatch)
    try container.encode(accountsRoot, forKey: .accountsRoot)
    try container.encode(totalPayout, forKey: .totalPayout)
    try container.encode(totalBurned, forKey: .totalBurned)
    try container.encodeDecimal(depositsSeen, forKey: .depositsSeen)
    try container.encode(dataHash, forKey: .dataHash)
    try container.encode(fromTime, forKey: .fromTime)
    try container.encode(toTime, forKey: .toTime)
  }
}
