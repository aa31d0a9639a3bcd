import EmethKit
import Foundation

/// Immutable objects, each stored under the SHA-256 of its bytes, in a folder or in a store elsewhere.
///
/// An object appears whole or not at all, storing the same bytes twice keeps one copy, and bytes are checked
/// against their name whenever they are read.
public struct ContentStore: Sendable {
  /// A folder of this machine: that of the objects, or where what lies elsewhere is made ready.
  public let folder: URL
  /// Where objects lie.
  let place: any ObjectPlace
  /// Told the key of whatever is stored, before it is: whoever deletes what nobody needs leaves it alone then.
  private(set) var keeper: (@Sendable (_ key: String) throws(NetworkError) -> Void)?

  /// Opens the store in `folder`, which is made when absent.
  public init(folder: URL) throws(NetworkError) {
    try self.init(place: FolderPlace(folder: folder), folder: folder)
  }

  /// A store of objects that lie somewhere, with a folder of its own.
  init(place: any ObjectPlace, folder: URL) throws(NetworkError) {
    self.folder = folder
    self.place = place
    try Files.makeFolder(folder)
  }

  /// The same store, what is put into it being held.
  func keeping(_ keeper: @escaping @Sendable (_ key: String) throws(NetworkError) -> Void) -> ContentStore {
    var store = self
    store.keeper = keeper
    return store
  }

  /// Where objects lie, if that is elsewhere.
  var remote: S3Place? { place as? S3Place }

  /// The key of an object: two hexadecimal digits are a subfolder.
  static func key(of hash: Bytes32) -> String {
    let name = Hex.encode(hash.bytes, prefixed: false)
    return "\(name.prefix(2))/\(name)"
  }

  /// Where the object with this hash lies in a store that is a folder (whether or not it is there).
  public func location(of hash: Bytes32) -> URL { folder.appending(path: Self.key(of: hash)) }

  /// Stores bytes and returns their SHA-256. `durable: false` spares the wait for the disk, for objects that
  /// can be computed again.
  @discardableResult
  public func put(_ data: Data, durable: Bool = true) throws(NetworkError) -> Bytes32 {
    let hash = data.withUnsafeBytes { SHA256.hash($0) }
    try keeper?(Self.key(of: hash))
    // One that a power failure left damaged is written again.
    if remote == nil, try contains(hash), (try? get(hash)) != nil { return hash }
    try place.write(data, as: Self.key(of: hash), hash: hash, durable: durable)
    return hash
  }

  /// The object's bytes; refuses bytes that do not hash to their name.
  public func get(_ hash: Bytes32) throws(NetworkError) -> Data {
    try read(Self.key(of: hash), named: hash) { data in data.withUnsafeBytes { SHA256.hash($0) } }
  }

  /// The bytes under a key; a copy that is damaged is fetched once more.
  func read(
    _ key: String, named name: Bytes32, hash: (Data) -> Bytes32
  ) throws(NetworkError) -> Data {
    var hasDropped = false
    while true {
      let data = try bytes(of: key, name)
      let found = hash(data)
      guard found != name else { return data }
      guard try place.dropCopy(of: key), !hasDropped else { throw .corruptObject(hash: name, found: found) }
      hasDropped = true
    }
  }

  private func bytes(of key: String, _ name: Bytes32) throws(NetworkError) -> Data {
    var attempt = 1
    while true {
      guard let file = try place.file(of: key) else { throw .missingObject(hash: name) }
      do throws(NetworkError) {
        return try Files.read(file)
      } catch {
        // A copy that made room for another before it was opened.
        guard remote != nil, attempt < 3, Files.byteCount(of: file) == nil else { throw error }
        attempt += 1
      }
    }
  }

  /// Whether the object is stored.
  public func contains(_ hash: Bytes32) throws(NetworkError) -> Bool {
    try place.contains(Self.key(of: hash))
  }

  /// How many bytes an object has; nil when it is not stored.
  public func byteCount(of hash: Bytes32) -> UInt64? {
    (try? place.byteCount(of: Self.key(of: hash))) ?? nil
  }

  /// Deletes what processes that were killed have left unfinished.
  ///
  /// - Parameter seconds: for so long nobody has written to it; 0 where no other process writes here.
  func sweepDrafts(olderThan seconds: Int) throws(NetworkError) {
    guard place is FolderPlace, let walk = FileManager.default.enumerator(atPath: folder.path) else { return }
    for case let path as String in walk where path.hasSuffix(".partial") {
      let draft = folder.appending(path: path)
      var status = stat()
      guard draft.lastPathComponent.hasPrefix("."), lstat(draft.path, &status) == 0,
        seconds == 0 || status.st_mtim.tv_sec <= time(nil) - seconds
      else { continue }
      try Files.remove(draft)
    }
  }

  /// Deletes an object that nobody needs any more; one that is absent is no error.
  public func remove(_ hash: Bytes32) throws(NetworkError) {
    try place.remove(Self.key(of: hash))
  }
}
