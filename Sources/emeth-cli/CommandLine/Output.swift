import Foundation

/// The reader of standard output has gone (`emeth … | head`): the command ends quietly.
struct OutputClosed: Error {}

/// A stream that data is written to: standard output, or standard error for talk.
struct Output: Sendable {
  let descriptor: Int32
  /// How it is called in messages, when it is neither standard output nor standard error.
  var name: String?

  static let standard = Output(descriptor: STDOUT_FILENO)
  static let error = Output(descriptor: STDERR_FILENO)

  /// Writes all of the text, or throws `OutputClosed` or `FileError`.
  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Writes all of the bytes, or throws `OutputClosed` or `FileError`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let slice = UnsafeRawBufferPointer(rebasing: rest)
      let count = Foundation.write(descriptor, slice.baseAddress, slice.count)
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EPIPE {
        throw OutputClosed()
      } else if errno == EAGAIN {
        // A terminal shared with a program that made it non-blocking.
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = Foundation.poll(&poll, 1, -1)
      } else if errno != EINTR {
        let path = name ?? (descriptor == STDOUT_FILENO ? "standard output" : "standard error")
        throw FileError(errno: errno, path: path, doing: .write)
      }
    }
  }

  /// Waits until what was written to a file lies on its disk; of terminals and pipes nothing more can be known.
  func synchronise() { _ = fsync(descriptor) }

  /// Writes a line.
  func print(_ line: String) throws { try write(line + "\n") }
}
