/// What a ledger has to carry out after an event; it needs to know no rule beyond it.
///
/// Deposits and refunds go to an account's unspent balance, fees to its payout (PROTOCOL 9):
/// ``Settlement/nodeFee`` and ``Settlement/nodeDeposit`` are the two parts of a node's share.
public enum JobEffect: Hashable, Sendable {
  /// Move the escrow from the requester's unspent balance to the job.
  case escrow(from: Address, TokenAmount)
  /// Move the escrow from the parent's escrow to the SubJob.
  case escrowFromParent(JobID, TokenAmount)
  /// Move the deposit from the node's unspent balance to its locked balance.
  case lockDeposit(node: Address, TokenAmount)
  /// Release escrow and deposit, and pay them out as the settlement says.
  ///
  /// Where the request asks for two verifiers they share their part (``TokenAmount/split(into:)``).
  case settle(Settlement, requester: Address, node: Address?, verifier: Address?, second: Address?)
  /// The same for a SubJob: the requester's share goes back to the parent's escrow.
  case settleSubJob(Settlement, parent: JobID, node: Address?, verifier: Address?, second: Address?)
}
