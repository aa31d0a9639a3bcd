import Foundation

/// A data set that is read more than once: a file, or a stream that is kept in a file without a name while
/// it is read for the first time.
///
/// Reading at a place is safe from several threads; the first reading is one thread's.
final class DataSetFile: Sendable {
  /// How it is called in messages.
  let name: String
  private let source: Int32
  /// Where it can be read at any place: the file itself, or the copy of the stream.
  private let storage: Int32

  private static let chunkByteCount = 1 << 20

  /// Opens a file, or standard input for `-`.
  ///
  /// - Parameter spoolFolder: Where the copy of a stream is kept, and with it what is no regular file; nil
  ///   when only a regular file will do.
  init(_ path: String, spoolFolder: String?) throws(FileError) {
    name = path == "-" ? "standard input" : path
    // A pipe that nobody writes to would stop the opening when no stream is wanted.
    let waiting = spoolFolder == nil ? O_NONBLOCK : 0
    source = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | waiting)
    guard source >= 0 else { throw FileError(errno: errno, path: name, doing: .read) }
    do throws(FileError) {
      var status = stat()
      guard fstat(source, &status) == 0 else { throw FileError(errno: errno, path: name, doing: .read) }
      switch status.st_mode & S_IFMT {
      // Standard input may stand somewhere inside of a file: what is left of it is a stream.
      case S_IFREG where path != "-" || lseek(source, 0, SEEK_CUR) == 0:
        storage = source
      case S_IFDIR: throw .isFolder(path: name)
      default:
        guard let spoolFolder else {
          throw .failed(path: name, action: .read, reason: "it is not a regular file")
        }
        storage = try Self.makeSpool(in: spoolFolder)
      }
    } catch {
      close(source)
      throw error
    }
  }

  deinit {
    if storage != source { close(storage) }
    close(source)
  }

  /// Reads everything once, in order, in buffers of a mebibyte.
  func readAll(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunkByteCount, alignment: 64)
    defer { buffer.deallocate() }
    while true {
      let count = Foundation.read(source, buffer.baseAddress, buffer.count)
      guard count >= 0 else {
        if errno == EINTR { continue }
        throw FileError(errno: errno, path: name, doing: .read)
      }
      guard count > 0 else { return }
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      // The check comes first: a stream that breaks the rules must not fill the disk.
      try body(bytes)
      if storage != source { try FileBytes.append(bytes, to: storage, path: "a copy of \(name)") }
    }
  }

  /// Reads the bytes at a place; false when they are no longer all there.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Bool {
    var done = 0
    while done < buffer.count {
      let count = pread(
        storage, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
      if count > 0 {
        done += count
      } else if count == 0 {
        return false
      } else if errno != EINTR {
        throw FileError(errno: errno, path: name, doing: .read)
      }
    }
    return true
  }

  /// A file that has no name any more, so that nothing of it stays whatever happens.
  private static func makeSpool(in folder: String) throws(FileError) -> Int32 {
    var template = Array("\(folder)/.stream.XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: folder, doing: .create) }
    unlink(template)
    return descriptor
  }
}

/// Writes all bytes of a buffer to an open file.
enum FileBytes {
  /// Writes behind what was written before.
  static func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws(FileError) {
    try repeatUntilWritten(bytes, path) { Foundation.write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Writes at a place.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: UInt64, path: String
  ) throws(FileError) {
    var place = off_t(offset)
    try repeatUntilWritten(bytes, path) {
      let count = pwrite(descriptor, $0.baseAddress, $0.count, place)
      place += off_t(max(0, count))
      return count
    }
  }

  private static func repeatUntilWritten(
    _ bytes: UnsafeRawBufferPointer, _ path: String, _ write: (UnsafeRawBufferPointer) -> Int
  ) throws(FileError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = write(rest)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno != EINTR {
        throw FileError(errno: errno, path: path, doing: .write)
      }
    }
  }
}
