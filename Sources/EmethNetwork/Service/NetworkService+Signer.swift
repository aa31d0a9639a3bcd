import EmethKit
import Foundation

/// A network's Signer as the chain has it: who signs here must be who is believed there.
extension NetworkService {
  /// Looks whether the settlement takes what this network signs now. When it takes what a key signs that
  /// ``SignerRotation/prepare(_:asking:)`` has kept, that key becomes the Signer.
  func followSigner(of chain: SettlementChain) async throws(ChainError) {
    let key = try asChainError { try signer.keys.key(of: nextEpoch().signer) }
    guard let refusal = try await chain.refusal(of: key) else { return }
    for heir in try asChainError({ try heirs() }) where try await chain.refusal(of: heir) == nil {
      do throws(NetworkError) {
        _ = try SignerRotation.handOver(to: heir, folder, database, isDecided: true)
      } catch {
        // Another server of the same network was faster, or the last change has not come about yet.
        guard error.code == "signer.pending" || error.code == "signer.returns" else { throw .store(error) }
      }
      return
    }
    throw refusal
  }

  // MARK: - Several keys

  /// The batch that the members of the Signer's contract are asked to sign: the one that was asked for before and is not posted
  /// yet, so that all sign the same, else this one.
  ///
  /// - Parameter posted: the newest epoch that is posted.
  func askMembers(for newest: SignedBatch, after posted: UInt64) throws -> SignedBatch {
    if let asked = try askedBatch(after: posted), asked.signer == newest.signer { return asked }
    try database.write { db in
      db.concernsNoJob()
      try Setting.askedEpoch.set("\(newest.batch.epoch)", in: db)
    }
    return newest
  }

  func askedBatch(after posted: UInt64) throws -> SignedBatch? {
    try database.read { db in
      let epoch = try Setting.askedEpoch.number(in: db)
      return epoch > posted ? try Signer.batch(epoch: epoch, in: db) : nil
    }
  }

  /// The batch that waits for signatures of the members of the Signer's contract; nil: none does.
  public func askedBatch() throws(NetworkError) -> SignedBatch? {
    let posted = try postedEpoch() ?? 0
    return try asNetworkError { try askedBatch(after: posted) }
  }

  /// Adds a signature to the batch that waits for signatures.
  ///
  /// - Parameter added: one signature.
  /// - Returns: who has signed it by now.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``: `batch.notAsked` for another batch than the one that waits,
  ///   `batch.forbidden` for an account that is no member of the Signer's contract; ``TicketError`` for what is no signature of
  ///   the account's.
  public func cosign(epoch: UInt64, with added: [Cosignature]) async throws(NetworkError) -> [Address] {
    guard let chain, let asked = try askedBatch(), asked.batch.epoch == epoch else {
      throw .refused(
        code: "batch.notAsked", message: "the batch of epoch \(epoch) does not wait for signatures",
        hint: "the one that does is at /api/v2/batches/asked")
    }
    for cosignature in added where !asked.allSigners.contains(cosignature.signer) {
      guard try await isMember(cosignature.signer, on: chain) else {
        throw .refused(
          code: "batch.forbidden", message: "\(cosignature.signer) is no member of the Signer's contract",
          hint: "another set of members is another contract: proposeSigner of the settlement")
      }
    }
    return try database.write { db in
      db.concernsNoJob()
      var batch = try Signer.batch(epoch: epoch, in: db)
      for cosignature in added { batch = try batch.cosigned(by: cosignature) }
      try db.execute(
        sql: "UPDATE batch SET batch = ? WHERE epoch = ?", arguments: [try batch.wireText(), Int64(epoch)])
      return batch.allSigners
    }
  }

  /// Whether one of the nodes says that an account is a member of the Signer's contract.
  private func isMember(_ account: Address, on chain: SettlementChain) async throws(NetworkError) -> Bool {
    var failure: ChainError?
    for node in chain.nodes {
      do throws(ChainError) {
        let signer = try await ChainSigner.read(of: chain.contracts.settlement, from: node)
        guard try await signer.threshold(with: node) != nil else { continue }
        if try await node.call(EmethSigners.isMember(account), at: signer.current) { return true }
      } catch {
        failure = error
      }
    }
    if let failure { throw NetworkError(failure) }
    return false
  }

  /// The epoch that is open, and who signs it once all changes have come about.
  private func nextEpoch() throws -> (number: UInt64, signer: Address) {
    try database.read { db in
      ((try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1, try signer.schedule(in: db).newest)
    }
  }

  /// The keys in this network's folder that were never its Signer.
  private func heirs() throws -> [PrivateKey] {
    let schedule = try database.read { db in try signer.schedule(in: db) }
    return try signer.keys.accounts().filter { !schedule.contains($0) }.map { try signer.keys.key(of: $0) }
  }

  /// The first epoch of the newest Signer, while it is not closed: nothing that was signed before is taken by the chain.
  func epochOfNewSigner() throws(ChainError) -> UInt64? {
    try asChainError {
      let open = try nextEpoch().number
      let first = try database.read { db in try signer.schedule(in: db).changes.last?.content.epoch }
      return first.flatMap { $0 >= open ? $0 : nil }
    }
  }
}
