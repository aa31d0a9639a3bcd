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

  /// An object's length; `nil` when there is none.
  func byteCount(of key: String) throws(NetworkError) -> UInt64? {
    let answer = try send(
      Call(method: "HEAD", key: key, timeoutSeconds: settings.timeoutSeconds, what: "look for \(key)"),
      allowing: [404])
    // Without a body it is not said whether it is the bucket that is missing.
    guard answer.status != 404 else { return nil }
    guard let count = answer.headers["content-length"].flatMap({ UInt64($0) }) else {
      throw .malformed(what: "answer of \(address.endpoint)", reason: "found no length of \(key)")
    }
    return count
  }

  /// Fetches an object to a file, behind what is there of it already; what broke goes on where it stopped.
  ///
  /// - Returns: false when there is no such object.
  func fetch(_ key: String, to file: URL) throws(NetworkError) -> Bool {
    try stream(
      key, from: Files.byteCount(of: file) ?? 0,
      to: { offset throws(NetworkError) in
        let target = try DownloadTarget(file, at: offset)
        return ({ target.write($0) }, { target.failure })
      })
  }

  /// An object's SHA-256 and length, from its bytes as they come, of which none is kept; `nil` when there is none.
  func hash(_ key: String) throws(NetworkError) -> (hash: Bytes32, byteCount: UInt64)? {
    let hasher = StreamHasher()
    let isThere = try stream(
      key, from: 0,
      to: { offset throws(NetworkError) in
        // What came before a break was taken in already.
        ({ hasher.take($0) }, { nil })
      })
    return isThere ? hasher.result : nil
  }

  private typealias Target = (write: (UnsafeRawBufferPointer) -> Bool, failure: () -> NetworkError?)

  private func stream(
    _ key: String, from start: UInt64, to target: (UInt64) throws(NetworkError) -> Target
  ) throws(NetworkError) -> Bool {
    var offset = start
    var attempt = 1
    while true {
      let before = offset
      let (write, failure) = try target(offset)
      var received = offset
      var call = Call(key: key, what: "read \(key)")
      if offset > 0 { call.headers = [(name: "Range", value: "bytes=\(offset)-")] }
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
    var next: String?
    while true {
      var query = [(name: "list-type", value: "2"), (name: "prefix", value: prefix)]
      if let next { query.append((name: "continuation-token", value: next)) }
      let answer = try send(
        Call(key: "", query: query, timeoutSeconds: settings.timeoutSeconds, what: "list \(prefix)"))
      for entry in XMLElements(answer.body).elements("Contents") {
        guard let key = entry.texts("Key").first else { continue }
        found.append(
          Listed(
            key: key, byteCount: UInt64(entry.texts("Size").first ?? "") ?? 0,
            modified: entry.texts("LastModified").first ?? ""))
      }
      guard answer.text("IsTruncated") == "true", let token = answer.text("NextContinuationToken") else {
        return found
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
