import EmethKit
import Foundation

/// The storage of the 2023 network (its paths and bodies are in Docs/openapi.yaml, why it is as it is in
/// Docs/Decisions/0026): files of jobs that come in parts of 5 MiB and are there whole or not at all.
struct JobFileStore: Sendable {
  /// Every part but the last has so many bytes.
  static let partByteCount = 5 << 20
  /// The most parts of a file.
  static let partLimit = 10_000
  /// So many uploads may an account have begun; the oldest is given up for one more.
  static let uploadLimit = 4
  /// So long a URL is good.
  static let urlSeconds = 3_600
  /// What was begun and is not whole after so long is deleted.
  private static let uploadSeconds: UInt64 = 86_400
  /// What no running job can name any more is deleted after so long.
  private static let fileSeconds: UInt64 = 30 * 86_400

  /// A part that a client says it has sent.
  struct SentPart: Codable, Sendable {
    var ETag: String
    var PartNumber: Int
  }

  /// What is sent in parts and not whole yet.
  struct Upload: Sendable, Hashable {
    var file: JobFile
    /// What nobody guesses who was not told.
    var id: String
    /// Unix seconds.
    var begun: UInt64
  }

  let place: any JobFilePlace
  /// The longest file, bytes.
  let fileLimit: UInt64
  /// The most bytes of one account.
  let accountLimit: UInt64

  /// Begins an upload.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `upload.quota`.
  func begin(_ file: JobFile, parts: Int) throws(NetworkError) -> Upload {
    let size = UInt64(parts) * UInt64(Self.partByteCount)
    guard size <= fileLimit + UInt64(Self.partByteCount) else {
      throw .badSetting(
        name: "parts", found: "\(parts)",
        allowed: "so many of \(Self.partByteCount) bytes as make \(fileLimit) bytes")
    }
    var held: UInt64 = 0
    for stored in try place.files() where stored.file.giver == file.giver { held += stored.byteCount }
    guard held <= accountLimit, size <= accountLimit - held else {
      throw .refused(
        code: "upload.quota",
        message: "\(file.giver) has \(held) bytes of jobs' files here, and \(size) more are too many: "
          + "allowed are \(accountLimit)",
        hint:
          "files are deleted \(Self.fileSeconds / 86_400) days after they came, when their jobs have ended")
    }
    let begun = try place.uploads().filter { $0.file.giver == file.giver }.sorted { $0.begun < $1.begun }
    for upload in begun.dropLast(Self.uploadLimit - 1) { try place.abort(upload) }
    return try place.begin(file, parts: parts)
  }

  /// Makes a file of the parts that have come; asked again, it is done.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `upload.unknown` or `upload.parts`.
  func complete(_ file: JobFile, _ id: String, _ sent: [SentPart]) throws(NetworkError) {
    guard let upload = try place.upload(of: file, id) else {
      if try place.byteCount(of: file) != nil { return }
      throw Self.unknown(id)
    }
    // Another upload of what the job names was faster: nobody writes over it.
    if try place.byteCount(of: file) != nil { return try place.abort(upload) }
    let there = try place.parts(of: upload)
    func refuse(_ message: String) -> NetworkError {
      .refused(code: "upload.parts", message: message, hint: "send the part again, then complete the upload")
    }
    guard !sent.isEmpty, sent.map(\.PartNumber) == Array(1...sent.count), sent.count == there.count else {
      throw refuse(
        "found \(sent.count) parts named, from \(sent.map(\.PartNumber).min() ?? 0) to "
          + "\(sent.map(\.PartNumber).max() ?? 0), \(there.count) have come; allowed are all that have come, in order"
      )
    }
    for part in sent {
      guard let found = there[part.PartNumber] else { throw refuse("part \(part.PartNumber) has not come") }
      let tag = part.ETag.trimmingCharacters(in: ["\""])
      guard found.tag.trimmingCharacters(in: ["\""]) == tag else {
        throw refuse("part \(part.PartNumber) has the ETag \(found.tag), found \"\(tag.prefix(64))\"")
      }
      let isLast = part.PartNumber == sent.count
      guard isLast ? found.byteCount > 0 : found.byteCount == UInt64(Self.partByteCount),
        found.byteCount <= UInt64(Self.partByteCount)
      else {
        throw refuse(
          "part \(part.PartNumber) has \(found.byteCount) bytes, allowed are "
            + (isLast ? "1 to \(Self.partByteCount)" : "\(Self.partByteCount)"))
      }
    }
    try place.merge(upload, there)
  }

  /// Deletes uploads that nobody ends, and files that are old and of no running job.
  ///
  /// - Parameter isRunning: whether a job is there and has not ended.
  func sweep(
    at now: UInt64, isRunning: (JobID) async throws -> Bool,
    _ offload: (@escaping @Sendable () throws -> [Stored]) async throws -> [Stored]
  ) async throws {
    let place = place
    let old = try await offload {
      for upload in try place.uploads() where upload.begun + Self.uploadSeconds < now {
        try place.abort(upload)
      }
      return try place.files().filter { $0.storedAt + Self.fileSeconds < now }
    }
    for stored in old where try await !isRunning(stored.file.job) {
      _ = try await offload {
        try place.remove(stored.file)
        return []
      }
    }
  }

  /// A file that is there.
  struct Stored: Sendable {
    var file: JobFile
    var byteCount: UInt64
    /// Unix seconds.
    var storedAt: UInt64
  }

  static func unknown(_ id: String) -> NetworkError {
    .refused(
      code: "upload.unknown",
      message: "found the upload \"\(id.prefix(128))\", which has not begun or is over",
      hint: "ask for URLs with POST /api/v1/upload/presigned-url")
  }
}

/// Where files of jobs lie.
protocol JobFilePlace: Sendable {
  func begin(_ file: JobFile, parts: Int) throws(NetworkError) -> JobFileStore.Upload
  /// An upload that has begun; nil for one that has not, or is over.
  func upload(of file: JobFile, _ id: String) throws(NetworkError) -> JobFileStore.Upload?
  /// All that have begun.
  func uploads() throws(NetworkError) -> [JobFileStore.Upload]
  /// The parts that have come, by their numbers.
  func parts(of upload: JobFileStore.Upload) throws(NetworkError) -> [Int: S3Client.Part]
  func merge(_ upload: JobFileStore.Upload, _ parts: [Int: S3Client.Part]) throws(NetworkError)
  func abort(_ upload: JobFileStore.Upload) throws(NetworkError)
  /// A file's length; nil where it is not there.
  func byteCount(of file: JobFile) throws(NetworkError) -> UInt64?
  func files() throws(NetworkError) -> [JobFileStore.Stored]
  func remove(_ file: JobFile) throws(NetworkError)
  /// A URL that takes one part by PUT.
  ///
  /// - Parameter server: how the client calls this server, such as `https://emeth.example`.
  func url(ofPart number: Int, of upload: JobFileStore.Upload, server: String) throws(NetworkError) -> String
  /// A URL that gives a file for an hour.
  func url(of file: JobFile, server: String) throws(NetworkError) -> String
}
