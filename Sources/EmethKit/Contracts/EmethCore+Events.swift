extension EmethCore {
  /// Something that the contract logged.
  ///
  /// ```swift
  /// let event = try EmethCore.Event(topics: log.topics, data: log.data)
  /// if case .status(let jobID, _, .verified) = event { … }
  /// ```
  public enum Event: Hashable, Sendable {
    /// A job has reached a status; the sender is its owner on request, the node on process and submit.
    case status(JobID, sender: Address, JobStatus)
    /// An account is to be credited on L2.
    case depositedToLayer2(account: Address, number: UInt64, depositor: Address, amount: TokenAmount)
    /// A ticket was paid; `total` is all that was ever paid to the account.
    case redeemed(account: Address, epoch: UInt64, paid: TokenAmount, total: TokenAmount)
    /// A batch was posted.
    case batchPosted(digest: Bytes32, epoch: UInt64, accountsRoot: Bytes32, dataHash: Bytes32)
    /// An account asks for its unspent amount.
    case exitRequested(account: Address, epoch: UInt64, unspent: TokenAmount)
    /// An account's exit was served.
    case exitServed(account: Address, epoch: UInt64)
    /// L2 is frozen at a batch.
    case frozen(batch: Bytes32, bondForfeited: Bool)
    /// An account claims what a leaf says, or claims anew by a later one.
    case claimed(account: Address, epoch: UInt64, amount: TokenAmount, maturesAt: UInt64)
    /// A claim was paid.
    case claimPaid(account: Address, paid: TokenAmount)
    /// A deposit was given back.
    case depositReclaimed(number: UInt64, depositor: Address, amount: TokenAmount)
    /// A slot's reward was minted into the pool.
    case slotFunded(slot: UInt64, minted: TokenAmount)
    /// A next Signer was named.
    case signerProposed(signer: Address, startsAt: UInt64)
    /// A job has ended, and so much went to each; the four add up to escrow and deposit.
    case settled(
      JobID, requester: TokenAmount, node: TokenAmount, verifier: TokenAmount, burned: TokenAmount)
    /// An account has added to its ledger on L1.
    case deposited(account: Address, amount: TokenAmount)
    /// An account has taken from its ledger on L1.
    case withdrawn(account: Address, amount: TokenAmount)
    /// A node was paid its reward of a slot.
    case rewardPaid(node: Address, slot: UInt64, amount: TokenAmount)
    /// A requester lets a server register and end parts of its jobs, or no longer.
    case serverSet(requester: Address, server: Address, isAllowed: Bool)
    /// Tokens came into the pool that are nobody's deposit.
    case poolFunded(amount: TokenAmount)
    /// Tokens were burned for a posted batch; `total` is all that ever was.
    case burned(amount: TokenAmount, total: TokenAmount)
    /// Somebody has added to the operator's bond.
    case bondDeposited(sender: Address, amount: TokenAmount)
    /// A part of the bond will be taken out.
    case bondWithdrawalAnnounced(amount: TokenAmount, readyAt: UInt64)
    /// A part of the bond was taken out.
    case bondWithdrawn(receiver: Address, amount: TokenAmount)
  }

  /// Every event of the contract; the first is that of the contract of 2023.
  public static let events: [ABIEvent] = eventTable.map(\.event)

  static let eventTable: [ContractEvent<Event>] = [
    .init("Status(bytes16 indexed jobId,address sender,uint256 status)") { fields throws(ContractError) in
      .status(try fields.jobID(), sender: try fields.address(), try fields.status())
    },
    .init(
      "DepositedToLayer2(address indexed account,uint64 indexed number,address depositor,uint256 amount)"
    ) { fields throws(ContractError) in
      .depositedToLayer2(
        account: try fields.address(), number: try fields.count(), depositor: try fields.address(),
        amount: try fields.amount())
    },
    .init("Redeemed(address indexed account,uint64 epoch,uint256 paid,uint256 total)") {
      fields throws(ContractError) in
      .redeemed(
        account: try fields.address(), epoch: try fields.count(), paid: try fields.amount(),
        total: try fields.amount())
    },
    .init("BatchPosted(bytes32 indexed digest,uint64 indexed epoch,bytes32 accountsRoot,bytes32 dataHash)") {
      fields throws(ContractError) in
      .batchPosted(
        digest: try fields.bytes32(), epoch: try fields.count(), accountsRoot: try fields.bytes32(),
        dataHash: try fields.bytes32())
    },
    .init("ExitRequested(address indexed account,uint64 epoch,uint256 unspent)") {
      fields throws(ContractError) in
      .exitRequested(
        account: try fields.address(), epoch: try fields.count(), unspent: try fields.amount())
    },
    .init("ExitServed(address indexed account,uint64 epoch)") { fields throws(ContractError) in
      .exitServed(account: try fields.address(), epoch: try fields.count())
    },
    .init("Frozen(bytes32 indexed batch,bool bondForfeited)") { fields throws(ContractError) in
      .frozen(batch: try fields.bytes32(), bondForfeited: try fields.bool())
    },
    .init("Claimed(address indexed account,uint64 epoch,uint256 amount,uint64 maturesAt)") {
      fields throws(ContractError) in
      .claimed(
        account: try fields.address(), epoch: try fields.count(), amount: try fields.amount(),
        maturesAt: try fields.count())
    },
    .init("ClaimPaid(address indexed account,uint256 paid)") { fields throws(ContractError) in
      .claimPaid(account: try fields.address(), paid: try fields.amount())
    },
    .init("DepositReclaimed(uint64 indexed number,address depositor,uint256 amount)") {
      fields throws(ContractError) in
      .depositReclaimed(
        number: try fields.count(), depositor: try fields.address(), amount: try fields.amount())
    },
    .init("SlotFunded(uint256 indexed slot,uint256 minted)") { fields throws(ContractError) in
      .slotFunded(slot: try fields.count(), minted: try fields.amount())
    },
    .init("SignerProposed(address indexed signer,uint64 startsAt)") { fields throws(ContractError) in
      .signerProposed(signer: try fields.address(), startsAt: try fields.count())
    },
    .init("Settled(bytes16 indexed jobId,uint256 requester,uint256 node,uint256 verifier,uint256 burned)") {
      fields throws(ContractError) in
      .settled(
        try fields.jobID(), requester: try fields.amount(), node: try fields.amount(),
        verifier: try fields.amount(), burned: try fields.amount())
    },
    .init("Deposited(address indexed account,uint256 amount)") { fields throws(ContractError) in
      .deposited(account: try fields.address(), amount: try fields.amount())
    },
    .init("Withdrawn(address indexed account,uint256 amount)") { fields throws(ContractError) in
      .withdrawn(account: try fields.address(), amount: try fields.amount())
    },
    .init("RewardPaid(address indexed node,uint256 indexed slot,uint256 amount)") {
      fields throws(ContractError) in
      .rewardPaid(node: try fields.address(), slot: try fields.count(), amount: try fields.amount())
    },
    .init("ServerSet(address indexed requester,address indexed server,bool allowed)") {
      fields throws(ContractError) in
      .serverSet(
        requester: try fields.address(), server: try fields.address(), isAllowed: try fields.bool())
    },
    .init("PoolFunded(uint256 amount)") { fields throws(ContractError) in
      .poolFunded(amount: try fields.amount())
    },
    .init("Burned(uint256 amount,uint256 total)") { fields throws(ContractError) in
      .burned(amount: try fields.amount(), total: try fields.amount())
    },
    .init("BondDeposited(address indexed sender,uint256 amount)") { fields throws(ContractError) in
      .bondDeposited(sender: try fields.address(), amount: try fields.amount())
    },
    .init("BondWithdrawalAnnounced(uint256 amount,uint64 readyAt)") { fields throws(ContractError) in
      .bondWithdrawalAnnounced(amount: try fields.amount(), readyAt: try fields.count())
    },
    .init("BondWithdrawn(address indexed receiver,uint256 amount)") { fields throws(ContractError) in
      .bondWithdrawn(receiver: try fields.address(), amount: try fields.amount())
    },
  ]
}

extension EmethCore.Event {
  /// The event of a log.
  ///
  /// - Throws: ``ContractError/unknownEvent(topic0:)``, ``ContractError/data(of:cause:)``,
  ///   ``ContractError/value(of:member:found:allowed:)``.
  public init(topics: [Bytes32], data: [UInt8]) throws(ContractError) {
    self = try ContractEvent.output(in: EmethCore.eventTable, topics: topics, data: data)
  }
}
