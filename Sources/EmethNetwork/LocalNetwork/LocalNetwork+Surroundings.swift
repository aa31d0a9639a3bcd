import EmethKit

/// Everything happens here and at once, and events advance the clock.
extension LocalNetwork: Surroundings {
  var operatorKeys: OperatorKeys { keys.operators }
  var aggregatorFault: NodeFault? { settings.fault?.fault }
  var check: SegmentCheck { settings.check }
  var auditShare: UInt32 { settings.auditShare }
  var periods: JobParameters { .standard }
  var cohortPeriods: CohortRecord.Periods? { nil }
  var isLive: Bool { false }

  // Whoever knows that nobody needs an object any more deletes it at once.
  func stores(for job: JobID, _ purpose: HoldPurpose) -> (objects: ContentStore, splitter: ContentStore) {
    (store, splitterStore)
  }

  // The disk is the requester's own.
  var maximumResultBytes: UInt64 { .max }

  // Jobs come one after another, and their user waits.
  func takeRoom(_ byteCount: UInt64, for job: JobID) throws(NetworkError) {}
  func giveRoom(of job: JobID) {}

  func hidesUpdates(parts: UInt32) -> Bool { settings.hidesUpdates(parts: parts) }

  func reach(_ seconds: UInt64, in db: SQLSession) throws -> UInt64? {
    try advance(to: seconds * 1_000, in: db)
  }

  func closeEpochs(through epoch: UInt64, _ progress: (WorkProgress) -> Void) throws(NetworkError) {
    while true {
      let closed = try database.write { db -> UInt64? in
        let latest = try Signer.latestBatch(in: db)?.batch.epoch ?? 0
        guard latest < epoch else { return nil }
        return try signer.closeEpoch(at: try tick(in: db), in: db).batch.epoch
      }
      guard let closed else { return }
      progress(.epochClosed(closed))
    }
  }

  func closeEpochAtEnd(ofJob: Bool, in db: SQLSession) throws {
    try signer.closeEpoch(at: try tick(in: db), in: db)
    if ofJob { try Ledger.audit(in: db) }
  }

  func rest(since mark: UInt64, of job: JobID) async throws(NetworkError) {}

  func discard(_ objects: [ObjectName]) throws(NetworkError) {}

  func parties(for worker: JobWorker) -> any Parties { LocalParties(network: self, worker: worker) }

  func accounts(in db: SQLSession) throws -> [Account] { accounts }
}
