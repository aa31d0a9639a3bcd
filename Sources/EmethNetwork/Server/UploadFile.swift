import Foundation
import NIOCore
import Synchronization

/// The file of an unfinished upload while one request writes to it: no other does, in this process or in another one
/// that shares the folder. The system takes the right back when the process ends.
///
/// What is checked while it is held stays as it is: whoever opened the file before waits for its turn, and finds then that
/// the name has gone to another place.
final class UploadFile: Sendable {
  let url: URL
  private let descriptor: Int32
  private let end: Mutex<UInt64>

  /// How many bytes are there.
  var byteCount: UInt64 { end.withLock { $0 } }

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
    end = Mutex(UInt64(max(0, mine.st_size)))
  }

  deinit { close(descriptor) }

  /// Puts a part behind what is there; whoever does so waits until it is done before there is more.
  func append(_ part: ArrivingPart) throws(NetworkError) {
    let start = byteCount
    try part.copy(to: descriptor, at: start, url.path)
    grow(from: start, by: part.byteCount)
  }

  /// The same with pieces as they come.
  func append(_ pieces: [ByteBuffer]) throws(NetworkError) {
    let start = byteCount
    var count: UInt64 = 0
    for piece in pieces {
      try asNetworkError {
        try piece.withUnsafeReadableBytes { bytes in
          try Files.write(bytes, to: descriptor, at: start + count, url.path)
        }
      }
      count += UInt64(piece.readableBytes)
    }
    grow(from: start, by: count)
  }

  private func grow(from start: UInt64, by count: UInt64) {
    Files.beginSync(descriptor, start..<start + count)
    end.withLock { $0 = start + count }
  }
}
