import EmethKit
import Foundation
import HTTPTypes
import Hummingbird

/// The storage of the 2023 network, for nodes that know only it: the same paths, bodies and answers.
///
/// What its server got wrong is not repeated (Docs/Decisions/0026): a URL for a job's output is given to the job's node
/// alone, and a file that is there is never written to again.
extension Routes {
  /// What is to be uploaded.
  struct WantedUpload: Codable, Sendable {
    var type: JobFile.Kind
    var jobId: JobID
    /// The file's length over 5 MiB, rounded up.
    var parts: Int
  }

  /// Where to send it.
  struct GivenUpload: Codable, Sendable {
    struct Part: Codable, Sendable {
      var part: Int
      var url: String
    }

    var fileName: String
    var uploadId: String
    var preSignedUrls: [Part]
  }

  /// What was sent.
  struct CompletedUpload: Codable, Sendable {
    var fileName: String
    var uploadId: String
    var parts: [JobFileStore.SentPart]
  }

  func addJobFiles() {
    json(.get, "/api/v1/download") { request, context, state in
      guard let id = try request.query("jobId", "0x and 32 hexadecimal digits", { try JobID(hex: $0) }),
        let kind = try request.query("type", "input or output", { JobFile.Kind(rawValue: $0) })
      else { throw RequestFailure.badParameter("jobId and type", found: "", allowed: "both") }
      let account = try await state.downloader(of: id, request)
      guard let job = try await state.listedJob(id) else { throw NetworkError.unknownJob(id: "\(id)") }
      let file = try job.file(
        kind, for: account, isNamedOnChain: try await state.isNamedOnChain(account, of: id, job),
        from: try request.query("giver", "an account") { try Address($0) })
      let (server, from) = (state.name(in: request), context.remoteHost)
      return try await state.offload {
        if !job.isOf(account) { try state.callers.note(from, for: id) }
        guard try state.jobFiles.place.byteCount(of: file) != nil else {
          throw CachedJob.noFile(kind, of: id)
        }
        return ["downloadUrl": try state.jobFiles.place.url(of: file, server: server)]
      }
    }

    json(.post, "/api/v1/upload/presigned-url") { request, context, state in
      let (account, wanted) = try await state.perhapsSigned(request, WantedUpload.self)
      guard (1...JobFileStore.partLimit).contains(wanted.parts) else {
        throw RequestFailure.badParameter(
          "parts", found: "\(wanted.parts)", allowed: "1 to \(JobFileStore.partLimit)")
      }
      let wish = try await state.wish(account, wanted, from: context.remoteHost)
      let server = state.name(in: request)
      return try await state.offload {
        let (file, giver) = (try state.file(wish, of: wanted), wish.giver)
        let upload = try state.jobFiles.begin(file, parts: wanted.parts)
        return GivenUpload(
          fileName: file.name, uploadId: "\(giver).\(upload.id)",
          preSignedUrls: try (1...wanted.parts).map { number in
            GivenUpload.Part(
              part: number,
              url: try state.jobFiles.place.url(ofPart: number, of: upload, server: server))
          })
      }
    }

    json(.post, "/api/v1/upload/complete") { request, _, state in
      let (_, sent) = try await state.perhapsSigned(request, CompletedUpload.self)
      // Only who has begun it knows its id.
      let words = sent.uploadId.split(separator: ".", maxSplits: 1).map(String.init)
      guard words.count == 2, let giver = try? Address(words[0]),
        let file = JobFile(name: sent.fileName, giver: giver)
      else { throw JobFileStore.unknown(sent.uploadId) }
      try await state.offload { try state.jobFiles.complete(file, words[1], sent.parts) }
      return ["fileName": file.name]
    }

    json(.get, "/api/v1/size") { request, _, state in
      guard let id = try request.query("jobId", "0x and 32 hexadecimal digits", { try JobID(hex: $0) }),
        let kind = try request.query("type", "input or output", { JobFile.Kind(rawValue: $0) })
      else { throw RequestFailure.badParameter("jobId and type", found: "", allowed: "both") }
      guard let job = try await state.listedJob(id) else { throw NetworkError.unknownJob(id: "\(id)") }
      let file = try job.named(kind, from: try request.query("giver", "an account") { try Address($0) })
      return try await state.offload {
        guard let byteCount = try state.jobFiles.place.byteCount(of: file) else {
          throw CachedJob.noFile(kind, of: id)
        }
        return FileSize(byteCount: byteCount)
      }
    }

    addJobFileTransfers()
  }

  /// How long a job's file is: a node looks whether it is there before it locks a deposit for the job.
  struct FileSize: Codable, Sendable {
    @DecimalText var byteCount: UInt64
  }

  /// Parts and files where they lie with this server: whoever has the URL.
  private func addJobFileTransfers() {
    add(.put, "/api/v1/upload/:upload/:part") { request, context, state in
      let (files, id) = (try state.folderOfJobFiles, context.parameters.get("upload") ?? "")
      let number = try context.parameter("part", "1 to \(JobFileStore.partLimit)") {
        guard let number = Int(decimal: $0) else { throw JobFileStore.unknown($0) }
        return number
      }
      guard try await state.offload({ files.takes(number, of: id) }) else { throw JobFileStore.unknown(id) }
      var body = state.uncheckedBody()
      defer { body.giveBack() }
      try await state.receive(request, limit: JobFileStore.partByteCount) { piece in try body.take(piece) }
      let part = body.data
      let tag = try await state.offload { try files.put(part, number, of: id) }
      return Response(status: .ok, headers: [.eTag: "\"\(tag)\""])
    }

    add(.get, "/api/v1/files/:kind/:giver/:file") { request, context, state in
      let files = try state.folderOfJobFiles
      let key = ["kind", "giver", "file"].map { context.parameters.get($0) ?? "" }.joined(separator: "/")
      let expires = try request.number("expires", in: UInt64(0)...(1 << 62)) ?? 0
      let code = request.uri.queryParameters["code"].map(String.init) ?? ""
      let found = try await state.offload { () -> (url: URL, byteCount: UInt64, mark: Bytes32)? in
        guard let file = try files.file(key: key, expires: expires, code: code) else { return nil }
        let url = files.url(of: file)
        guard let byteCount = Files.byteCount(of: url) else {
          throw CachedJob.noFile(file.kind, of: file.job)
        }
        return (url, byteCount, SHA256.hash(Array(file.key.utf8)))
      }
      guard let found else {
        throw RequestFailure(
          .forbidden, code: "storage.urlForbidden", "this URL is not one of this server, or its hour is over",
          hint: "ask for a new one with GET /api/v1/download")
      }
      return try await FileAnswer((found.url, found.byteCount), tag: found.mark, request).response(state)
    }
  }
}

// MARK: - Who may do what

extension ServerState {
  /// Who asks for a file: by the header of this API, or as a node of 2023 signs, the job's id as a personal message.
  fileprivate func downloader(of id: JobID, _ request: Request) async throws -> Address {
    if request.headers[.emethSignature] != nil { return try await account(of: request) }
    guard let text = request.uri.queryParameters["signature"].map(String.init),
      let jobID = request.uri.queryParameters["jobId"].map(String.init)
    else { throw RequestFailure.unsigned }
    return try await offload {
      do throws(CryptoError) {
        guard let bytes = try? Hex.decode(text) else { throw .signatureUnrecoverable }
        return try Signature(bytes: bytes).recoverAddress(fromMessage: jobID.utf8)
      } catch {
        throw RequestFailure(unauthorized: error)
      }
    }
  }

  /// What somebody may give: whose it is, and the file that the job names already.
  fileprivate struct Wish: Sendable {
    var giver: Address
    var named: JobFile?
  }

  /// The file that is given: the one that its job names, while that is not there, else a new one.
  fileprivate func file(_ wish: Wish, of wanted: Routes.WantedUpload) throws(NetworkError) -> JobFile {
    if let named = wish.named, try jobFiles.place.byteCount(of: named) == nil { return named }
    return JobFile(wanted.type, of: wanted.jobId, from: wish.giver)
  }

  /// Whether a job's chain names an account as one that may see what it is about: as the drawn verifier of its result, or as
  /// its requester's server. The chain is not asked of who may see it anyway.
  fileprivate func isNamedOnChain(_ account: Address, of id: JobID, _ job: CachedJob) async throws -> Bool {
    guard !job.isOf(account), job.assignedNode != "\(account)" else { return false }
    if try await isServer(account, of: job) { return true }
    return try await isDrawn(account, for: id, job)
  }

  /// Whether an account is drawn to check what a job's node has submitted.
  fileprivate func isDrawn(_ account: Address, for id: JobID, _ job: CachedJob) async throws -> Bool {
    guard job.status == JobStatus.submitted.rawValue, let jobs = service.chainJobs else { return false }
    return try await ofChain { () async throws(ChainError) in try await jobs.verifier(of: id) } == account
  }

  /// Whether a job's chain says that an account may divide the requester's jobs and end them.
  fileprivate func isServer(_ account: Address, of job: CachedJob) async throws -> Bool {
    guard let jobs = service.chainJobs, let requester = try? Address(job.requester) else { return false }
    return try await ofChain { () async throws(ChainError) in
      try await jobs.isServer(account, of: requester)
    }
  }

  /// Whose upload it is. An input is the requester's, before there is a job or while it waits; a job that is on its chain
  /// and names its input pays for the room. An output is its node's, which either signs as this API has it, or has
  /// fetched the input, signed, from the same address: nodes of 2023 sign no uploads. That of a job in parts, which has no
  /// node, is its requester's. For the requester the server gives that its chain names: inputs of parts, and that output.
  /// What a node has given to another server its drawn verifier gives to this one, as a file of its own.
  fileprivate func wish(
    _ account: Address?, _ wanted: Routes.WantedUpload, from: String
  ) async throws -> Wish {
    let job = try await listedJob(wanted.jobId)
    switch wanted.type {
    case .input:
      guard let account else { throw RequestFailure.unsigned }
      guard let job else {
        try await checkMayUpload(account)
        return Wish(giver: account)
      }
      let named = service.chainJobs == nil ? nil : try? job.named(.input)
      let giver = try await giver(account, of: job, wanted.jobId)
      // A server gives what its requester's escrow pays for.
      guard named != nil || giver == account else { throw CachedJob.notYours(wanted.jobId, account) }
      guard job.status == JobStatus.requested.rawValue else { throw job.wrongStatus(.requested) }
      if named == nil { try await checkMayUpload(account) }
      return Wish(giver: giver, named: named)
    case .output:
      guard let job else { throw NetworkError.unknownJob(id: "\(wanted.jobId)") }
      if job.numParallel > 1, service.chainJobs != nil {
        guard let account else { throw RequestFailure.unsigned }
        let giver = try await giver(account, of: job, wanted.jobId)
        guard job.status == JobStatus.processing.rawValue else { throw job.wrongStatus(.processing) }
        return Wish(giver: giver)
      }
      if let account, try await isDrawn(account, for: wanted.jobId, job) {
        return Wish(giver: account, named: try job.named(.output, from: account))
      }
      guard job.status == JobStatus.processing.rawValue,
        let node = job.assignedNode.flatMap({ try? Address($0) })
      else { throw job.wrongStatus(.processing) }
      if let account {
        guard account == node else { throw CachedJob.notYours(wanted.jobId, account) }
      } else {
        guard try await offload({ [callers] in callers.contains(from, for: wanted.jobId) }) else {
          throw RequestFailure(
            .forbidden, code: "storage.callerForbidden",
            "the node of job \(wanted.jobId) has fetched nothing from this address",
            hint: "fetch the job's input from here first, or sign the request (PROTOCOL 10)")
        }
      }
      return Wish(giver: node)
    }
  }

  /// A job's requester, where an account is that or its server.
  private func giver(_ account: Address, of job: CachedJob, _ id: JobID) async throws -> Address {
    if job.isOf(account) { return account }
    guard try await isServer(account, of: job), let requester = try? Address(job.requester) else {
      throw CachedJob.notYours(id, account)
    }
    return requester
  }

  /// A JSON body, and who has signed it; nil for nobody.
  fileprivate func perhapsSigned<Body: Decodable>(
    _ request: Request, _ type: Body.Type
  ) async throws -> (Address?, Body) {
    if request.headers[.emethSignature] != nil {
      let (account, body) = try await signed(request, type)
      return (account, body)
    }
    var body = uncheckedBody()
    defer { body.giveBack() }
    try await receive(request, limit: settings.bodyLimit) { piece in try body.take(piece) }
    return (nil, try read(body.data, type))
  }

  /// How a client calls this server.
  fileprivate func name(in request: Request) -> String {
    let isSecure = settings.certificate != nil || request.headers[.forwardedProto] == "https"
    return "\(isSecure ? "https" : "http")://\(request.head.authority ?? "\(settings.host):\(settings.port)")"
  }

  /// Where files lie with this server.
  fileprivate var folderOfJobFiles: FolderJobFiles {
    get throws {
      guard let folder = jobFiles.place as? FolderJobFiles else {
        throw RequestFailure(
          .conflict, code: "storage.elsewhere", "files of jobs lie in a bucket: its URLs lead there")
      }
      return folder
    }
  }
}

extension HTTPField.Name {
  /// How a client came to a proxy before this server.
  fileprivate static var forwardedProto: Self { HTTPField.Name("X-Forwarded-Proto") ?? .via }
}

extension CachedJob {
  func isOf(_ account: Address) -> Bool { requester == "\(account)" }

  /// The file that an account may fetch: its requester any, its node while it works on it or has submitted it, and who is
  /// named on its chain as its verifier or its requester's server.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `account.notAllowed` or `file.unknown`.
  func file(
    _ kind: JobFile.Kind, for account: Address, isNamedOnChain: Bool = false, from giver: Address? = nil
  ) throws(NetworkError) -> JobFile {
    let isWorking = [JobStatus.processing, .submitted].contains { $0.rawValue == status }
    guard isOf(account) || isNamedOnChain || (isWorking && assignedNode == "\(account)") else {
      throw Self.notYours(try jobID, account)
    }
    return try named(kind, from: giver)
  }

  /// The file that it names as its input or its output.
  ///
  /// - Parameter verifier: who has given the output, too; nil: it is the one that is its node's.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `file.unknown`.
  func named(_ kind: JobFile.Kind, from verifier: Address? = nil) throws(NetworkError) -> JobFile {
    let id = try jobID
    // What comes of a job in parts is its requester's.
    let worker = verifier.map { "\($0)" } ?? assignedNode ?? (numParallel > 1 ? requester : "")
    let (text, giver) = kind == .input ? (dataset, requester) : (result ?? "", worker)
    guard let giver = try? Address(giver), let file = JobFile(reference: text, giver: giver),
      file.kind == kind, file.job == id
    else { throw Self.noFile(kind, of: id) }
    return file
  }

  private var jobID: JobID {
    get throws(NetworkError) {
      do { return try JobID(hex: id) } catch { throw .unknownJob(id: id) }
    }
  }

  static func noFile(_ kind: JobFile.Kind, of id: JobID) -> NetworkError {
    .refused(
      code: "file.unknown", message: "job \(id) names no \(kind.rawValue) that was given here",
      hint: "an input's name stands in the job's dataset, an output's in its result")
  }

  static func notYours(_ id: JobID, _ account: Address) -> NetworkError {
    .refused(
      code: "account.notAllowed",
      message: "job \(id) is neither requested nor processed by account \(account)",
      hint: nil)
  }

  fileprivate func wrongStatus(_ allowed: JobStatus) -> NetworkError {
    .refused(
      code: "file.wrongStatus",
      message: "job \(id) is \(JobStatus(rawValue: status)?.name ?? "\(status)"), allowed is \(allowed.name)",
      hint: nil)
  }
}

/// From which addresses jobs' nodes have fetched their inputs; kept in a folder, so that a restart forgets none.
struct JobFileCallers: Sendable {
  let folder: URL

  private func file(_ address: String, _ job: JobID) -> URL {
    let name = Hex.encode(SHA256.hash(Array(address.utf8)).bytes.prefix(16), prefixed: false)
    return folder.appending(path: "\(job)-\(name)")
  }

  func note(_ address: String, for job: JobID) throws(NetworkError) {
    guard !contains(address, for: job) else { return }
    try Files.makeFolder(folder)
    try Files.write(Data(), to: file(address, job))
  }

  func contains(_ address: String, for job: JobID) -> Bool {
    FileManager.default.fileExists(atPath: file(address, job).path)
  }

  /// Forgets those of jobs that do not run any more.
  func sweep(isRunning: (JobID) async throws -> Bool) async throws {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
      guard let job = try? JobID(hex: String(name.prefix(34))), try await !isRunning(job) else { continue }
      try Files.remove(folder.appending(path: name))
    }
  }
}
