import Foundation

/// A file or standard input, read piece by piece: for data that may be larger than memory.
final class InputChunks: Sendable {
  /// How it is called in messages.
  let name: String
  private let descriptor: Int32
  private let isOwned: Bool
  private let cancellation: Cancellation
  // Reading may wait for another program, which must not hold up the threads that compute.
  private let queue = DispatchQueue(label: "emeth.input")
  private static let chunkByteCount = 1 << 18

  /// Opens the file; refused are folders.
  init(_ file: InputFile, cancellation: Cancellation) throws(FileError) {
    self.cancellation = cancellation
    name = file.name
    isOwned = file.path != "-"
    descriptor = isOwned ? open(file.path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO
    guard descriptor >= 0 else { throw FileError(errno: errno, path: file.path, doing: .read) }
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw .isFolder(path: name) }
  }

  deinit { if isOwned { close(descriptor) } }

  /// The next bytes, at most 256 KiB; nil at the end.
  ///
  /// - Throws: `FileError`, and `Interruption` when the user wants to stop, also while there is nothing to
  ///   read.
  func next() async throws -> [UInt8]? {
    let result = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: self.wait() ?? self.read()) }
    }
    return try result.get()
  }

  /// Waits until there is something to read, looking up five times a second.
  private func wait() -> Result<[UInt8]?, any Error>? {
    while true {
      if cancellation.isRequested { return .failure(Interruption()) }
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if Foundation.poll(&poll, 1, 200) != 0 { return nil }
    }
  }

  private func read() -> Result<[UInt8]?, any Error> {
    var failure: Int32 = 0
    let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkByteCount) { buffer, count in
      while true {
        let found = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
        if found >= 0 {
          count = found
          return
        }
        if errno != EINTR {
          failure = errno
          return
        }
      }
    }
    guard failure == 0 else { return .failure(FileError(errno: failure, path: name, doing: .read)) }
    return .success(chunk.isEmpty ? nil : chunk)
  }
}
