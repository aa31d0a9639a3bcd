import EmethKit
import Foundation

/// Where objects lie: bytes under keys, each there whole or not at all.
///
/// There are two: ``FolderPlace`` and ``S3Place``. What keys mean, and that bytes are those of their key, is the
/// ``ContentStore``'s to know.
protocol ObjectPlace: Sendable {
  /// A file of this machine with an object's bytes; `nil` when there is no such object. A place elsewhere fetches it.
  func file(of key: String) throws(NetworkError) -> URL?
  /// An object's length; `nil` when there is no such object.
  func byteCount(of key: String) throws(NetworkError) -> UInt64?
  /// Whether there is such an object, as it is now.
  func contains(_ key: String) throws(NetworkError) -> Bool
  /// The first bytes of an object.
  func beginning(of key: String, byteCount: Int) throws(NetworkError) -> Data?
  /// Stores bytes; `durable: false` spares the wait for the disk.
  ///
  /// - Parameter hash: their SHA-256, where it is known.
  func write(_ data: Data, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError)
  /// Takes a file in, which is gone afterwards.
  func adopt(_ file: URL, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError)
  /// Deletes an object; one that is absent is no error.
  func remove(_ key: String) throws(NetworkError)
  /// Deletes a copy that is not what it should be; false where there are no copies.
  func dropCopy(of key: String) throws(NetworkError) -> Bool
  /// All objects, some at a time.
  func list(_ body: ([StoredObject]) throws(NetworkError) -> Void) throws(NetworkError)
}

/// An object as it lies somewhere.
struct StoredObject: Sendable, Hashable {
  var key: String
  var byteCount: UInt64
  /// When it came, unix seconds; `nil` where that is not known.
  var storedAt: UInt64?
}

/// Objects as files of a folder, by paths that are their keys.
struct FolderPlace: ObjectPlace {
  let folder: URL

  func url(of key: String) -> URL { folder.appending(path: key) }

  func file(of key: String) throws(NetworkError) -> URL? {
    let file = url(of: key)
    return FileManager.default.fileExists(atPath: file.path) ? file : nil
  }

  func byteCount(of key: String) throws(NetworkError) -> UInt64? { Files.byteCount(of: url(of: key)) }

  func contains(_ key: String) throws(NetworkError) -> Bool {
    FileManager.default.fileExists(atPath: url(of: key).path)
  }

  func beginning(of key: String, byteCount: Int) throws(NetworkError) -> Data? {
    guard let file = try file(of: key) else { return nil }
    return try FileReader(file).read(at: 0, count: byteCount)
  }

  func write(_ data: Data, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError) {
    let file = url(of: key)
    try Files.makeFolder(file.deletingLastPathComponent())
    try Files.write(data, to: file, durable: durable)
  }

  func adopt(_ file: URL, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError) {
    let target = url(of: key)
    try Files.makeFolder(target.deletingLastPathComponent())
    if durable { try Files.sync(file) }
    guard rename(file.path, target.path) == 0 else {
      throw .fileFailed(path: target.path, operation: "write", reason: Files.lastSystemError())
    }
  }

  func remove(_ key: String) throws(NetworkError) { try Files.remove(url(of: key)) }

  func dropCopy(of key: String) throws(NetworkError) -> Bool { false }

  func list(_ body: ([StoredObject]) throws(NetworkError) -> Void) throws(NetworkError) {
    guard let walk = FileManager.default.enumerator(atPath: folder.path) else { return }
    var batch: [StoredObject] = []
    for case let key as String in walk where !key.hasSuffix(".partial") {
      var status = stat()
      guard lstat(url(of: key).path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      batch.append(
        StoredObject(
          key: key, byteCount: UInt64(status.st_size), storedAt: UInt64(max(0, status.st_mtim.tv_sec))))
      if batch.count == 1_000 {
        try body(batch)
        batch.removeAll(keepingCapacity: true)
      }
    }
    try body(batch)
  }
}
