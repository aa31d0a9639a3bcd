import Foundation

/// A file that appears under its name whole or not at all, and survives a power cut once it has.
///
/// Bytes go to a temporary file in the same folder; ``commit()`` flushes it to the disk, renames it and
/// flushes the folder. Without it the temporary file is removed when the value's owner lets go.
final class WholeFile {
  private let url: URL
  private let temporary: String
  private var descriptor: Int32
  private var isCommitted = false

  /// A new temporary file beside `url`, whose folder exists.
  init(_ url: URL) throws(ComputeError) {
    self.url = url
    var template = Array(
      url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).XXXXXX").path
        .utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw .fileUnwritable(path: url.path, reason: Self.reason(errno)) }
    temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // mkstemp makes a private file; a model is there to be read by others.
    fchmod(descriptor, 0o644)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if !isCommitted { unlink(temporary) }
  }

  /// Appends bytes.
  func write(_ bytes: UnsafeRawBufferPointer) throws(ComputeError) {
    var rest = bytes
    while let base = rest.baseAddress, !rest.isEmpty {
      // Some systems refuse more than 2^31 bytes in one call.
      let count = Foundation.write(descriptor, base, min(rest.count, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw .fileUnwritable(path: url.path, reason: Self.reason(errno))
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Gives the file its name.
  func commit() throws(ComputeError) {
    guard fsync(descriptor) == 0 else { throw .fileUnwritable(path: url.path, reason: Self.reason(errno)) }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0, rename(temporary, url.path) == 0 else {
      throw .fileUnwritable(path: url.path, reason: Self.reason(errno))
    }
    isCommitted = true
    let folder = open(url.deletingLastPathComponent().path, O_RDONLY)
    guard folder >= 0 else { return }
    // Some file systems can't flush a folder; the file has its name all the same.
    _ = fsync(folder)
    close(folder)
  }

  /// Writes a whole file at once.
  static func write(_ bytes: [UInt8], to url: URL) throws(ComputeError) {
    let file = try WholeFile(url)
    try bytes.withUnsafeBufferPointer { buffer throws(ComputeError) in
      try file.write(UnsafeRawBufferPointer(buffer))
    }
    try file.commit()
  }

  /// Reads a file of at most `byteLimit` bytes.
  static func read(_ url: URL, byteLimit: Int) throws(ComputeError) -> [UInt8] {
    let data = try map(url)
    guard data.count <= byteLimit else {
      throw .malformedFile(
        path: url.path, what: "size", found: "\(data.count) bytes", allowed: "at most \(byteLimit) bytes")
    }
    return [UInt8](data)
  }

  /// A file's bytes, mapped into memory: nothing is read before it is used, and the system may drop what was.
  ///
  /// A file that someone cuts off while it is mapped ends the process, as with every mapped file; this
  /// project's own files are replaced, never changed. Only regular files are taken: no other kind has an end
  /// that can be trusted.
  static func map(_ url: URL) throws(ComputeError) -> Data {
    // Without waiting: a pipe nobody writes to would keep the process.
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .fileUnreadable(path: url.path, reason: errno == ENOENT ? "no such file" : reason(errno))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .fileUnreadable(path: url.path, reason: reason(errno))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "it is a folder" : "it is not a regular file"
      throw .fileUnreadable(path: url.path, reason: kind)
    }
    let count = Int(status.st_size)
    guard count > 0 else { return Data() }
    guard let memory = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), memory != MAP_FAILED else {
      throw .fileUnreadable(path: url.path, reason: reason(errno))
    }
    return Data(bytesNoCopy: memory, count: count, deallocator: .unmap)
  }

  static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
