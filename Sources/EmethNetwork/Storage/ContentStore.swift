import EmethKit
import Foundation

/// A folder of immutable objects, each stored under the SHA-256 of its bytes.
///
/// An object appears whole or not at all (temporary file, then rename), storing the same bytes twice keeps
/// one copy, and bytes are checked against their name whenever they are read.
public struct ContentStore: Sendable {
  /// The folder that holds the objects, two hexadecimal digits a subfolder.
  public let folder: URL

  /// Opens the store in `folder`, which is made when absent.
  public init(folder: URL) throws(NetworkError) {
    self.folder = folder
    try Files.makeFolder(folder)
  }

  /// Where the object with this hash lies (whether or not it is there).
  public func location(of hash: Bytes32) -> URL {
    let name = Hex.encode(hash.bytes, prefixed: false)
    return folder.appending(path: String(name.prefix(2))).appending(path: name)
  }

  /// Stores bytes and returns their SHA-256. `durable: false` spares the wait for the disk, for objects that
  /// can be computed again.
  @discardableResult
  public func put(_ data: Data, durable: Bool = true) throws(NetworkError) -> Bytes32 {
    let hash = data.withUnsafeBytes { SHA256.hash($0) }
    let target = location(of: hash)
    // One that a power failure left damaged is written again.
    if contains(hash), (try? get(hash)) != nil { return hash }
    try Files.makeFolder(target.deletingLastPathComponent())
    try Files.write(data, to: target, durable: durable)
    return hash
  }

  /// The object's bytes; refuses bytes that do not hash to their name.
  public func get(_ hash: Bytes32) throws(NetworkError) -> Data {
    let source = location(of: hash)
    guard FileManager.default.fileExists(atPath: source.path) else { throw .missingObject(hash: hash) }
    let data = try Files.read(source)
    let found = data.withUnsafeBytes { SHA256.hash($0) }
    guard found == hash else { throw .corruptObject(hash: hash, found: found) }
    return data
  }

  /// Whether the object is stored.
  public func contains(_ hash: Bytes32) -> Bool {
    FileManager.default.fileExists(atPath: location(of: hash).path)
  }

  /// How many bytes an object has; nil when it is not stored.
  public func byteCount(of hash: Bytes32) -> UInt64? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: location(of: hash).path)
    return attributes?[.size] as? UInt64
  }

  /// Deletes an object that nobody needs any more; one that is absent is no error.
  public func remove(_ hash: Bytes32) throws(NetworkError) {
    try Files.remove(location(of: hash))
  }
}
