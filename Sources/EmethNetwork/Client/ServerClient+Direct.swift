import EmethKit
import Foundation

/// Transfers between this machine and the store to which a server shows its clients.
extension ServerClient {
  /// A URL of a store: where it is, and what is asked for there.
  struct StoreURL {
    var server: ServerAddress
    var path: String

    init(_ text: String) throws(NetworkError) {
      guard let scheme = text.range(of: "://"), let slash = text[scheme.upperBound...].firstIndex(of: "/")
      else {
        throw .malformed(what: "URL of a store", reason: "found no host and path")
      }
      server = try ServerAddress(String(text[..<slash]))
      path = String(text[slash...])
    }
  }

  /// Goes where the server has pointed to; what it says is as the server's own answer would be.
  func follow(
    _ answer: Answer, from start: UInt64, to sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool
  ) async throws(NetworkError) -> Answer {
    let url = try StoreURL(answer.headers["location"] ?? "")
    var call = Call(path: url.path)
    call.elsewhere = url.server
    if start > 0 { call.headers["Range"] = "bytes=\(start)-" }
    let found = try await once(call, to: sink)
    switch found.status {
    case 200..<300: return found
    case 404: throw .refused(code: "storage.missing", message: "the store has no such object", hint: nil)
    case 416: throw .refused(code: "http.range", message: "the store has no such range", hint: nil)
    // The URL's time is over, or the store is busy: the server gives another.
    default: throw .unreachable(server: "\(url.server)", reason: "the store answered \(found.status)")
    }
  }

  /// Sends a file to the store that the server names, several parts at once; parts that are there are not sent again.
  func uploadDirectly(_ file: URL, byteCount: UInt64, to path: String) async throws(NetworkError) {
    var failures = 0
    while true {
      let turn: DirectUploads.Turn = try await send(
        "POST", "\(path)/upload", DirectUploads.Wish(size: byteCount), repeatable: true)
      if turn.isComplete { return }
      var pause = turn.isChecking ? 0.25 : 0
      let (sent, failure) = await send(turn.parts, of: file)
      if sent > 0 { failures = 0 }
      if let failure {
        guard case .unreachable = failure, failures + 1 < settings.attempts else { throw failure }
        failures += 1
        pause = Double.random(in: 0.05...Double(failures))
      }
      do { try await Task.sleep(for: .seconds(pause)) } catch { throw .interrupted }
    }
  }

  /// Parts that are sent at once.
  private static let width = 4

  private func send(_ parts: [DirectUploads.Part], of file: URL) async -> (sent: Int, failure: NetworkError?)
  {
    await withTaskGroup(of: NetworkError?.self) { group in
      var rest = parts[...]
      func begin() {
        guard let part = rest.popFirst() else { return }
        group.addTask {
          do throws(NetworkError) {
            try await self.send(part, of: file)
            return nil
          } catch {
            return error
          }
        }
      }
      for _ in 0..<Self.width { begin() }
      var sent = 0
      var failure: NetworkError?
      for await result in group {
        if let result { failure = failure ?? result } else { sent += 1 }
        if failure == nil { begin() }
      }
      return (sent, failure)
    }
  }

  private func send(_ part: DirectUploads.Part, of file: URL) async throws(NetworkError) {
    let url = try StoreURL(part.url)
    let data = try FileReader(file).read(at: part.offset, count: Int(clamping: part.byteCount))
    guard UInt64(data.count) == part.byteCount else {
      throw .fileFailed(path: file.path, operation: "read", reason: "it became shorter")
    }
    var call = Call(method: "PUT", path: url.path, body: data)
    call.elsewhere = url.server
    let answer = try await once(call, to: nil)
    guard (200..<300).contains(answer.status) else {
      throw .unreachable(server: "\(url.server)", reason: "the store answered \(answer.status)")
    }
  }
}
