import Foundation

/// The file of an unfinished upload while one request writes to it: no other does, in this process or in another one
/// that shares the folder. The system takes the right back when the process ends.
///
/// What is checked while it is held stays as it is: whoever opened the file before waits for its turn, and finds then that
/// the name has gone to another place.
final class UploadFile {
  let url: URL
  /// How many bytes there were.
  let byteCount: UInt64
  private let descriptor: Int32

  /// Opens a file, which is made; `nil` while somebody else has it.
  init?(_ url: URL) throws(NetworkError) {
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .fileFailed(path: url.path, operation: "write", reason: Files.lastSystemError())
    }
    var mine = stat()
    var named = stat()
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &mine) == 0,
      // It was finished, or deleted, between opening and locking.
      stat(url.path, &named) == 0, named.st_ino == mine.st_ino, named.st_dev == mine.st_dev
    else {
      close(descriptor)
      return nil
    }
    self.url = url
    self.descriptor = descriptor
    byteCount = UInt64(max(0, mine.st_size))
  }

  deinit { close(descriptor) }

  /// Puts a part behind what there was.
  func append(_ part: ArrivingPart) throws(NetworkError) {
    try part.copy(to: descriptor, at: byteCount, url.path)
    Files.beginSync(descriptor, byteCount..<byteCount + part.byteCount)
  }
}
