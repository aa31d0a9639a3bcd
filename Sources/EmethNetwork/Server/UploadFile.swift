import EmethKit
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
  private let hashes: RunningHashes?
  private struct State {
    var byteCount: UInt64
    /// Of all that is there; nil where that is not known.
    var hash: SHA256?
  }
  private let state: Mutex<State>

  /// How many bytes are there.
  var byteCount: UInt64 { state.withLock { $0.byteCount } }

  /// SHA-256 of all that is there, where it was written by this process without a break; once.
  func takeDigest() -> Bytes32? {
    state.withLock { state in
      defer { state.hash = nil }
      return state.hash?.finalize()
    }
  }

  /// Opens a file, which is made; `nil` while somebody else has it.
  ///
  /// - Parameter hashes: what is known of such files; what is learned of this one is kept there.
  init?(_ url: URL, hashes: RunningHashes? = nil) throws(NetworkError) {
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
    self.hashes = hashes
    let known = hashes?.take(url, RunningHashes.Stamp(mine))
    let isNew = hashes != nil && mine.st_size == 0
    state = Mutex(
      State(byteCount: UInt64(max(0, mine.st_size)), hash: known ?? (isNew ? SHA256() : nil)))
  }

  deinit {
    var status = stat()
    if let hashes, let hash = state.withLock({ $0.hash }), fstat(descriptor, &status) == 0,
      status.st_size > 0
    {
      hashes.keep(hash, of: url, RunningHashes.Stamp(status))
    }
    close(descriptor)
  }

  /// Puts a part behind what is there; whoever does so waits until it is done before there is more.
  func append(_ part: ArrivingPart) throws(NetworkError) {
    let start = byteCount
    state.withLock { $0.hash = nil }
    try part.copy(to: descriptor, at: start, url.path)
    grow(from: start, by: part.byteCount, nil)
  }

  /// The same with pieces as they come.
  func append(_ pieces: [ByteBuffer]) throws(NetworkError) {
    // It is not known while something may be written that is not counted.
    let (start, before) = state.withLock { state in
      defer { state.hash = nil }
      return (state.byteCount, state.hash)
    }
    var hash = before
    var count: UInt64 = 0
    for piece in pieces {
      try asNetworkError {
        try piece.withUnsafeReadableBytes { bytes in
          try Files.write(bytes, to: descriptor, at: start + count, url.path)
          hash?.update(bytes)
        }
      }
      count += UInt64(piece.readableBytes)
    }
    grow(from: start, by: count, hash)
  }

  private func grow(from start: UInt64, by count: UInt64, _ hash: SHA256?) {
    Files.beginSync(descriptor, start..<start + count)
    state.withLock { $0 = State(byteCount: start + count, hash: hash) }
  }
}
