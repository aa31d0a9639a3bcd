import EmethKit
import Foundation
import Logging
import NIOPosix

/// What all handlers of a server share.
final class ServerState: Sendable {
  let settings: ServerSettings
  let service: any ServedNetwork
  let database: NetworkDatabase
  let nonces: NonceStore
  let uploads: UploadStore
  let registry: PrometheusRegistry
  let logger: Logger
  /// Wakes those who wait for something to change, and lets them go when the server stops.
  let changes = ChangeSignal()
  /// Names that requests may be signed for.
  let audiences: AudienceList
  /// Requests of one account.
  let accountLimiter: RateLimiter
  /// Blocking work: the database waits for the disk, hashing takes the processor.
  private let threads = NIOThreadPool.singleton

  init(
    service: any ServedNetwork, settings: ServerSettings, registry: PrometheusRegistry, logger: Logger
  ) throws(NetworkError) {
    self.service = service
    self.settings = settings
    self.registry = registry
    self.logger = logger
    database = service.database
    nonces = NonceStore(database)
    uploads = try UploadStore(
      folder: service.folder.appending(path: "uploads"), objects: service.store,
      dataSets: service.splitterStore,
      objectLimit: settings.objectLimit)
    audiences = AudienceList(settings)
    accountLimiter = RateLimiter(rate: settings.requestRate, burst: settings.requestBurst)
  }

  /// The time that signatures are checked against, unix seconds.
  var now: UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

  /// Does blocking work on a thread where it stands in nobody's way.
  func offload<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await threads.runIfActive(body)
  }

  /// Looks until there is something to say, or the wait is over: what is said then, be it nothing.
  ///
  /// - Parameter look: reads; `nil` when there is nothing to say yet.
  func longPoll<Value: Sendable>(
    waitSeconds: Double, _ look: @escaping @Sendable () throws -> Value?
  ) async throws -> Value? {
    let deadline = ContinuousClock.now.advanced(by: .seconds(min(waitSeconds, settings.longestWaitSeconds)))
    while true {
      let seen = changes.version
      if let value = try await offload(look) { return value }
      guard waitSeconds > 0, ContinuousClock.now < deadline, !changes.isClosed, !Task.isCancelled else {
        return nil
      }
      let crowd = changes.waiterCount
      await changes.wait(after: seen, until: deadline)
      // Those who are woken together do not all read at once.
      if crowd > 10 { try await Task.sleep(for: .milliseconds(Int.random(in: 0...min(200, crowd / 10)))) }
    }
  }
}
