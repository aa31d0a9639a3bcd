import EmethCompute
import EmethKit

/// Nodes and verifiers are elsewhere, and time passes by itself.
extension NetworkService: Surroundings {
  var aggregatorFault: NodeFault? { nil }
  var check: SegmentCheck { settings.check }
  var auditShare: UInt32 { settings.auditShare }
  var periods: JobParameters { servedPeriods }
  var cohortPeriods: CohortRecord.Periods? {
    CohortRecord.Periods(keySeconds: settings.keySeconds, maskSeconds: settings.maskSeconds)
  }
  var isLive: Bool { true }

  var maximumResultBytes: UInt64 { settings.maximumResultBytes }

  func takeRoom(_ byteCount: UInt64, for job: JobID) throws(NetworkError) {
    let limit = preparationBytes
    try rooms.withLock { rooms throws(NetworkError) in
      let taken = rooms.values.reduce(UInt64(0), &+)
      guard byteCount <= limit - min(limit, taken) else {
        throw .compute(
          .insufficientMemory(
            needed: Int(clamping: byteCount), available: Int(clamping: limit - min(limit, taken)),
            fitting: "it is tried again when other jobs are done"))
      }
      rooms[job] = byteCount
    }
  }

  func giveRoom(of job: JobID) { rooms.withLock { _ = $0.removeValue(forKey: job) } }

  /// The most bytes that preparing jobs may take together.
  private var preparationBytes: UInt64 {
    settings.preparationBytes ?? MemoryPlan.availableByteCount.map { UInt64(max(0, $0)) } ?? .max
  }

  /// Refuses a job that could not be divided here.
  func checkRoom(for request: JobRequest) throws(NetworkError) {
    let need = PreparationMemory(request, dataSetBytes: try byteCount(ofDataSet: request.dataSet))
    guard need.recordCount <= settings.maximumRecords else {
      throw .badSetting(
        name: "records of the data set", found: "up to \(need.recordCount)",
        allowed: "at most \(settings.maximumRecords)")
    }
    let limit = preparationBytes
    guard need.byteCount <= limit else {
      throw .refused(
        code: "job.needsMemory",
        message:
          "dividing its data set and making its first model may take \(need.byteCount) bytes of memory, there are \(limit)",
        hint: "give in a smaller data set or model, or try again when the server has less to do")
    }
  }

  /// The periods of SubJobs, with the interval that epochs really have.
  var servedPeriods: JobParameters {
    var periods = settings.periods
    periods.batchIntervalSeconds = max(1, (settings.epochMilliseconds + 999) / 1_000)
    return periods
  }

  func stores(for job: JobID, _ purpose: HoldPurpose) -> (objects: ContentStore, splitter: ContentStore) {
    func held(_ store: ContentStore, _ place: String) -> ContentStore {
      store.keeping { [self] key throws(NetworkError) in
        try HoldTaker(database: database).take(for: "\(job)", purpose, ObjectName("\(place)\(key)")) {
          clock.milliseconds / 1_000
        }
      }
    }
    return (held(store, ObjectName.objects), held(splitterStore, ObjectName.splitter))
  }

  func hidesUpdates(parts: UInt32) -> Bool { parts >= Cohort.minimumAccounts }

  func milliseconds(in db: SQLSession) throws -> UInt64 { clock.milliseconds }

  func advance(to milliseconds: UInt64, in db: SQLSession) throws -> UInt64 {
    clock.milliseconds / 1_000
  }

  func reach(_ seconds: UInt64, in db: SQLSession) throws -> UInt64? {
    let now = clock.milliseconds / 1_000
    return now >= seconds ? now : nil
  }

  func closeEpochs(through epoch: UInt64, _ progress: (WorkProgress) -> Void) throws(NetworkError) {
    guard epoch > wantedEpoch.withLock({ $0 }) else { return }
    if database.isShared {
      // The Signer may be in another process.
      try database.write { db in
        if try epoch > Setting.wantedEpoch.number(in: db) {
          try Setting.wantedEpoch.set("\(epoch)", in: db)
        }
      }
    }
    wantedEpoch.withLock { $0 = max($0, epoch) }
  }

  func closeEpochAtEnd(ofJob: Bool, in db: SQLSession) throws {}

  func rest(since mark: UInt64, of job: JobID) async throws(NetworkError) {
    // What is due is due at a whole second.
    await database.changes.wait(after: mark, of: .job(job), upTo: 1)
    if Task.isCancelled { throw .interrupted }
  }

  func parties(for worker: JobWorker) -> any Parties { RemoteParties(service: self, worker: worker) }

  func accounts(in db: SQLSession) throws -> [LocalNetwork.Account] {
    try SQLRow.fetchAll(db, sql: "SELECT address, role, number FROM account ORDER BY role, number")
      .map {
        LocalNetwork.Account(
          address: try Address($0["address"]), role: try $0["role"], number: try $0["number"])
      }
  }

  /// Notes what an account is here. One that only had money so far becomes what it does first.
  func note(_ account: Address, as role: String, in db: SQLSession) throws {
    let known = try String.fetchOne(
      db, sql: "SELECT role FROM account WHERE address = ?", arguments: ["\(account)"])
    try note(account, as: role, knownAs: known, in: db)
  }

  /// The same of an account that was looked up already.
  func note(_ account: Address, as role: String, knownAs known: String?, in db: SQLSession) throws {
    // Most are known: nothing is written then, and nobody's numbers are read.
    guard known == nil || known == Self.holder && role != Self.holder else { return }
    let number =
      (try Int.fetchOne(
        db, sql: "SELECT max(number) FROM account WHERE role = ?", arguments: [role]) ?? 0) + 1
    try db.execute(
      sql: """
        INSERT INTO account (address, role, number) VALUES (?, ?, ?)
        ON CONFLICT (address) DO UPDATE SET role = excluded.role, number = excluded.number
        """,
      arguments: ["\(account)", role, number])
  }

  /// Notes what an account that had money only so far is about to do first, before the change in which it does that.
  ///
  /// To be numbered, an account has the highest number read: of many that come at once, serializable changes would all be
  /// in each other's way. This is none, and they take turns.
  func noteHolder(_ account: Address, as role: String) throws(NetworkError) {
    try database.writeHastily { db in
      if let inTurn = db.dialect.inTurn { _ = try SQLRow.fetchAll(db, sql: inTurn) }
      try db.execute(
        sql: """
          UPDATE account SET role = ?, number = (SELECT coalesce(max(number), 0) + 1 FROM account WHERE role = ?)
          WHERE address = ? AND role = ?
          """, arguments: [role, role, "\(account)", Self.holder])
    }
  }

  /// What an account is called that has money and did nothing yet.
  static let holder = "holder"
}
