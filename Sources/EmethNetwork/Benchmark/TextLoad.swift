import Foundation

/// A benchmark's readers of texts: connections that are kept, each with one stream at a time, all served by one thread
/// with plain sockets, which notes when each event came.
final class TextLoad {
  /// When the events of one stream came.
  struct Text {
    /// From the request to the first event with text, seconds.
    var firstSeconds = 0.0
    /// From the request to the last one.
    var seconds = 0.0
    /// The longest time between two events behind the first.
    var longestPause = 0.0
    /// Pieces of text: a piece is a token, or some that came together.
    var pieces: [String] = []

    var text: String { pieces.joined() }

    /// Notes a piece that came so long after the request.
    mutating func add(_ piece: String, after seconds: Double) {
      if pieces.isEmpty {
        firstSeconds = seconds
      } else {
        longestPause = max(longestPause, seconds - self.seconds)
      }
      self.seconds = seconds
      pieces.append(piece)
    }
  }

  private struct Stream {
    let socket: Int32
    var line: [UInt8] = []
    var text = Text()
    var sentAt = ContinuousClock.now
    var isOpen = false
  }

  private let server: ServerAddress
  private var streams: [Stream] = []
  private var buffer = [UInt8](repeating: 0, count: 256 << 10)
  /// A server that says nothing for so long is given up.
  private static let patienceSeconds = 60.0

  /// Connects.
  init(to server: ServerAddress, connections count: Int) throws(NetworkError) {
    self.server = server
    for index in 0..<count {
      streams.append(Stream(socket: try HTTPLoad.connect(to: server, index)))
    }
  }

  deinit { for stream in streams { close(stream.socket) } }

  /// Sends a request over each connection, and reads all streams to their ends.
  ///
  /// - Parameter requests: at most as many as there are connections.
  /// - Throws: ``NetworkError`` for any answer but a stream that ends as it should.
  func run(_ requests: [[UInt8]]) throws(NetworkError) -> [Text] {
    precondition(requests.count <= streams.count, "a connection for each request")
    var polled: [pollfd] = []
    for (index, request) in requests.enumerated() {
      (streams[index].text, streams[index].isOpen) = (Text(), true)
      streams[index].sentAt = .now
      try HTTPLoad.send(request, over: streams[index].socket, to: server)
      polled.append(pollfd(fd: streams[index].socket, events: Int16(POLLIN), revents: 0))
    }
    var open = polled.count
    while open > 0 {
      guard poll(&polled, nfds_t(polled.count), Int32(Self.patienceSeconds * 1_000)) > 0 else {
        throw broken("no event in \(Int(Self.patienceSeconds)) s, \(open) streams are open")
      }
      for index in polled.indices where polled[index].revents != 0 {
        try receive(over: index)
        if !streams[index].isOpen {
          polled[index].fd = -1
          open -= 1
        }
      }
    }
    return streams.prefix(requests.count).map(\.text)
  }

  /// Reads what there is. The lines between which a server cuts its answer into pieces are passed over: each piece is
  /// a whole event.
  private func receive(over index: Int) throws(NetworkError) {
    let count = Foundation.recv(streams[index].socket, &buffer, buffer.count, 0)
    guard count > 0 else { throw broken("it closed the connection") }
    let now = ContinuousClock.now
    for byte in buffer[..<count] {
      guard byte == UInt8(ascii: "\n") else {
        streams[index].line.append(byte)
        continue
      }
      let line = String(decoding: streams[index].line, as: UTF8.self)
      streams[index].line.removeAll(keepingCapacity: true)
      try take(line, at: now, of: index)
    }
  }

  private func take(_ line: String, at now: ContinuousClock.Instant, of index: Int) throws(NetworkError) {
    if line.hasPrefix("HTTP/1.1 ") {
      let status = Int(line.dropFirst(9).prefix(3)) ?? 0
      guard status == 200 else {
        throw .serverFailed(
          server: "\(server)", status: status, code: "http.\(status)", message: "a text was refused")
      }
    } else if line.hasPrefix("data: [DONE]") {
      streams[index].isOpen = false
    } else if line.hasPrefix("data: {\"error\"") {
      throw .serverFailed(
        server: "\(server)", status: 200, code: "text.failed", message: String(line.prefix(1_000)))
    } else if line.contains(#""finish_reason":null"#) {
      streams[index].text.add(
        try Self.piece(in: line, of: server), after: (now - streams[index].sentAt) / .seconds(1))
    }
  }

  private struct Event: Decodable {
    struct Choice: Decodable { var text: String }

    var choices: [Choice]
  }

  private static func piece(in line: String, of server: ServerAddress) throws(NetworkError) -> String {
    let data = Data(line.utf8.dropFirst("data: ".utf8.count))
    guard let event = try? JSONDecoder().decode(Event.self, from: data), let choice = event.choices.first
    else {
      throw .malformed(what: "event of \(server)", reason: "found \(line.prefix(200))")
    }
    return choice.text
  }

  private func broken(_ reason: String) -> NetworkError { .unreachable(server: "\(server)", reason: reason) }
}
