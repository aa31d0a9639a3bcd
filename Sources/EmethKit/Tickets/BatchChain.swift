/// A run of batches, each checked against the one before: epochs rise by one, every batch names the digest of
/// its predecessor, totals never fall, and no account's cumulativePayout does (PROTOCOL 9).
///
/// ```swift
/// var chain = BatchChain(domain: domain, signers: TrustedSigners(operatorAddress))
/// for (batch, leaves) in published { try chain.append(batch, leaves: leaves) }
/// print(chain.newest?.batch.epoch ?? 0)
/// ```
/// It keeps the newest batch and the newest leaves it was given, whatever the length of the run.
public struct BatchChain: Sendable {
  /// What all batches must be signed for.
  public let domain: EIP712Domain
  /// Who must have signed each; nil: whoever each claims.
  public let signers: TrustedSigners?
  /// The last batch of the run; nil when it is empty.
  public private(set) var newest: SignedBatch?
  /// The number of batches in the run.
  public private(set) var count = 0

  /// The leaves of the newest batch that came with leaves.
  private var leaves: [Ticket] = []

  /// An empty run.
  public init(domain: EIP712Domain, signers: TrustedSigners? = nil) {
    self.domain = domain
    self.signers = signers
  }

  /// Takes in the next batch. The first may have any epoch from 1 on; nothing changes when it is refused.
  ///
  /// - Parameters:
  ///   - batch: The batch.
  ///   - leaves: Its public file's tickets; nil: the accounts are not checked at this batch.
  /// - Throws: ``TicketError``, as ``Signed/check(signers:in:)``, ``Batch/check(after:in:)``,
  ///   ``Batch/check(leaves:)`` and ``TicketTrees/check(leaves:after:)`` do.
  public mutating func append(_ batch: SignedBatch, leaves: [Ticket]? = nil) throws(TicketError) {
    try batch.check(signers: signers, in: domain)
    try batch.batch.checkStart()
    if let newest { try batch.batch.check(after: newest.batch, in: domain) }
    if let leaves {
      try batch.batch.check(leaves: leaves)
      try TicketTrees.check(leaves: leaves, after: self.leaves)
      self.leaves = leaves
    }
    newest = batch
    count += 1
  }
}
