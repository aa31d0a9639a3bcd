/// A batch with the Signer's signature: what is posted on L1 (PROTOCOL 9).
///
/// In JSON `{"domain", "batch", "digest", "signature", "signer"}`.
public typealias SignedBatch = Signed<Batch>

extension Batch: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = TicketError

  /// The member `batch`.
  public static var jsonKey: String { "batch" }
}

extension Signed where Content == Batch {
  /// What is signed.
  public var batch: Batch { content }

  /// Checks both signatures, and that this batch may follow the other.
  ///
  /// - Parameters:
  ///   - previous: The batch before.
  ///   - signers: Who must have signed both; nil: whoever they claim (a new Signer may take over).
  /// - Throws: ``TicketError``, as ``Signed/check(signers:in:)`` and ``Batch/check(after:in:)`` do.
  public func check(after previous: SignedBatch, signers: TrustedSigners? = nil) throws(TicketError) {
    try previous.check(signers: signers)
    try check(signers: signers, in: previous.domain)
    try batch.check(after: previous.batch, in: domain)
  }
}
