import EmethKit
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Objects, data sets and vectors by their hashes: uploads in parts that can be gone on with, downloads of any range.
extension Routes {
  func addObjects() {
    for kind in UploadStore.Kind.allCases {
      json(.get, "/api/v2/\(kind.rawValue)/:hash/upload") { request, context, state in
        let hash = try context.hash()
        let account = try await state.account(of: request)
        return try await state.offload {
          let name = UploadStore.Name(kind: kind, hash: hash, account: account)
          // Who has no business here keeps nothing alive.
          var progress = try state.uploads.progress(of: name, keeps: state.service.mayUpload(account))
          if !progress.isComplete, progress.isDirect == nil {
            progress.ticket = state.uploadTickets.ticket(for: name, at: state.now)
          }
          return progress
        }
      }

      json(.put, "/api/v2/\(kind.rawValue)/:hash") { request, context, state in
        try await state.takePart(of: try context.hash(), kind, request)
      }
    }

    add(.get, "/api/v2/objects/:hash") { request, context, state in
      let hash = try context.hash()
      let account = try await state.account(of: request)
      try await state.offload { try state.service.checkMayFetch(hash, by: account) }
      return try await state.answer(request, object: ContentStore.key(of: hash), named: hash)
    }

    add(.get, "/api/v2/vectors/:hash") { request, context, state in
      let hash = try context.hash()
      _ = try await state.account(of: request)
      return try await state.answer(request, object: ContentStore.key(ofVector: hash), named: hash)
    }
  }
}

extension ServerState {
  /// So many bytes of a part are gathered before they are hashed and written.
  private static let flushByteCount = 512 << 10

  /// Takes a part of an upload in: `?offset=` bytes are before it, the whole has `?size=`.
  fileprivate func takePart(
    of hash: Bytes32, _ kind: UploadStore.Kind, _ request: Request
  ) async throws -> UploadStore.Progress {
    let ticket = request.headers[.uploadTicket]
    if ticket == nil { _ = try claim(of: request) }
    guard request.headers[.contentLength] != nil else {
      throw RequestFailure(.lengthRequired, code: "http.lengthRequired", "a part's length must be announced")
    }
    let range = UInt64(0)...(UInt64(1) << 62)
    guard let offset = try request.number("offset", in: range),
      let size = try request.number("size", in: range)
    else { throw RequestFailure.badParameter("offset and size", found: "", allowed: "both, in bytes") }
    guard let ticket else { return try await takeSignedPart(of: hash, kind, at: offset, of: size, request) }
    guard let account = uploadTickets.account(of: ticket, for: kind, hash, at: now) else {
      throw RequestFailure(
        .unauthorized, code: "upload.ticket", "this ticket is none for this upload here, or its hour is over",
        hint: "sign the part, or ask for the upload's offset, which comes with a ticket")
    }
    try countRequest(of: account)
    return try await takePart(
      of: UploadStore.Name(kind: kind, hash: hash, account: account), at: offset, of: size, request)
  }

  /// A part of which it is known whose it is: it is written to its place as it comes. Where it breaks off, what has come
  /// stays; the whole is compared with its name.
  private func takePart(
    of name: UploadStore.Name, at offset: UInt64, of size: UInt64, _ request: Request
  ) async throws -> UploadStore.Progress {
    try await checkMayUpload(name.account)
    guard let file = try await offload({ [uploads] in try uploads.open(name, at: offset, of: size) }) else {
      return try await offload { [uploads] in try uploads.whole(name) }
    }
    let limit = min(settings.partLimit, Int(clamping: size - offset))
    do {
      try await gather(request, limit: limit) { try file.append($0) }
    } catch {
      // Nothing was begun where nothing has come.
      _ = try? await offload { [uploads] in try uploads.end(file, of: .max, name) }
      throw error
    }
    return try await offload { [uploads] in try uploads.end(file, of: size, name) }
  }

  /// A part whose signature is over all of its bytes: it goes to a file without a name as it comes, and counts once the
  /// signature holds.
  private func takeSignedPart(
    of hash: Bytes32, _ kind: UploadStore.Kind, at offset: UInt64, of size: UInt64, _ request: Request
  ) async throws -> UploadStore.Progress {
    let part = LatePart(uploads, parts, of: ClientNetwork.current)
    defer { withExtendedLifetime(part) {} }
    try await gather(request, limit: settings.partLimit, for: part) { try part.made().add($0) }
    let arrived = try part.made()
    let account = try await account(of: request) { arrived.digest }
    try await checkMayUpload(account)
    return try await offload { [uploads] in
      let name = UploadStore.Name(kind: kind, hash: hash, account: account)
      return try uploads.append(arrived, at: offset, of: size, to: name)
    }
  }

  /// Takes a body in; while some of it is hashed and written elsewhere, more comes, so that memory does not grow with it.
  private func gather(
    _ request: Request, limit: Int, for part: LatePart? = nil,
    _ take: @escaping @Sendable ([ByteBuffer]) throws -> Void
  ) async throws {
    var pieces: [ByteBuffer] = []
    var pending = 0
    var writing: Task<Void, any Error>?
    func flush() async throws {
      try await writing?.value
      let ready = pieces
      (pieces, pending) = ([], 0)
      writing = Task { try await offload { try take(ready) } }
    }
    do {
      try await receive(request, limit: limit) { piece in
        try part?.expect(piece.readableBytes)
        pieces.append(piece)
        pending += piece.readableBytes
        if pending >= Self.flushByteCount { try await flush() }
      }
      try await flush()
      try await writing?.value
    } catch {
      // Whoever holds the file lets it go when nobody writes to it any more.
      _ = try? await writing?.value
      throw error
    }
  }
}

extension HTTPField.Name {
  fileprivate static var uploadTicket: Self { HTTPField.Name(UploadTickets.headerName) ?? .authorization }
}

/// A part that is made when there is something to write: who says little slowly, signed or not, holds no file open.
private final class LatePart: Sendable {
  private let uploads: UploadStore
  private let budget: ByteBudget
  private let client: String
  private let byteCount = Mutex(0)
  private let part = Mutex<ArrivingPart?>(nil)

  init(_ uploads: UploadStore, _ budget: ByteBudget, of client: String) {
    self.uploads = uploads
    self.budget = budget
    self.client = client
  }

  deinit { budget.give(byteCount.withLock { $0 }, of: client) }

  /// Finds room for bytes that have come.
  func expect(_ count: Int) throws(RequestFailure) {
    guard budget.take(count, for: client) else { throw .tooMany(retryAfterSeconds: 1) }
    byteCount.withLock { $0 += count }
  }

  func made() throws -> ArrivingPart {
    try part.withLock { part in
      if let part { return part }
      let new = try uploads.makePart()
      part = new
      return new
    }
  }
}

/// A file as an answer, or the range of it that was asked for (RFC 9110, one range).
struct FileAnswer: Sendable {
  /// So many bytes are read and sent at a time.
  static let pieceByteCount = 256 << 10

  let file: URL
  let byteCount: UInt64
  let tag: String
  let range: String?

  init(_ file: (url: URL, byteCount: UInt64), tag hash: Bytes32, _ request: Request) {
    self.file = file.url
    byteCount = file.byteCount
    tag = "\"\(hash)\""
    // A range of what has become something else is no use; what is named by its hash never does.
    let ifRange = request.headers[.ifRange]
    range = ifRange == nil || ifRange == tag ? request.headers[.range] : nil
  }

  func response(_ state: ServerState) async throws -> Response {
    var headers: HTTPFields = [
      .contentType: "application/octet-stream", .acceptRanges: "bytes", .eTag: tag,
      .cacheControl: "private, immutable, max-age=31536000",
    ]
    guard let range else { return Response(status: .ok, headers: headers, body: body(0..<byteCount, state)) }
    guard let part = Self.part(range, of: byteCount) else {
      var failure = RequestFailure(
        .rangeNotSatisfiable, code: "http.range",
        "found the range \"\(range.prefix(64))\", the object has \(byteCount) bytes")
      failure.contentRange = "bytes */\(byteCount)"
      throw failure
    }
    headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(byteCount)"
    return Response(status: .partialContent, headers: headers, body: body(part, state))
  }

  /// The bytes that `bytes=a-b`, `bytes=a-` or `bytes=-n` mean; `nil` for none, and for several ranges.
  static func part(_ text: String, of byteCount: UInt64) -> Range<UInt64>? {
    guard text.hasPrefix("bytes="), byteCount > 0 else { return nil }
    let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return nil }
    let (first, last) = (UInt64(decimal: ends[0]), UInt64(decimal: ends[1]))
    if ends[0].isEmpty {
      guard let last, last > 0 else { return nil }
      return byteCount - min(last, byteCount)..<byteCount
    }
    guard let first, first < byteCount, ends[1].isEmpty || last != nil else { return nil }
    let end = min(last ?? .max, byteCount - 1)
    return end >= first ? first..<end + 1 : nil
  }

  private func body(_ part: Range<UInt64>, _ state: ServerState) -> ResponseBody {
    let file = file
    return ResponseBody(contentLength: Int(part.upperBound - part.lowerBound)) { writer in
      var writer = writer
      let reader = try await state.offload { try FileReader(file) }
      // While one piece is sent the next one is read.
      func piece(at offset: UInt64) -> Task<ByteBuffer, any Error>? {
        guard offset < part.upperBound else { return nil }
        let count = Int(min(part.upperBound - offset, UInt64(Self.pieceByteCount)))
        return Task { try await state.offload { try Self.read(reader, at: offset, count: count) } }
      }
      var offset = part.lowerBound
      var next = piece(at: offset)
      while let bytes = try await next?.value {
        // What the head promised can't be kept: the connection ends, and the client sees that it is not whole.
        guard bytes.readableBytes > 0 else {
          throw NetworkError.inconsistent(what: "\(file.path) became shorter")
        }
        offset += UInt64(bytes.readableBytes)
        next = piece(at: offset)
        try await writer.write(bytes)
      }
      try await writer.finish(nil)
    }
  }

  private static func read(_ reader: FileReader, at offset: UInt64, count: Int) throws -> ByteBuffer {
    var buffer = ByteBuffer()
    try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
      try reader.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
    }
    return buffer
  }
}
