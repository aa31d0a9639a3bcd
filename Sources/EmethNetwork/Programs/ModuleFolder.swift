import Foundation

/// The folder of one run of a module, for this user alone. It is locked while the run lasts, so that what a
/// killed process left is told from what is in use.
final class ModuleFolder {
  let url: URL
  private let lock: Int32

  /// What the names of folders begin with, by where their modules run.
  static let prefix = "emeth-module-"
  static let containerPrefix = "emeth-container-"
  /// A folder is made a moment before it is locked.
  private static let leastAgeSeconds = 60

  /// Makes it below another one, and takes away what killed processes left there.
  ///
  /// - Parameter left: called with the name of each folder that such a process left; it goes where that returns true.
  init(
    in parent: URL, prefix: String = ModuleFolder.prefix, left: (String) -> Bool = { _ in true }
  ) throws(NetworkError) {
    try Files.makeFolder(parent)
    Self.sweep(parent, prefix: prefix, left: left)
    url = parent.appending(path: prefix + UUID().uuidString.lowercased())
    guard mkdir(url.path, 0o700) == 0 else {
      throw .fileFailed(path: url.path, operation: "make the folder", reason: Files.lastSystemError())
    }
    lock = open(url.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let reason = Files.lastSystemError()
      rmdir(url.path)
      throw .fileFailed(path: url.path, operation: "lock", reason: reason)
    }
  }

  deinit { if lock >= 0 { close(lock) } }

  func remove() { try? FileManager.default.removeItem(at: url) }

  /// What its disk has left; nil where that can't be found out.
  var freeBytes: UInt64? {
    var status = statvfs()
    guard fstatvfs(lock, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }

  /// Removes folders of runs that ended with their process: this user's own ones, which nobody has locked.
  static func sweep(
    _ parent: URL, prefix: String = ModuleFolder.prefix, left: (String) -> Bool = { _ in true }
  ) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? []
    for name in names where name.hasPrefix(prefix) {
      let folder = parent.appending(path: name)
      let found = open(folder.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard found >= 0 else { continue }
      defer { close(found) }
      var status = stat()
      let isOwn =
        fstat(found, &status) == 0
        && (status.st_uid == geteuid() || (geteuid() == 0 && status.st_uid == ModuleSandbox.nobody))
      guard isOwn, status.st_mtim.tv_sec < time(nil) - leastAgeSeconds, flock(found, LOCK_EX | LOCK_NB) == 0
      else { continue }
      if left(name) { try? FileManager.default.removeItem(at: folder) }
    }
  }
}

/// A file that is held open from before a module begins until what it wrote is read.
final class HeldFile {
  private let descriptor: Int32
  private let path: String

  init(_ file: URL) throws(NetworkError) {
    path = file.path
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .fileFailed(path: path, operation: "write", reason: Files.lastSystemError())
    }
  }

  deinit { close(descriptor) }

  /// What a file turned out to be.
  enum Content: Equatable {
    case bytes(Data)
    case tooMany
    case shrunk

    var bytes: Data? {
      guard case .bytes(let bytes) = self else { return nil }
      return bytes
    }
  }

  /// All of it.
  func read(atMost limit: Int) throws(NetworkError) -> Content {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure }
    guard status.st_size <= limit else { return .tooMany }
    return try read(count: Int(status.st_size))
  }

  /// So many bytes of it.
  func read(count: Int) throws(NetworkError) -> Content {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure }
      if count == 0 { return .shrunk }
      done += count
    }
    return .bytes(Data(bytes))
  }

  private var failure: NetworkError {
    .fileFailed(path: path, operation: "read", reason: Files.lastSystemError())
  }
}
