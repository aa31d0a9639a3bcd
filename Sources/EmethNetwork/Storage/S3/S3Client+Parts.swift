import EmethKit
import Foundation
import Synchronization

/// Into which parts a long object is divided: it follows from its length alone, so that whoever goes on with an
/// upload finds the same.
struct S3Parts: Sendable {
  /// The shortest part but the last, bytes.
  static let leastByteCount: UInt64 = 16 << 20
  /// The most parts that S3 takes.
  static let countLimit: UInt64 = 10_000
  /// What is not longer is sent at once.
  static let singleByteLimit = 32 << 20

  /// The whole, bytes.
  let byteCount: UInt64
  /// Each part but the last, bytes.
  let partByteCount: UInt64

  init(of byteCount: UInt64) {
    self.byteCount = byteCount
    let needed = (byteCount + Self.countLimit - 1) / Self.countLimit
    partByteCount = max(Self.leastByteCount, ((needed + (1 << 20) - 1) >> 20) << 20)
  }

  /// How many there are; nothing is one part of no bytes.
  var count: Int { max(1, Int((byteCount + partByteCount - 1) / partByteCount)) }

  /// Where a part lies; parts are numbered from 1.
  func range(of number: Int) -> Range<UInt64> {
    let start = UInt64(number - 1) * partByteCount
    return start..<min(byteCount, start + partByteCount)
  }
}

/// Objects in parts, which S3 keeps until they are merged or given up.
extension S3Client {
  /// An upload that has begun.
  struct Begun: Sendable, Hashable {
    var key: String
    var id: String
    /// When, such as `2026-11-21T20:00:00.000Z`.
    var initiated: String
  }

  /// A part that is there.
  struct Part: Sendable, Hashable {
    var tag: String
    var byteCount: UInt64
  }

  /// Parts that are sent at once.
  static let width = 4

  /// All uploads that have begun under keys that begin so, oldest first.
  func uploads(_ prefix: String) throws(NetworkError) -> [Begun] {
    var found: [Begun] = []
    var query = [(name: "prefix", value: prefix), (name: "uploads", value: "")]
    while true {
      let answer = try send(
        Call(
          key: "", query: query, answer: .document,
          timeoutSeconds: settings.timeoutSeconds, what: "list uploads"))
      for entry in XMLElements(answer.body).elements("Upload") {
        guard let key = entry.texts("Key").first, let id = entry.texts("UploadId").first,
          key.hasPrefix(prefix)
        else { continue }
        found.append(Begun(key: key, id: id, initiated: entry.texts("Initiated").first ?? ""))
      }
      guard answer.text("IsTruncated") == "true", let key = answer.text("NextKeyMarker") else { break }
      query = [
        (name: "prefix", value: prefix), (name: "uploads", value: ""), (name: "key-marker", value: key),
        (name: "upload-id-marker", value: answer.text("NextUploadIdMarker") ?? ""),
      ]
    }
    return found.sorted { ($0.initiated, $0.id) < ($1.initiated, $1.id) }
  }

  /// The time that a store's word for it means, such as `2026-11-21T20:00:00.000Z`, unix seconds.
  static func seconds(of text: String) -> UInt64? {
    let digits = text.prefix(19)
    let numbers = digits.split { !$0.isASCII || !$0.isNumber }.compactMap { Int32($0) }
    guard digits.utf8.count == 19, numbers.count == 6, (1...12).contains(numbers[1]) else { return nil }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (numbers[0] - 1_900, numbers[1] - 1, numbers[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (numbers[3], numbers[4], numbers[5])
    let seconds = timegm(&parts)
    return seconds < 0 ? nil : UInt64(seconds)
  }

  /// Begins an upload; returns its id.
  func begin(_ key: String) throws(NetworkError) -> String {
    let answer = try send(
      Call(
        method: "POST", key: key, query: [(name: "uploads", value: "")],
        answer: .document, timeoutSeconds: settings.timeoutSeconds,
        what: "begin \(key)"))
    guard let id = answer.text("UploadId") else {
      throw .malformed(what: "answer of \(address.endpoint)", reason: "found no id of an upload")
    }
    return id
  }

  /// The parts of an upload that are there, by their numbers.
  func parts(of id: String, _ key: String) throws(NetworkError) -> [Int: Part] {
    var found: [Int: Part] = [:]
    var marker = "0"
    while true {
      let query = [
        (name: "max-parts", value: "1000"), (name: "part-number-marker", value: marker),
        (name: "uploadId", value: id),
      ]
      let answer = try send(
        Call(
          key: key, query: query, answer: .document, timeoutSeconds: settings.timeoutSeconds,
          what: "list parts of \(key)"))
      for entry in XMLElements(answer.body).elements("Part") {
        guard let number = entry.texts("PartNumber").first.flatMap({ Int($0) }),
          let tag = entry.texts("ETag").first, let size = entry.texts("Size").first.flatMap({ UInt64($0) })
        else { continue }
        found[number] = Part(tag: tag, byteCount: size)
      }
      guard answer.text("IsTruncated") == "true", let next = answer.text("NextPartNumberMarker"),
        next != marker
      else { return found }
      marker = next
    }
  }

  /// What names a part of an upload.
  static func query(part number: Int, of id: String) -> [(name: String, value: String)] {
    [(name: "partNumber", value: "\(number)"), (name: "uploadId", value: id)]
  }

  /// Merges the parts of an upload, all of them, into the object.
  func complete(_ id: String, _ key: String, _ parts: [Int: Part]) throws(NetworkError) {
    let list = parts.sorted { $0.key < $1.key }.map { number, part in
      let tag = part.tag.replacingOccurrences(of: "\"", with: "&quot;")
      return "<Part><PartNumber>\(number)</PartNumber><ETag>\(tag)</ETag></Part>"
    }
    let body = Data("<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>".utf8)
    try send(
      Call(
        method: "POST", key: key, query: [(name: "uploadId", value: id)],
        headers: [(name: "Content-Type", value: "application/xml")], body: body,
        answer: .made, what: "merge \(key)"))
  }

  /// Gives an upload up: its parts are deleted.
  func abort(_ id: String, _ key: String) throws(NetworkError) {
    try send(
      Call(
        method: "DELETE", key: key, query: [(name: "uploadId", value: id)],
        timeoutSeconds: settings.timeoutSeconds, what: "give up \(key)"), allowing: [404])
  }

  /// Stores bytes in parts, several at once; parts that an upload of the same key has left are not sent again, as
  /// what has the same name has the same bytes.
  func putInParts(_ data: Data, as key: String) throws(NetworkError) {
    let parts = S3Parts(of: UInt64(data.count))
    let id: String
    if let begun = try uploads(key).first(where: { $0.key == key }) {
      id = begun.id
    } else {
      id = try begin(key)
    }
    do throws(NetworkError) {
      let present = try self.parts(of: id, key).filter { number, part in
        number <= parts.count && part.byteCount == UInt64(parts.range(of: number).count)
      }
      let missing = (1...parts.count).filter { present[$0] == nil }
      let sent = SentParts(present)
      try concurrently(missing.count, width: Self.width) { index throws(NetworkError) in
        let number = missing[index]
        let range = parts.range(of: number)
        let start = data.startIndex
        let answer = try self.send(
          Call(
            method: "PUT", key: key, query: Self.query(part: number, of: id),
            body: data[start + Int(range.lowerBound)..<start + Int(range.upperBound)],
            what: "store part \(number) of \(key)"))
        let part = Part(tag: answer.headers["etag"] ?? "", byteCount: UInt64(range.count))
        sent.add(part, number)
      }
      try complete(id, key, sent.all)
    } catch {
      // What a connection broke is gone on with the next time; what was refused is of no use.
      if case .unreachable = error { throw error }
      try? abort(id, key)
      throw error
    }
  }

  /// The most that one request copies; S3 allows five GiB.
  private static let copyByteLimit: UInt64 = 1 << 30

  /// Copies an object inside the bucket.
  ///
  /// - Parameter tag: the bytes that are meant: others that have taken their key since are not copied.
  func copy(
    _ source: String, to key: String, byteCount: UInt64, tag: String? = nil
  ) throws(NetworkError) {
    var from = [
      (name: "x-amz-copy-source", value: AWSSignature.encode("/\(address.bucket)/\(source)", slash: true))
    ]
    if let tag { from.append((name: "x-amz-copy-source-if-match", value: tag)) }
    guard byteCount > Self.copyByteLimit else {
      try send(
        Call(
          method: "PUT", key: key, headers: from, answer: .made, what: "copy to \(key)")
      )
      return
    }
    let id = try begin(key)
    do throws(NetworkError) {
      var parts: [Int: Part] = [:]
      var offset: UInt64 = 0
      while offset < byteCount {
        let end = min(byteCount, offset + Self.copyByteLimit)
        let number = parts.count + 1
        let range = (name: "x-amz-copy-source-range", value: "bytes=\(offset)-\(end - 1)")
        let answer = try send(
          Call(
            method: "PUT", key: key, query: Self.query(part: number, of: id), headers: from + [range],
            answer: .made, what: "copy to \(key)"))
        parts[number] = Part(tag: answer.text("ETag") ?? "", byteCount: end - offset)
        offset = end
      }
      try complete(id, key, parts)
    } catch {
      try? abort(id, key)
      throw error
    }
  }
}

/// Does something for every index, on a few threads of its own that may wait; the first error ends it.
func concurrently(
  _ count: Int, width: Int, _ body: @escaping @Sendable (Int) throws(NetworkError) -> Void
) throws(NetworkError) {
  let state = ConcurrentWork()
  let group = DispatchGroup()
  for _ in 0..<min(width, count) {
    group.enter()
    Thread.detachNewThread {
      while let index = state.next(below: count) {
        do throws(NetworkError) { try body(index) } catch { state.fail(error) }
      }
      group.leave()
    }
  }
  group.wait()
  if let failure = state.failure { throw failure }
}

/// The parts of an upload that are there, as several threads send them.
private final class SentParts: Sendable {
  private let state: Mutex<[Int: S3Client.Part]>

  init(_ present: [Int: S3Client.Part]) { state = Mutex(present) }

  var all: [Int: S3Client.Part] { state.withLock { $0 } }

  func add(_ part: S3Client.Part, _ number: Int) { state.withLock { $0[number] = part } }
}

/// What of some work is done, and whether it has failed.
private final class ConcurrentWork: Sendable {
  private let state = Mutex<(next: Int, failure: NetworkError?)>((0, nil))

  var failure: NetworkError? { state.withLock { $0.failure } }

  func next(below count: Int) -> Int? {
    state.withLock { state in
      guard state.failure == nil, state.next < count else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  func fail(_ error: NetworkError) { state.withLock { if $0.failure == nil { $0.failure = error } } }
}
