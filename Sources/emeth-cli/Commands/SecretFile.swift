import EmethKit
import Foundation

/// A file that holds a secret: what is read of it is overwritten in memory afterwards.
struct SecretFile: Sendable {
  let path: String

  /// The file, or standard input for `-`.
  init(_ path: String) { self.path = path }

  /// How it is called in messages.
  var name: String { InputFile(path).name }

  /// Calls `body` with all bytes, which are overwritten when it returns.
  ///
  /// - Parameters:
  ///   - limit: The most bytes.
  ///   - isPrivate: Whether a regular file that others than its owner may use is refused.
  func read<R>(
    limit: Int, isPrivate: Bool, _ body: (UnsafeBufferPointer<UInt8>) throws -> R
  ) throws -> R {
    let isInput = path == "-"
    let descriptor = isInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: path, doing: .read) }
    defer { if !isInput { close(descriptor) } }
    var status = stat()
    if fstat(descriptor, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw FileError.isFolder(path: name) }
      if isPrivate, !isInput, status.st_mode & S_IFMT == S_IFREG { try refuseOpen(status.st_mode) }
    }
    // Never grown: a buffer that moves leaves its bytes behind.
    var buffer = [UInt8](repeating: 0, count: limit + 1)
    defer { buffer.cleanse() }
    var filled = 0
    while filled <= limit {
      let count = buffer.withUnsafeMutableBytes {
        Foundation.read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
      }
      if count == 0 { break }
      if count > 0 {
        filled += count
      } else if errno != EINTR {
        throw FileError(errno: errno, path: name, doing: .read)
      }
    }
    guard filled <= limit else { throw FileError.tooLarge(path: name, allowedBytes: limit) }
    return try buffer.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[..<filled])) }
  }

  private func refuseOpen(_ mode: mode_t) throws {
    guard mode & 0o077 != 0 else { return }
    let found = String(mode & 0o777, radix: 8)
    throw CommandFailure(
      .badInput, code: "key.openPermissions",
      "\(path) may be used by others: found mode \(found), allowed 600 or 400", hint: "chmod 600 \(path)",
      details: ["found": found, "allowed": "600"])
  }
}
