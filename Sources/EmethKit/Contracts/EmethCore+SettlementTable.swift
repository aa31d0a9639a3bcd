extension EmethCore {
  /// The functions that carry PROTOCOL 9 on L1: deposits, tickets, batches, challenges, exits.
  /// Docs/Decisions/0006 says who may call each and what it does.
  enum SettlementFunction {
    // One description of each struct: that of its EIP-712 type.
    private static let ticket = Ticket.eip712Type.drop { $0 != "(" }
    private static let batch = Batch.eip712Type.drop { $0 != "(" }
    private static let leaf = "bytes32 batch,\(ticket) ticket,bytes32[] proof"

    static let deposit: ABIFunction = "deposit(uint256 amount)"
    static let withdraw: ABIFunction = "withdraw(uint256 amount)"
    static let depositToLayer2: ABIFunction =
      "depositToLayer2(address account,uint256 amount) returns (uint64 number)"
    static let fundSlot: ABIFunction = "fundSlot(uint256 slot) returns (uint256 minted)"

    static let redeemTicket = ABIFunction(
      known: "redeemTicket(\(ticket) ticket,bytes signature) returns (uint256 paid)")
    static let redeemFromBatch = ABIFunction(known: "redeemFromBatch(\(leaf)) returns (uint256 paid)")
    static let postBatch = ABIFunction(
      known: "postBatch(\(batch) batch,bytes signature) returns (bytes32 digest)")

    static let challengeBatches = ABIFunction(
      known: "challengeBatches(\(batch) earlier,bytes earlierSignature,\(batch) later,bytes laterSignature)")
    static let challengeAccount = ABIFunction(
      known: "challengeAccount(\(batch) earlier,bytes earlierSignature,\(ticket) earlierTicket,"
        + "bytes32[] earlierProof,\(batch) later,bytes laterSignature,\(ticket) laterTicket,"
        + "bytes32[] laterProof)")

    static let requestExit = ABIFunction(known: "requestExit(\(leaf))")
    static let serveExit = ABIFunction(known: "serveExit(\(leaf))")
    static let freeze: ABIFunction = "freeze(address account)"
    static let claim = ABIFunction(known: "claim(\(leaf))")
    static let payClaim: ABIFunction = "payClaim(address account) returns (uint256 paid)"
    static let reclaimDeposit: ABIFunction = "reclaimDeposit(uint64 number) returns (uint256 paid)"

    static let proposeSigner: ABIFunction = "proposeSigner(address signer)"
    static let depositBond: ABIFunction = "depositBond(uint256 amount)"
    static let announceBondWithdrawal: ABIFunction = "announceBondWithdrawal(uint256 amount)"
    static let withdrawBond: ABIFunction = "withdrawBond() returns (uint256 paid)"

    static let redeemed: ABIFunction = "redeemed(address account) returns (uint256)"
    static let totalRedeemed: ABIFunction = "totalRedeemed() returns (uint256)"
    static let totalBurned: ABIFunction = "totalBurned() returns (uint256)"
    static let depositCount: ABIFunction = "depositCount() returns (uint64)"
    static let depositRecords: ABIFunction =
      """
      depositRecords(uint64 number) returns (address account,address depositor,uint256 amount,bool reclaimed)
      """
    static let signer: ABIFunction = "signer() returns (address)"
    static let nextSigner: ABIFunction = "nextSigner() returns (address signer,uint64 startsAt)"
    static let bond: ABIFunction = "bond() returns (uint256)"
    static let nextBondWithdrawal: ABIFunction =
      "nextBondWithdrawal() returns (uint256 amount,uint64 readyAt)"
    static let redeemedSincePosting: ABIFunction = "redeemedSincePosting() returns (uint256)"
    static let latestBatch: ABIFunction = "latestBatch() returns (bytes32 digest)"
    static let batches: ABIFunction =
      """
      batches(bytes32 digest) returns (uint64 epoch,bytes32 accountsRoot,uint256 totalPayout,\
      uint256 totalBurned,uint64 depositsSeen,uint64 postedAt)
      """
    static let frozen: ABIFunction = "frozen() returns (bytes32 batch,uint64 frozenAt)"
    static let exits: ABIFunction = "exits(address account) returns (uint64 epoch,uint64 requestedAt)"
    static let claims: ABIFunction =
      "claims(address account) returns (uint64 epoch,uint256 amount,uint64 maturesAt,bool paid)"
    static let slotFunded: ABIFunction = "slotFunded(uint256 slot) returns (bool)"

    static let all = [
      deposit, withdraw, depositToLayer2, fundSlot, redeemTicket, redeemFromBatch, postBatch,
      challengeBatches, challengeAccount, requestExit, serveExit, freeze, claim, payClaim, reclaimDeposit,
      proposeSigner, depositBond, announceBondWithdrawal, withdrawBond, redeemed, totalRedeemed, totalBurned,
      depositCount, depositRecords, signer, nextSigner, bond, nextBondWithdrawal, redeemedSincePosting,
      latestBatch, batches, frozen, exits, claims, slotFunded,
    ]
  }
}
