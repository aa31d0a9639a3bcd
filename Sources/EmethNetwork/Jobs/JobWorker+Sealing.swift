import EmethKit
import Foundation

/// What a job has led to is its requester's: when the job has ended it is sealed to the requester's key, and what it was
/// sealed from is deleted (Docs/Decisions/0037).
extension JobWorker {
  /// Seals the result of a job that has ended, once. Killed before that is noted, it is done anew: what was sealed before
  /// is held for nothing then.
  func sealResult() throws(NetworkError) {
    let record = try job()
    guard record.awaitsSealing, let binding = record.progress.requesterKey?.binding,
      let newest = record.progress.rounds.last
    else { return }
    let result = record.progress.result ?? newest.startingParameters
    // Where nobody sealed it for as long as results are kept, there is nothing left.
    let isThere = try store.contains(result)
    var objects: [String: Bytes32] = [:]
    if isThere {
      objects["\(result)"] = try seal(result, to: binding)
      // Whoever has them has the model: it is the first one, which is often public, moved by them.
      for root in try keptSums() {
        try checkStop()
        objects["\(root)"] = try seal(store.vector(root, work: vectorWork), to: binding)
      }
    }
    let sealed = SealedResult(sealingKey: binding.sealingKey, epoch: binding.epoch, objects: objects)
    let released = try database.write { [id] db -> [ObjectName] in
      try db.execute(sql: "DELETE FROM sealing WHERE job = ?", arguments: ["\(id)"])
      var current = try JobStore.job(id, in: db)
      // Gone, or another server was first: what was sealed here is nobody's.
      guard isThere, current.awaitsSealing else { return try HoldStore.release(.sealing, of: id, in: db) }
      current.progress.sealed = sealed
      try JobStore.update(current, in: db)
      return try HoldStore.keep(sealed, of: id, at: network.seconds(in: db), in: db)
    }
    try network.discard(released)
  }

  private func seal(_ object: Bytes32, to binding: KeyBinding) throws(NetworkError) -> Bytes32 {
    var random = SystemRandomNumberGenerator()
    return try store.putSealed(
      object, into: network.stores(for: id, .sealing).objects, to: binding.recipient, using: &random)
  }

  private func seal(_ data: Data, to binding: KeyBinding) throws(NetworkError) -> Bytes32 {
    // From no secret of the operator's: who has those later opens nothing with them.
    var random = SystemRandomNumberGenerator()
    return try network.stores(for: id, .sealing).objects
      .putSealed(data, to: binding.recipient, durable: true, using: &random)
  }

  /// The sums that are kept with the result.
  private func keptSums() throws(NetworkError) -> [Bytes32] {
    try database.read { [id] db in
      try CohortStore.cohorts(of: id, in: db).compactMap { cohort -> Bytes32? in
        guard cohort.holds, let root = cohort.sum?.content.sumRoot else { return nil }
        let isKept = try [HoldPurpose.sums(cohort.round), .result].contains { purpose in
          try HoldStore.isHeld(.vector(root), by: id, purpose, in: db)
        }
        return isKept ? root : nil
      }
    }
  }
}
