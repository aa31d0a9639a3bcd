import EmethKit
import Foundation
import Synchronization

/// Copies of objects that lie elsewhere: files of a folder, together not longer than a limit; what was not used for
/// longest goes first. The bytes are checked by whoever reads them.
final class ObjectCache: Sendable {
  let folder: URL
  private let limit: UInt64
  private let fetching = Mutex<[String: FetchTurn]>([:])

  /// Who fetches a copy, one at a time.
  private final class FetchTurn: Sendable {
    let lock = NSLock()
    let users = Mutex(0)
  }

  /// What is left unfinished for so long nobody fetches any more, in this process or another one.
  private static let draftSeconds = 3_600

  /// A cache in a folder, which is made; what an earlier process left unfinished there is deleted.
  init(folder: URL, byteLimit: UInt64) throws(NetworkError) {
    self.folder = folder
    limit = byteLimit
    try Files.makeFolder(folder)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name.hasSuffix(".partial") {
      var status = stat()
      let draft = folder.appending(path: name)
      guard stat(draft.path, &status) == 0, status.st_mtim.tv_sec < time(nil) - Self.draftSeconds else {
        continue
      }
      try Files.remove(draft)
    }
  }

  private func place(of key: String) -> URL {
    folder.appending(path: key.replacingOccurrences(of: "/", with: "_"))
  }

  /// A copy; one that is not there is fetched, by one caller of those who want it.
  ///
  /// - Parameter fetch: writes it to a file; false when there is nothing to fetch.
  func file(
    of key: String, orFetch fetch: (URL) throws(NetworkError) -> Bool
  ) throws(NetworkError) -> URL? {
    let file = place(of: key)
    if touch(file) { return file }
    let turn = fetching.withLock { turns in
      let turn = turns[key] ?? FetchTurn()
      turn.users.withLock { $0 += 1 }
      turns[key] = turn
      return turn
    }
    turn.lock.lock()
    defer {
      turn.lock.unlock()
      fetching.withLock { turns in
        if turn.users.withLock({ users in
          users -= 1
          return users
        }) == 0 {
          turns[key] = nil
        }
      }
    }
    if touch(file) { return file }
    let draft = folder.appending(path: ".\(UUID().uuidString).partial")
    do throws(NetworkError) {
      guard try fetch(draft) else {
        try Files.remove(draft)
        return nil
      }
      // Nothing at all came of an object without bytes.
      if Files.byteCount(of: draft) == nil { try Files.write(Data(), to: draft, durable: false) }
      try adopt(draft, as: key)
    } catch {
      try? Files.remove(draft)
      throw error
    }
    return file
  }

  /// Keeps a copy of bytes.
  func keep(_ data: Data, as key: String) throws(NetworkError) {
    guard UInt64(data.count) <= limit else { return }
    try Files.write(data, to: place(of: key), durable: false)
    try shrink(except: key)
  }

  /// Takes a file in as a copy.
  func adopt(_ file: URL, as key: String) throws(NetworkError) {
    let target = place(of: key)
    guard rename(file.path, target.path) == 0 else {
      throw .fileFailed(path: target.path, operation: "write", reason: Files.lastSystemError())
    }
    try shrink(except: key)
  }

  /// Deletes a copy; false when there is none.
  @discardableResult
  func remove(_ key: String) throws(NetworkError) -> Bool {
    guard unlink(place(of: key).path) != 0 else { return true }
    guard errno == ENOENT else {
      throw .fileFailed(path: place(of: key).path, operation: "delete", reason: Files.lastSystemError())
    }
    return false
  }

  /// Notes that a copy is used; false when there is none.
  private func touch(_ file: URL) -> Bool { utimes(file.path, nil) == 0 }

  /// Deletes what was not used for longest. Who reads such a file goes on: its bytes stay until it is closed.
  private func shrink(except key: String) throws(NetworkError) {
    let kept = place(of: key).lastPathComponent
    var files: [(name: String, byteCount: UInt64, used: timespec)] = []
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
      var status = stat()
      guard !name.hasSuffix(".partial"), stat(folder.appending(path: name).path, &status) == 0 else {
        continue
      }
      files.append((name, UInt64(status.st_size), status.st_mtim))
    }
    var total = files.reduce(0) { $0 + $1.byteCount }
    guard total > limit else { return }
    files.sort { ($0.used.tv_sec, $0.used.tv_nsec) < ($1.used.tv_sec, $1.used.tv_nsec) }
    for file in files where total > limit && file.name != kept {
      unlink(folder.appending(path: file.name).path)
      total -= file.byteCount
    }
  }
}
