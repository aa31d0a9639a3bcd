import Foundation
import Synchronization
import Testing

/// A relay on loopback that breaks connections: the first few after so many bytes, in whatever direction they went; or
/// one whose server answers.
final class BreakingRelay: Sendable {
  let port: UInt16
  private let listener: Int32
  private let state: Mutex<State>

  private struct State {
    var target: UInt16?
    var targetAfterBreak: UInt16?
    var breaksLeft: Int
    var connections = 0
    var losesAnswer = false
  }

  private let bytesBeforeBreak: Int

  init(breaks: Int = 0, after byteCount: Int = 0) throws {
    bytesBeforeBreak = byteCount
    state = Mutex(State(breaksLeft: breaks))
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, size) == 0 && listen(descriptor, 64) == 0
          && getsockname(descriptor, address, &size) == 0
      }
    }
    listener = descriptor
    port = UInt16(bigEndian: address.sin_port)
    try #require(status, "can't listen: \(String(cString: strerror(errno)))")
    Thread.detachNewThread { [self] in accept() }
  }

  /// Ends the listening; connections go on.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  /// Where to relay to from now on, and where to once a connection was broken.
  func relay(to port: UInt16, afterBreak other: UInt16? = nil) {
    state.withLock { ($0.target, $0.targetAfterBreak) = (port, other) }
  }

  /// Ends the connection over which the server answers next, instead of passing the answer on: the request was done, and
  /// nobody hears of it.
  func loseNextAnswer() { state.withLock { $0.losesAnswer = true } }

  /// How many connections there were, and how many are still to be broken.
  var connections: Int { state.withLock { $0.connections } }
  var breaksLeft: Int { state.withLock { $0.breaksLeft } }

  private func accept() {
    while true {
      let client = Foundation.accept(listener, nil, nil)
      guard client >= 0 else { return }
      Thread.detachNewThread { [self] in serve(client) }
    }
  }

  private func serve(_ client: Int32) {
    guard let target = state.withLock({ $0.target }) else { return _ = close(client) }
    state.withLock { $0.connections += 1 }
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.loopback(target)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    var count = 0
    var buffer = [UInt8](repeating: 0, count: 32_768)
    var ends = [
      pollfd(fd: client, events: Int16(POLLIN), revents: 0),
      pollfd(fd: server, events: Int16(POLLIN), revents: 0),
    ]
    relaying: while poll(&ends, 2, 30_000) > 0 {
      for index in 0..<2 where ends[index].revents != 0 {
        let received = recv(ends[index].fd, &buffer, buffer.count, 0)
        guard received > 0 else { break relaying }
        count += received
        let breaks = state.withLock { state in
          if index == 1, state.losesAnswer {
            state.losesAnswer = false
            return true
          }
          guard count > bytesBeforeBreak, state.breaksLeft > 0 else { return false }
          state.breaksLeft -= 1
          state.target = state.targetAfterBreak ?? state.target
          return true
        }
        if breaks { break relaying }
        var sent = 0
        while sent < received {
          let some = buffer.withUnsafeBytes {
            send(ends[1 - index].fd, $0.baseAddress?.advanced(by: sent), received - sent, Int32(MSG_NOSIGNAL))
          }
          guard some > 0 else { break relaying }
          sent += some
        }
      }
    }
    close(client)
    close(server)
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
