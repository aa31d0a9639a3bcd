import Foundation

/// The right to work on a network folder: one process at a time. The system takes it back when the process
/// ends, however it ends.
final class FolderLock: Sendable {
  private let descriptor: Int32

  /// Takes the lock of `folder`, or says who has it.
  init(folder: URL) throws(NetworkError) {
    let file = folder.appending(path: "lock")
    let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "open", reason: Files.lastSystemError())
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let text = (try? String(contentsOf: file, encoding: .utf8))?.trimmingCharacters(
        in: .whitespacesAndNewlines)
      close(descriptor)
      throw .folderInUse(path: folder.path, holder: text.map { "process \($0)" } ?? "another process")
    }
    ftruncate(descriptor, 0)
    let holder = "\(ProcessInfo.processInfo.processIdentifier)\n"
    _ = holder.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    self.descriptor = descriptor
  }

  deinit {
    // A process that is just being started has a copy of the descriptor until it becomes another program: closing
    // alone would leave the folder locked for that moment.
    ftruncate(descriptor, 0)
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
