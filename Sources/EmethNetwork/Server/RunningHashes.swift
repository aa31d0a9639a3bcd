import EmethKit
import Foundation
import Synchronization

/// SHA-256 of what is there of files that grow by parts, so that the last part need not read the whole again.
///
/// What was hashed is what was written. It counts while the file is as it was left: whoever else has changed it, or put
/// another in its place, has changed its stamp.
final class RunningHashes: Sendable {
  /// What tells one state of a file from another.
  struct Stamp: Hashable, Sendable {
    private let device: UInt64
    private let number: UInt64
    private let byteCount: Int64
    private let changedSeconds: Int
    private let changedNanoseconds: Int

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      number = UInt64(status.st_ino)
      byteCount = Int64(status.st_size)
      #if os(Linux)
        (changedSeconds, changedNanoseconds) = (status.st_ctim.tv_sec, status.st_ctim.tv_nsec)
      #else
        (changedSeconds, changedNanoseconds) = (
          status.st_ctimespec.tv_sec, status.st_ctimespec.tv_nsec
        )
      #endif
    }
  }

  private struct Entry {
    let stamp: Stamp
    let hash: SHA256
  }

  /// Of more files than these nothing is known: they are read once more.
  private static let limit = 256
  private let entries = Mutex<[URL: Entry]>([:])

  /// The hash of a file that is as it was left; nil where it is not known. Whoever takes it has it alone.
  func take(_ file: URL, _ stamp: Stamp) -> SHA256? {
    let entry = entries.withLock { $0.removeValue(forKey: file) }
    return entry?.stamp == stamp ? entry?.hash : nil
  }

  /// Keeps the hash of a file that is left for the next part.
  func keep(_ hash: SHA256, of file: URL, _ stamp: Stamp) {
    entries.withLock { entries in
      if entries.count >= Self.limit { entries = [:] }
      entries[file] = Entry(stamp: stamp, hash: hash)
    }
  }
}
