import EmethCompute
import EmethKit
import Foundation

/// Fills a network with open jobs, as they are when their data sets are divided and their SubJobs wait for nodes.
///
/// A few jobs are submitted and divided as all jobs are; the others are copies of their records under other ids. Their
/// escrows are in no ledger: such a network is there to be measured, and for nothing else.
struct OpenJobs {
  let service: NetworkService
  /// Jobs of so many requesters, each at a price of its own.
  static let requesters = 8
  /// The key of a requester, a node or whoever else has money in the network.
  static func key(_ role: String, _ index: Int) -> PrivateKey {
    PrivateKey(seed: .zero, label: "benchmark \(role)", index: UInt32(index))
  }
  /// What a unit of fuel is paid in a requester's jobs.
  static func price(_ requester: Int) -> FuelPrice { FuelPrice(gholon: 100 + UInt64(requester) * 10) }

  /// A job and the SubJob that waits.
  struct Open: Sendable {
    var job: JobID
    var subJob: JobID
  }

  /// Makes so many jobs.
  ///
  /// - Returns: some of them, spread over all.
  func fill(count: Int, isCancelled: () -> Bool) async throws(NetworkError) -> [Open] {
    var originals: [Open] = []
    for requester in 0..<min(Self.requesters, count) { originals.append(try await original(of: requester)) }
    var some = originals
    let step = max(1, count / 2_000)
    var made = originals.count
    while made < count {
      if isCancelled() { throw .interrupted }
      let batch = made..<min(count, made + 5_000)
      some += try database.write { db in
        try batch.compactMap { number in
          let open = try copy(originals[number % originals.count], number, in: db)
          return number % step == 0 ? open : nil
        }
      }
      made = batch.upperBound
    }
    return some
  }

  private var database: NetworkDatabase { service.database }

  /// A job that was submitted and divided, with its first SubJob on offer.
  private func original(of requester: Int) async throws(NetworkError) -> Open {
    let account = Self.key("requester", requester).address
    let text = (0..<400).map { "This is sentence \($0) of a text that nobody will ever read.\n" }.joined()
    let dataSet = try service.splitterStore.put(Data(text.utf8))
    try service.dataSetGivers.add(account, of: dataSet)
    let job = try service.submit(
      JobSubmission(
        salt: .zero, manifest: try Self.manifest(), dataSetName: "sentences", dataSet: dataSet, parallel: 1,
        fuelPrice: Self.price(requester), timeLimitSeconds: 365 * 86_400),
      by: account)
    let worker = try JobWorker(network: service, job: job, threads: 1, stop: StopFlag(), progress: { _ in })
    try await worker.prepare()
    try worker.registerAttempts(worker.openParts([]).open, round: 0)
    // Looked at, as all those that wait have been.
    _ = try service.rest([job])
    return Open(job: job, subJob: SubJobPosition(parent: job, round: 0, part: 0, attempt: 0).id)
  }

  private static func manifest() throws(NetworkError) -> TrainingManifest {
    try asNetworkError {
      try TrainingManifest(
        model: ModelShape(layers: 1, heads: 2, width: 16, context: 16, vocabularySize: 256),
        tokenizerHash: Bytes32(ByteTokenizer().hash) ?? .zero, seed: .zero, batch: 3,
        optimizer: TrainingManifest.Optimizer(
          learningRate: DecimalNumber("0.01"), beta1: DecimalNumber("0.9"), beta2: DecimalNumber("0.95"),
          epsilon: DecimalNumber("0.00000001"), weightDecay: DecimalNumber("0.1"),
          gradientClip: DecimalNumber("1")),
        stepsPerRound: 4, rounds: 2, segmentLength: 2, outer: .diloco, quantiserExponent: 22)
    }
  }

  private func copy(_ original: Open, _ number: Int, in db: SQLSession) throws -> Open {
    let job = JobID(
      requester: Self.key("requester", number % Self.requesters).address,
      salt: SHA256.hash(Array("open job \(number)".utf8)))
    let subJob = SubJobPosition(parent: job, round: 0, part: 0, attempt: 0).id
    try db.execute(
      sql: """
        INSERT INTO job (id, number, requester, requestedAt, status, machine, request, progress, reason, line, view, dueAt)
        SELECT ?1, ?2, requester, requestedAt, status, replace(replace(machine, ?3, ?1), ?4, ?5), request, progress,
          reason, line, replace(view, ?3, ?1), dueAt FROM job WHERE id = ?3
        """,
      arguments: ["\(job)", number + 1, "\(original.job)", "\(original.subJob)", "\(subJob)"])
    try db.execute(
      sql: """
        INSERT INTO subJob (id, number, parent, round, part, attempt, node, status, program, price, machine, record)
        SELECT ?1, ?2, ?3, round, part, attempt, node, status, program, price, replace(replace(machine, ?4, ?3), ?5, ?1), record
        FROM subJob WHERE id = ?5
        """,
      arguments: ["\(subJob)", number + 1, "\(job)", "\(original.job)", "\(original.subJob)"])
    return Open(job: job, subJob: subJob)
  }
}
