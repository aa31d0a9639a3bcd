import Foundation
import Synchronization

@testable import EmethNetwork

/// A PostgreSQL server of the tests' own, on a socket in a temporary folder. It ends with the process that started it.
final class TestPostgres: Sendable {
  /// The one that most tests share, each with a database of its own.
  static let shared = Result { try TestPostgres() }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let folder: URL
  private let programs: URL
  private let names = Mutex(0)

  /// Makes a server and starts it.
  init() throws {
    programs = try Self.findPrograms()
    // Not in TMPDIR: a socket's path has at most 107 characters.
    folder = URL(filePath: "/tmp/emeth-pg-\(UUID().uuidString.prefix(8).lowercased())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if geteuid() == 0 { _ = chown(folder.path, Self.user.id, Self.user.group) }
    let data = folder.appending(path: "data").path
    try Self.shell(
      "cd / && \(Self.unprivileged) \(programs.path)/initdb -D \(data) -U emeth -A trust -E UTF8 --locale=C.UTF-8 --no-sync"
    )
    try Data("local all guarded scram-sha-256\nlocal all all trust\n".utf8)
      .write(to: folder.appending(path: "data/pg_hba.conf"))
    if geteuid() == 0 { _ = chown(data + "/pg_hba.conf", Self.user.id, Self.user.group) }
    try start()
  }

  deinit {
    kill(SIGQUIT)
    try? FileManager.default.removeItem(at: folder)
  }

  private static func findPrograms() throws -> URL {
    let base = URL(filePath: "/usr/lib/postgresql")
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: base.path)) ?? []
    let folders =
      versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
      .map { base.appending(path: "\($0)/bin") } + [
        URL(filePath: "/usr/local/bin"), URL(filePath: "/usr/bin"),
      ]
    guard
      let folder = folders.first(where: {
        FileManager.default.fileExists(atPath: $0.path + "/initdb")
      })
    else { throw Failure(description: "no PostgreSQL server: install the package postgresql") }
    return folder
  }

  /// Whom the server runs as: root may not run it.
  private static let user: (id: uid_t, group: gid_t) = {
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) { return (entry.pointee.pw_uid, entry.pointee.pw_gid) }
    }
    return (65_534, 65_534)
  }()

  private static var unprivileged: String {
    geteuid() == 0 ? "setpriv --reuid=\(user.id) --regid=\(user.group) --clear-groups" : ""
  }

  private static func shell(_ text: String, waits: Bool = true) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", text]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    guard waits else { return }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "it ended with \(process.terminationStatus): \(text)")
    }
  }

  /// Starts the server, also one that was killed, and waits until it answers.
  func start() throws {
    let path = folder.path
    // The server goes with this process, however that ends.
    let script = """
      cd /
      \(Self.unprivileged) \(programs.path)/postgres -D \(path)/data -k \(path) -c listen_addresses= \
      -c max_connections=400 -c shared_buffers=32MB -c log_min_messages=fatal >\(path)/log 2>&1 &
      child=$!
      while kill -0 \(getpid()) 2>/dev/null && kill -0 $child 2>/dev/null; do sleep 0.3; done
      kill -QUIT $child 2>/dev/null
      wait $child
      # The children of a server that was killed may still write for a moment.
      kill -0 \(getpid()) 2>/dev/null || rm -rf \(path) || { sleep 1; rm -rf \(path); }
      """
    let end = ContinuousClock.now + .seconds(120)
    var last = "it was not tried"
    while ContinuousClock.now < end {
      // One that was killed keeps its memory until its children have noticed; the next one ends at once then.
      if !isRunning { try Self.shell(script, waits: false) }
      for _ in 0..<20 {
        Thread.sleep(forTimeInterval: 0.1)
        do {
          _ = try PostgresConnection(address("postgres"), seconds: 2)
          return
        } catch { last = "\(error)" }
      }
    }
    let log = (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? ""
    throw Failure(description: "PostgreSQL does not start: \(last) \(log)")
  }

  private var process: pid_t? {
    let text = try? String(
      contentsOf: folder.appending(path: "data/postmaster.pid"), encoding: .utf8)
    return text?.split(separator: "\n").first.flatMap { pid_t($0) }
  }

  private var isRunning: Bool { process.map { Foundation.kill($0, 0) == 0 } ?? false }

  /// Sends a signal to the server; with SIGKILL it ends as when the power fails, but for the disk's own memory.
  func kill(_ signal: Int32) { if let process { _ = Foundation.kill(process, signal) } }

  /// Waits until the server that was killed is gone.
  func waitUntilGone() {
    for _ in 0..<400 where isRunning { Thread.sleep(forTimeInterval: 0.05) }
  }

  /// A database of this server.
  func address(_ name: String, user: String = "emeth") throws -> PostgresAddress {
    try PostgresAddress("postgres://\(user)@/\(name)?host=\(folder.path)")
  }

  /// Makes an empty database.
  func makeDatabase() throws -> PostgresAddress {
    let number = names.withLock { names in
      names += 1
      return names
    }
    let name = "test\(number)"
    try PostgresConnection(address("postgres")).run("CREATE DATABASE \(name)")
    return try address(name)
  }
}

/// The databases that tests are run on.
enum TestDatabase: String, CaseIterable, Sendable {
  case sqlite, postgres

  static let all = allCases

  /// An empty one; it goes with the folder, or with the process.
  func location(in folder: TemporaryFolder) throws -> DatabaseLocation {
    switch self {
    case .sqlite: .file(folder.url.appending(path: "network.sqlite"))
    case .postgres: .postgres(try TestPostgres.shared.get().makeDatabase())
    }
  }

  /// The same, opened.
  func open(in folder: TemporaryFolder) throws -> NetworkDatabase {
    try NetworkDatabase(location(in: folder))
  }
}
