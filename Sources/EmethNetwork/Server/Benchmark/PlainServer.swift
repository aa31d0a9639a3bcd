import Foundation
import Hummingbird
import Logging
import Synchronization

/// A server of Hummingbird that answers everything with the same bytes: the floor of every answer.
final class PlainServer: Sendable {
  /// The port that it listens on.
  let port: UInt16
  private let task: Task<Void, any Error>

  /// Starts it.
  ///
  /// - Throws: ``NetworkError/inconsistent(what:)`` when it does not listen within ten seconds.
  init(body: String) throws(NetworkError) {
    let isUp = DispatchSemaphore(value: 0)
    let heard = Heard(isUp: isUp)
    let router = Router()
    router.get("**") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
    var logger = Logger(label: "emeth.benchmark.plain")
    logger.logLevel = .error
    let application = Application(
      responder: router.buildResponder(),
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in heard.tell(channel.localAddress?.port) }, logger: logger)
    task = Task { try await application.run() }
    guard isUp.wait(timeout: .now() + 10) == .success, let port = heard.port else {
      task.cancel()
      throw .inconsistent(what: "the plain server does not listen")
    }
    self.port = UInt16(port)
  }

  /// Stops it.
  func stop() { task.cancel() }

  private final class Heard: Sendable {
    private let found = Mutex<Int?>(nil)
    private let isUp: DispatchSemaphore

    init(isUp: DispatchSemaphore) { self.isUp = isUp }

    var port: Int? { found.withLock { $0 } }

    func tell(_ port: Int?) {
      found.withLock { $0 = port }
      isUp.signal()
    }
  }
}
