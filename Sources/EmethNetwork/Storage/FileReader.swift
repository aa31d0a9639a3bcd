import Foundation

/// An open file of which any piece is read, each by one call of the system.
final class FileReader: Sendable {
  private let descriptor: Int32
  private let path: String

  /// Opens a file.
  init(_ file: URL) throws(NetworkError) {
    path = file.path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .fileFailed(path: path, operation: "read", reason: Files.lastSystemError())
    }
  }

  deinit { close(descriptor) }

  /// Reads the bytes at a place.
  ///
  /// - Returns: how many there were: as many as the buffer has, or those up to the file's end.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(NetworkError) -> Int {
    try Files.read(descriptor, at: offset, into: buffer, path)
  }

  /// The same, as a value.
  func read(at offset: UInt64, count: Int) throws(NetworkError) -> Data {
    guard let memory = malloc(max(1, count)) else {
      throw .fileFailed(path: path, operation: "read", reason: Files.lastSystemError())
    }
    do throws(NetworkError) {
      let found = try read(at: offset, into: UnsafeMutableRawBufferPointer(start: memory, count: count))
      return Data(bytesNoCopy: memory, count: found, deallocator: .free)
    } catch {
      free(memory)
      throw error
    }
  }
}
