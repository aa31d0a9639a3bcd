import EmethKit
import Foundation
import Synchronization

/// A file that bytes are written behind as they come, by the thread of the transfer.
final class DownloadTarget: Sendable {
  private let file: URL
  private let descriptor: Int32
  private let byteLimit: Int
  private let start: UInt64
  private struct State {
    var count = 0
    var failure: NetworkError?
    /// Of what has come, where that is the file from its beginning.
    var hash: SHA256?
  }
  private let state = Mutex(State())
  /// Each time that so many bytes have come the disk begins to take them.
  private static let syncByteCount = 8 << 20

  /// - Parameters:
  ///   - byteLimit: so many bytes are written at most; what comes behind them ends the transfer.
  ///   - hashes: whether SHA-256 of what comes is wanted, where it comes from the file's beginning.
  init(
    _ file: URL, at offset: UInt64, byteLimit: Int = .max, hashes: Bool = false
  ) throws(NetworkError) {
    (self.file, self.start, self.byteLimit) = (file, offset, byteLimit)
    descriptor = open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0, lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: Files.lastSystemError())
    }
    if hashes, offset == 0 { state.withLock { $0.hash = SHA256() } }
  }

  deinit { Foundation.close(descriptor) }

  /// SHA-256 of the file, where all of it has come at once; asked for once, at the end.
  func takeDigest() -> Bytes32? {
    state.withLock { state in
      defer { state.hash = nil }
      return state.failure == nil ? state.hash?.finalize() : nil
    }
  }

  /// Why bytes were not written.
  var failure: NetworkError? { state.withLock { $0.failure } }

  func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let before = state.withLock { state -> Int? in
      guard bytes.count <= byteLimit - state.count else {
        state.failure = .malformed(
          what: "file from a server", reason: "it has more than \(byteLimit) bytes")
        return nil
      }
      state.count += bytes.count
      return state.count - bytes.count
    }
    guard let before else { return false }
    var rest = bytes
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno != EINTR {
        let reason = Files.lastSystemError()
        state.withLock { $0.failure = .fileFailed(path: file.path, operation: "write", reason: reason) }
        return false
      }
    }
    state.withLock { $0.hash?.update(bytes) }
    let (step, after) = (Self.syncByteCount, before + bytes.count)
    if after / step > before / step {
      let range = before / step * step..<after / step * step
      Files.beginSync(descriptor, start + UInt64(range.lowerBound)..<start + UInt64(range.upperBound))
    }
    return true
  }

  func close() throws(NetworkError) {
    if let failure { throw failure }
  }
}
