import EmethKit
import Foundation

/// Objects that come as files, too large to be held in memory.
extension ContentStore {
  /// Takes a file in as the object with this hash; the file is moved, or deleted when the object is there already.
  ///
  /// - Parameter written: its hash, where that was computed of what was written to it; otherwise it is read once more.
  /// - Throws: ``NetworkError/corruptObject(hash:found:)`` when its bytes are others; the file is left then.
  public func adopt(_ file: URL, as hash: Bytes32, found written: Bytes32? = nil) throws(NetworkError) {
    let found = if let written { written } else { try Files.hash(of: file) }
    guard found == hash else { throw .corruptObject(hash: hash, found: found) }
    try keeper?(Self.key(of: hash))
    try place.adopt(file, as: Self.key(of: hash), hash: hash, durable: true)
  }

  /// The object's size in bytes, and a file of this machine that has it.
  ///
  /// - Throws: ``NetworkError/missingObject(hash:)``.
  public func file(of hash: Bytes32) throws(NetworkError) -> (url: URL, byteCount: UInt64) {
    try file(Self.key(of: hash), named: hash)
  }

  /// The same of a vector.
  func file(ofVector root: Bytes32) throws(NetworkError) -> (url: URL, byteCount: UInt64) {
    try file(Self.key(ofVector: root), named: root)
  }

  private func file(_ key: String, named name: Bytes32) throws(NetworkError) -> (url: URL, byteCount: UInt64)
  {
    guard let url = try place.file(of: key), let byteCount = Files.byteCount(of: url) else {
      throw .missingObject(hash: name)
    }
    return (url, byteCount)
  }

  /// Reads an object of any size piece by piece. That it is the one with this hash is known at the end.
  ///
  /// - Throws: ``NetworkError/missingObject(hash:)``, ``NetworkError/corruptObject(hash:found:)``, or what `body` throws.
  func forEachPiece(
    of hash: Bytes32, _ body: (UnsafeRawBufferPointer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    var found = SHA256()
    try Files.forEachPiece(of: file(of: hash).url) { piece throws(NetworkError) in
      found.update(piece)
      try body(piece)
    }
    let digest = found.finalize()
    guard digest == hash else {
      // The next one fetches it once more.
      _ = try place.dropCopy(of: Self.key(of: hash))
      throw .corruptObject(hash: hash, found: digest)
    }
  }

  /// The object's size in bytes, and its first bytes.
  ///
  /// - Throws: ``NetworkError/missingObject(hash:)``.
  func beginning(
    of hash: Bytes32, byteCount: Int
  ) throws(NetworkError) -> (bytes: Data, byteCount: UInt64) {
    let key = Self.key(of: hash)
    guard let size = try place.byteCount(of: key),
      let bytes = try place.beginning(of: key, byteCount: byteCount)
    else { throw .missingObject(hash: hash) }
    return (bytes, size)
  }
}

extension Files {
  /// The SHA-256 of a file of any size, read once in pieces.
  static func hash(of file: URL) throws(NetworkError) -> Bytes32 {
    var hash = SHA256()
    try forEachPiece(of: file) { piece in hash.update(piece) }
    return hash.finalize()
  }

  /// Reads a file of any size once, in pieces.
  static func forEachPiece(
    of file: URL, _ body: (UnsafeRawBufferPointer) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "read", reason: lastSystemError())
    }
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { buffer.deallocate() }
    while true {
      let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
      if count == 0 { return }
      if count > 0 {
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      } else if errno != EINTR {
        throw .fileFailed(path: file.path, operation: "read", reason: lastSystemError())
      }
    }
  }

  /// A regular file's size, or nil when there is none.
  static func byteCount(of file: URL) -> UInt64? {
    var status = stat()
    guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return UInt64(status.st_size)
  }

  /// Waits until the disk has a file.
  static func sync(_ file: URL) throws(NetworkError) {
    let descriptor = open(file.path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
    }
  }

  /// Reads the bytes at a place of an open file.
  ///
  /// - Returns: how many there were: as many as the buffer has, or those up to the file's end.
  static func read(
    _ descriptor: Int32, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ path: String
  ) throws(NetworkError) -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
      if count == 0 { break }
      if count > 0 {
        done += count
      } else if errno != EINTR {
        throw .fileFailed(path: path, operation: "read", reason: lastSystemError())
      }
    }
    return done
  }

  /// Writes bytes at a place of an open file.
  static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, at offset: UInt64, _ path: String
  ) throws(NetworkError) {
    var done = 0
    while done < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset) + off_t(done))
      if count >= 0 {
        done += count
      } else if errno != EINTR {
        throw .fileFailed(path: path, operation: "write", reason: lastSystemError())
      }
    }
  }

  /// Writes bytes at a place of a file, which is made when it is absent and cut to `offset` first.
  static func write(_ data: Data, to file: URL, at offset: UInt64) throws(NetworkError) {
    let descriptor = open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
    }
    defer { close(descriptor) }
    guard ftruncate(descriptor, off_t(offset)) == 0 else {
      throw .fileFailed(path: file.path, operation: "write", reason: lastSystemError())
    }
    try asNetworkError { try data.withUnsafeBytes { try write($0, to: descriptor, at: offset, file.path) } }
  }

  /// Lets the system begin to write to the disk what was written to a file, so that whoever waits for the disk at the end
  /// does not wait for all of it. Only a hint.
  static func beginSync(_ descriptor: Int32, _ range: Range<UInt64>) {
    #if os(Linux)
      // What is not on the disk yet stays in memory: of this, Linux begins to write what is changed.
      _ = posix_fadvise(
        descriptor, off_t(range.lowerBound), off_t(range.upperBound - range.lowerBound), POSIX_FADV_DONTNEED)
    #endif
  }
}

extension Files {
  /// Says who may do what with a file or a folder.
  static func setMode(_ mode: Int, of place: URL) throws(NetworkError) {
    try asNetworkError {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: place.path)
    }
  }
}
