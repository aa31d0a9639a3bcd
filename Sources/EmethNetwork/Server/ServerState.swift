import EmethKit
import Foundation
import Logging

/// What all handlers of a server share.
final class ServerState: Sendable {
  let settings: ServerSettings
  let service: any ServedNetwork
  let database: NetworkDatabase
  /// Nonces of signed requests: whether each counts.
  let nonces: GatheredQuestions<NonceStore.Use, Bool>
  let uploads: UploadStore
  let uploadTickets = UploadTickets()
  /// Uploads that do not go through the server; `nil` where objects lie in its folder.
  let directUploads: DirectUploads?
  /// Files of jobs, for nodes of 2023, and where these nodes ask from.
  let jobFiles: JobFileStore
  let callers: JobFileCallers
  let registry: PrometheusRegistry
  let logger: Logger
  /// Wakes those who wait for something to change, and lets them go when the server stops.
  let changes = ChangeSignal()
  /// The same of those who wait for a SubJob: it is raised when there are others than before.
  let offers = ChangeSignal()
  /// Names that requests may be signed for.
  let audiences: AudienceList
  /// Requests of one account.
  let accountLimiter: RateLimiter
  /// Jobs as they were answered last.
  let jobs: JobViews
  /// Figures of requests.
  let figures: RequestFigures
  /// Memory for bodies that nobody has checked yet.
  let bodies: ByteBudget
  /// Room for parts of uploads that nobody has checked yet.
  let parts: ByteBudget
  /// Blocking work: the database waits for the disk, objects and databases elsewhere are waited for, hashing takes the
  /// processor. Many more threads than processors: changes that wait for the disk wait together.
  private let threads = WorkExecutor(threads: 64)

  init(
    service: any ServedNetwork, settings: ServerSettings, registry: PrometheusRegistry, logger: Logger
  ) throws(NetworkError) {
    self.service = service
    self.settings = settings
    self.registry = registry
    self.logger = logger
    database = service.database
    jobs = JobViews(service, threads: threads)
    figures = RequestFigures(registry)
    let store = NonceStore(database)
    nonces = GatheredQuestions(threads: threads, limit: NonceStore.limit) { uses in
      try store.use(uses, at: Self.now)
    }
    uploads = try UploadStore(
      folder: service.folder.appending(path: "uploads"), objects: service.store,
      dataSets: service.splitterStore,
      objectLimit: settings.objectLimit,
      holds: UploadHolds(database: service.database, byteLimit: settings.unusedByteLimit))
    let jobFolder = service.folder.appending(path: "job-files")
    jobFiles = JobFileStore(
      place: service.store.remote.map { S3JobFiles(client: $0.client) } ?? FolderJobFiles(folder: jobFolder),
      fileLimit: settings.objectLimit, accountLimit: settings.unusedByteLimit)
    callers = JobFileCallers(folder: jobFolder.appending(path: "callers"))
    if let objects = service.store.remote, let dataSets = service.splitterStore.remote {
      directUploads = DirectUploads(
        objects: objects, dataSets: dataSets, uploads: uploads, folder: service.store.folder)
    } else {
      directUploads = nil
    }
    audiences = AudienceList(settings)
    bodies = ByteBudget(settings.bodyMemory, ofOne: settings.bodyMemoryOfOneAddress)
    parts = ByteBudget(settings.partRoom, ofOne: settings.partRoomOfOneAddress)
    accountLimiter = RateLimiter(rate: settings.requestRate, burst: settings.requestBurst)
  }

  /// The time that signatures are checked against, unix seconds.
  var now: UInt64 { Self.now }
  private static var now: UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

  /// Does blocking work on a thread where it stands in nobody's way.
  func offload<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(threads) { () async throws in try body() }
  }

  /// Does work that blocks here and waits there on such threads.
  func offloading<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(threads) { () async throws in try await body() }
  }

  /// How often it is looked for SubJobs though there are no others: one may be taken because time has passed. A hundred
  /// times a second for all who wait, however many they are.
  private static func offerSeconds(crowd: Int) -> Double {
    max(1, Double(crowd) / 100) * Double.random(in: 0.75...1.25)
  }

  /// Looks until there is something to say, or the wait is over: what is said then, be it nothing.
  ///
  /// - Parameters:
  ///   - forOffers: whether SubJobs are waited for, and not any change.
  ///   - look: reads, and does what blocks elsewhere; `nil` when there is nothing to say yet.
  func longPoll<Value: Sendable>(
    waitSeconds: Double, forOffers: Bool = false, _ look: @Sendable () async throws -> Value?
  ) async throws -> Value? {
    let changes = forOffers ? offers : changes
    let deadline = ContinuousClock.now.advanced(by: .seconds(min(waitSeconds, settings.longestWaitSeconds)))
    while true {
      let seen = changes.version
      if let value = try await look() { return value }
      guard waitSeconds > 0, ContinuousClock.now < deadline, !changes.isClosed, !Task.isCancelled else {
        return nil
      }
      let crowd = changes.waiterCount
      let again = ContinuousClock.now.advanced(by: .seconds(Self.offerSeconds(crowd: crowd)))
      await changes.wait(after: seen, until: forOffers ? min(deadline, again) : deadline)
      // Those who are woken together do not all read at once.
      if crowd > 10 { try await Task.sleep(for: .milliseconds(Int.random(in: 0...min(200, crowd / 10)))) }
    }
  }
}
