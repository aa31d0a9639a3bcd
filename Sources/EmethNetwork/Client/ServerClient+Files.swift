import EmethKit
import Foundation

/// Files to and from a server, in constant memory; a transfer that broke goes on where it stopped.
extension ServerClient {
  /// So many bytes are sent at a time.
  static let partByteCount = 8 << 20
  /// About so many seconds a part waits for one that the server still takes from a connection that broke.
  private static let busyLimit = 60

  /// Sends a file, unless the server has it already.
  ///
  /// - Throws: ``NetworkError``: the file's, the server's; what was sent so far stays there for the next try.
  func upload(_ file: URL, to kind: UploadStore.Kind, as hash: Bytes32) async throws(NetworkError) {
    guard let size = Files.byteCount(of: file) else { throw .missingObject(hash: hash) }
    let path = "/api/v2/\(kind.rawValue)/\(hash)"
    var progress: UploadStore.Progress = try await get("\(path)/upload", signed: true)
    if progress.isDirect == true, !progress.isComplete {
      return try await uploadDirectly(file, byteCount: size, to: path)
    }
    // With it no part has to be hashed and signed, on neither side.
    var ticket = progress.ticket
    var refusals = 0
    var next: (offset: UInt64, part: Task<Result<HashedPart, NetworkError>, Never>)?
    while !progress.isComplete {
      let offset = min(progress.offset, size)
      let known = next?.offset == offset ? next?.part : nil
      let isSigned = ticket == nil
      let part = try await (known ?? part(of: file, at: offset, size, isSigned: isSigned)).value.get()
      // The next one is read, and hashed where it is signed, while this one is on its way.
      let end = offset + UInt64(part.bytes.count)
      next = end < size ? (end, self.part(of: file, at: end, size, isSigned: isSigned)) : nil
      var call = Call(
        method: "PUT", path: "\(path)?offset=\(offset)&size=\(size)", body: part.bytes, bodyHash: part.hash,
        contentType: "application/octet-stream", isSigned: isSigned)
      call.headers[UploadTickets.headerName] = ticket
      do throws(NetworkError) {
        let answer = try await send(call)
        progress = try decode(answer.body, from: path)
        refusals = 0
      } catch {
        // An answer that was lost on the way: the part is there although it was sent again. Where it really stands,
        // the server knows; and a connection that broke it may still believe in for a while.
        let limits = ["upload.offset": 5, "upload.ticket": 5, "upload.busy": Self.busyLimit]
        guard case .refused(let code, _, _) = error, refusals < limits[code] ?? 0 else { throw error }
        // Its hour is over, or another process answers now.
        if code == "upload.ticket" { (ticket, next) = (nil, nil) }
        refusals += 1
        let pause = min(1_000, 200 * refusals)
        do { try await Task.sleep(for: .milliseconds(pause)) } catch { throw .interrupted }
        progress = try await get("\(path)/upload", signed: true)
      }
    }
  }

  /// A piece of a file, and Keccak-256 of it where it is signed.
  private struct HashedPart: Sendable {
    var bytes: Data
    var hash: Bytes32?
  }

  private func part(
    of file: URL, at offset: UInt64, _ size: UInt64, isSigned: Bool
  ) -> Task<Result<HashedPart, NetworkError>, Never> {
    Task {
      await offload { () throws(NetworkError) in
        let count = Int(min(UInt64(Self.partByteCount), size - offset))
        let bytes = try FileReader(file).read(at: offset, count: count)
        return HashedPart(bytes: bytes, hash: isSigned ? bytes.withUnsafeBytes { Keccak256.hash($0) } : nil)
      }
    }
  }

  /// Fetches a file, behind what is there of it already.
  ///
  /// What is there at the end is for the caller to check. A file that is longer than the server's is begun anew.
  ///
  /// - Returns: SHA-256 of what was written, where all of it has come at once.
  @discardableResult
  func download(_ path: String, to file: URL) async throws(NetworkError) -> Bytes32? {
    var attempt = 1
    while true {
      let fetched = await fetchRest(of: path, behind: Files.byteCount(of: file) ?? 0, into: file)
      guard let failure = fetched.failure else { return fetched.digest }
      if case .refused("http.range", _, _) = failure, let count = Files.byteCount(of: file), count > 0 {
        // Nothing is missing, or too much is there: which of the two, the hash says.
        if try await isWhole(path, byteCount: count) { return nil }
        try Files.remove(file)
      } else {
        guard case .unreachable = failure, attempt < settings.attempts else { throw failure }
      }
      attempt += 1
      if attempt > settings.attempts { throw failure }
      do { try await Task.sleep(for: .seconds(Double.random(in: 0.05...1))) } catch { throw .interrupted }
    }
  }

  /// The same; false, and no file, when the server has none.
  func downloadIfKept(_ path: String, to file: URL) async throws(NetworkError) -> Bool {
    var isKept = true
    do throws(NetworkError) {
      try await download(path, to: file)
    } catch {
      if error.code != "storage.missing" { throw error }
      isKept = false
    }
    if !isKept { try Files.remove(file) }
    return isKept
  }

  /// Fetches what is missing of a file behind its first bytes; says why that failed, or what has come.
  private func fetchRest(
    of path: String, behind start: UInt64, into file: URL
  ) async -> (failure: NetworkError?, digest: Bytes32?) {
    do throws(NetworkError) {
      let target = try DownloadTarget(file, at: start, hashes: true)
      var failure: NetworkError?
      do throws(NetworkError) {
        let answer = try await fetch(path, behind: start, to: { target.write($0) })
        // Everything again, behind what was there: the other side does not know ranges.
        if start > 0, answer.status == 200 {
          try Files.remove(file)
          failure = .unreachable(server: "\(server)", reason: "it does not give parts of \(path)")
        }
      } catch {
        failure = error
      }
      // What the disk says comes before what the network says: the transfer broke because of it.
      failure = target.failure ?? failure
      return (failure, failure == nil ? target.takeDigest() : nil)
    } catch {
      return (error, nil)
    }
  }

  private func fetch(
    _ path: String, behind start: UInt64, to sink: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool
  ) async throws(NetworkError) -> Answer {
    var call = Call(path: path, isSigned: true)
    if start > 0 { call.headers["Range"] = "bytes=\(start)-" }
    let answer = try await send(call, to: sink)
    return answer.status == 307 ? try await follow(answer, from: start, to: sink) : answer
  }

  /// Whether the server's file is as long.
  private func isWhole(_ path: String, byteCount: UInt64) async throws(NetworkError) -> Bool {
    let answer = try await send(
      Call(method: "HEAD", path: path, isSigned: true, timeoutSeconds: settings.timeoutSeconds))
    return answer.headers["content-length"] == "\(byteCount)"
  }
}
