import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// A store that answers what a test wants to hear, for what a real one does once in a thousand times.
final class StubStore: Sendable {
  struct Request: Sendable {
    var method: String
    /// Path and query.
    var target: String
    /// By their names in small letters.
    var headers: [String: String]
    var body: Data
  }

  struct Reply: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body = Data()
    /// What a HEAD says that a GET would bring.
    var byteCount: Int?

    static func document(_ text: String, status: Int = 200) -> Reply {
      Reply(status: status, body: Data("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\(text)".utf8))
    }
  }

  let port: UInt16
  private let listener: Int32
  private let answer: @Sendable (Request) -> Reply
  private let asked = Mutex<[Request]>([])

  /// All requests so far.
  var requests: [Request] { asked.withLock { $0 } }

  init(_ answer: @escaping @Sendable (Request) -> Reply) throws {
    self.answer = answer
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, size) == 0 && listen(descriptor, 64) == 0
          && getsockname(descriptor, address, &size) == 0
      }
    }
    listener = descriptor
    port = UInt16(bigEndian: address.sin_port)
    try #require(isListening, "can't listen: \(String(cString: strerror(errno)))")
    Thread.detachNewThread { [self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread.detachNewThread { [self] in serve(client) }
      }
    }
  }

  /// Ends the listening.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  func client(attempts: Int = 1) throws -> S3Client {
    var settings = ClientSettings()
    settings.attempts = attempts
    settings.longestPauseSeconds = 0.1
    return S3Client(
      address: try S3Address("s3://emeth/x?endpoint=http://127.0.0.1:\(port)"),
      credentials: AWSCredentials(accessKey: "A", secretKey: "S"), settings: settings)
  }

  private func serve(_ client: Int32) {
    defer { close(client) }
    var pending = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    func more() -> Bool {
      let count = recv(client, &buffer, buffer.count, 0)
      guard count > 0 else { return false }
      pending.append(contentsOf: buffer[..<count])
      return true
    }
    while true {
      let mark = Data("\r\n\r\n".utf8)
      while pending.range(of: mark) == nil { guard more() else { return } }
      guard let end = pending.range(of: mark) else { return }
      let lines = String(decoding: pending[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
      pending = Data(pending[end.upperBound...])
      let words = lines[0].split(separator: " ")
      guard words.count == 3 else { return }
      var headers: [String: String] = [:]
      for line in lines.dropFirst() {
        guard let colon = line.firstIndex(of: ":") else { continue }
        headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
          in: .whitespaces)
      }
      let length = Int(headers["content-length"] ?? "") ?? 0
      while pending.count < length { guard more() else { return } }
      let request = Request(
        method: String(words[0]), target: String(words[1]), headers: headers, body: pending.prefix(length))
      pending = Data(pending.dropFirst(length))
      asked.withLock { $0.append(request) }
      let reply = answer(request)
      var head =
        "HTTP/1.1 \(reply.status) Status\r\nContent-Length: \(reply.byteCount ?? reply.body.count)\r\n"
      for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
      let bytes = Data("\(head)\r\n".utf8) + (request.method == "HEAD" ? Data() : reply.body)
      var sent = 0
      while sent < bytes.count {
        let count = bytes.withUnsafeBytes {
          send(client, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        sent += count
      }
    }
  }
}
