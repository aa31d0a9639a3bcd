/// A ticket that needs no signature of its own: a leaf of a signed batch, with its path (PROTOCOL 9).
///
/// What `redeemFromBatch` takes on L1: any amount, a day after the batch was posted.
///
/// ```swift
/// let proven = try ProvenTicket(account: node, leaves: tickets, batch: signedBatch)
/// try proven.check(signers: TrustedSigners(knownSigner))
/// ```
public struct ProvenTicket: Hashable, Codable, Sendable {
  /// The batch.
  public let batch: SignedBatch
  /// The account's newest ticket in it.
  public let ticket: Ticket
  /// The path from the ticket's leaf to the batch's accountsRoot (sorted pairs).
  public let proof: [Bytes32]

  /// A ticket with a path from elsewhere; ``check(signers:in:)`` says whether it fits.
  public init(batch: SignedBatch, ticket: Ticket, proof: [Bytes32]) {
    self.batch = batch
    self.ticket = ticket
    self.proof = proof
  }

  /// An account's ticket out of a batch's leaves.
  ///
  /// - Throws: ``TicketError/leafMissing(account:)``.
  public init(account: Address, leaves: [Ticket], batch: SignedBatch) throws(TicketError) {
    guard let ticket = leaves.first(where: { $0.account == account }) else {
      throw .leafMissing(account: account)
    }
    self.init(batch: batch, ticket: ticket, proof: try TicketTrees.proof(of: account, in: leaves))
  }

  /// Checks the batch's signature, and that the ticket is one of its leaves.
  ///
  /// - Parameters:
  ///   - signers: Who must have signed the batch; nil: whoever it claims.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)``, `wrongEpoch`, `proofMismatch`.
  public func check(
    signers: TrustedSigners? = nil, in expectedDomain: EIP712Domain? = nil
  ) throws(TicketError) {
    try batch.check(signers: signers, in: expectedDomain)
    guard ticket.epoch <= batch.batch.epoch else {
      throw .wrongEpoch(found: ticket.epoch, allowed: "at most the batch's \(batch.batch.epoch)")
    }
    guard StandardMerkleTree.verify(leaf: ticket.abiValues, proof: proof, root: batch.batch.accountsRoot)
    else {
      throw .proofMismatch(account: ticket.account)
    }
  }
}
