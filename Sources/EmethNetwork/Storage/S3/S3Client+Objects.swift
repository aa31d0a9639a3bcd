import EmethKit
import Foundation

/// Whole objects: how long they are, their bytes, which there are.
extension S3Client {
  /// An object of a list.
  struct Listed: Sendable, Hashable {
    var key: String
    var byteCount: UInt64
    /// When it came, such as `2026-11-21T20:00:00.000Z`.
    var modified: String
  }

  /// What is at a key now: how long it is, and the store's name for exactly these bytes.
  struct Seen: Sendable, Hashable {
    var byteCount: UInt64
    var tag: String
  }

  /// An object's length; `nil` when there is none.
  func byteCount(of key: String) throws(NetworkError) -> UInt64? { try look(at: key)?.byteCount }

  /// What is at a key; `nil` when there is nothing.
  func look(at key: String) throws(NetworkError) -> Seen? {
    let answer = try send(
      Call(method: "HEAD", key: key, timeoutSeconds: settings.timeoutSeconds, what: "look for \(key)"),
      allowing: [404])
    // Without a body it is not said whether it is the bucket that is missing.
    guard answer.status != 404 else { return nil }
    guard let count = answer.headers["content-length"].flatMap({ UInt64($0) }) else {
      throw .malformed(what: "answer of \(address.endpoint)", reason: "found no length of \(key)")
    }
    return Seen(byteCount: count, tag: answer.headers["etag"] ?? "")
  }

  /// Fetches an object to a file, behind what is there of it already; what broke goes on where it stopped.
  ///
  /// - Parameter tag: the bytes that are wanted, where the key may have others by now.
  /// - Returns: false when there is no such object.
  func fetch(_ key: String, to file: URL, tag: String? = nil) throws(NetworkError) -> Bool {
    try stream(
      key, tag, from: Files.byteCount(of: file) ?? 0,
      to: { offset throws(NetworkError) in
        let target = try DownloadTarget(file, at: offset)
        return ({ target.write($0) }, { target.failure })
      })
  }

  /// An object's SHA-256 and length, from its bytes as they come, of which none is kept; `nil` when there is none.
  ///
  /// - Parameter tag: the bytes that are wanted, where the key may have others by now.
  func hash(
    _ key: String, tag: String? = nil
  ) throws(NetworkError) -> (hash: Bytes32, byteCount: UInt64)? {
    let hasher = StreamHasher()
    let isThere = try stream(
      key, tag, from: 0,
      to: { offset throws(NetworkError) in
        // What came before a break was taken in already.
        ({ hasher.take($0) }, { nil })
      })
    return isThere ? hasher.result : nil
  }

  private typealias Target = (write: (UnsafeRawBufferPointer) -> Bool, failure: () -> NetworkError?)

  private func stream(
    _ key: String, _ tag: String?, from start: UInt64, to target: (UInt64) throws(NetworkError) -> Target
  ) throws(NetworkError) -> Bool {
    var offset = start
    var attempt = 1
    while true {
      let before = offset
      let (write, failure) = try target(offset)
      var received = offset
      var call = Call(key: key, what: "read \(key)")
      if let tag { call.headers.append((name: "If-Match", value: tag)) }
      if offset > 0 { call.headers.append((name: "Range", value: "bytes=\(offset)-")) }
      call.sink = { bytes in
        received += UInt64(bytes.count)
        return write(bytes)
      }
      do throws(NetworkError) {
        let answer = try send(call, allowing: [404, 416])
        if let failure = failure() { throw failure }
        if answer.status == 404 {
          if answer.text("Code") == "NoSuchBucket" {
            throw NetworkError(answer, of: address, doing: call.what)
          }
          return false
        }
        // Nothing was missing, or what is there is of something else; the hash says which.
        if answer.status == 416 { return true }
        if offset > 0, answer.status == 200 {
          throw .malformed(what: "answer of \(address.endpoint)", reason: "it does not give parts of objects")
        }
        return true
      } catch {
        if let failure = failure() { throw failure }
        guard case .unreachable = error else { throw error }
        offset = received
        attempt = offset > before ? 1 : attempt + 1
        guard attempt <= settings.attempts else { throw error }
      }
      pause(after: attempt)
    }
  }

  /// Stores bytes as one object: at once, or in parts where they are many.
  ///
  /// - Parameter hash: SHA-256 of the bytes, where it is known.
  func put(_ data: Data, as key: String, hash: Bytes32?) throws(NetworkError) {
    guard data.count <= S3Parts.singleByteLimit else { return try putInParts(data, as: key) }
    try send(Call(method: "PUT", key: key, body: data, bodyHash: hash, what: "store \(key)"))
  }

  /// Deletes an object; one that is absent is no error.
  func remove(_ key: String) throws(NetworkError) {
    try send(
      Call(method: "DELETE", key: key, timeoutSeconds: settings.timeoutSeconds, what: "delete \(key)"),
      allowing: [404])
  }

  /// All objects whose keys begin so.
  func list(_ prefix: String) throws(NetworkError) -> [Listed] {
    var found: [Listed] = []
    try pages(prefix) { found += $0 }
    return found
  }

  /// The same, some at a time.
  func pages(_ prefix: String, _ body: ([Listed]) throws(NetworkError) -> Void) throws(NetworkError) {
    var next: String?
    while true {
      var query = [(name: "list-type", value: "2"), (name: "prefix", value: prefix)]
      if let next { query.append((name: "continuation-token", value: next)) }
      let answer = try send(
        Call(
          key: "", query: query, answer: .document, timeoutSeconds: settings.timeoutSeconds,
          what: "list \(prefix)"))
      try body(
        XMLElements(answer.body).elements("Contents").compactMap { entry in
          guard let key = entry.texts("Key").first, key.hasPrefix(prefix) else { return nil }
          return Listed(
            key: key, byteCount: UInt64(entry.texts("Size").first ?? "") ?? 0,
            modified: entry.texts("LastModified").first ?? "")
        })
      guard answer.text("IsTruncated") == "true", let token = answer.text("NextContinuationToken") else {
        return
      }
      next = token
    }
  }
}

/// A hash that bytes go into as they come, by the thread of the transfer.
private final class StreamHasher {
  private var hasher = SHA256()
  private(set) var byteCount: UInt64 = 0

  func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
    hasher.update(bytes)
    byteCount += UInt64(bytes.count)
    return true
  }

  var result: (hash: Bytes32, byteCount: UInt64) {
    var hasher = hasher
    return (hasher.finalize(), byteCount)
  }
}
