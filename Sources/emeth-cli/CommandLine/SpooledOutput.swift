import Foundation

/// Output that appears whole or not at all, whatever its size: what is more than a few megabytes waits in a
/// temporary file that has no name any more.
final class SpooledOutput {
  private var memory: [UInt8] = []
  private var descriptor: Int32 = -1
  private static let memoryByteCount = 4 << 20

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Adds bytes.
  func append(_ bytes: some Collection<UInt8>) throws(FileError) {
    memory += bytes
    if memory.count >= Self.memoryByteCount { try spill() }
  }

  /// Writes everything.
  func write(to output: Output) throws {
    if descriptor >= 0 {
      guard lseek(descriptor, 0, SEEK_SET) == 0 else {
        throw FileError(errno: errno, path: "a temporary file", doing: .read)
      }
      var chunk = [UInt8](repeating: 0, count: 1 << 18)
      while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count == 0 { break }
        if count < 0 {
          if errno == EINTR { continue }
          throw FileError(errno: errno, path: "a temporary file", doing: .read)
        }
        try chunk[..<count].withUnsafeBytes { try output.write($0) }
      }
    }
    try memory.withUnsafeBytes { try output.write($0) }
  }

  private func spill() throws(FileError) {
    if descriptor < 0 { try openFile() }
    var written = 0
    while written < memory.count {
      let count = memory.withUnsafeBytes { bytes in
        Foundation.write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
      }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw FileError(errno: errno, path: "a temporary file", doing: .write)
      }
    }
    memory.removeAll(keepingCapacity: true)
  }

  private func openFile() throws(FileError) {
    let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
    var template = Array("\(folder)/emeth.XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: folder, doing: .create) }
    unlink(template)
  }
}
