import Foundation

/// A temporary file without a name: it is gone when nobody holds it any more, however the process ends.
final class ScratchFile {
  private let folder: URL
  private let descriptor: Int32

  /// An empty file on the file system of `folder`.
  init(in folder: URL) throws(ComputeError) {
    self.folder = folder
    var template = Array(folder.appendingPathComponent(".emeth.XXXXXX").path.utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw .fileUnwritable(path: folder.path, reason: WholeFile.reason(errno)) }
    unlink(template)
  }

  deinit { close(descriptor) }

  /// Writes bytes at the end.
  func append(_ bytes: [UInt8]) throws(ComputeError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Foundation.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
      }
      if count >= 0 {
        written += count
      } else if errno != EINTR {
        throw .fileUnwritable(
          path: "a temporary file in \(folder.path)", reason: WholeFile.reason(errno))
      }
    }
  }

  /// All bytes, mapped; the mapping outlives the value.
  func map() throws(ComputeError) -> Data {
    let count = Int(lseek(descriptor, 0, SEEK_END))
    guard count > 0 else { return Data() }
    guard let memory = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), memory != MAP_FAILED else {
      throw .outOfMemory(bytes: count)
    }
    return Data(bytesNoCopy: memory, count: count, deallocator: .unmap)
  }
}
