import EmethKit
import Foundation
import Synchronization

/// The jobs of EMETH Core as the 2023 cache lists them: which there are, and when they changed, out of the events that were
/// read; what is in them, from the contract, once for each change.
///
/// ```swift
/// let jobs = ChainJobs(client: client, store: follower.store, contracts: contracts)
/// let open = try await jobs.list(.requested)
/// ```
/// Nothing is asked of the node for a job that has not changed. A reorganisation changes the events, and so the answers.
final class ChainJobs: Sendable {
  private struct Known {
    /// The event after which it was read.
    var event: ChainLog
    /// Nil for a job that holds what no type of this project holds: a stranger can register such a one.
    var job: CachedJob?
  }

  /// The last event of each job.
  private struct Newest: Sendable {
    /// What there was to read.
    var mark: EventStore.Mark
    /// Newest first.
    var events: [(JobID, JobStatus, ChainLog)] = []
    var places: [JobID: Int] = [:]
  }

  private let client: ChainClient
  private let store: EventStore
  private let contracts: ChainContracts
  /// So many are listed at once.
  private let pageLimit: Int
  private var core: Address { contracts.core }
  private let known = Mutex<[JobID: Known]>([:])
  private let last = Mutex<Newest?>(nil)

  init(
    client: ChainClient, store: EventStore, contracts: ChainContracts, pageLimit: Int = Routes.cacheLimit
  ) {
    self.pageLimit = pageLimit
    self.client = client
    self.store = store
    self.contracts = contracts
  }

  /// Who was drawn to check a job's result; nil while nobody is.
  func verifier(of id: JobID) async throws(ChainError) -> Address? {
    try await client.call(EmethVerifiers.review(id), at: contracts.verification).verifier
  }

  /// Whether a server may register and end the parts of a requester's jobs.
  func isServer(_ account: Address, of requester: Address) async throws(ChainError) -> Bool {
    try await client.call(EmethCore.isServer(account, of: requester), at: core)
  }

  /// The jobs that have a status, or all; the newest changes first, so many as are listed at once.
  ///
  /// - Parameter before: they follow this job in that order; nil: from the newest on.
  /// - Returns: none only where there are no more.
  func list(
    _ status: JobStatus? = nil, before: JobID? = nil
  ) async throws(ChainError) -> [CachedJob] {
    let newest = try newest()
    var place = 0
    if let before {
      guard let known = newest.places[before] else { return [] }
      place = known + 1
    }
    var jobs: [CachedJob] = []
    // What can't be read, or stands otherwise by now, hides nothing that follows it.
    while jobs.isEmpty, place < newest.events.count {
      var wanted: [(JobID, JobStatus, ChainLog)] = []
      while wanted.count < pageLimit, place < newest.events.count {
        let event = newest.events[place]
        if status == nil || event.1 == status { wanted.append(event) }
        place += 1
      }
      jobs = try await read(wanted).compactMap { $0 }
        .filter { status == nil || $0.status == status?.rawValue }
    }
    return jobs
  }

  /// A job; nil when no event tells of it.
  func find(_ id: JobID) async throws(ChainError) -> CachedJob? {
    let newest = try newest()
    guard let place = newest.places[id] else { return nil }
    return try await read([newest.events[place]]).first ?? nil
  }

  /// The last event of each job; what is no status of this project is left out. Read anew where there are other events: anybody
  /// may ask, as often as a server lets them.
  private func newest() throws(ChainError) -> Newest {
    let mark = try store.mark(of: EmethCore.statusTopic, at: core)
    if let known = last.withLock({ $0 }), known.mark == mark { return known }
    return try last.withLock { last throws(ChainError) in
      // Somebody else may have read them meanwhile.
      let mark = try store.mark(of: EmethCore.statusTopic, at: core)
      if let known = last, known.mark == mark { return known }
      var newest = Newest(mark: mark)
      for log in try store.logs([EmethCore.statusTopic]).reversed() where log.address == core {
        guard case .status(let id, _, let status)? = try? EmethCore.Event(topics: log.topics, data: log.data),
          newest.places[id] == nil
        else { continue }
        newest.places[id] = newest.events.count
        newest.events.append((id, status, log))
      }
      last = newest
      return newest
    }
  }

  /// What the node answers for another status than the event's is of an older or a newer state: it is asked anew.
  private func read(_ wanted: [(JobID, JobStatus, ChainLog)]) async throws(ChainError) -> [CachedJob?] {
    let missing = known.withLock { known in wanted.filter { known[$0.0]?.event != $0.2 } }
    let calls = missing.flatMap { id, _, _ in
      [
        ChainClient.ethCall(EmethCore.job(id), core), ChainClient.ethCall(EmethCore.jobDetail(id), core),
        ChainClient.ethCall(EmethCore.jobAssign(id), core),
      ]
    }
    let results = try await client.batch(calls)
    var jobs: [JobID: CachedJob] = [:]
    for (index, (id, status, log)) in missing.enumerated() {
      let found = Array(results[3 * index..<3 * index + 3])
      let job = try await cached(id, found)
      jobs[id] = job
      guard job == nil || job?.status == status.rawValue else { continue }
      known.withLock { $0[id] = Known(event: log, job: job) }
    }
    let asked = Set(missing.map(\.0))
    return known.withLock { known in wanted.map { asked.contains($0.0) ? jobs[$0.0] : known[$0.0]?.job } }
  }

  private func cached(_ id: JobID, _ results: [Result<JSONValue, ChainError>]) async throws(ChainError)
    -> CachedJob?
  {
    do throws(ChainError) {
      guard let job = try await client.output(of: EmethCore.job(id), at: core, results[0]) else { return nil }
      let detail = try await client.output(of: EmethCore.jobDetail(id), at: core, results[1])
      let assign = try await client.output(of: EmethCore.jobAssign(id), at: core, results[2])
      return CachedJob(job, detail, assign)
    } catch {
      if case .contract = error { return nil }
      throw error
    }
  }
}

extension CachedJob {
  /// A job as Core has it.
  init(_ job: EmethCore.Job, _ detail: EmethCore.JobDetail, _ assign: EmethCore.JobAssign?) {
    let times = [job.requestedAt, assign?.startedAt ?? 0, assign?.submittedAt ?? 0, assign?.verifiedAt ?? 0]
    self.init(
      id: "\(job.jobID)", parentId: job.parentJob.map { "\($0)" } ?? "0x" + String(repeating: "0", count: 32),
      programId: detail.programID.rawValue, param: detail.parameters, numParallel: detail.numParallel,
      numEpoch: detail.numEpoch, dataset: detail.dataset, deadline: job.deadline,
      fuelLimit: "\(job.fuelLimit.units)", fuelPrice: "\(job.fuelPrice.holonPerFuel)",
      fuelUsed: "\(assign?.fuelUsed.units ?? 0)", result: detail.result.isEmpty ? nil : detail.result,
      requester: "\(job.owner)", assignedNode: assign.map { "\($0.node)" }, status: job.status.rawValue,
      created: Self.chainTime(job.requestedAt), updated: Self.chainTime(times.max() ?? job.requestedAt))
  }

  /// ISO 8601, as the rest of the cache has it.
  private static func chainTime(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: Double(min(seconds, 253_402_300_799))).formatted(.iso8601)
  }
}
