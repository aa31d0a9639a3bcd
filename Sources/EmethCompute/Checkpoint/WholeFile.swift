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

  /// A file's bytes, mapped into memory where the system can: nothing is read before it is used.
  static func map(_ url: URL) throws(ComputeError) -> Data {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
      throw .fileUnreadable(path: url.path, reason: "no such file")
    }
    guard !isFolder.boolValue else { throw .fileUnreadable(path: url.path, reason: "it is a folder") }
    do {
      return try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      throw .fileUnreadable(path: url.path, reason: (error as NSError).localizedDescription)
    }
  }

  static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
