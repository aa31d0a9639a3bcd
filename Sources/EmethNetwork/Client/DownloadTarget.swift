import EmethKit
import Foundation
import Synchronization

/// A file that bytes are written behind as they come, by the thread of the transfer.
final class DownloadTarget: Sendable {
  private let file: URL
  private let descriptor: Int32
  private let byteLimit: Int
  private let start: UInt64
  private let state = Mutex<(count: Int, failure: NetworkError?)>((0, nil))
  /// Each time that so many bytes have come the disk begins to take them.
  private static let syncByteCount = 8 << 20

  /// - Parameter byteLimit: so many bytes are written at most; what comes behind them ends the transfer.
  init(_ file: URL, at offset: UInt64, byteLimit: Int = .max) throws(NetworkError) {
    (self.file, self.start, self.byteLimit) = (file, offset, byteLimit)
    descriptor = open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0, lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: Files.lastSystemError())
    }
  }

  deinit { Foundation.close(descriptor) }

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
