import EmethCompute
import EmethKit
import Foundation

/// The nodes and verifiers of a local network, which answer at once and in this process.
struct LocalParties: Parties {
  let network: LocalNetwork
  let worker: JobWorker

  var id: JobID { worker.id }
  var settings: NetworkSettings { network.settings }
  var database: NetworkDatabase { network.database }
  var store: ContentStore { network.store }
  var stop: StopFlag { worker.stop }
  var progress: @Sendable (WorkProgress) -> Void { worker.progress }

  func nodeNumber(_ address: Address?) -> Int? {
    network.keys.nodes.firstIndex { $0.address == address }.map { $0 + 1 }
  }

  func verifierNumber(_ address: Address) -> Int? {
    network.keys.verifiers.firstIndex { $0.address == address }.map { $0 + 1 }
  }

  // MARK: - Money

  /// Grants everybody what the job needs and binds the verifiers' bonds.
  func lockBonds(at time: UInt64, in db: SQLSession) throws {
    let one = try TokenAmount(emeth: "1")
    let deposit = worker.cost.subJobTerms.deposit
    for node in network.keys.nodes {
      // Enough for the deposits of this job's part of the work, and for losing some.
      try network.grant(
        node.address, upTo: max(one, TokenAmount(holon: deposit.holon.multiplying(by: 16))), at: time, in: db)
    }
    let bond = try worker.bond
    let struck = try BondPool.struck(in: db)
    for verifier in network.keys.verifiers where !struck.contains(verifier.address) {
      try network.grant(verifier.address, upTo: max(one, bond), at: time, in: db)
      try Ledger.transfer(
        bond, from: (verifier.address, .unspent), to: (verifier.address, .locked), reason: "verifier's bond",
        job: worker.id, at: time, in: db)
    }
    guard worker.masksUpdates else { return }
    try network.grant(worker.aggregatorAddress, upTo: bond, at: time, in: db)
    try BondPool.bind(bond, of: worker.aggregatorAddress, for: worker.id, at: time, in: db)
  }

  /// Gives their bonds back to those who have not lost them.
  func releaseBonds(at time: UInt64, in db: SQLSession) throws {
    let bond = try worker.bond
    let struck = try BondPool.struck(in: db)
    for verifier in network.keys.verifiers where !struck.contains(verifier.address) {
      try Ledger.transfer(
        bond, from: (verifier.address, .locked), to: (verifier.address, .unspent),
        reason: "verifier's bond back",
        job: worker.id, at: time, in: db)
    }
    try BondPool.release(worker.aggregatorAddress, for: worker.id, at: time, in: db)
  }

  func bond(of verifier: Address, in db: SQLSession) throws -> TokenAmount { try worker.bond }

  // MARK: - Afterwards

  func forget(_ subJob: SubJobRecord) throws(NetworkError) {
    if let number = nodeNumber(subJob.machine.node) { try node(number - 1).forget(subJob.id) }
    for key in network.keys.verifiers
    where subJob.notes.judgements.contains(where: { $0.verdict.verdict.verifier == key.address }) {
      try verifier(key).forget(subJob.id)
    }
  }

  func finish() throws(NetworkError) {
    for name in ["verifiers", "models"] { try Files.remove(network.folder.appending(path: name)) }
  }
}
