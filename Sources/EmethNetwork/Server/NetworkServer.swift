import EmethKit
import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// The Execution Layer on HTTP: what `emeth serve` runs.
///
/// ```swift
/// let server = try NetworkServer(service: service, settings: ServerSettings(listen: "127.0.0.1:7443"))
/// try await server.run { address in print("listening on \(address)") }   // until stop() or cancellation
/// ```
/// Every answer is described in Docs/openapi.yaml. It stops in order: no new connections, long polls let go,
/// requests in flight answered, then the service.
public final class NetworkServer: Sendable {
  private let state: ServerState
  private let stopSignal = ChangeSignal()
  private let routes = RouteTable()

  /// Figures for `/metrics`, to which others may add theirs.
  public var registry: PrometheusRegistry { state.registry }
  /// How many requests wait for something to change.
  var waiting: Int { state.changes.waiterCount + state.offers.waiterCount }
  /// How many bytes of unchecked bodies may still come in.
  var bodyMemoryLeft: Int { state.bodies.rest }
  /// How many requests each account may still send.
  var accountLimiter: RateLimiter { state.accountLimiter }
  /// The routes, as they are registered when the server runs.
  var routeTable: RouteTable { routes }

  /// A server of a service that nobody drives yet.
  ///
  /// - Throws: ``NetworkError/fileFailed(path:operation:reason:)``, ``NetworkError/database(reason:)``.
  public convenience init(
    service: NetworkService, settings: ServerSettings, registry: PrometheusRegistry = PrometheusRegistry(),
    logger: Logger = Logger(label: "emeth.serve")
  ) throws(NetworkError) {
    try self.init(network: service, settings: settings, registry: registry, logger: logger)
  }

  /// A server of any network.
  init(
    network service: any ServedNetwork, settings: ServerSettings, registry: PrometheusRegistry, logger: Logger
  ) throws(NetworkError) {
    state = try ServerState(service: service, settings: settings, registry: registry, logger: logger)
  }

  /// Asks the server to stop in order.
  public func stop() { stopSignal.close() }

  /// Listens and drives the service, until ``stop()`` or cancellation.
  ///
  /// - Parameter ready: called with the address once requests are answered.
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` for an address or a certificate that can't be used,
  ///   and what the service throws.
  public func run(ready: @escaping @Sendable (ServerAddress) -> Void = { _ in }) async throws(NetworkError) {
    do {
      try await serve(ready)
    } catch {
      if error is CancellationError { throw .interrupted }
      if let error = error as? IOError {
        throw .badSetting(
          name: "listen",
          found: "\(state.settings.host):\(state.settings.port), \(error.localizedDescription)",
          allowed: "an address of this machine with a free port")
      }
      throw NetworkError(error)
    }
  }

  private func serve(_ ready: @escaping @Sendable (ServerAddress) -> Void) async throws {
    let application = Application(
      responder: buildRouter().buildResponder(), server: try transport(),
      configuration: ApplicationConfiguration(
        address: .hostname(state.settings.host, port: state.settings.port), serverName: "emeth",
        backlog: 1_024,
        availableConnectionsDelegate: MaximumAvailableConnections(state.settings.connectionLimit)),
      onServerRunning: { [state] channel in
        let address = Self.address(of: channel, state.settings)
        state.audiences.add(
          host: state.settings.host, port: channel.localAddress?.port ?? state.settings.port,
          isSecure: state.settings.certificate != nil)
        if let address { ready(address) }
      }, logger: quietLogger)
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: DrivingService(state: state), successTerminationBehavior: .gracefullyShutdownGroup),
        .init(service: application, successTerminationBehavior: .gracefullyShutdownGroup),
      ], logger: quietLogger)
    configuration.maximumGracefulShutdownDuration = .seconds(state.settings.graceSeconds)
    let group = ServiceGroup(configuration: configuration)
    let stopping = Task { [stopSignal, state] in
      await stopSignal.wait(after: 0, until: .now.advanced(by: .seconds(1e9)))
      // Nobody waits any longer, so that their connections can end.
      state.changes.close()
      state.service.seller?.gateway?.desk.close()
      state.offers.close()
      if !Task.isCancelled { await group.triggerGracefulShutdown() }
    }
    defer { stopping.cancel() }
    try await group.run()
  }

  /// What the libraries below say, from warnings on: each request has a line of its own already.
  private var quietLogger: Logger {
    var logger = state.logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }

  private func transport() throws -> HTTPServerBuilder {
    let period = TimeAmount.seconds(Int64(state.settings.patienceSeconds))
    let gate = ConnectionGate(limit: state.settings.connectionsOfOneAddress)
    let plain = HTTPServerBuilder.http1(
      configuration: .init(
        additionalChannelHandlers: [
          ConnectionGateHandler(gate: gate, period: period), SlowRequestHandler(period: period),
        ]))
    guard let files = state.settings.certificate else { return plain }
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(files.chain.path)
      let key = try NIOSSLPrivateKey(file: files.key.path, format: .pem)
      var tls = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      tls.minimumTLSVersion = .tlsv12
      return try .tls(plain, tlsConfiguration: tls)
    } catch {
      throw NetworkError.badSetting(
        name: "TLS certificate", found: "\(files.chain.path) with key \(files.key.path): \(error)",
        allowed: "PEM files of a certificate chain and its private key")
    }
  }

  private static func address(of channel: any Channel, _ settings: ServerSettings) -> ServerAddress? {
    let scheme = settings.certificate == nil ? "http" : "https"
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    return try? ServerAddress("\(scheme)://\(host):\(channel.localAddress?.port ?? settings.port)")
  }

  /// All routes.
  func buildRouter() -> Router<ServerContext> {
    let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
    router.addMiddleware {
      RequestObserver(
        state: state,
        limiter: RateLimiter(rate: state.settings.requestRate * 10, burst: state.settings.requestBurst),
        routes: routes)
    }
    let table = Routes(router: router, table: routes, state: state)
    table.addSystem()
    table.addJobs()
    table.addRecords()
    table.addMoney()
    table.addObjects()
    table.addDirectUploads()
    table.addWork()
    table.addErrands()
    table.addCache()
    table.addJobFiles()
    table.addGateway()
    table.addPages()
    return router
  }
}

/// Drives the jobs of the service, and passes on that something changed, until the server stops.
private struct DrivingService: Service {
  let state: ServerState

  func run() async throws {
    let changed = ChangeSignal()
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
          do throws(NetworkError) {
            try await state.service.run { [logger = state.logger] job, error in
              logger.error(
                "work failed",
                metadata: ["job": "\(job.map { "\($0)" } ?? "none")", "error": "\(error.message)"])
            }
          } catch {
            if error != .interrupted { throw error }
          }
        }
        tasks.addTask {
          for await _ in state.service.changes() {
            state.changes.raise()
            changed.raise()
          }
        }
        tasks.addTask { await watchOffers(changed) }
        tasks.addTask { await sweepUploads() }
        try await tasks.waitForAll()
      }
    }
  }
}

extension DrivingService {
  /// Wakes those who wait for a SubJob when there are others than before, ten times a second at most: of all changes few
  /// concern them. To find that out, all SubJobs on offer are counted: a tenth of the time goes into that at most where they
  /// are many, and none where nobody waits.
  fileprivate func watchOffers(_ changed: ChangeSignal) async {
    var known: String?
    while !Task.isCancelled {
      let (version, begin) = (changed.version, ContinuousClock.now)
      if state.offers.waiterCount == 0 {
        // Who has looked and is about to wait looks again.
        state.offers.raise()
        known = nil
      } else {
        let found = try? await state.offload { [state] in try state.service.offerMark() }
        if found == nil || found != known { state.offers.raise() }
        known = found
      }
      let took = begin.duration(to: .now)
      try? await Task.sleep(for: min(.milliseconds(500), max(.milliseconds(100), took * 9)))
      await changed.wait(after: version, until: .now.advanced(by: .seconds(60)))
    }
  }

  /// Gives up uploads that nobody ends, when the server starts and every hour after that.
  fileprivate func sweepUploads() async {
    while !Task.isCancelled {
      do {
        try await state.offload { [state] in
          try state.uploads.sweep()
          try state.directUploads?.sweep()
        }
        try await state.jobFiles.sweep(at: state.now, isRunning: state.isRunning) { body in
          try await state.offload(body)
        }
        try await state.callers.sweep(isRunning: state.isRunning)
      } catch {
        state.logger.error("uploads were not swept", metadata: ["error": "\(NetworkError(error).message)"])
      }
      try? await Task.sleep(for: .seconds(3_600))
    }
  }
}

/// Where the parts of the API register their routes.
struct Routes {
  let router: Router<ServerContext>
  let table: RouteTable
  let state: ServerState

  /// Registers a route whose answer is one JSON value.
  func json<Value: Encodable & Sendable>(
    _ method: HTTPRequest.Method, _ path: String,
    _ handle: @escaping @Sendable (Request, ServerContext, ServerState) async throws -> Value
  ) {
    add(method, path) { request, context, state in Response(json: try await handle(request, context, state)) }
  }

  /// Registers a route; `isPage` for what is no part of the API.
  func add(
    _ method: HTTPRequest.Method, _ path: String, isPage: Bool = false,
    _ handle: @escaping @Sendable (Request, ServerContext, ServerState) async throws -> Response
  ) {
    table.add(method, path, isPage: isPage)
    if method == .get { table.add(.head, path, isPage: isPage) }
    router.on(RouterPath(path), method: method) { [state] request, context in
      try await handle(request, context, state)
    }
  }
}

/// The answer of what has nothing to say but that it is done.
struct Done: Codable, Sendable {
  var done = true
}
