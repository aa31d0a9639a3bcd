import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Program 2 in a served network: model and prompts are given to the server, nodes and verifiers fetch the model.
@Suite(.serialized) struct ServedGenerationTests {
  private static func settings() throws -> ServiceSettings {
    var settings = try ServiceScene.settings()
    settings.uploadSeconds = 0
    return settings
  }

  private static func submit(
    _ request: ComputedRequest, _ model: GenerationScene, _ text: String = GenerationScene.prompts,
    in scene: ServiceScene, salt: Bytes32 = .zero
  ) throws -> JobID {
    let service = try scene.server.service()
    _ = try service.give(Data(text.utf8), by: ServiceScene.requester.address)
    try model.store(in: service.store)
    return try scene.submit(JobSubmission(salt: salt, computed: request))
  }

  private static func texts(of job: JobID, in scene: ServiceScene) throws -> [GeneratedText] {
    let service = try scene.server.service()
    let result = try service.result(of: job, for: ServiceScene.requester.address)
    return try GeneratedText.lines(of: service.store.get(try #require(result.output)))
  }

  @Test(arguments: TestDatabase.all)
  func textsAreGeneratedByNodesAndVerifiers(on kind: TestDatabase) async throws {
    let model = try GenerationScene()
    try await ServiceScene.with(Self.settings(), on: kind) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let request = try model.request(parallel: 4, agreement: 3)
      let job = try Self.submit(request, model, in: scene)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason) \(report.subJobs.map(\.reason))")
      #expect(try Self.texts(of: job, in: scene) == model.texts())
      try await NetworkServiceTests.checkMoney(scene)
      // The model stays with those who have used it, and goes from the server with its job.
      let name = Hex.encode(model.model.hash.bytes, prefixed: false)
      let kept = ["node-0", "node-1", "verifier-0", "verifier-1"].filter {
        FileManager.default.fileExists(atPath: scene.folder.url.appending(path: "\($0)/models/\(name)").path)
      }
      #expect(kept.count >= 3 && kept.contains("verifier-1"), "\(kept)")
      // Once more with other prompts, which need the model at the server, and no node fetches it again.
      let more = #"{"id":"b","prompt":"the road"}"# + "\n"
      let again = try Self.submit(
        model.request(more, parallel: 1), model, more, in: scene, salt: TestNetwork.seed(2))
      let second = try await scene.end(of: again)
      #expect(second.status == "VERIFIED", "\(second.reason)")
      #expect(try Self.texts(of: again, in: scene) == model.texts(more))
      // Who calls the result of another's job a file of a model has no job: its nodes would not get it.
      let service = try scene.server.service()
      let result = try #require(service.records(of: job).result)
      try model.store(in: service.store)
      let bad = try ModelReference(
        files: model.model.files.merging(["notes.txt": result]) { own, _ in own }, shape: model.model.shape)
      var stolen = request
      stolen.manifest = try ComputedManifest(
        .textGeneration, recordCount: 7,
        generation: GenerationTerms(
          bad, ByteTokenizer(), drawing: GenerationScene.drawing,
          dataSet: Data(GenerationScene.prompts.utf8), named: "p", parts: 4))
      let stranger = ServiceScene.node(0).address
      _ = try service.give(Data(GenerationScene.prompts.utf8), by: stranger)
      let error = #expect(throws: NetworkError.self) {
        try service.submit(JobSubmission(salt: .zero, computed: stolen), by: stranger)
      }
      #expect(error?.code == "account.notAllowed", "\(error?.message ?? "")")
    }
  }

  @Test func aNodeThatLiesIsRejected() async throws {
    let model = try GenerationScene()
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      try scene.startNode(0, fault: .swappedFinal)
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try Self.submit(model.request(parallel: 1), model, in: scene)
      let service = try scene.server.service()
      for _ in 0..<400 where try !service.subJobs(of: job).contains(where: { $0.status == .submitted }) {
        try await Task.sleep(for: .milliseconds(25))
      }
      try scene.startNode(1)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.texts(of: job, in: scene) == model.texts())
      let failed = try service.subJobs(of: job).filter { $0.status == .failed }
      #expect(
        !failed.isEmpty && failed.allSatisfy { $0.reason.contains("computed again, the output has root") })
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  @Test func killedInTheMiddleItGoesOn() async throws {
    let model = try GenerationScene()
    let prompts = (0..<30).map { #"{"id":"\#($0)","prompt":"line \#($0)","maxTokens":400}"# + "\n" }.joined()
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let node = try scene.startNode(0)
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try Self.submit(model.request(prompts, parallel: 6), model, prompts, in: scene)
      for _ in 0..<400
      where try !scene.server.service().subJobs(of: job).contains(where: { $0.status == .processing }) {
        try await Task.sleep(for: .milliseconds(10))
      }
      node.cancel()
      await scene.server.stop()
      await node.value
      try await scene.server.restart()
      try scene.startNode(0)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(try Self.texts(of: job, in: scene) == model.texts(prompts))
      try await NetworkServiceTests.checkMoney(scene)
    }
  }

  /// What a server is asked for and can't be is refused before anything is paid.
  @Test func whatCantBeGeneratedIsRefused() async throws {
    let model = try GenerationScene()
    try await ServiceScene.with(Self.settings(), on: .sqlite) { scene in
      let service = try scene.server.service()
      _ = try service.give(Data(GenerationScene.prompts.utf8), by: ServiceScene.requester.address)
      let request = try model.request(parallel: 2)
      let error = #expect(throws: NetworkError.self) {
        try scene.submit(JobSubmission(salt: .zero, computed: request))
      }
      #expect(error?.code == "storage.missing")
      try model.store(in: service.store)
      // A shape by which less would be paid.
      let small = try ModelShape(layers: 1, heads: 2, width: 16, context: 24, vocabularySize: 256)
      let other = try ModelReference(files: model.model.files, shape: small)
      var cheap = request
      cheap.manifest = try ComputedManifest(
        .textGeneration, recordCount: 7,
        generation: GenerationTerms(
          other, ByteTokenizer(), drawing: GenerationScene.drawing,
          dataSet: Data(GenerationScene.prompts.utf8),
          named: "p", parts: 2))
      let shape = #expect(throws: NetworkError.self) {
        try scene.submit(JobSubmission(salt: .zero, computed: cheap))
      }
      #expect(shape?.message.contains("is not of the shape") == true, "\(shape?.message ?? "")")
      // Weights longer than those of the shape would be fetched by all before it is seen.
      let long = try service.store.put(Data(count: 17 << 20))
      var heavy = request
      heavy.manifest = try ComputedManifest(
        .textGeneration, recordCount: 7,
        generation: GenerationTerms(
          ModelReference(
            files: model.model.files.merging(["model.safetensors": long]) { $1 },
            shape: model.model.shape),
          ByteTokenizer(), drawing: GenerationScene.drawing,
          dataSet: Data(GenerationScene.prompts.utf8), named: "p", parts: 2))
      let length = #expect(throws: NetworkError.self) {
        try scene.submit(JobSubmission(salt: .zero, computed: heavy))
      }
      #expect(length?.message.contains("its weights have") == true, "\(length?.message ?? "")")
      // Who can't pay is told so before a tokenizer is read: one that is none is no matter then.
      let poor = Address(bytes: [UInt8](repeating: 7, count: 20))
      if let poor {
        _ = try service.give(Data(GenerationScene.prompts.utf8), by: poor)
        let unpaid = #expect(throws: NetworkError.self) {
          try service.submit(JobSubmission(salt: .zero, computed: cheap), by: poor)
        }
        #expect(unpaid?.code == "job.escrowNotCovered", "\(unpaid?.message ?? "")")
      }
      // Prompts are counted when they are divided: the job goes back to its requester.
      var fewer = request
      fewer.manifest = try model.request(
        GenerationScene.prompts.replacingOccurrences(of: "\"maxTokens\":40", with: "\"maxTokens\":30"),
        parallel: 2
      ).manifest
      let job = try scene.submit(JobSubmission(salt: .zero, computed: fewer))
      try scene.startVerifier(0)
      let report = try await scene.end(of: job)
      #expect(
        report.status == "CANCELED" && report.reason.contains("another number of tokens"), "\(report.reason)")
    }
  }

  /// Requester, node and verifier have a server's URL, a key and a folder; the folder verifies.
  @Test func overHTTPTheFolderVerifies() async throws {
    let model = try GenerationScene()
    let server = try await RunningServer.start { folder in
      try NetworkService(folder: folder.url, settings: Self.settings())
    }
    let folder = try TemporaryFolder()
    var settings = NodeAgent.Settings()
    (settings.threads, settings.patience) = (1, 2)
    let node = try NodeAgent(
      key: ServiceScene.node(0), folder: folder.url.appending(path: "node"),
      connection: HTTPConnection(server: "\(server.address)", key: ServiceScene.node(0)), settings: settings)
    var checking = VerifierAgent.Settings()
    (checking.threads, checking.patience) = (1, 2)
    let verifier = try VerifierAgent(
      key: ServiceScene.verifier(0), folder: folder.url.appending(path: "verifier"),
      connection: HTTPConnection(server: "\(server.address)", key: ServiceScene.verifier(0)),
      settings: checking)
    let agents = [Task { try? await node.run() }, Task { try? await verifier.run() }]
    let client = server.client(ServiceScene.requester) { $0.attempts = 6 }
    let file = folder.url.appending(path: "prompts")
    try Data(GenerationScene.prompts.utf8).write(to: file)
    let request = try model.request(parallel: 2)
    try await client.give(dataSet: file, hash: request.dataSet)
    for (name, hash) in model.model.files {
      try await client.give(object: model.folder.url.appending(path: name), hash: hash)
    }
    let job = try await client.submit(JobSubmission(salt: TestNetwork.seed(3), computed: request))
    let end = ContinuousClock.now + .seconds(120)
    while try await client.job(job)?.job.summary.status.isFinal == false, ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(200))
    }
    let report = try await client.report(on: job)
    #expect(report.status == "VERIFIED", "\(report.reason) \(report.subJobs.map(\.reason))")
    let target = folder.url.appending(path: "result")
    try Files.makeFolder(target)
    try await JobDownload(client: client, job: job).write(report: report, to: target)
    #expect(try GeneratedText.lines(of: Files.read(target.appending(path: "result.dat"))) == model.texts())
    let checks = try JobFolder(target).check()
    #expect(checks.count > 5 && checks.allSatisfy { $0.holds }, "\(checks.filter { !$0.holds })")
    for agent in agents { agent.cancel() }
    for agent in agents { await agent.value }
    try await server.stop()
  }
}
