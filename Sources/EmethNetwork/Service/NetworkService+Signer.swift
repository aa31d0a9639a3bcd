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
