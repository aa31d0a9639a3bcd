import EmethKit
import Foundation
import Hummingbird

/// The job cache of the 2023 network, for nodes and pages that know only it: the same paths, members and types.
///
/// It only reads; work is taken over the API of this version. Where the network settles on a chain the jobs are those of
/// EMETH Core, as they were in 2023: who asks for them takes them there.
extension Routes {
  /// So many jobs are listed at once.
  static let cacheLimit = 1_000

  func addCache() {
    add(.get, "/api/v1/jobs") { request, _, state in
      let id = try request.query("id", "0x and 32 hexadecimal digits") { try JobID(hex: $0) }
      let status = try request.query("status", "1 to 8") {
        UInt8(decimal: $0).flatMap { JobStatus(rawValue: $0) }
      }
      let before = try request.query("before", "0x and 32 hexadecimal digits") { try JobID(hex: $0) }
      guard let id else {
        if let jobs = state.service.chainJobs {
          let list = try await state.offloading {
            try await ofChain { () async throws(ChainError) in try await jobs.list(status, before: before) }
          }
          return Response(json: list)
        }
        return Response(json: try await state.offload { try CachedJob.list(status, in: state.database) })
      }
      guard let job = try await state.listedJob(id) else {
        throw NetworkError.unknownJob(id: "\(id)")
      }
      return Response(json: job)
    }
  }
}

/// What a chain's node says, or what is told where it says nothing.
func ofChain<Answer>(
  _ body: () async throws(ChainError) -> Answer
) async throws -> Answer {
  do throws(ChainError) {
    return try await body()
  } catch {
    if error == .interrupted { throw NetworkError.interrupted }
    throw RequestFailure(
      .serviceUnavailable, code: error.code, error.message,
      hint: "the chain's node may be back soon: try again")
  }
}

extension ServerState {
  /// A job or a SubJob as the cache has it; nil when there is none.
  func listedJob(_ id: JobID) async throws -> CachedJob? {
    if let jobs = service.chainJobs {
      return try await offloading {
        try await ofChain { () async throws(ChainError) in try await jobs.find(id) }
      }
    }
    return try await offload { [service] in try service.listedJob(id) }
  }

  /// Whether a job is there and has not ended.
  func isRunning(_ id: JobID) async throws -> Bool {
    try await listedJob(id).flatMap { JobStatus(rawValue: $0.status) }.map { !$0.isFinal } ?? false
  }
}

/// A job or a SubJob in the words of the 2023 cache.
struct CachedJob: Encodable, Sendable, Equatable {
  /// `0x` and 32 digits.
  var id: String
  /// The same of the parent; zeros when there is none.
  var parentId: String
  var programId: UInt64
  /// JSON, as text.
  var param: String
  var numParallel: UInt32
  var numEpoch: UInt32
  var dataset: String
  /// Unix seconds.
  var deadline: UInt64
  /// Decimal text, like the two that follow.
  var fuelLimit: String
  var fuelPrice: String
  var fuelUsed: String
  /// `null` until there is one.
  var result: String?
  var requester: String
  /// `null` until a node took it.
  var assignedNode: String?
  var status: UInt8
  /// ISO 8601, like `updated`.
  var created: String
  var updated: String

  private enum CodingKeys: String, CodingKey {
    case id, parentId, programId, param, numParallel, numEpoch, dataset, deadline, fuelLimit, fuelPrice,
      fuelUsed,
      result, requester, assignedNode, status, created, updated
  }

  /// Writes all members; what there is nothing to say of is null, and not absent.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(parentId, forKey: .parentId)
    try container.encode(programId, forKey: .programId)
    try container.encode(param, forKey: .param)
    try container.encode(numParallel, forKey: .numParallel)
    try container.encode(numEpoch, forKey: .numEpoch)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(deadline, forKey: .deadline)
    try container.encode(fuelLimit, forKey: .fuelLimit)
    try container.encode(fuelPrice, forKey: .fuelPrice)
    try container.encode(fuelUsed, forKey: .fuelUsed)
    try container.encode(result, forKey: .result)
    try container.encode(requester, forKey: .requester)
    try container.encode(assignedNode, forKey: .assignedNode)
    try container.encode(status, forKey: .status)
    try container.encode(created, forKey: .created)
    try container.encode(updated, forKey: .updated)
  }
}

extension CachedJob {
  private init(_ job: Job, status: JobStatus) {
    id = "\(job.id)"
    parentId = job.position.map { "\($0.parent)" } ?? "0x" + String(repeating: "0", count: 32)
    programId = job.programID.rawValue
    param = job.parameters
    numParallel = job.numParallel
    numEpoch = job.numEpoch
    dataset = job.dataset
    deadline = job.deadline
    fuelLimit = "\(job.fuelLimit.units)"
    fuelPrice = "\(job.fuelPrice.holonPerFuel)"
    fuelUsed = "0"
    requester = "\(job.requester)"
    self.status = status.rawValue
    created = Self.text(job.requestedAt)
    updated = created
  }

  init(_ record: JobRecord) {
    self.init(record.job, status: record.status)
    if record.status == .verified { result = "\(record.job.id)" }
  }

  init(_ record: SubJobRecord) {
    let machine = record.machine
    self.init(machine.job, status: record.status)
    deadline = machine.deadline
    fuelUsed = "\(machine.fuelUsed?.units ?? 0)"
    result = machine.submission.map { "\($0)" }
    assignedNode = machine.node.map { "\($0)" }
    let times = [machine.startedAt, machine.submittedAt, machine.endedAt].compactMap { $0 }
    updated = Self.text(times.max() ?? machine.job.requestedAt)
  }

  /// The newest jobs and SubJobs of one status, or of all; jobs first.
  ///
  /// - Parameter byteLimit: there are fewer where their texts would be longer than so many bytes, of jobs and of SubJobs.
  static func list(
    _ status: JobStatus?, in database: NetworkDatabase, byteLimit: Int = 8 << 20
  ) throws(NetworkError) -> [CachedJob] {
    try database.read { db in
      let filter = status.map { "WHERE status = \($0.rawValue)" } ?? ""
      let order = "\(filter) ORDER BY number DESC LIMIT \(Routes.cacheLimit)"
      let jobs = try String.fetchAll(db, sql: "SELECT id FROM job \(order)")
      let subJobs = try String.fetchAll(db, sql: "SELECT id FROM subJob \(order)")
      func read(_ ids: [String], _ job: (JobID) throws -> CachedJob) throws -> [CachedJob] {
        var list: [CachedJob] = []
        var room = byteLimit
        for id in ids {
          let next = try job(JobID(hex: id))
          room -= next.param.utf8.count + next.dataset.utf8.count
          if room < 0 { break }
          list.append(next)
        }
        return list
      }
      return try read(jobs) { CachedJob(try JobStore.job($0, in: db)) }
        + read(subJobs) { CachedJob(try JobStore.subJob($0, in: db)) }
    }
  }

  /// A job or a SubJob; `nil` when there is none.
  static func find(_ id: JobID, in database: NetworkDatabase) throws(NetworkError) -> CachedJob? {
    try database.read { db in
      if try JobStore.exists(id, in: db) { return CachedJob(try JobStore.job(id, in: db)) }
      let isSubJob = try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM subJob WHERE id = ?)", arguments: ["\(id)"])
      return isSubJob == true ? CachedJob(try JobStore.subJob(id, in: db)) : nil
    }
  }

  private static func text(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
  }
}
