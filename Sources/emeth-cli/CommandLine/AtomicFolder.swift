import Foundation

/// A folder that appears whole under its final name or not at all.
///
/// Made before long work begins, so that a missing permission is found out at once:
/// ```swift
/// let folder = try AtomicFolder(at: "model")
/// defer { folder.discard() }
/// // write into folder.workingPath
/// try folder.commit()
/// ```
struct AtomicFolder: Sendable {
  let path: String
  /// Where the files are written until `commit`.
  let workingPath: String

  /// Makes the working folder beside the final one, which must not exist or be empty.
  init(at path: String) throws(FileError) {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = trimmed
    try Self.refuseTaken(trimmed)
    let parent = AtomicFile.folder(of: trimmed)
    var template = Array("\(parent)/.\(AtomicFile.lastComponent(of: trimmed)).XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw errno == ENOENT
        ? .notFound(path: parent) : FileError(errno: errno, path: trimmed, doing: .create)
    }
    workingPath = template.withUnsafeBufferPointer { characters in
      String(decoding: characters.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    // mkdtemp makes it private; a model folder follows the user's own mask.
    let mask = umask(0)
    umask(mask)
    chmod(workingPath, 0o777 & ~mask)
  }

  /// Flushes every file and gives the folder its final name.
  func commit() throws(FileError) {
    try synchronizeFiles()
    guard rename(workingPath, path) == 0 else { throw FileError(errno: errno, path: path, doing: .create) }
    AtomicFile.synchronizeFolder(of: path)
  }

  /// Removes the working folder; does nothing after `commit`.
  func discard() {
    try? FileManager.default.removeItem(atPath: workingPath)
  }

  private static func refuseTaken(_ path: String) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .alreadyExists(path: path) }
    let entries: [String]
    do {
      entries = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .noPermission(path: path, action: .read)
    }
    guard entries.isEmpty else { throw .folderNotEmpty(path: path) }
  }

  private func synchronizeFiles() throws(FileError) {
    let names = FileManager.default.enumerator(atPath: workingPath)?.compactMap { $0 as? String } ?? []
    for name in names {
      let file = "\(workingPath)/\(name)"
      let descriptor = open(file, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(errno: errno, path: file, doing: .write) }
      defer { close(descriptor) }
      guard fsync(descriptor) == 0 else { throw FileError(errno: errno, path: file, doing: .write) }
    }
  }
}
