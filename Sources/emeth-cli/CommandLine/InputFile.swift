import Foundation

/// Reads what the user names: a file, or standard input for `-`.
struct InputFile: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// How it is called in messages.
  var name: String { path == "-" ? "standard input" : path }

  /// All bytes; refused are folders and anything above the limit.
  func bytes(limit: Int = 1 << 30) throws(FileError) -> [UInt8] {
    guard path != "-" else { return try Self.read(STDIN_FILENO, name: name, limit: limit) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: path, doing: .read) }
    defer { close(descriptor) }
    return try Self.read(descriptor, name: name, limit: limit)
  }

  /// All of it as text; refused is what is not UTF-8, with the offset of the first wrong byte.
  func text(limit: Int = 1 << 30) throws(FileError) -> String {
    let bytes = try bytes(limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .notText(path: name, byteOffset: Self.firstInvalidOffset(bytes))
    }
    return text
  }

  /// Whether it is a regular file with something in it; false for standard input and pipes.
  ///
  /// - Throws: `FileError.notFound`, `isFolder`, `empty`, `noPermission`.
  func isRegularFile() throws(FileError) -> Bool {
    guard path != "-" else { return false }
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError(errno: errno, path: path, doing: .read) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw .isFolder(path: path)
    case S_IFREG:
      guard status.st_size > 0 else { throw .empty(path: path) }
      guard access(path, R_OK) == 0 else { throw FileError(errno: errno, path: path, doing: .read) }
      return true
    default: return false
    }
  }

  private static func read(_ descriptor: Int32, name: String, limit: Int) throws(FileError) -> [UInt8] {
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw .isFolder(path: name) }
    var bytes: [UInt8] = []
    if status.st_size > 0 { bytes.reserveCapacity(min(Int(status.st_size), limit)) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Foundation.read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw FileError(errno: errno, path: name, doing: .read)
      }
      guard bytes.count + count <= limit else { throw .tooLarge(path: name, allowedBytes: limit) }
      bytes += chunk[..<count]
    }
  }

  /// Where the first byte stands that is not UTF-8.
  static func firstInvalidOffset(_ bytes: [UInt8]) -> Int {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): offset += UTF8.width(scalar)
      case .emptyInput, .error: return offset
      }
    }
  }
}
