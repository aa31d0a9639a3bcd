import Foundation

/// Writes files that appear whole under their final name or not at all: temporary file beside it, fsync,
/// rename.
///
/// Killed at any instant it leaves either nothing, the old file or the new file under the name; at worst a
/// hidden `.name.XXXXXX` stays beside it.
enum AtomicFile {
  enum Existing: Sendable {
    /// A file of that name is replaced in one step.
    case replaced
    /// A file of that name is an error, and so is one that appears in the meantime.
    case refused
  }

  /// Writes the bytes with exactly these permissions.
  static func write(
    _ bytes: some Collection<UInt8>, to path: String, mode: mode_t = 0o644, existing: Existing = .replaced
  ) throws(FileError) {
    let temporary = try TemporaryFile(beside: path, mode: mode)
    do throws(FileError) {
      try temporary.append(Array(bytes))
      try temporary.commit(existing)
    } catch {
      temporary.discard()
      throw error
    }
  }

  /// Writes the text with exactly these permissions.
  static func write(
    _ text: String, to path: String, mode: mode_t = 0o644, existing: Existing = .replaced
  ) throws(FileError) {
    try write(Array(text.utf8), to: path, mode: mode, existing: existing)
  }

  /// Makes a rename inside a folder last through a power failure. Not every file system can; that is no
  /// error.
  static func synchronizeFolder(of path: String) {
    let descriptor = open(folder(of: path), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func lastComponent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

/// The temporary file behind `AtomicFile`, for what is written piece by piece.
struct TemporaryFile: Sendable {
  let path: String
  let temporaryPath: String
  let descriptor: Int32

  init(beside path: String, mode: mode_t) throws(FileError) {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw .isFolder(path: path) }
    self.path = path
    let folder = AtomicFile.folder(of: path)
    var template = Array("\(folder)/.\(AtomicFile.lastComponent(of: path)).XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw errno == ENOENT ? .notFound(path: folder) : FileError(errno: errno, path: path, doing: .create)
    }
    temporaryPath = template.withUnsafeBufferPointer { characters in
      String(decoding: characters.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    guard fchmod(descriptor, mode) == 0 else {
      let error = FileError(errno: errno, path: path, doing: .create)
      discard()
      throw error
    }
  }

  func append(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try append(buffer) } }.get()
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw FileError(errno: errno, path: path, doing: .write)
      }
    }
  }

  func commit(_ existing: AtomicFile.Existing) throws(FileError) {
    guard fsync(descriptor) == 0 else { throw FileError(errno: errno, path: path, doing: .write) }
    switch existing {
    case .replaced:
      guard rename(temporaryPath, path) == 0 else {
        throw FileError(errno: errno, path: path, doing: .create)
      }
    case .refused:
      // link, unlike rename, fails when the name is taken: there is no moment between looking and writing.
      guard link(temporaryPath, path) == 0 else {
        throw FileError(errno: errno, path: path, doing: .create)
      }
      unlink(temporaryPath)
    }
    close(descriptor)
    AtomicFile.synchronizeFolder(of: path)
  }

  func discard() {
    close(descriptor)
    unlink(temporaryPath)
  }
}
