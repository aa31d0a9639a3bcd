import Foundation
import Synchronization

/// Where a command writes bytes piece by piece: standard output, or a file that appears whole or not at all.
///
/// ```swift
/// let output = try StreamOutput(path, context)
/// defer { output.discard() }
/// try output.write(bytes)        // as often as there are pieces
/// try output.commit()
/// ```
/// Devices and named pipes are written as they are: nothing can appear whole there.
final class StreamOutput: Sendable {
  private let stream: Output
  /// The file that is not under its name yet.
  private let file: Mutex<TemporaryFile?>

  /// Makes the file's temporary twin at once, so that a missing permission is found out before work begins.
  ///
  /// - Parameter path: nil and `-` stand for standard output.
  init(_ path: String?, _ context: CommandContext) throws(FileError) {
    guard let path, path != "-" else {
      stream = context.output
      file = Mutex(nil)
      return
    }
    var status = stat()
    let kind = stat(path, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
    if kind == S_IFREG || kind == S_IFDIR {
      let mask = umask(0)
      umask(mask)
      let temporary = try TemporaryFile(beside: path, mode: 0o666 & ~mask)
      stream = Output(descriptor: temporary.descriptor, name: path)
      file = Mutex(temporary)
    } else {
      let descriptor = open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(errno: errno, path: path, doing: .create) }
      stream = Output(descriptor: descriptor, name: path)
      file = Mutex(nil)
    }
  }

  /// Writes all of the bytes, or throws `OutputClosed` or `FileError`.
  func write(_ bytes: UnsafeRawBufferPointer) throws { try stream.write(bytes) }

  /// Gives the file its name.
  func commit() throws(FileError) {
    guard let temporary = take() else { return }
    do throws(FileError) {
      try temporary.commit(.replaced)
    } catch {
      temporary.discard()
      throw error
    }
  }

  /// Removes what is not committed; does nothing after `commit`.
  func discard() { take()?.discard() }

  private func take() -> TemporaryFile? {
    file.withLock { file in
      defer { file = nil }
      return file
    }
  }
}
