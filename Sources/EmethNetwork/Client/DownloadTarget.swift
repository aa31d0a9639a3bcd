import EmethKit
import Foundation
import Synchronization

/// A file that bytes are written behind as they come, by the thread of the transfer.
final class DownloadTarget: Sendable {
  private let file: URL
  private let descriptor: Int32
  private let state = Mutex<NetworkError?>(nil)

  init(_ file: URL, at offset: UInt64) throws(NetworkError) {
    self.file = file
    descriptor = open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0, lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: Files.lastSystemError())
    }
  }

  deinit { Foundation.close(descriptor) }

  /// Why bytes could not be written.
  var failure: NetworkError? { state.withLock { $0 } }

  func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno != EINTR {
        let reason = Files.lastSystemError()
        state.withLock { $0 = .fileFailed(path: file.path, operation: "write", reason: reason) }
        return false
      }
    }
    return true
  }

  func close() throws(NetworkError) {
    if let failure { throw failure }
  }
}
