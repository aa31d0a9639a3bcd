import EmethKit
import Foundation
import Logging
import Testing

@testable import EmethNetwork

/// A server on a free port of this machine, listening on loopback, that ends with ``stop()``.
final class RunningServer: Sendable {
  let address: ServerAddress
  let server: NetworkServer
  private let task: Task<Void, any Error>
  let folder: TemporaryFolder

  /// Starts one and waits until it listens.
  static func start(
    _ settings: ServerSettings = ServerSettings(), network: (TemporaryFolder) throws -> any ServedNetwork
  ) async throws -> RunningServer {
    let folder = try TemporaryFolder()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = try NetworkServer(
      network: try network(folder), settings: settings, registry: PrometheusRegistry(), logger: logger)
    let (ready, readiness) = AsyncStream<ServerAddress>.makeStream()
    let task = Task {
      defer { readiness.finish() }
      try await server.run { readiness.yield($0) }
    }
    for await address in ready {
      return RunningServer(address: address, server: server, task: task, folder: folder)
    }
    try await task.value
    throw NetworkError.inconsistent(what: "the server ended before it listened")
  }

  private init(
    address: ServerAddress, server: NetworkServer, task: Task<Void, any Error>, folder: TemporaryFolder
  ) {
    self.address = address
    self.server = server
    self.task = task
    self.folder = folder
  }

  /// Runs a test with a server of a network that only remembers.
  static func scene(
    _ settings: ServerSettings = ServerSettings(), _ test: (RunningServer, FakeNetwork) async throws -> Void
  ) async throws {
    var made: FakeNetwork?
    let server = try await start(settings) { folder in
      let network = try FakeNetwork(folder)
      made = network
      return network
    }
    try await test(server, try #require(made))
    try await server.stop()
  }

  /// Stops it in order and waits until it has.
  func stop() async throws {
    server.stop()
    try await task.value
  }

  var port: UInt16 { UInt16(address.audience.split(separator: ":").last ?? "") ?? 0 }

  func client(_ key: PrivateKey? = nil, _ change: (inout ClientSettings) -> Void = { _ in }) -> ServerClient {
    var settings = ClientSettings()
    settings.attempts = 1
    change(&settings)
    return ServerClient(server: address, key: key, settings: settings)
  }
}

/// Does blocking work on a thread of its own: the server of a test needs the few that tests run on.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// What came back to one plain request.
struct Asked: Sendable {
  var status: Int
  var received: Data
  var answerHeaders: [String: String]

  /// Sends one request, without a signature but what is among the headers.
  static func send(
    to server: RunningServer, _ method: String, _ path: String, body: Data?, headers: [(String, String)]
  ) async throws -> Asked {
    try await send(to: server.address, method, path, body: body, headers: headers)
  }

  /// The same to any server.
  static func send(
    to address: ServerAddress, _ method: String, _ path: String, body: Data?, headers: [(String, String)]
  ) async throws -> Asked {
    try await blocking {
      let transfer = CurlTransfer(
        method: method, path: path, body: body, sink: .memory(limit: 8 << 20), timeoutSeconds: 20,
        isCancelled: { false })
      transfer.headers = headers
      try CurlHandle(server: address, settings: ClientSettings()).perform(transfer)
      return Asked(
        status: transfer.status, received: transfer.received, answerHeaders: transfer.answerHeaders)
    }
  }
}

/// A connection of bytes, for clients that do not behave.
final class RawConnection: Sendable {
  private let descriptor: Int32

  /// - Parameter own: the last number of the address 127.0.0.x that it comes from.
  init(port: UInt16, from own: UInt32 = 1) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var source = sockaddr_in()
    source.sin_family = sa_family_t(AF_INET)
    source.sin_addr.s_addr = UInt32(0x7F00_0000 + own).bigEndian
    withUnsafePointer(to: &source) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    try #require(descriptor >= 0 && status == 0, "can't connect: \(String(cString: strerror(errno)))")
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ text: String) { send(Data(text.utf8)) }

  func send(_ data: Data) {
    data.withUnsafeBytes { _ = Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  /// What comes until the other side closes, `marker` has come, or twenty seconds are over.
  func receive(until marker: String? = nil) async throws -> String {
    try await blocking { self.received(until: marker) }
  }

  private func received(until marker: String?) -> String {
    var all = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      all.append(contentsOf: buffer[..<count])
      if let marker, String(decoding: all, as: UTF8.self).contains(marker) { break }
    }
    return String(decoding: all, as: UTF8.self)
  }

  /// Whether the other side closes within twenty seconds.
  func isClosedByServer() async throws -> Bool { try await blocking { self.sawEnd() } }

  private func sawEnd() -> Bool {
    var byte: UInt8 = 0
    while true {
      let count = recv(descriptor, &byte, 1, 0)
      if count == 0 { return true }
      if count < 0 { return errno == ECONNRESET }
    }
  }

  /// Ends it without a word.
  func abort() {
    var reset = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
  }
}
