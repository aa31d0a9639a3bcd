import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The storage of the 2023 network, used as its nodes use it.
@Suite(.serialized) struct JobFileTests {
  private let node = PrivateKey(seed: TestNetwork.seed(), label: "node", index: 0)
  private let stranger = PrivateKey(seed: TestNetwork.seed(), label: "stranger", index: 0)
  private let part = JobFileStore.partByteCount

  private struct Upload: Decodable {
    struct Part: Decodable {
      var part: Int
      var url: String
    }

    var fileName: String
    var uploadId: String
    var preSignedUrls: [Part]
  }

  /// A server, its network, and what they are asked.
  private struct Scene {
    let server: RunningServer
    let network: FakeNetwork
    var id: JobID { network.jobID }

    func list(
      _ status: JobStatus, node: PrivateKey? = nil, dataset: String = "", result: String? = nil,
      requester: PrivateKey = TestKeys.requester, as id: JobID? = nil
    ) {
      let job = CachedJob(
        id: "\(id ?? self.id)", parentId: "0x" + String(repeating: "0", count: 32), programId: 999,
        param: "{}",
        numParallel: 1, numEpoch: 1, dataset: dataset, deadline: 2_000_000_000, fuelLimit: "1",
        fuelPrice: "1", fuelUsed: "0", result: result, requester: "\(requester.address)",
        assignedNode: node.map { "\($0.address)" }, status: status.rawValue, created: "", updated: "")
      network.state.withLock { $0.listed[id ?? self.id] = job }
    }

    func ask(
      _ method: String, _ path: String, _ body: Data? = nil, by key: PrivateKey? = nil,
      headers: [(String, String)] = []
    ) async throws -> Asked {
      var headers = headers
      if let key {
        let statement = RequestStatement(
          audience: server.address.audience, method: method, path: path, body: Array(body ?? Data()),
          time: UInt64(Date().timeIntervalSince1970), nonce: Bytes32.random())
        headers.append(
          (SignedRequest.headerName, SignedRequest(signing: statement, in: .embedded, with: key).headerValue))
      }
      return try await Asked.send(to: server, method, path, body: body, headers: headers)
    }

    /// The path of one of this server's URLs.
    func path(_ url: String) throws -> String {
      let start = "http://\(server.address.audience)"
      try #require(url.hasPrefix("\(start)/api/v1/"), "\(url)")
      return String(url.dropFirst(start.count))
    }

    func begin(_ type: String, _ parts: Int, by key: PrivateKey? = nil) async throws -> Asked {
      let body = Data(#"{"type":"\#(type)","jobId":"\#(id)","parts":\#(parts)}"#.utf8)
      return try await ask("POST", "/api/v1/upload/presigned-url", body, by: key)
    }

    func complete(_ upload: Upload, _ tags: [String], name: String? = nil) async throws -> Asked {
      let parts = tags.enumerated().map { #"{"ETag":"\#($1)","PartNumber":\#($0 + 1)}"# }
      let text = """
        {"fileName":"\(name ?? upload.fileName)","uploadId":"\(upload.uploadId)","parts":[\(parts.joined(separator: ","))]}
        """
      return try await ask("POST", "/api/v1/upload/complete", Data(text.utf8))
    }

    /// Sends parts; their ETags without quotes, as a node of 2023 sends them on.
    func put(_ pieces: [Data], _ upload: Upload) async throws -> [String] {
      var tags: [String] = []
      for (place, piece) in zip(upload.preSignedUrls, pieces) {
        let answer = try await ask("PUT", try path(place.url), piece)
        try #require(answer.status == 200, "part \(place.part): \(answer.status)")
        tags.append(try #require(answer.answerHeaders["etag"]).trimmingCharacters(in: ["\""]))
      }
      return tags
    }

    /// Where a node of 2023 is sent to: it signs the job's id.
    func download(_ type: String, by key: PrivateKey, id: JobID? = nil) async throws -> Asked {
      let id = id ?? self.id
      let signature = Hex.encode(key.sign(message: "\(id)".utf8).bytes)
      return try await ask("GET", "/api/v1/download?jobId=\(id)&type=\(type)&signature=\(signature)")
    }

    func url(_ answer: Asked) throws -> String {
      try #require(try JSONDecoder().decode([String: String].self, from: answer.received)["downloadUrl"])
    }
  }

  private func scene(
    _ settings: ServerSettings = ServerSettings(), _ test: (Scene) async throws -> Void
  ) async throws {
    try await RunningServer.scene(settings) { server, network in
      network.state.withLock { _ = $0.uploaders.insert(TestKeys.requester.address) }
      try await test(Scene(server: server, network: network))
    }
  }

  private func decode(_ answer: Asked) throws -> Upload {
    try #require(
      answer.status == 200, "\(answer.status) \(String(decoding: answer.received, as: UTF8.self))")
    return try JSONDecoder().decode(Upload.self, from: answer.received)
  }

  private func code(_ answer: Asked) -> String? {
    (try? JSONDecoder().decode(ServerRefusal.Body.self, from: answer.received))?.code
  }

  /// Its input, from the requester's hands into the node's; its output back.
  @Test func aNodeOf2023DoesItsWork() async throws {
    try await scene { scene in
      let input = testBytes(part + 1_000)
      let given = try decode(try await scene.begin("input", 2, by: TestKeys.requester))
      #expect(given.fileName.hasPrefix("input/input-\(scene.id)-") && given.fileName.hasSuffix(".zip"))
      #expect(given.preSignedUrls.map(\.part) == [1, 2])
      let tags = try await scene.put([input.prefix(part), input.dropFirst(part)], given)
      for _ in 0..<2 { #expect(try await scene.complete(given, tags).status == 200) }

      scene.list(.processing, node: node, dataset: given.fileName)
      let answer = try await scene.download("input", by: node)
      try #require(answer.status == 200)
      let path = try scene.path(try scene.url(answer))
      #expect(try await scene.ask("GET", path).received == input)
      let range = try await scene.ask("GET", path, headers: [("Range", "bytes=10-19")])
      #expect(range.status == 206 && range.received == input[10..<20])

      let output = testBytes(300)
      let begun = try decode(try await scene.begin("output", 1))
      #expect(begun.fileName.hasPrefix("output/output-\(scene.id)-"))
      let outputTags = try await scene.put([output], begun)
      #expect(try await scene.complete(begun, outputTags).status == 200)
      scene.list(.submitted, node: node, dataset: given.fileName, result: begun.fileName)
      let result = try await scene.download("output", by: TestKeys.requester)
      try #require(result.status == 200)
      #expect(try await scene.ask("GET", try scene.path(try scene.url(result))).received == output)
      // Nothing is left of the uploads.
      let left = scene.network.folder.appending(path: "job-files/uploads").path
      #expect(try FileManager.default.contentsOfDirectory(atPath: left).isEmpty)
    }
  }

  /// What was wrong in 2023: anybody got URLs for any job and wrote over its result.
  @Test func nobodyElseGivesAnOutput() async throws {
    try await scene { scene in
      #expect(code(try await scene.begin("output", 1)) == "job.unknown")
      scene.list(.requested)
      #expect(code(try await scene.begin("output", 1)) == "file.wrongStatus")
      scene.list(.processing, node: node)
      let unknown = try await scene.begin("output", 1)
      #expect(unknown.status == 403 && code(unknown) == "storage.callerForbidden")
      let other = try await scene.begin("output", 1, by: stranger)
      #expect(other.status == 403 && code(other) == "account.notAllowed")
      // Who signs needs to have fetched nothing.
      let first = try decode(try await scene.begin("output", 1, by: node))
      let second = try decode(try await scene.begin("output", 1, by: node))
      #expect(first.fileName != second.fileName)
      let tags = try await scene.put([Data("one".utf8)], first)
      #expect(try await scene.complete(first, tags).status == 200)
      // What is whole takes no part any more, and another upload can't be called by its name.
      let late = try await scene.ask("PUT", try scene.path(first.preSignedUrls[0].url), Data("two".utf8))
      #expect(late.status == 404 && code(late) == "upload.unknown")
      let more = try await scene.put([Data("two".utf8)], second)
      var swapped = second
      swapped.fileName = first.fileName
      #expect(try await scene.complete(swapped, more).status == 200)
      scene.list(.submitted, node: node, result: first.fileName)
      let url = try scene.url(try await scene.download("output", by: TestKeys.requester))
      #expect(try await scene.ask("GET", try scene.path(url)).received == Data("one".utf8))
      #expect(code(try await scene.begin("output", 1, by: node)) == "file.wrongStatus")
    }
  }

  @Test func aFileIsForItsJobAlone() async throws {
    try await scene { scene in
      let given = try decode(try await scene.begin("input", 1, by: TestKeys.requester))
      let tags = try await scene.put([Data("input".utf8)], given)
      #expect(try await scene.complete(given, tags).status == 200)
      scene.list(.requested, dataset: given.fileName)
      // Only while it is the node's, and by nobody else.
      #expect(code(try await scene.download("input", by: node)) == "account.notAllowed")
      scene.list(.processing, node: node, dataset: given.fileName)
      #expect(try await scene.download("input", by: node).status == 200)
      #expect(try await scene.download("input", by: stranger).status == 403)
      scene.list(.timeout, node: node, dataset: given.fileName)
      #expect(try await scene.download("input", by: node).status == 403)
      // Somebody names it in a job of his own, with that id and with another.
      let own = JobID(requester: stranger.address, salt: .zero)
      scene.list(.requested, dataset: given.fileName, requester: stranger, as: own)
      #expect(code(try await scene.download("input", by: stranger, id: own)) == "file.unknown")
      scene.list(.requested, dataset: given.fileName, requester: stranger)
      #expect(code(try await scene.download("input", by: stranger)) == "file.unknown")
      // What was never given.
      scene.list(.requested, dataset: "../../network.sqlite")
      #expect(code(try await scene.download("input", by: TestKeys.requester)) == "file.unknown")
      #expect(code(try await scene.download("output", by: TestKeys.requester)) == "file.unknown")
    }
  }

  @Test func aURLIsOfThisServerAndOfThisHour() async throws {
    try await scene { scene in
      let given = try decode(try await scene.begin("input", 1, by: TestKeys.requester))
      let tags = try await scene.put([Data("input".utf8)], given)
      #expect(try await scene.complete(given, tags).status == 200)
      scene.list(.requested, dataset: given.fileName)
      let path = try scene.path(try scene.url(try await scene.download("input", by: TestKeys.requester)))
      #expect(try await scene.ask("GET", path).status == 200)
      let files = FolderJobFiles(folder: scene.network.folder.appending(path: "job-files"))
      let file = try #require(JobFile(name: given.fileName, giver: TestKeys.requester.address))
      let query = path.split(separator: "?")[1].split(separator: "&")
      let expires = try #require(UInt64(query[0].split(separator: "=")[1]))
      let code = String(query[1].split(separator: "=")[1])
      #expect(try files.file(key: file.key, expires: expires, code: code) == file)
      #expect(try files.file(key: file.key, expires: expires + 1, code: code) == nil)
      #expect(try files.file(key: file.key, expires: 1_700_000_000, code: code) == nil)
      for bad in [
        path.replacing("expires=", with: "expires=9"), path + "0", path.replacing(".zip", with: ".zap"),
      ] {
        let answer = try await scene.ask("GET", bad)
        #expect(answer.status == 403 || answer.status == 400, "\(bad): \(answer.status)")
      }
    }
  }

  @Test func whatIsNotWholeIsNotThere() async throws {
    try await scene { scene in
      scene.list(.processing, node: node)
      let begun = try decode(try await scene.begin("output", 3, by: node))
      let pieces = [testBytes(part), testBytes(part), testBytes(10)]
      let tags = try await scene.put(Array(pieces.prefix(2)), begun)
      for wrong in [[], [tags[0]], tags + ["0"], [tags[0], "0"]] {
        let answer = try await scene.complete(begun, wrong)
        #expect(answer.status == 409 && code(answer) == "upload.parts", "\(wrong)")
      }
      // A part in the middle that is too short, one that is too long, one beyond the last, one of nothing.
      let path = try scene.path(begun.preSignedUrls[1].url)
      #expect(try await scene.ask("PUT", path, testBytes(part + 1)).status == 413)
      let short = try await scene.ask("PUT", path, testBytes(part - 1))
      let last = try await scene.ask("PUT", try scene.path(begun.preSignedUrls[2].url), pieces[2])
      let answer = try await scene.complete(
        begun,
        [tags[0], short.answerHeaders["etag"] ?? "", last.answerHeaders["etag"] ?? ""].map {
          $0.trimmingCharacters(in: ["\""])
        })
      #expect(code(answer) == "upload.parts")
      #expect(code(try await scene.ask("PUT", path.dropLast() + "4", Data([1]))) == "upload.unknown")
      #expect(code(try await scene.ask("PUT", path.dropLast() + "x", Data([1]))) == "http.badParameter")
      let again = try await scene.put(pieces, begun)
      #expect(try await scene.complete(begun, again).status == 200)
    }
  }

  @Test func badInputIsRefused() async throws {
    try await scene { scene in
      scene.list(.processing, node: node)
      let path = "/api/v1/upload/presigned-url"
      let bodies = [
        "", "[]", #"{"type":"model","jobId":"\#(scene.id)","parts":1}"#,
        #"{"type":"output","jobId":"0x12","parts":1}"#, #"{"type":"output","jobId":"\#(scene.id)"}"#,
        #"{"type":"output","jobId":"\#(scene.id)","parts":0}"#,
        #"{"type":"output","jobId":"\#(scene.id)","parts":10001}"#,
        #"{"type":"output","jobId":"\#(scene.id)","parts":1e30}"#,
      ]
      for body in bodies {
        let answer = try await scene.ask("POST", path, Data(body.utf8), by: node)
        #expect(answer.status == 400, "\(body)")
      }
      #expect(code(try await scene.begin("input", 1)) == "request.unsigned")
      #expect(code(try await scene.begin("input", 1, by: stranger)) == "account.notAllowed")
      for query in [
        "", "?jobId=\(scene.id)", "?jobId=x&type=input&signature=0x",
        "?jobId=\(scene.id)&type=all&signature=0x",
      ] {
        #expect(try await scene.ask("GET", "/api/v1/download\(query)").status == 400, "\(query)")
      }
      for signature in [
        "", "&signature=", "&signature=0x12", "&signature=0x" + String(repeating: "0", count: 130),
      ] {
        let answer = try await scene.ask("GET", "/api/v1/download?jobId=\(scene.id)&type=input\(signature)")
        #expect(answer.status == 401, "\(signature): \(answer.status)")
      }
      for id in ["x", "\(node.address).x", "\(node.address).../..", "."] {
        let upload = Upload(fileName: "output/output-\(scene.id)-x.zip", uploadId: id, preSignedUrls: [])
        let answer = try await scene.complete(upload, ["0"])
        #expect(answer.status == 404 && code(answer) == "upload.unknown", "\(id)")
      }
    }
  }

  @Test func anAccountHasOnlySoMuchRoom() async throws {
    var settings = ServerSettings()
    settings.unusedByteLimit = UInt64(3 * part)
    settings.objectLimit = UInt64(2 * part)
    try await scene(settings) { scene in
      scene.list(.processing, node: node)
      #expect(try await scene.begin("output", 9, by: node).status == 400)
      var uploads: [Upload] = []
      for _ in 0...JobFileStore.uploadLimit {
        uploads.append(try decode(try await scene.begin("output", 2, by: node)))
        try await Task.sleep(for: .milliseconds(20))
      }
      let folder = scene.network.folder.appending(path: "job-files/uploads").path
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == JobFileStore.uploadLimit)
      let last = try #require(uploads.last)
      let tags = try await scene.put([testBytes(part), testBytes(part)], last)
      #expect(try await scene.complete(last, tags).status == 200)
      let answer = try await scene.begin("output", 2, by: node)
      #expect(answer.status == 413 && code(answer) == "upload.quota")
      // Nobody else is concerned.
      scene.list(.requested)
      #expect(try await scene.begin("input", 1, by: TestKeys.requester).status == 200)
    }
  }

  /// The same with a bucket: parts and files do not pass the server.
  @Test(.enabled(if: S3Server.python != nil, S3Server.reason)) func filesLieInABucket() async throws {
    let folder = try TemporaryFolder()
    let bucket = try await S3Server.one()
    let address = try bucket.address(keysIn: folder)
    var made: FakeNetwork?
    let server = try await RunningServer.start { folder in
      let network = try FakeNetwork(folder, stores: NetworkStores(folder: folder.url, storage: address))
      made = network
      return network
    }
    let scene = Scene(server: server, network: try #require(made))
    scene.list(.processing, node: node)
    func send(_ method: String, _ url: String, _ body: Data? = nil) async throws -> Asked {
      let start = "http://127.0.0.1:\(bucket.port)"
      try #require(url.hasPrefix("\(start)/"), "\(url)")
      return try await Asked.send(
        to: ServerAddress(start), method, String(url.dropFirst(start.count)), body: body, headers: [])
    }
    let pieces = [testBytes(part), testBytes(70)]
    let begun = try decode(try await scene.begin("output", 2, by: node))
    var tags: [String] = []
    for (place, piece) in zip(begun.preSignedUrls, pieces) {
      let answer = try await send("PUT", place.url, piece)
      tags.append((answer.answerHeaders["etag"] ?? "").trimmingCharacters(in: ["\""]))
    }
    #expect(code(try await scene.complete(begun, [tags[0], "0"])) == "upload.parts")
    #expect(code(try await scene.complete(begun, [tags[0]])) == "upload.parts")
    for _ in 0..<2 { #expect(try await scene.complete(begun, tags).status == 200) }
    scene.list(.submitted, node: node, result: begun.fileName)
    let url = try scene.url(try await scene.download("output", by: node))
    #expect(try await send("GET", url).received == pieces[0] + pieces[1])
    #expect(try await scene.ask("PUT", "/api/v1/upload/x/1", Data([1])).status == 409)
    let never = Upload(fileName: begun.fileName, uploadId: "\(node.address).x", preSignedUrls: [])
    // It is there, whoever says so.
    #expect(try await scene.complete(never, tags).status == 200)
    try await server.stop()
  }

  @Test func whatNobodyNeedsIsSwept() async throws {
    let folder = try TemporaryFolder()
    let place = FolderJobFiles(folder: folder.url)
    let store = JobFileStore(place: place, fileLimit: 1 << 30, accountLimit: 1 << 30)
    let running = JobID(requester: node.address, salt: TestNetwork.seed(1))
    let ended = JobID(requester: node.address, salt: TestNetwork.seed(2))
    for job in [running, ended] {
      let upload = try store.begin(JobFile(.output, of: job, from: node.address), parts: 1)
      let tag = try place.put(Data("x".utf8), 1, of: upload.id)
      try store.complete(upload.file, upload.id, [JobFileStore.SentPart(ETag: tag, PartNumber: 1)])
    }
    _ = try store.begin(JobFile(.output, of: running, from: node.address), parts: 1)
    let now = DirectUploads.now()
    func sweep(_ days: UInt64) async throws -> (files: Set<JobID>, uploads: Int) {
      try await store.sweep(at: now + days * 86_400, isRunning: { $0 == running }) { try $0() }
      return (Set(try place.files().map(\.file.job)), try place.uploads().count)
    }
    #expect(try await sweep(0) == ([running, ended], 1))
    #expect(try await sweep(2) == ([running, ended], 0))
    #expect(try await sweep(31) == ([running], 0))
  }

  @Test func namesAreReadAsTheyAreWritten() throws {
    let file = JobFile(.input, of: JobID(requester: node.address, salt: .zero), from: node.address)
    #expect(JobFile(name: file.name, giver: node.address) == file)
    #expect(JobFile(key: file.key) == file)
    for bad in [
      "", "input", file.name + "/", "output/" + file.name.dropFirst(6), file.name.replacing("0x", with: "0X"),
      String(file.name.dropLast(5)) + "G.zip", "/" + file.name, file.name.uppercased(),
    ] {
      #expect(JobFile(name: bad, giver: node.address) == nil, "\(bad)")
    }
    for bad in ["", file.name, file.key + "/", "../" + file.key, file.key.lowercased()] {
      #expect(JobFile(key: bad) == nil, "\(bad)")
    }
  }
}

extension Bytes32 {
  fileprivate static func random() -> Bytes32 {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    return Bytes32(bytes) ?? .zero
  }
}
