// Deposits, tickets, batches, challenges and exits (PROTOCOL 9).
extension EmethCore {
  /// Adds to the caller's ledger on L1, from which ``process(_:)`` locks; the token's allowance must cover
  /// it.
  public static func deposit(_ amount: TokenAmount) -> ContractCall<Void> {
    ContractCall(SettlementFunction.deposit, [.number(amount)])
  }

  /// Takes from the caller's ledger on L1 what is not locked.
  public static func withdraw(_ amount: TokenAmount) -> ContractCall<Void> {
    ContractCall(SettlementFunction.withdraw, [.number(amount)])
  }

  /// Credits an account on L2; the token's allowance must cover it. Returns the deposit's number.
  public static func depositToLayer2(
    account: Address, amount: TokenAmount
  ) -> ContractCall<UInt64> {
    .count(SettlementFunction.depositToLayer2, [.address(account), .number(amount)])
  }

  /// Mints the reward of a closed slot into the pool, once. Returns what was minted.
  public static func fundSlot(_ slot: UInt64) -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.fundSlot, [.number(slot)])
  }

  /// Pays a ticket's account what the ticket grants above what was paid before. Returns what was paid.
  public static func redeemTicket(_ ticket: SignedTicket) -> ContractCall<TokenAmount> {
    .amount(
      SettlementFunction.redeemTicket,
      [.tuple(ticket.ticket.abiValues), .bytes(ticket.signatureBytes)])
  }

  /// The same by a leaf of a batch that was posted a day ago.
  public static func redeemFromBatch(_ ticket: ProvenTicket) -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.redeemFromBatch, leaf(ticket))
  }

  /// Posts a batch. Returns its digest.
  public static func postBatch(_ batch: SignedBatch) -> ContractCall<Bytes32> {
    ContractCall(SettlementFunction.postBatch, signed(batch)) { fields throws(ContractError) in
      try fields.bytes32()
    }
  }

  /// Shows two signed batches that can't both be true: two of one epoch, a broken previousBatch, or a total
  /// that fell.
  public static func challengeBatches(
    _ earlier: SignedBatch, _ later: SignedBatch
  ) -> ContractCall<Void> {
    ContractCall(SettlementFunction.challengeBatches, signed(earlier) + signed(later))
  }

  /// Shows two leaves of one account whose cumulativePayout fell.
  public static func challengeAccount(
    _ earlier: ProvenTicket, _ later: ProvenTicket
  ) -> ContractCall<Void> {
    func evidence(_ ticket: ProvenTicket) -> [ABIValue] {
      signed(ticket.batch) + [.tuple(ticket.ticket.abiValues), .proof(ticket.proof)]
    }
    return ContractCall(SettlementFunction.challengeAccount, evidence(earlier) + evidence(later))
  }

  /// Asks for all of the caller's unspent amount, by a leaf of a posted batch.
  public static func requestExit(_ ticket: ProvenTicket) -> ContractCall<Void> {
    ContractCall(SettlementFunction.requestExit, leaf(ticket))
  }

  /// Shows that a requested exit was served: a later leaf of the account with nothing unspent.
  public static func serveExit(_ ticket: ProvenTicket) -> ContractCall<Void> {
    ContractCall(SettlementFunction.serveExit, leaf(ticket))
  }

  /// Freezes L2 when the newest posted batch is of 48 hours ago or earlier, or an account's exit was not served for 7 days.
  ///
  /// - Parameter account: The account whose exit was not served; nil: for want of batches.
  public static func freeze(unservedExitOf account: Address? = nil) -> ContractCall<Void> {
    ContractCall(SettlementFunction.freeze, [.address(account ?? .zero)])
  }

  /// Claims what a leaf says, once L2 is frozen; a later leaf replaces an earlier one.
  public static func claim(_ ticket: ProvenTicket) -> ContractCall<Void> {
    ContractCall(SettlementFunction.claim, leaf(ticket))
  }

  /// Pays an account's claim that is 7 days old. Returns what was paid.
  public static func payClaim(of account: Address) -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.payClaim, [.address(account)])
  }

  /// Gives a deposit that L2 never credited back to its depositor, once L2 is frozen. Returns the amount.
  public static func reclaimDeposit(number: UInt64) -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.reclaimDeposit, [.number(number)])
  }

  /// Names the next Signer, who starts after 7 days; for an owner.
  public static func proposeSigner(_ signer: Address) -> ContractCall<Void> {
    ContractCall(SettlementFunction.proposeSigner, [.address(signer)])
  }

  /// Adds to the operator's bond; the token's allowance must cover it.
  public static func depositBond(_ amount: TokenAmount) -> ContractCall<Void> {
    ContractCall(SettlementFunction.depositBond, [.number(amount)])
  }

  /// Announces that a part of the bond will be taken out after 7 days; for an owner.
  public static func announceBondWithdrawal(_ amount: TokenAmount) -> ContractCall<Void> {
    ContractCall(SettlementFunction.announceBondWithdrawal, [.number(amount)])
  }

  /// Takes out what was announced 7 days ago; for an owner. Returns what was paid.
  public static func withdrawBond() -> ContractCall<TokenAmount> {
    .amount(SettlementFunction.withdrawBond)
  }

  private static func signed(_ batch: SignedBatch) -> [ABIValue] {
    [.tuple(batch.batch.eip712Values), .bytes(batch.signatureBytes)]
  }

  private static func leaf(_ ticket: ProvenTicket) -> [ABIValue] {
    [.bytes32(ticket.batch.digest), .tuple(ticket.ticket.abiValues), .proof(ticket.proof)]
  }
}
