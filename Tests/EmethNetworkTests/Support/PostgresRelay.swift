import Foundation
import Synchronization

@testable import EmethNetwork

/// Stands between a client and a PostgreSQL server, and breaks connections at the worst moment.
final class PostgresRelay: Sendable {
  enum Mode: Sendable {
    case pass
    /// The next commit never gets to the server.
    case breakBeforeCommit
    /// The next commit is done, and nobody hears of it.
    case breakAfterCommit
    /// Nobody gets through any more.
    case refuse
  }

  let folder: TemporaryFolder
  private let target: String
  private let listener: Int32
  private let mode: Mutex<(now: Mode, afterwards: Mode)> = Mutex((.pass, .pass))

  init(to server: TestPostgres) throws {
    // The folder of a socket has a short path.
    folder = try TemporaryFolder(at: "/tmp/emeth-relay-\(UUID().uuidString.prefix(8).lowercased())")
    target = server.folder.path + "/.s.PGSQL.5432"
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.withAddress(folder.url.path + "/.s.PGSQL.5432", { bind(listener, $0, $1) }) == 0,
      listen(listener, 64) == 0
    else {
      throw TestPostgres.Failure(description: "no socket: \(String(cString: strerror(errno)))")
    }
    Thread.detachNewThread { [listener, weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let relay = self else { return }
        relay.serve(client)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// What happens to the next commit, and to all connections after it.
  func set(_ now: Mode, afterwards: Mode = .pass) { mode.withLock { $0 = (now, afterwards) } }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  private func serve(_ client: Int32) {
    let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let isRefused = mode.withLock { if case .refuse = $0.now { true } else { false } }
    guard !isRefused, Self.withAddress(target, { connect(server, $0, $1) }) == 0 else {
      close(server)
      close(client)
      return
    }
    let isCut = SharedValue(false)
    let isOpen = SharedValue(2)
    let end: @Sendable () -> Void = {
      shutdown(client, Int32(SHUT_RDWR))
      shutdown(server, Int32(SHUT_RDWR))
      if isOpen.change({ $0 -= 1 }) == 0 {
        close(client)
        close(server)
      }
    }
    Thread.detachNewThread { [weak self] in
      Self.pump(from: client, to: server) { bytes in
        guard String(decoding: bytes, as: UTF8.self).contains("COMMIT"), let self else {
          return true
        }
        let mode = self.mode.withLock { mode in
          let now = mode.now
          if case .pass = now {} else { mode = (mode.afterwards, mode.afterwards) }
          return now
        }
        switch mode {
        case .pass: return true
        case .breakBeforeCommit, .refuse: return false
        case .breakAfterCommit:
          _ = isCut.change { $0 = true }
          return true
        }
      }
      end()
    }
    Thread.detachNewThread {
      Self.pump(from: server, to: client) { _ in !isCut.change { _ in } }
      end()
    }
  }

  /// Passes bytes on until either side ends, or they are not to be passed on.
  private static func pump(from source: Int32, to target: Int32, _ mayPass: ([UInt8]) -> Bool) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(source, &buffer, buffer.count, 0)
      guard count > 0, mayPass(Array(buffer[..<count])) else { return }
      var sent = 0
      while sent < count {
        let more = buffer[sent..<count].withUnsafeBytes {
          send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard more > 0 else { return }
        sent += more
      }
    }
  }

  /// A database behind the relay.
  func address(_ name: String) throws -> PostgresAddress {
    try PostgresAddress("postgres://emeth@/\(name)?host=\(folder.url.path)")
  }
}

/// A value that several threads change.
private final class SharedValue<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }

  /// Changes it and returns what it is then.
  func change(_ body: (inout Value) -> Void) -> Value {
    value.withLock { value in
      body(&value)
      return value
    }
  }
}
