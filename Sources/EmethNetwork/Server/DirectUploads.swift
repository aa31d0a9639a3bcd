import EmethKit
import Foundation
import Synchronization

/// Uploads that go from the client to the store and not through the server, where objects lie in a bucket.
///
/// The server begins an upload in parts under a key of its own and hands out URLs that each allow one part to be sent.
/// When all parts are there it merges them, reads the whole back, and only what has its hash and its length is copied
/// to where it belongs: nobody can change it there, as the URLs end with the merge. Which parts are there the store
/// knows, so that any replica goes on with what another has begun.
final class DirectUploads: Sendable {
  /// What a client wants to send.
  struct Wish: Codable, Sendable {
    /// The whole's length, bytes.
    @DecimalText var size: UInt64
  }

  /// What is to be done next.
  struct Turn: Codable, Sendable, Equatable {
    /// Whether it is whole and in its place.
    var isComplete = false
    /// Whether all is there and the server looks at it: ask again.
    var isChecking = false
    /// Parts that are missing, some of them: a PUT of each to its URL, then ask again.
    var parts: [Part] = []

    static let complete = Turn(isComplete: true)
    static let checking = Turn(isChecking: true)
  }

  /// A part of the whole.
  struct Part: Codable, Sendable, Equatable {
    var number: Int
    @DecimalText var offset: UInt64
    @DecimalText var byteCount: UInt64
    /// Good for an hour.
    var url: String
  }

  /// So many parts are named at once.
  private static let turnLimit = 64
  /// So long a URL is good.
  static let urlSeconds = 3_600

  private enum Check {
    case running
    case failed(NetworkError)
  }

  private let objects: S3Place
  private let dataSets: S3Place
  private let uploads: UploadStore
  private let folder: URL
  private let checks = Mutex<[UploadStore.Name: Check]>([:])

  private var client: S3Client { objects.client }

  /// - Parameter folder: where what the server needs itself is fetched to.
  init(objects: S3Place, dataSets: S3Place, uploads: UploadStore, folder: URL) {
    self.objects = objects
    self.dataSets = dataSets
    self.uploads = uploads
    self.folder = folder
  }

  /// One step of an upload: begins it, says what is missing, or looks at what is there.
  func goOn(_ name: UploadStore.Name, size: UInt64) throws(NetworkError) -> Turn {
    switch checks.withLock({ $0[name] }) {
    case .running: return .checking
    case .failed(let error):
      checks.withLock { _ = $0.removeValue(forKey: name) }
      throw error
    case nil: break
    }
    if uploads.isThere(name) { return .complete }
    let mine = incoming(name.account)
    let key = "\(mine)\(name.kind.rawValue)-\(Hex.encode(name.hash.bytes, prefixed: false))-\(size)"
    let begun = try client.uploads(mine)
    let id: String
    if let found = begun.first(where: { $0.key == key }) {
      id = found.id
    } else if try client.byteCount(of: key) != nil {
      // Merged by a server that was stopped before it had looked at it.
      return look(at: key, name, size: size)
    } else {
      try uploads.checkRoom(
        for: size, of: name, unfinished: begun.map { UInt64($0.key.split(separator: "-").last ?? "") ?? 0 })
      id = try client.begin(key)
    }
    let parts = S3Parts(of: size)
    let present = try client.parts(of: id, key)
    let missing = (1...parts.count).filter { number in
      present[number]?.byteCount != UInt64(parts.range(of: number).count)
    }
    guard missing.isEmpty else {
      return Turn(
        parts: missing.prefix(Self.turnLimit).map { number in
          let range = parts.range(of: number)
          return Part(
            number: number, offset: range.lowerBound, byteCount: UInt64(range.count),
            url: client.presigned(
              "PUT", key, query: S3Client.query(part: number, of: id), seconds: Self.urlSeconds))
        })
    }
    try client.complete(id, key, present.filter { $0.key <= parts.count })
    return look(at: key, name, size: size)
  }

  /// What the keys of an account's uploads begin with.
  private func incoming(_ account: Address) -> String { "\(client.address.prefix)incoming/\(account)-" }

  /// Looks at what came, on a thread of its own: it may be long.
  private func look(at key: String, _ name: UploadStore.Name, size: UInt64) -> Turn {
    let isFirst = checks.withLock { checks in
      if case .running? = checks[name] { return false }
      checks[name] = .running
      return true
    }
    guard isFirst else { return .checking }
    Thread.detachNewThread { [self] in
      do throws(NetworkError) {
        try check(key, name, size: size)
        checks.withLock { _ = $0.removeValue(forKey: name) }
      } catch {
        checks.withLock { $0[name] = .failed(error) }
      }
    }
    return .checking
  }

  private func check(_ key: String, _ name: UploadStore.Name, size: UInt64) throws(NetworkError) {
    let target: S3Place
    let targetKey: String
    var copy: URL?
    defer { if let copy { unlink(copy.path) } }
    let found: (hash: Bytes32, byteCount: UInt64)?
    switch name.kind {
    case .object:
      (target, targetKey) = (objects, ContentStore.key(of: name.hash))
      found = try client.hash(key)
    case .dataSet:
      // The Splitter reads it anyway.
      (target, targetKey) = (dataSets, ContentStore.key(of: name.hash))
      let file = try fetch(key)
      copy = file
      found = (try Files.hash(of: file), Files.byteCount(of: file) ?? 0)
    case .vector:
      (target, targetKey) = (objects, ContentStore.key(ofVector: name.hash))
      let file = try fetch(key)
      copy = file
      found = (VectorWork(threads: 1).root(of: try Files.read(file)), Files.byteCount(of: file) ?? 0)
    }
    guard let found, found.hash == name.hash, found.byteCount == size else {
      try client.remove(key)
      throw .refused(
        code: "upload.corrupt", message: "what was sent is not \(name.hash)", hint: "send it again")
    }
    try target.takeOver(key, as: targetKey, byteCount: size, copy: copy)
    if name.kind == .dataSet { try uploads.noteGiver(of: name) }
    try client.remove(key)
  }

  private func fetch(_ key: String) throws(NetworkError) -> URL {
    let file = folder.appending(path: ".\(UUID().uuidString).partial")
    do throws(NetworkError) {
      guard try client.fetch(key, to: file) else {
        throw .storageFailed(
          code: "storage.failed", place: "\(client.address)", reason: "read \(key): it is gone")
      }
      if Files.byteCount(of: file) == nil { try Files.write(Data(), to: file, durable: false) }
      return file
    } catch {
      unlink(file.path)
      throw error
    }
  }
}
