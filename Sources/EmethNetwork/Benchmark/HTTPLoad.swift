import Foundation

/// A benchmark's HTTP client: connections that are kept, each with one request on its way, all served by one thread
/// with plain sockets, so that it takes little of the machine from the server that it measures.
///
/// Each connection comes from a loopback address of its own, as clients of a real server do: what a server allows one
/// address does not count for all of them together.
final class HTTPLoad {
  /// What became of the requests of one run.
  struct Outcome {
    /// Answers of a status of 200 to 299; any other ends the run with an error.
    var answers = 0
    /// From the first request to the last answer.
    var seconds = 0.0
    /// Of each answer, seconds.
    var latencies: [Double] = []
  }

  private struct Connection {
    var socket: Int32
    var input: [UInt8] = []
    var sentAt = ContinuousClock.now
  }

  private let server: ServerAddress
  private var connections: [Connection] = []
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)
  /// A server that says nothing for so long is given up.
  private static let patienceSeconds = 30.0

  /// Connects.
  ///
  /// - Parameters:
  ///   - server: plain HTTP on 127.0.0.1.
  ///   - count: so many connections.
  init(to server: ServerAddress, connections count: Int) throws(NetworkError) {
    self.server = server
    for index in 0..<count { connections.append(Connection(socket: try Self.connect(to: server, index))) }
  }

  deinit { for connection in connections { close(connection.socket) } }

  /// A socket from the loopback address of a number to the server; whoever has it closes it.
  static func connect(to server: ServerAddress, _ index: Int) throws(NetworkError) -> Int32 {
    let port = server.audience.split(separator: ":").last.flatMap { UInt16($0) } ?? 80
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    func failure(_ operation: String) -> NetworkError {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      return .unreachable(server: "\(server)", reason: "\(operation): \(reason)")
    }
    guard descriptor >= 0 else { throw failure("a socket") }
    // 127.0.0.2 and on.
    var local = address(0x7F00_0002 + UInt32(index % 60_000), port: 0)
    var remote = address(0x7F00_0001, port: port)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    func pass(_ address: inout sockaddr_in, _ call: (UnsafePointer<sockaddr>) -> Int32) -> Bool {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0) == 0 }
      }
    }
    guard pass(&local, { Foundation.bind(descriptor, $0, length) }) else { throw failure("an address") }
    guard pass(&remote, { Foundation.connect(descriptor, $0, length) }) else { throw failure("connecting") }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  private static func address(_ host: UInt32, port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return address
  }

  /// Sends requests over all connections until the time is over or there are none left, and waits for all answers.
  ///
  /// - Parameter next: a whole request; `nil` when there are no more.
  func run(seconds: Double, _ next: () throws -> [UInt8]?) throws -> Outcome {
    var outcome = Outcome()
    var polled: [pollfd] = []
    let start = ContinuousClock.now
    let end = start + .seconds(seconds)
    for index in connections.indices {
      let request = try next()
      if let request { try send(request, over: index) }
      polled.append(
        pollfd(fd: request == nil ? -1 : connections[index].socket, events: Int16(POLLIN), revents: 0))
    }
    var open = polled.count { $0.fd >= 0 }
    while open > 0 {
      guard poll(&polled, nfds_t(polled.count), Int32(Self.patienceSeconds * 1_000)) > 0 else {
        throw NetworkError.unreachable(
          server: "\(server)", reason: "no answer in \(Int(Self.patienceSeconds)) s")
      }
      for index in polled.indices where polled[index].revents != 0 {
        guard try receive(over: index) else { continue }
        let now = ContinuousClock.now
        outcome.answers += 1
        outcome.latencies.append(connections[index].sentAt.duration(to: now) / .seconds(1))
        if now < end, let request = try next() {
          try send(request, over: index)
        } else {
          polled[index].fd = -1
          open -= 1
        }
      }
    }
    outcome.seconds = start.duration(to: .now) / .seconds(1)
    return outcome
  }

  /// Sends a request over each connection and waits for no answer.
  func begin(_ requests: [[UInt8]]) throws(NetworkError) {
    for (index, request) in zip(connections.indices, requests) { try send(request, over: index) }
  }

  private func send(_ request: [UInt8], over index: Int) throws(NetworkError) {
    connections[index].sentAt = .now
    try Self.send(request, over: connections[index].socket, to: server)
  }

  /// Sends all of a request.
  static func send(_ request: [UInt8], over socket: Int32, to server: ServerAddress) throws(NetworkError) {
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { bytes in
        Foundation.send(
          socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else {
        throw .unreachable(server: "\(server)", reason: "sending: \(String(cString: strerror(errno)))")
      }
      sent += count
    }
  }

  /// Reads what there is; whether an answer is complete with it.
  private func receive(over index: Int) throws(NetworkError) -> Bool {
    let count = Foundation.recv(connections[index].socket, &buffer, buffer.count, 0)
    guard count > 0 else { throw broken("it closed the connection") }
    connections[index].input.append(contentsOf: buffer[..<count])
    guard let answer = try Answer(connections[index].input, of: server) else { return false }
    guard (200..<300).contains(answer.status) else {
      throw .serverFailed(
        server: "\(server)", status: answer.status, code: "http.\(answer.status)",
        message: String(decoding: connections[index].input[answer.body].prefix(1_000), as: UTF8.self))
    }
    // One request at a time: nothing comes behind its answer.
    connections[index].input.removeAll(keepingCapacity: true)
    return true
  }

  private func broken(_ reason: String) -> NetworkError {
    .unreachable(server: "\(server)", reason: reason)
  }
}

/// A whole answer: as much of one as a benchmark needs.
private struct Answer {
  let status: Int
  let body: Range<Int>

  /// `nil` while more has to come.
  init?(_ bytes: [UInt8], of server: ServerAddress) throws(NetworkError) {
    guard let headEnd = Self.endOfHead(bytes) else { return nil }
    let lines = bytes[..<headEnd].split(separator: UInt8(ascii: "\n"))
    let statusWord = lines.first?.split(separator: UInt8(ascii: " ")).dropFirst().first
    let length = lines.dropFirst().lazy.compactMap { line -> Int? in
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon - line.startIndex == 14,
        String(decoding: line[..<colon], as: UTF8.self).lowercased() == "content-length"
      else { return nil }
      return Int(
        String(decoding: line[(colon + 1)...], as: UTF8.self)
          .trimmingCharacters(in: .whitespacesAndNewlines))
    }.first
    guard let status = statusWord.flatMap({ Int(String(decoding: $0, as: UTF8.self)) }), let length,
      length >= 0
    else {
      throw .malformed(what: "answer of \(server)", reason: "its head has no status or no length")
    }
    self.status = status
    body = headEnd + 4..<headEnd + 4 + length
    if bytes.count < body.upperBound { return nil }
  }

  /// Where the empty line begins behind the head; `nil` while it has not come.
  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { all in
      var start = 0
      while start + 4 <= all.count, let base = all.baseAddress,
        let found = memchr(base + start, 13, all.count - start - 3)
      {
        let place = UnsafeRawPointer(found) - base
        if all[place + 1] == 10, all[place + 2] == 13, all[place + 3] == 10 { return place }
        start = place + 1
      }
      return nil
    }
  }
}
