import EmethKit
import Foundation
import Synchronization

/// Requests to a server of this machine as fast as it answers them, over connections that are kept: a thread of its own
/// with one connection for each, blocking. It reads no more of answers than it must.
struct LoadClient {
  let port: UInt16

  /// Requests, as they go over the wire, that the threads send in turn.
  ///
  /// - Parameters:
  ///   - requests: one list for each thread, gone through again from its beginning when it ends, if it `repeats`.
  ///   - seconds: how long; a thread whose list has ended stops before.
  /// - Returns: answers per second.
  /// - Throws: ``NetworkError/unreachable(server:reason:)`` and, for any answer but 200 or 201,
  ///   ``NetworkError/serverFailed(server:status:code:message:)``.
  func answersPerSecond(
    to requests: [[[UInt8]]], repeats: Bool = true, for seconds: Double
  ) throws(NetworkError) -> Double {
    let count = Mutex(0)
    let failure = Mutex<NetworkError?>(nil)
    let latest = Mutex(ContinuousClock.now)
    let start = ContinuousClock.now
    DispatchQueue.concurrentPerform(iterations: requests.count) { thread in
      do throws(NetworkError) {
        let connection = try Connection(port: port)
        var done = 0
        let end = start + .seconds(seconds)
        while ContinuousClock.now < end, repeats || done < requests[thread].count {
          try connection.exchange(requests[thread][done % requests[thread].count])
          done += 1
        }
        count.withLock { $0 += done }
        latest.withLock { $0 = max($0, .now) }
      } catch {
        failure.withLock { $0 = $0 ?? error }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    return Double(count.withLock { $0 }) / ((latest.withLock { $0 } - start) / .seconds(1))
  }

  /// A request without a body, or with one.
  func request(
    _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: Data = Data()
  ) -> [UInt8] {
    var text = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nAccept: application/json\r\n"
    for header in headers { text += "\(header.name): \(header.value)\r\n" }
    if method != "GET" { text += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
    return Array(text.utf8) + Array("\r\n".utf8) + Array(body)
  }

  /// One connection, whose answers are read one after the other.
  final class Connection {
    private let descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private var filled = 0

    init(port: UInt16) throws(NetworkError) {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) == 0 }
      }
      var one: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      guard descriptor >= 0, isConnected else { throw Self.broken() }
    }

    deinit {
      close(descriptor)
      buffer.deallocate()
    }

    /// Sends a request and returns the body of its answer.
    @discardableResult
    func exchange(_ request: [UInt8]) throws(NetworkError) -> Data {
      try send(request)
      return try answer()
    }

    func send(_ request: [UInt8]) throws(NetworkError) {
      var done = 0
      while done < request.count {
        let count = request.withUnsafeBytes {
          Foundation.send(
            descriptor, $0.baseAddress?.advanced(by: done), $0.count - done, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { throw Self.broken() }
        done += count
      }
    }

    private func answer() throws(NetworkError) -> Data {
      while true {
        if let end = endOfHead() {
          let head = String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<end]), as: UTF8.self)
          let status = Int(head.dropFirst(9).prefix(3)) ?? 0
          guard let length = Self.length(in: head) else { throw Self.broken("an answer has no length") }
          var body = Data(UnsafeRawBufferPointer(rebasing: buffer[(end + 4)..<filled]))
          filled = 0
          while body.count < length {
            try fill()
            body.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
            filled = 0
          }
          guard (200...201).contains(status) else {
            throw .serverFailed(
              server: "127.0.0.1", status: status, code: "benchmark.refused",
              message: String(decoding: body, as: UTF8.self))
          }
          return body
        }
        guard filled < buffer.count else { throw Self.broken("the head of an answer is too long") }
        try fill()
      }
    }

    private func fill() throws(NetworkError) {
      let count = recv(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled, 0)
      guard count > 0 else { throw Self.broken() }
      filled += count
    }

    private func endOfHead() -> Int? {
      guard filled >= 4 else { return nil }
      return (0...(filled - 4)).first {
        buffer[$0] == 13 && buffer[$0 + 1] == 10 && buffer[$0 + 2] == 13 && buffer[$0 + 3] == 10
      }
    }

    private static func length(in head: String) -> Int? {
      for line in head.split(separator: "\r\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2, parts[0].lowercased() == "content-length" {
          return Int(parts[1].trimmingCharacters(in: .whitespaces))
        }
      }
      return nil
    }

    private static func broken(_ reason: String = Files.lastSystemError()) -> NetworkError {
      .unreachable(server: "127.0.0.1", reason: reason)
    }
  }
}
