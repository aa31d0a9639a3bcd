import EmethKit
import Foundation
import Synchronization

/// Uploads that go from the client to the store and not through the server, where objects lie in a bucket.
///
/// The server begins an upload in parts under a key of its own, which nobody can guess, and hands out URLs that each allow
/// one part of one length to be sent. When all parts are there it merges them, reads the whole back, and only what has its
/// hash and its length is copied to where it belongs, those bytes and no others: the URLs end with the merge. Which parts are there the store
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
  /// Accounts that begin uploads, by the last byte of their addresses.
  private let turns = (0..<64).map { _ in NSLock() }

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
    if try uploads.keepIfThere(name) { return .complete }
    guard let upload = try begun(name, size: size) else {
      // Merged by a server that was stopped before it had looked at it.
      let merged = try client.list(stem(name, size: size)).first { $0.byteCount == size }
      if let merged { return look(at: merged.key, name, size: size) }
      return try begin(name, size: size)
    }
    return try goOn(upload, name, size: size)
  }

  private func goOn(
    _ upload: S3Client.Begun, _ name: UploadStore.Name, size: UInt64
  ) throws(NetworkError) -> Turn {
    let parts = S3Parts(of: size)
    let present = try client.parts(of: upload.id, upload.key)
    // What the URLs do not allow came all the same: the store does not look at what they are signed for.
    for (number, part) in present.sorted(by: { $0.key < $1.key }) {
      let allowed = number <= parts.count ? UInt64(parts.range(of: number).count) : 0
      guard number <= parts.count, part.byteCount == allowed else {
        try client.abort(upload.id, upload.key)
        throw .refused(
          code: "upload.corrupt",
          message: "part \(number) of \(name.hash) has \(part.byteCount) bytes, allowed are \(allowed)",
          hint: "send it again")
      }
    }
    let missing = (1...parts.count).filter { present[$0] == nil }
    guard missing.isEmpty else {
      return Turn(
        parts: missing.prefix(Self.turnLimit).map { number in
          let range = parts.range(of: number)
          return Part(
            number: number, offset: range.lowerBound, byteCount: UInt64(range.count),
            url: client.presigned(
              "PUT", upload.key, query: S3Client.query(part: number, of: upload.id),
              // Nobody fills the bucket with a part that is longer than was said.
              headers: [(name: "Content-Length", value: "\(range.count)")], seconds: Self.urlSeconds))
        })
    }
    do throws(NetworkError) {
      try client.complete(upload.id, upload.key, present)
    } catch {
      // Another request, or this one before its answer was lost, has merged them.
      guard try client.byteCount(of: upload.key) == size else { throw error }
    }
    return look(at: upload.key, name, size: size)
  }

  // MARK: - Keys

  /// What the keys of an account's uploads begin with.
  private func incoming(_ account: Address) -> String { "\(client.address.prefix)\(Self.folder)\(account)-" }

  /// Where uploads lie.
  private static let folder = "incoming/"

  /// What the keys of an upload begin with. Behind it come the time when it began and what nobody can guess: what is
  /// merged there is that upload's, and of two that begin at once each has a key of its own.
  private func stem(_ name: UploadStore.Name, size: UInt64) -> String {
    "\(incoming(name.account))\(name.kind.rawValue)-\(Hex.encode(name.hash.bytes, prefixed: false))-\(size)-"
  }

  /// The size and the beginning that an upload's key says, unix seconds.
  private static func facts(of key: String) -> (size: UInt64, begun: UInt64)? {
    let words = key.split(separator: "-").suffix(3)
    guard words.count == 3, let size = UInt64(words[words.startIndex]),
      let begun = UInt64(words[words.startIndex + 1])
    else { return nil }
    return (size, begun)
  }

  private func begun(_ name: UploadStore.Name, size: UInt64) throws(NetworkError) -> S3Client.Begun? {
    try client.uploads(stem(name, size: size)).first
  }

  /// Begins an upload, unless another request has done so meanwhile; one at a time of an account, so that what they
  /// are allowed together is counted.
  private func begin(_ name: UploadStore.Name, size: UInt64) throws(NetworkError) -> Turn {
    let turn = turns[Int(name.account.bytes.last ?? 0) % turns.count]
    turn.lock()
    defer { turn.unlock() }
    if let upload = try begun(name, size: size) { return try goOn(upload, name, size: size) }
    let mine = incoming(name.account)
    // What is merged and was not taken over lies there too.
    let keys = try client.uploads(mine).map(\.key) + client.list(mine).map(\.key)
    try uploads.checkRoom(for: size, of: name, unfinished: keys.map { Self.facts(of: $0)?.size ?? 0 })
    var random = SystemRandomNumberGenerator()
    let secret = Hex.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }, prefixed: false)
    let key = "\(stem(name, size: size))\(Self.now())-\(secret)"
    return try goOn(
      S3Client.Begun(key: key, id: try client.begin(key), initiated: ""), name, size: size)
  }

  /// Unix seconds.
  static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }

  /// Gives up what was begun longer ago than uploads may take and was not ended.
  ///
  /// - Parameter now: unix seconds.
  func sweep(at now: UInt64 = DirectUploads.now()) throws(NetworkError) {
    let limit = now - min(now, UInt64(UploadStore.lifetimeSeconds))
    let place = "\(client.address.prefix)\(Self.folder)"
    for upload in try client.uploads(place) where Self.facts(of: upload.key)?.begun ?? 0 < limit {
      try client.abort(upload.id, upload.key)
    }
    for object in try client.list(place) where Self.facts(of: object.key)?.begun ?? 0 < limit {
      try client.remove(object.key)
    }
    // What servers sent in parts themselves.
    for upload in try client.uploads(objects.prefix) + client.uploads(dataSets.prefix) {
      guard let begun = S3Client.seconds(of: upload.initiated), begun < limit else { continue }
      try client.abort(upload.id, upload.key)
    }
  }

  // MARK: - Checking

  /// So much is looked at at once; who comes then is asked to wait.
  private static let checkLimit = 16
  /// So many failures are remembered for those who ask.
  private static let failureLimit = 10_000

  /// Looks at what came, on a thread of its own: it may be long.
  private func look(at key: String, _ name: UploadStore.Name, size: UInt64) -> Turn {
    let isFirst = checks.withLock { checks in
      if case .running? = checks[name] { return false }
      let running = checks.values.count { if case .running = $0 { true } else { false } }
      guard running < Self.checkLimit else { return false }
      if checks.count > Self.failureLimit {
        checks = checks.filter { if case .running = $0.value { true } else { false } }
      }
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

  /// Compares what was merged with its name, and takes exactly that over.
  func check(_ key: String, _ name: UploadStore.Name, size: UInt64) throws(NetworkError) {
    guard let seen = try client.look(at: key) else {
      // Another server was faster.
      if uploads.isThere(name) { return }
      throw .refused(
        code: "upload.corrupt", message: "what was sent of \(name.hash) is gone",
        hint: "send it again")
    }
    guard !seen.tag.isEmpty else {
      throw .storageFailed(
        code: "storage.failed", place: "\(client.address)", reason: "read \(key): the store says no ETag")
    }
    let target: S3Place
    let targetKey: String
    var copy: URL?
    defer { if let copy { unlink(copy.path) } }
    let found: (hash: Bytes32, byteCount: UInt64)?
    switch name.kind {
    case .object:
      (target, targetKey) = (objects, ContentStore.key(of: name.hash))
      found = try client.hash(key, tag: seen.tag)
    case .dataSet:
      // The Splitter reads it anyway.
      (target, targetKey) = (dataSets, ContentStore.key(of: name.hash))
      let file = try fetch(key, tag: seen.tag)
      copy = file
      found = (try Files.hash(of: file), Files.byteCount(of: file) ?? 0)
    case .vector:
      (target, targetKey) = (objects, ContentStore.key(ofVector: name.hash))
      let file = try fetch(key, tag: seen.tag)
      copy = file
      found = (VectorWork(threads: 1).root(of: try Files.read(file)), Files.byteCount(of: file) ?? 0)
    }
    guard let found, found.hash == name.hash, found.byteCount == size, seen.byteCount == size else {
      try client.remove(key)
      throw .refused(
        code: "upload.corrupt", message: "what was sent is not \(name.hash)", hint: "send it again")
    }
    try uploads.keep(name, byteCount: size)
    try target.takeOver(key, as: targetKey, seen, copy: copy)
    if name.kind == .dataSet { try uploads.noteGiver(of: name) }
    try client.remove(key)
  }

  private func fetch(_ key: String, tag: String) throws(NetworkError) -> URL {
    let file = folder.appending(path: ".\(UUID().uuidString).partial")
    do throws(NetworkError) {
      guard try client.fetch(key, to: file, tag: tag) else {
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
