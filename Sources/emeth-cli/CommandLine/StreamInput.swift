import Foundation

/// A file or standard input, read piece by piece; Ctrl-C ends a read that waits.
final class StreamInput: Sendable {
  /// How it is called in messages.
  let name: String
  private let descriptor: Int32
  private let cancellation: Cancellation
  /// Readable once the user wants to stop; -1 when there is none.
  private let stopSignal: Int32

  /// Opens the file at a path, `-` for standard input.
  init(_ path: String, _ cancellation: Cancellation) throws(FileError) {
    name = InputFile(path).name
    self.cancellation = cancellation
    descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: path, doing: .read) }
    var status = stat()
    let isFolder = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    stopSignal = Self.stopSignal(of: cancellation)
    if isFolder { throw .isFolder(path: name) }
  }

  deinit {
    if descriptor != STDIN_FILENO { close(descriptor) }
    if stopSignal >= 0 { close(stopSignal) }
  }

  /// Reads what there is, and waits until there is something; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      var polls = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: stopSignal, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&polls, 2, -1)
      try cancellation.check()
      let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR || errno == EAGAIN else {
        throw FileError(errno: errno, path: name, doing: .read)
      }
    }
  }

  /// Whether a read would not wait.
  var isReady: Bool {
    var status = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&status, 1, 0) > 0
  }

  private static func stopSignal(of cancellation: Cancellation) -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return -1 }
    let writeEnd = ends[1]
    // Closing it makes the other end readable.
    cancellation.onRequest { close(writeEnd) }
    return ends[0]
  }
}
