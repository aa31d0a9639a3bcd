/// One settled job of an account, with its path to the jobs' root of a signed ticket: what was paid for it,
/// for a third party (PROTOCOL 9).
///
/// ```swift
/// let proven = try ProvenJob(job: leaf, jobs: leaves, ticket: signedTicket)
/// try proven.check(signers: TrustedSigners(operatorAddress))
/// ```
/// In JSON `{"job", "proof", "ticket"}`.
public struct ProvenJob: Hashable, Codable, Sendable {
  /// The account's ticket of the epoch that settled the job.
  public let ticket: SignedTicket
  /// The job.
  public let job: JobLeaf
  /// The path from the job's leaf to the ticket's jobsRoot (sorted pairs).
  public let proof: [Bytes32]

  /// A job with a path from elsewhere; ``check(signers:in:)`` says whether it fits.
  public init(ticket: SignedTicket, job: JobLeaf, proof: [Bytes32]) {
    self.ticket = ticket
    self.job = job
    self.proof = proof
  }

  /// A job out of all that the ticket's epoch settled for the account.
  ///
  /// - Throws: ``TicketError/jobMissing(_:)``.
  public init(job: JobLeaf, jobs: [JobLeaf], ticket: SignedTicket) throws(TicketError) {
    self.init(ticket: ticket, job: job, proof: try TicketTrees.proof(of: job, in: jobs))
  }

  /// Checks the ticket's signature, and that the job is one of its leaves.
  ///
  /// - Parameters:
  ///   - signers: Who must have signed the ticket; nil: whoever it claims.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)``, ``TicketError/jobProofMismatch(_:)``.
  public func check(
    signers: TrustedSigners? = nil, in expectedDomain: EIP712Domain? = nil
  ) throws(TicketError) {
    try ticket.check(signers: signers, in: expectedDomain)
    try ticket.ticket.check(job: job, proof: proof)
  }
}

extension Ticket {
  /// Checks that a job is one of those that the epoch settled for the account.
  ///
  /// - Parameters:
  ///   - job: The job's leaf.
  ///   - proof: The path from the leaf to ``jobsRoot``.
  /// - Throws: ``TicketError/jobProofMismatch(_:)``.
  public func check(job: JobLeaf, proof: [Bytes32]) throws(TicketError) {
    guard StandardMerkleTree.verify(leaf: job.abiValues, proof: proof, root: jobsRoot) else {
      throw .jobProofMismatch(job.jobID)
    }
  }
}
