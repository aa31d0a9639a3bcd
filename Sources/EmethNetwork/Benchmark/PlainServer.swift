import Hummingbird
import Logging
import ServiceLifecycle

/// The least that a server does: one handler that answers with a word. What a served network's answers are compared
/// with, in the same HTTP library.
public final class PlainServer: Sendable {
  private let stopSignal = ChangeSignal()

  /// A server that does not run yet.
  public init() {}

  /// Asks it to stop in order.
  public func stop() { stopSignal.close() }

  /// Listens on a free port of this machine until ``stop()``.
  ///
  /// - Parameter ready: called with the address once requests are answered.
  /// - Throws: ``NetworkError``.
  public func run(ready: @escaping @Sendable (ServerAddress) -> Void) async throws(NetworkError) {
    do {
      try await serve(ready)
    } catch {
      throw NetworkError(error)
    }
  }

  private func serve(_ ready: @escaping @Sendable (ServerAddress) -> Void) async throws {
    var logger = Logger(label: "emeth.plain")
    logger.logLevel = .critical
    let router = Router()
    router.get("/") { _, _ in "hello" }
    let application = Application(
      router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in
        guard let port = channel.localAddress?.port,
          let address = try? ServerAddress("http://127.0.0.1:\(port)")
        else { return }
        ready(address)
      }, logger: logger)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(services: [application], logger: logger))
    let stopping = Task { [stopSignal] in
      await stopSignal.wait(after: 0, until: .now.advanced(by: .seconds(1e9)))
      if !Task.isCancelled { await group.triggerGracefulShutdown() }
    }
    defer { stopping.cancel() }
    try await group.run()
  }
}
