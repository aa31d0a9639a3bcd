import EmethKit
import Foundation

/// The cache and the storage of the 2023 network, as a client of a server that watches a chain (Docs/Decisions/0026).
extension ServerClient {
  /// A job as the cache lists it, as much as is believed of it.
  struct ListedJob: Decodable, Sendable {
    var id: JobID
    var requester: String
    var deadline: UInt64
    var assignedNode: String?
    /// Nil for what is no part of another job.
    var parent: JobID?
    /// Into how many parts it is to be divided.
    var parts: UInt32

    private enum CodingKeys: CodingKey { case id, requester, deadline, assignedNode, parentId, numParallel }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      id = try JobID(hex: try container.decode(String.self, forKey: .id))
      requester = try container.decodeIfPresent(String.self, forKey: .requester) ?? ""
      deadline = try container.decode(UInt64.self, forKey: .deadline)
      assignedNode = try container.decodeIfPresent(String.self, forKey: .assignedNode)
      let parent = try container.decodeIfPresent(String.self, forKey: .parentId)
      self.parent = try parent.map { try JobID(hex: $0) }.flatMap {
        $0.bytes.allSatisfy { $0 == 0 } ? nil : $0
      }
      parts = try container.decodeIfPresent(UInt32.self, forKey: .numParallel) ?? 1
    }
  }

  /// Jobs of a status, those first that changed last: as many as a server lists at once.
  ///
  /// - Parameter before: they follow this one; nil: from the newest on.
  func listedJobs(_ status: JobStatus, before: JobID? = nil) async throws(NetworkError) -> [ListedJob] {
    try await get("/api/v1/jobs?status=\(status.rawValue)" + (before.map { "&before=\($0)" } ?? ""))
  }

  /// All jobs of a status.
  func allListedJobs(_ status: JobStatus) async throws(NetworkError) -> [ListedJob] {
    try await Self.all { (before) async throws(NetworkError) in
      try await listedJobs(status, before: before)
    }
  }

  /// What is on all pages. A job at which a page ends may change, and so come first: then all follow it once more.
  static func all(
    _ page: (JobID?) async throws(NetworkError) -> [ListedJob]
  ) async throws(NetworkError) -> [ListedJob] {
    var all: [ListedJob] = []
    var known: Set<JobID> = []
    var (last, looked): (JobID?, Int) = (nil, 0)
    while looked <= listedLimit {
      let jobs = try await page(last)
      // A server of an earlier version knows no pages, and lists the same again.
      guard let end = jobs.last?.id, end != last else { break }
      all += jobs.filter { known.insert($0.id).inserted }
      (last, looked) = (end, looked + jobs.count)
    }
    return all
  }

  /// A server that makes up jobs without end is heard so far.
  private static let listedLimit = 1_000_000

  /// How long the file is that a job names; nil when it is not there.
  func size(of kind: JobFile.Kind, of job: JobID) async throws(NetworkError) -> UInt64? {
    try await size("jobId=\(job)&type=\(kind.rawValue)")
  }

  private func size(_ query: String) async throws(NetworkError) -> UInt64? {
    do throws(NetworkError) {
      let found: Routes.FileSize = try await get("/api/v1/size?\(query)")
      return found.byteCount
    } catch {
      guard error.code == "file.unknown" else { throw error }
      return nil
    }
  }

  /// What is in the archive that a job names, and SHA-256 of it.
  ///
  /// - Parameter folder: where the archive lies meanwhile.
  /// - Throws: `file.unknown` where it is not there, ``NetworkError/malformed(what:reason:)`` for what is no archive.
  func content(
    of kind: JobFile.Kind, of job: JobID, in folder: URL
  ) async throws(NetworkError) -> (bytes: Data, hash: Bytes32) {
    try await content("jobId=\(job)&type=\(kind.rawValue)", in: folder)
  }

  /// The output that a job's result names: what its node has given, or, where that is not there or is another one, what the
  /// verifier has that was drawn last.
  ///
  /// - Parameter folder: where the archive lies meanwhile.
  /// - Throws: `file.unknown` where neither is there, ``NetworkError/malformed(what:reason:)`` for another one.
  func output(of job: LayerOneJob, in folder: URL) async throws(NetworkError) -> Data {
    guard let giver = job.resultGiver,
      case .output(let reference)? = LayerOneResult(job.detail.result, of: job.id, from: giver)
    else { throw .malformed(what: "result of job \(job.id)", reason: "it names no output with its hash") }
    var queries = ["jobId=\(job.id)&type=\(JobFile.Kind.output.rawValue)"]
    if let verifier = job.review.verifier { queries.append("\(queries[0])&giver=\(verifier)") }
    // Where the verifier has given none either, the first one says more.
    var failure = NetworkError.malformed(
      what: ZipArchive.errorName, reason: "what is in it is not what job \(job.id) names")
    for (index, query) in queries.enumerated() {
      do throws(NetworkError) {
        let found = try await content(query, in: folder)
        if found.hash == reference.contentHash { return found.bytes }
      } catch {
        guard error.isOfFile else { throw error }
        if index == 0 { failure = error }
      }
    }
    throw failure
  }

  private func content(
    _ query: String, in folder: URL
  ) async throws(NetworkError) -> (bytes: Data, hash: Bytes32) {
    let limit = LayerOneWork.archiveByteLimit
    // A server without the file says so when it is asked for it.
    if let size = try await self.size(query), size > UInt64(limit) {
      throw .malformed(
        what: ZipArchive.errorName, reason: "it has \(size) bytes, allowed are \(limit)")
    }
    let answer: [String: String] = try await get("/api/v1/download?\(query)", signed: true)
    let place = try StoreURL(answer["downloadUrl"] ?? "")
    try Files.makeFolder(folder)
    let file = folder.appending(path: "fetched.zip")
    try Files.remove(file)
    let target = try DownloadTarget(file, at: 0, byteLimit: limit)
    var call = Call(path: place.path)
    call.elsewhere = place.server
    let got: Answer
    do throws(NetworkError) {
      got = try await once(call, to: { target.write($0) })
    } catch {
      throw target.failure ?? error
    }
    try target.close()
    guard (200..<300).contains(got.status) else {
      throw got.status == 404
        ? ServerRefusal.error(got, of: server)
        : .unreachable(server: "\(place.server)", reason: "it answered \(got.status)")
    }
    return try await offload { () throws(NetworkError) in
      let content = try ZipArchive.file(of: try Files.read(file), limit: LayerOneWork.contentByteLimit)
      try Files.remove(file)
      return (content, content.withUnsafeBytes { SHA256.hash($0) })
    }.get()
  }

  /// Gives a job's file; what the server calls it.
  func give(
    _ kind: JobFile.Kind, of job: JobID, _ content: Data
  ) async throws(NetworkError) -> String {
    let archive = try await offload { () throws(NetworkError) in
      try ZipArchive.archive(content, named: "\(kind.rawValue)-\(job).dat")
    }.get()
    let size = JobFileStore.partByteCount
    let count = max(1, (archive.count + size - 1) / size)
    let begun: Routes.GivenUpload = try await send(
      "POST", "/api/v1/upload/presigned-url", Routes.WantedUpload(type: kind, jobId: job, parts: count))
    guard begun.preSignedUrls.count == count else {
      throw .malformed(
        what: "answer of \(server)",
        reason: "it names \(begun.preSignedUrls.count) parts, asked were \(count)")
    }
    var sent: [JobFileStore.SentPart] = []
    for (index, part) in begun.preSignedUrls.enumerated() {
      let place = try StoreURL(part.url)
      let piece = Data(archive[index * size..<min(archive.count, (index + 1) * size)])
      var call = Call(method: "PUT", path: place.path, body: piece)
      call.elsewhere = place.server
      let answer = try await self.send(call)
      sent.append(JobFileStore.SentPart(ETag: answer.headers["etag"] ?? "", PartNumber: index + 1))
    }
    let done: [String: String] = try await send(
      "POST", "/api/v1/upload/complete",
      Routes.CompletedUpload(fileName: begun.fileName, uploadId: begun.uploadId, parts: sent),
      repeatable: true)
    return done["fileName"] ?? begun.fileName
  }

  /// Gives the input that a job on the server's chain names, unless it is there. The server may not have seen the job yet:
  /// that is waited for.
  ///
  /// - Throws: ``NetworkError/unknownJob(id:)`` when it does not see the job in a minute: its chain is another one.
  func giveInput(_ content: Data, of job: JobID) async throws(NetworkError) {
    let end = ContinuousClock.now + .seconds(60)
    while true {
      do throws(NetworkError) {
        if try await size(of: .input, of: job) != nil { return }
        break
      } catch {
        guard error.code == NetworkError.unknownJob(id: "").code, ContinuousClock.now < end else {
          throw error
        }
      }
      do { try await Task.sleep(for: .milliseconds(500)) } catch { throw .interrupted }
    }
    _ = try await give(.input, of: job, content)
    guard try await size(of: .input, of: job) != nil else {
      throw .refused(
        code: "file.unknown", message: "job \(job) names an input that was not given",
        hint: "is \(server) a server of the job's chain?")
    }
  }
}

extension ChainAccount {
  /// A client of a server that speaks for this account.
  public func client(
    of server: ServerAddress, settings: ClientSettings = ClientSettings()
  ) -> ServerClient {
    ServerClient(server: server, key: sender.key, settings: settings)
  }

  /// Gives the input of a job that this account has registered to a server that watches the chain
  /// (``ChainJob/DataSet/input(hash:)``), unless it is there; asked again, it is done.
  public func giveInput(
    _ content: Data, of job: JobID, to files: ServerClient
  ) async throws(ChainError) {
    do throws(NetworkError) {
      try await files.giveInput(content, of: job)
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
  }

  /// What a job that is VERIFIED has for its requester, from a server that watches the chain. What comes is what the chain's
  /// result names, or an error; of a job in parts it is computed again from the outputs of its VERIFIED parts. VERIFIED is what
  /// a verifier has accepted, and also what nobody has looked at, because two drawn verifiers were silent
  /// (``mayBeUnseen(_:)``).
  ///
  /// - Parameter folder: where the archive lies meanwhile.
  /// - Throws: ``ChainError/store(_:)`` of ``NetworkError/jobEnded(id:status:reason:)`` for a job that was not verified, of
  ///   ``NetworkError/malformed(what:reason:)`` where what the server has is not what the job names.
  public func output(
    of id: JobID, from files: ServerClient, in folder: URL
  ) async throws(ChainError) -> Data {
    let found = try await LayerOneJob.read([id], isAlone: true, with: self)[id]
    do throws(NetworkError) {
      guard let job = found else { throw .unknownJob(id: "\(id)") }
      guard job.status == .verified, let giver = job.resultGiver else {
        throw .jobEnded(id: id, status: job.status, reason: "only a job that was verified has a result")
      }
      // A proof of work stands in the job itself.
      if job.provesItself { return Data("\(job.detail.result)\n".utf8) }
      switch LayerOneResult(job.detail.result, of: id, from: giver) {
      case .output:
        let output = try await files.output(of: job, in: folder)
        if job.detail.numParallel > 1 {
          try await LayerOneDesk(self, files, onEvent: { _ in }).check(output, of: job, in: folder)
        }
        return output
      case .refusal(let words):
        throw .jobEnded(id: id, status: job.status, reason: "the module says no to its input: \(words)")
      case nil:
        throw .malformed(what: "result of job \(id)", reason: "it names no output with its hash")
      }
    } catch {
      throw error == .interrupted ? .interrupted : .store(error)
    }
  }
  /// Whether it may be that nobody has looked at what a job has: a drawn verifier was silent, and the time of the one after it
  /// was over when the job became VERIFIED (PROTOCOL 2). An acceptance that came so late looks the same. Of a job in parts:
  /// whether that is so of one of them.
  ///
  /// - Throws: ``ChainError/store(_:)`` of ``NetworkError/unknownJob(id:)``.
  public func mayBeUnseen(_ id: JobID) async throws(ChainError) -> Bool {
    guard let job = try await LayerOneJob.read([id], isAlone: true, with: self)[id] else {
      throw .store(.unknownJob(id: "\(id)"))
    }
    guard job.detail.numParallel > 1 else { return job.mayBeUnseen }
    for attempt in 0..<UInt32(RetryPolicy.standard.attempts) {
      let parts = (0..<Int(job.detail.numParallel)).map { LayerOneDivision.id($0, attempt, of: id) }
      if try await LayerOneJob.read(parts, with: self).values.contains(where: \.mayBeUnseen) { return true }
    }
    return false
  }
}

extension LayerOneJob {
  fileprivate var mayBeUnseen: Bool {
    guard status == .verified, review.silent > 0, let end = assign?.verifiedAt, let due = review.dueBy else {
      return false
    }
    switch review.phase {
    case .waitsForChallenge, .waitsForVerdict: return end >= due
    case .notSubmitted, .waitsForDraw, .waitsForOpenings, .accepted, .waitsForKey, .keyPosted,
      .waitsForMasked, .maskedPosted:
      return false
    }
  }
}
