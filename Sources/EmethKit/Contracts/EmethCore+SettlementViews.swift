extension EmethCore {
  /// One deposit to L2.
  public struct DepositRecord: Hashable, Sendable {
    /// Who is credited on L2.
    public let account: Address
    /// Who paid, and gets it back when L2 is frozen before it credits.
    public let depositor: Address
    /// The amount.
    public let amount: TokenAmount
    /// Whether it was given back.
    public let isReclaimed: Bool
  }

  /// A batch as the contract keeps it.
  public struct PostedBatch: Hashable, Sendable {
    /// The epoch.
    public let epoch: UInt64
    /// The root of all accounts' leaves.
    public let accountsRoot: Bytes32
    /// The sum of all accounts' cumulativePayout.
    public let totalPayout: TokenAmount
    /// All that was ever burned on L2.
    public let totalBurned: TokenAmount
    /// The number of deposits credited on L2.
    public let depositsSeen: UInt64
    /// When it was posted, unix seconds.
    public let postedAt: UInt64
  }

  /// Something that begins or may happen at a time.
  public struct Scheduled<Value: Hashable & Sendable>: Hashable, Sendable {
    /// What.
    public let value: Value
    /// When, unix seconds.
    public let time: UInt64
  }

  /// An exit that an account asked for.
  public struct Exit: Hashable, Sendable {
    /// The epoch of the batch whose leaf it is based on.
    public let epoch: UInt64
    /// When it was requested, unix seconds.
    public let requestedAt: UInt64
  }

  /// What an account claims from a frozen L2.
  public struct Claim: Hashable, Sendable {
    /// The epoch of the batch whose leaf it is based on.
    public let epoch: UInt64
    /// The amount.
    public let amount: TokenAmount
    /// When it can be paid, unix seconds.
    public let maturesAt: UInt64
    /// Whether it was paid.
    public let isPaid: Bool
  }

  /// All that was ever paid to an account by its tickets.
  public static func redeemed(by account: Address) -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.redeemed, [.address(account)])
  }

  /// All that was ever paid by tickets.
  public static func totalRedeemed() -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.totalRedeemed)
  }

  /// All that was burned when batches were posted.
  public static func totalBurned() -> ContractCall<TokenAmount> { .amount(SettlementFunction.totalBurned) }

  /// How many deposits to L2 there were.
  public static func depositCount() -> ContractCall<UInt64> { .count(SettlementFunction.depositCount) }

  /// A deposit to L2 by its number, from 0; nil when there is none.
  public static func depositRecord(number: UInt64) -> ContractCall<DepositRecord?> {
    ContractCall(SettlementFunction.depositRecords, [.number(number)]) { fields throws(ContractError) in
      guard let account = try fields.addressUnlessZero() else { return nil }
      return DepositRecord(
        account: account, depositor: try fields.address(), amount: try fields.amount(),
        isReclaimed: try fields.bool())
    }
  }

  /// Whose signature counts.
  public static func signer() -> ContractCall<Address> { .address(SettlementFunction.signer) }

  /// Whose signature will count, and from when; nil when none is named.
  public static func nextSigner() -> ContractCall<Scheduled<Address>?> {
    ContractCall(SettlementFunction.nextSigner) { fields throws(ContractError) in
      guard let signer = try fields.addressUnlessZero() else { return nil }
      return Scheduled(value: signer, time: try fields.count())
    }
  }

  /// The operator's bond.
  public static func bond() -> ContractCall<TokenAmount> { .amount(SettlementFunction.bond) }

  /// What will be taken out of the bond, and from when; nil when nothing is announced.
  public static func nextBondWithdrawal() -> ContractCall<Scheduled<TokenAmount>?> {
    ContractCall(SettlementFunction.nextBondWithdrawal) { fields throws(ContractError) in
      let amount = try fields.amount()
      let time: UInt64 = try fields.count()
      return amount == .zero ? nil : Scheduled(value: amount, time: time)
    }
  }

  /// What tickets were paid by their signature alone since a batch was posted that covers them.
  public static func redeemedSincePosting() -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.redeemedSincePosting)
  }

  /// The digest of the batch that was posted last; nil when there is none.
  public static func latestBatch() -> ContractCall<Bytes32?> {
    ContractCall(SettlementFunction.latestBatch) { fields throws(ContractError) in
      let digest = try fields.bytes32()
      return digest == .zero ? nil : digest
    }
  }

  /// A posted batch by its digest; nil when there is none.
  public static func batch(_ digest: Bytes32) -> ContractCall<PostedBatch?> {
    ContractCall(SettlementFunction.batches, [.bytes32(digest)]) { fields throws(ContractError) in
      let epoch: UInt64 = try fields.count()
      guard epoch > 0 else { return nil }
      return PostedBatch(
        epoch: epoch, accountsRoot: try fields.bytes32(), totalPayout: try fields.amount(),
        totalBurned: try fields.amount(), depositsSeen: try fields.count(), postedAt: try fields.count())
    }
  }

  /// The batch that counts since L2 is frozen, and since when; nil while it is not.
  public static func frozen() -> ContractCall<Scheduled<Bytes32>?> {
    ContractCall(SettlementFunction.frozen) { fields throws(ContractError) in
      let digest = try fields.bytes32()
      let time: UInt64 = try fields.count()
      return time == 0 ? nil : Scheduled(value: digest, time: time)
    }
  }

  /// An account's exit that waits to be served; nil when there is none.
  public static func exit(of account: Address) -> ContractCall<Exit?> {
    ContractCall(SettlementFunction.exits, [.address(account)]) { fields throws(ContractError) in
      let exit = Exit(epoch: try fields.count(), requestedAt: try fields.count())
      return exit.requestedAt == 0 ? nil : exit
    }
  }

  /// An account's claim; nil when there is none.
  public static func claim(of account: Address) -> ContractCall<Claim?> {
    ContractCall(SettlementFunction.claims, [.address(account)]) { fields throws(ContractError) in
      let claim = Claim(
        epoch: try fields.count(), amount: try fields.amount(), maturesAt: try fields.count(),
        isPaid: try fields.bool())
      return claim.maturesAt == 0 ? nil : claim
    }
  }

  /// Whether a slot's reward was minted.
  public static func isSlotFunded(_ slot: UInt64) -> ContractCall<Bool> {
    .bool(SettlementFunction.slotFunded, [.number(slot)])
  }
}
