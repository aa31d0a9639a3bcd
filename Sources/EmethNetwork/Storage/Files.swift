import EmethKit
import Foundation

/// File operations of the network's folders, each with an error that names the path and the reason.
enum Files {
  /// Makes a folder and its parents; one that exists is no error.
  static func makeFolder(_ folder: URL) throws(NetworkError) {
    try attempt("make the folder", folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
  }

  /// Reads a whole file, memory-mapped where that is safe.
  static func read(_ file: URL) throws(NetworkError) -> Data {
    try attempt("read", file) { try Data(contentsOf: file, options: .mappedIfSafe) }
  }

  /// A file that is being written under a temporary name.
  struct Writer {
    fileprivate let descriptor: Int32
    fileprivate let path: String
    /// Where bytes are gathered that go past the page cache; nil where they go through it.
    fileprivate let blocks: DirectBlocks?

    /// Appends bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(NetworkError) {
      guard let blocks else { return try Self.write(bytes, to: descriptor, path) }
      try blocks.add(bytes) { block throws(NetworkError) in try Self.write(block, to: descriptor, path) }
    }

    /// Writes what was gathered.
    fileprivate func finish() throws(NetworkError) {
      guard let blocks else { return }
      // The rest is no whole block.
      guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~DirectBlocks.openFlag) == 0 else {
        throw .fileFailed(path: path, operation: "write", reason: lastSystemError())
      }
      try Self.write(blocks.rest, to: descriptor, path)
    }

    private static func write(
      _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
    ) throws(NetworkError) {
      var offset = 0
      while offset < bytes.count {
        let written = Foundation.write(
          descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
        if written >= 0 {
          offset += written
        } else if errno != EINTR {
          throw .fileFailed(path: path, operation: "write", reason: lastSystemError())
        }
      }
    }
  }

  /// Writes a file so that it appears whole or not at all: temporary file, fsync, rename.
  ///
  /// `durable: false` leaves out the fsync, for files that can be computed again after a power failure.
  static func write(
    _ data: Data, to file: URL, durable: Bool = true, mode: mode_t = 0o644
  ) throws(NetworkError) {
    try write(to: file, durable: durable, mode: mode) { file throws(NetworkError) in
      try asNetworkError { try data.withUnsafeBytes { try file.write($0) } }
    }
  }

  /// As above, its bytes written piece by piece by `body`.
  ///
  /// - Parameter isLarge: whether it goes past the page cache where the file system allows that: what is large and
  ///   seldom read would cost more memory and time there than on its way to the disk.
  static func write(
    to file: URL, durable: Bool = true, mode: mode_t = 0o644, isLarge: Bool = false,
    _ body: (Writer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    let temporary = file.deletingLastPathComponent().appending(
      path:
        ".\(file.lastPathComponent).\(ProcessInfo.processInfo.processIdentifier).\(UUID().uuidString).partial"
    )
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
    var blocks: DirectBlocks?
    var descriptor: Int32 = -1
    if isLarge, DirectBlocks.openFlag != 0 {
      descriptor = open(temporary.path, flags | DirectBlocks.openFlag, mode)
      if descriptor >= 0 { blocks = DirectBlocks() }
    }
    if descriptor < 0 {
      // A file system that refuses the flag may have made the file.
      if isLarge { unlink(temporary.path) }
      descriptor = open(temporary.path, flags, mode)
    }
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
    }
    var failure: NetworkError?
    func attempt(_ hasSucceeded: Bool) {
      if !hasSucceeded, failure == nil {
        failure = .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
      }
    }
    do throws(NetworkError) {
      let writer = Writer(descriptor: descriptor, path: file.path, blocks: blocks)
      try body(writer)
      try writer.finish()
      if durable { attempt(fsync(descriptor) == 0) }
    } catch {
      failure = error
    }
    attempt(close(descriptor) == 0)
    if failure == nil { attempt(rename(temporary.path, file.path) == 0) }
    if let failure {
      unlink(temporary.path)
      throw failure
    }
  }

  /// Deletes a file or a folder with all it holds; one that is absent is no error.
  static func remove(_ item: URL) throws(NetworkError) {
    guard FileManager.default.fileExists(atPath: item.path) else { return }
    try attempt("delete", item) { try FileManager.default.removeItem(at: item) }
  }

  /// The system's words for the last failed call.
  static func lastSystemError() -> String { String(cString: strerror(errno)) }

  /// Runs `body` on a file and reports what it throws with the file's name.
  static func attempt<Result>(
    _ operation: String, _ file: URL, _ body: () throws -> Result
  ) throws(NetworkError) -> Result {
    do {
      return try body()
    } catch {
      throw .fileFailed(path: file.path, operation: operation, reason: reason(of: error))
    }
  }

  private static func reason(of error: any Error) -> String {
    let error = error as NSError
    if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError,
      underlying.domain == NSPOSIXErrorDomain
    {
      return String(cString: strerror(Int32(underlying.code)))
    }
    switch CocoaError.Code(rawValue: error.code) {
    case .fileNoSuchFile, .fileReadNoSuchFile: return "no such file or folder"
    case .fileReadNoPermission, .fileWriteNoPermission: return "permission denied"
    case .fileWriteOutOfSpace: return "no space left"
    case .fileWriteFileExists: return "a file of that name is in the way"
    default: return error.localizedDescription
    }
  }
}
