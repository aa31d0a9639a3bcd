import EmethKit
import Foundation
import Synchronization

/// Objects in an S3-compatible store, with copies of those that were used last in a folder of this machine.
final class S3Place: ObjectPlace {
  let client: S3Client
  /// What the keys of this place begin with in the bucket.
  let prefix: String
  private let cache: ObjectCache
  private let known = Mutex<[String: Known]>([:])

  /// What was learned of an object: it never changes.
  private struct Known {
    var byteCount: UInt64
    var beginning: Data?
  }

  private static let knownLimit = 100_000

  /// - Parameters:
  ///   - name: what sets the place's keys apart from those of others in the bucket, such as `objects/`.
  ///   - cache: the folder for copies.
  init(client: S3Client, name: String, cache: ObjectCache) {
    self.client = client
    self.cache = cache
    prefix = client.address.prefix + name
  }

  /// A URL by which anybody can read an object for so many seconds; whether it is there is not asked.
  func address(of key: String, seconds: Int) -> String {
    client.presigned("GET", prefix + key, seconds: seconds)
  }

  func file(of key: String) throws(NetworkError) -> URL? {
    try cache.file(of: prefix + key) { file throws(NetworkError) in
      try client.fetch(prefix + key, to: file)
    }
  }

  func byteCount(of key: String) throws(NetworkError) -> UInt64? {
    if let known = known.withLock({ $0[key] }) { return known.byteCount }
    guard let byteCount = try client.byteCount(of: prefix + key) else { return nil }
    note(key, byteCount, beginning: nil)
    return byteCount
  }

  func contains(_ key: String) throws(NetworkError) -> Bool {
    guard let byteCount = try client.byteCount(of: prefix + key) else {
      known.withLock { _ = $0.removeValue(forKey: key) }
      return false
    }
    note(key, byteCount, beginning: nil)
    return true
  }

  func beginning(of key: String, byteCount: Int) throws(NetworkError) -> Data? {
    if let beginning = known.withLock({ $0[key]?.beginning }), beginning.count >= byteCount {
      return beginning.prefix(byteCount)
    }
    let answer = try client.send(
      S3Client.Call(
        key: prefix + key, headers: [(name: "Range", value: "bytes=0-\(byteCount - 1)")],
        timeoutSeconds: client.settings.timeoutSeconds, what: "read \(key)"), allowing: [404, 416])
    switch answer.status {
    case 404: return nil
    // Of nothing there is no range.
    case 416: return Data()
    default: return answer.body.prefix(byteCount)
    }
  }

  func write(_ data: Data, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError) {
    try client.put(data, as: prefix + key, hash: hash)
    note(key, UInt64(data.count), beginning: Data(data.prefix(Self.beginningByteCount)))
    try cache.keep(data, as: prefix + key)
  }

  func adopt(_ file: URL, as key: String, hash: Bytes32?, durable: Bool) throws(NetworkError) {
    let data = try Files.read(file)
    try client.put(data, as: prefix + key, hash: hash)
    note(key, UInt64(data.count), beginning: Data(data.prefix(Self.beginningByteCount)))
    try cache.adopt(file, as: prefix + key)
  }

  /// Makes an object of another key's bytes, which were checked.
  ///
  /// - Parameters:
  ///   - seen: which bytes were checked, those and no others are taken.
  ///   - copy: a file that has them, which is taken; `nil`: there is none.
  func takeOver(_ source: String, as key: String, _ seen: S3Client.Seen, copy: URL?) throws(NetworkError) {
    let byteCount = seen.byteCount
    let beginning = try client.send(
      S3Client.Call(
        key: source,
        headers: [
          (name: "If-Match", value: seen.tag),
          (name: "Range", value: "bytes=0-\(Self.beginningByteCount - 1)"),
        ],
        timeoutSeconds: client.settings.timeoutSeconds, what: "read \(key)"), allowing: [416])
    try client.copy(source, to: prefix + key, byteCount: byteCount, tag: seen.tag)
    note(key, byteCount, beginning: beginning.status == 416 ? Data() : beginning.body)
    if let copy { try cache.adopt(copy, as: prefix + key) }
  }

  func remove(_ key: String) throws(NetworkError) {
    known.withLock { _ = $0.removeValue(forKey: key) }
    try cache.remove(prefix + key)
    try client.remove(prefix + key)
  }

  func dropCopy(of key: String) throws(NetworkError) -> Bool { try cache.remove(prefix + key) }

  func list(_ body: ([StoredObject]) throws(NetworkError) -> Void) throws(NetworkError) {
    try client.pages(prefix) { page throws(NetworkError) in
      try body(
        page.map {
          StoredObject(
            key: String($0.key.dropFirst(prefix.count)), byteCount: $0.byteCount,
            storedAt: S3Client.seconds(of: $0.modified))
        })
    }
  }

  /// So many first bytes are remembered of what is stored.
  private static let beginningByteCount = 64

  private func note(_ key: String, _ byteCount: UInt64, beginning: Data?) {
    known.withLock { known in
      if known.count >= Self.knownLimit { known.removeAll(keepingCapacity: true) }
      known[key] = Known(byteCount: byteCount, beginning: beginning ?? known[key]?.beginning)
    }
  }
}
