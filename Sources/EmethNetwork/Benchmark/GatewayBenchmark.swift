import EmethCompute
import EmethKit
import Foundation

/// What a gateway adds to a node's own time, whether many streams go on beside each other, and how much more a node draws
/// that draws many texts at once.
///
/// The server runs in a process of its own. The node is this process's: first one that computes nothing, so that all of
/// the time is the gateway's, then one that draws from a model of random weights, beside a ``TextGenerator`` that draws the
/// same texts alone, in turn with it.
public struct GatewayBenchmark: Sendable {
  /// What is measured with.
  public struct Settings: Sendable {
    /// The program whose `serve` is measured.
    public var program: URL
    /// The shape of the model that draws.
    public var shape: ModelConfiguration
    /// CPU threads that draw.
    public var threads = 2
    /// How many streams go on beside each other, of a node that computes nothing.
    public var streams = 200
    /// How many texts are drawn beside each other from the model.
    public var batch = 32
    /// Tokens of each text.
    public var tokens = 128
    /// How many texts are drawn one after another.
    public var texts = 20
    /// Asked between two measurements.
    public var isCancelled: @Sendable () -> Bool = { false }

    /// The settings that the figures of Docs/Benchmarks.md were taken with.
    public init(program: URL, shape: ModelConfiguration = .small) {
      (self.program, self.shape) = (program, shape)
    }
  }

  private let settings: Settings
  private let folder: URL
  private let key = PrivateKey(seed: .zero, label: "benchmark gateway", index: 0)
  private let node = PrivateKey(seed: .zero, label: "benchmark gateway", index: 1)
  /// A model's name, and a prompt's.
  private static let (name, prompt) = ("model", "Rain on the roof")

  /// Between two texts, so that one has ended before the next one begins.
  private static let pauseSeconds = 0.1

  /// Measures, in a folder that is gone afterwards.
  ///
  /// - Parameter progress: told what is done next, for people.
  /// - Throws: ``NetworkError``: also when an answer is not what it has to be.
  public static func run(
    _ settings: Settings, progress: (String) -> Void
  ) async throws(NetworkError) -> Report {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "emeth-gateway-\(ProcessInfo.processInfo.processIdentifier)")
    try Files.makeFolder(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    do {
      return try await GatewayBenchmark(settings: settings, folder: folder).measure(progress)
    } catch {
      throw NetworkError(error)
    }
  }

  private var model: URL { folder.appending(path: "model") }

  private func measure(_ progress: (String) -> Void) async throws -> Report {
    progress("a model of random weights")
    let state = try TrainingState(configuration: settings.shape)
    try state.initializeWeights(seed: Bytes32.zero.bytes)
    try withExtendedLifetime(state) {
      try ModelFolder.write(
        to: model, configuration: settings.shape, parameters: UnsafeBufferPointer(state.parameters),
        tokenizer: ByteTokenizer())
    }
    let server = try ChildServer(
      settings.program,
      [
        "serve", "--listen", "127.0.0.1:0", "--data", folder.appending(path: "network").path, "--json",
        "--grant", "\(key.address)=1000emeth", "--gateway", "\(Self.name)=\(model.path)@0.000001emeth",
      ], log: folder.appending(path: "server.log"))
    defer { server.stop() }
    let apiKey = APIKey()
    let budget = try asNetworkError { try TokenAmount(emeth: "900") }
    _ = try await ServerClient(server: server.address, key: key).addAPIKey(
      apiKey, name: "benchmark", budget: budget)
    let readers = Readers(server: server.address, apiKey: apiKey, tokens: settings.tokens)

    progress("a node that computes nothing")
    let canned = CannedNode(
      connection: try HTTPConnection(server: "\(server.address)", key: node),
      model: try ModelReference(folder: model).hash, room: max(settings.streams, 1))
    let streams = try await beside({ _ = try? await canned.run() }) { try await stream(readers) }

    progress("texts one after another")
    let agent = try NodeAgent(
      key: node, folder: folder.appending(path: "node"),
      connection: HTTPConnection(server: "\(server.address)", key: node), settings: nodeSettings)
    let (texts, batch) = try await beside({ _ = try? await agent.run() }) {
      let texts = try await draw(readers)
      progress("\(settings.batch) texts beside each other")
      return (texts, try await drawTogether(readers))
    }
    return Report(
      cores: ProcessInfo.processInfo.activeProcessorCount, threads: settings.threads, tokens: settings.tokens,
      streams: streams, texts: texts, batch: batch)
  }

  private var nodeSettings: NodeAgent.Settings {
    var node = NodeAgent.Settings()
    (node.threads, node.liveTexts, node.patience) = (settings.threads, settings.batch, 10)
    return node
  }

  /// Runs `body` while somebody works.
  private func beside<Result>(
    _ work: @escaping @Sendable () async -> Void, _ body: () async throws -> Result
  ) async throws -> Result {
    let task = Task { await work() }
    do {
      let result = try await body()
      task.cancel()
      await task.value
      return result
    } catch {
      task.cancel()
      await task.value
      throw error
    }
  }

  // MARK: - A node that computes nothing

  private func stream(_ readers: Readers) async throws -> Report.Streams {
    try await readers.wait(for: 60, isCancelled: settings.isCancelled)
    var alone: [TextLoad.Text] = []
    for number in 0..<settings.texts {
      if settings.isCancelled() { throw NetworkError.interrupted }
      alone += try await readers.read([(Self.prompt, number)], tokens: 2)
      await pause(Self.pauseSeconds)
    }
    let all = try await readers.read((0..<settings.streams).map { (Self.prompt, $0) })
    let whole = String(repeating: "a", count: settings.tokens)
    guard all.allSatisfy({ $0.text == whole }) else {
      throw NetworkError.inconsistent(
        what: "of \(settings.streams) streams \(all.count { $0.text != whole }) came without all tokens")
    }
    let seconds = all.map(\.seconds).sorted()
    let (fastest, slowest) = (seconds.first ?? 0, seconds.last ?? 0)
    return Report.Streams(
      firstMilliseconds: Report.Spread(alone.map { $0.firstSeconds * 1e3 }), streams: settings.streams,
      firstOfAllMilliseconds: Report.Spread(all.map { $0.firstSeconds * 1e3 }), fastestSeconds: fastest,
      slowestSeconds: slowest, longestPauseMilliseconds: (all.map(\.longestPause).max() ?? 0) * 1e3,
      tokensPerSecond: Double(settings.streams * settings.tokens) / max(slowest, 1e-9))
  }

  // MARK: - A node that draws

  private func draw(_ readers: Readers) async throws -> Report.Texts {
    let own = try OwnGenerator(model, threads: settings.threads)
    try await readers.wait(for: 120, isCancelled: settings.isCancelled)
    _ = try await own.draw([(Self.prompt, 0)], tokens: settings.tokens)
    var (first, firstAlone, firstAdded): ([Double], [Double], [Double]) = ([], [], [])
    var (each, eachAlone, eachAdded): ([Double], [Double], [Double]) = ([], [], [])
    for number in 0..<settings.texts {
      if settings.isCancelled() { throw NetworkError.interrupted }
      let alone = try await own.draw([(Self.prompt, number)], tokens: settings.tokens)
      await pause(Self.pauseSeconds)
      let served = try await readers.read([(Self.prompt, number)])
      guard let alone = alone.first, let served = served.first, alone.text == served.text else {
        throw NetworkError.inconsistent(
          what: "text \(number) of the gateway is another than alone")
      }
      func milliseconds(_ text: TextLoad.Text) -> (first: Double, each: Double) {
        (
          text.firstSeconds * 1e3,
          (text.seconds - text.firstSeconds) * 1e3 / Double(max(1, settings.tokens - 1))
        )
      }
      let (here, there) = (milliseconds(alone), milliseconds(served))
      first.append(there.first)
      firstAlone.append(here.first)
      firstAdded.append(there.first - here.first)
      each.append(there.each)
      eachAlone.append(here.each)
      eachAdded.append(there.each - here.each)
    }
    return Report.Texts(
      firstMilliseconds: Report.Spread(first), firstAloneMilliseconds: Report.Spread(firstAlone),
      firstAddedMilliseconds: Report.Spread(firstAdded), tokenMilliseconds: Report.Spread(each),
      tokenAloneMilliseconds: Report.Spread(eachAlone), tokenAddedMilliseconds: Report.Spread(eachAdded))
  }

  private func drawTogether(_ readers: Readers) async throws -> Report.Batch {
    let own = try OwnGenerator(model, threads: settings.threads)
    let wanted = (0..<settings.batch).map { (Self.prompt, 1_000 + $0) }
    func rate(_ texts: [TextLoad.Text]) -> Double {
      Double(texts.count * settings.tokens) / max(texts.map(\.seconds).max() ?? 0, 1e-9)
    }
    var (one, together, aloneOne, aloneTogether): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    for turn in 0..<3 {
      if settings.isCancelled() { throw NetworkError.interrupted }
      one.append(rate(try await readers.read([(Self.prompt, turn)])))
      together.append(rate(try await readers.read(wanted)))
      aloneOne.append(rate(try await own.draw([(Self.prompt, turn)], tokens: settings.tokens)))
      aloneTogether.append(rate(try await own.draw(wanted, tokens: settings.tokens)))
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    return Report.Batch(
      texts: settings.batch, oneTokensPerSecond: median(one), tokensPerSecond: median(together),
      ratio: median(zip(together, one).map { $0 / $1 }), aloneOneTokensPerSecond: median(aloneOne),
      aloneTokensPerSecond: median(aloneTogether))
  }
}

/// Clients of the gateway with one key.
private struct Readers: Sendable {
  let server: ServerAddress
  let apiKey: APIKey
  let tokens: Int

  /// Reads one stream for each prompt and seed, all at once.
  func read(_ wanted: [(prompt: String, seed: Int)], tokens: Int? = nil) async throws(NetworkError)
    -> [TextLoad.Text]
  {
    let requests = wanted.map { request($0.prompt, seed: $0.seed, tokens: tokens ?? self.tokens) }
    let server = server
    // Not on the cooperative pool: it blocks.
    let result: Result<[TextLoad.Text], NetworkError> = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          returning: Result { () throws(NetworkError) in
            try TextLoad(to: server, connections: requests.count).run(requests)
          })
      }
    }
    return try result.get()
  }

  /// Waits until a node draws.
  func wait(for seconds: Double, isCancelled: @Sendable () -> Bool) async throws(NetworkError) {
    let end = ContinuousClock.now.advanced(by: .seconds(seconds))
    while true {
      do throws(NetworkError) {
        _ = try await read([("a", 0)], tokens: 2)
        return
      } catch {
        if isCancelled() { throw .interrupted }
        guard ContinuousClock.now < end, case .serverFailed = error else { throw error }
        await pause(0.1)
      }
    }
  }

  private func request(_ prompt: String, seed: Int, tokens: Int) -> [UInt8] {
    let body =
      #"{"model":"model","prompt":"\#(prompt)","max_tokens":\#(tokens),"seed":\#(seed),"stream":true}"#
    return Array(
      """
      POST /v1/completions HTTP/1.1\r
      Host: \(server.audience)\r
      Authorization: Bearer \(apiKey)\r
      Content-Type: application/json\r
      Content-Length: \(body.utf8.count)\r
      \r
      \(body)
      """.utf8)
  }
}

/// The node alone: the same texts, drawn without anybody to hand them to.
private final class OwnGenerator: Sendable {
  private let lane: AgentLane
  private let contents: ModelFolder.Contents

  init(_ model: URL, threads: Int) throws(NetworkError) {
    lane = try AgentLane(threads: threads, device: .cpu)
    contents = try asNetworkError { try ModelFolder.read(from: model) }
  }

  /// When the pieces of text came that a gateway would have sent.
  func draw(_ wanted: [(prompt: String, seed: Int)], tokens: Int) async throws(NetworkError) -> [TextLoad
    .Text]
  {
    try await lane.run { [contents] device in
      let generator = try TextGenerator(
        configuration: contents.configuration, parameters: contents.parameters, device: device)
      var texts = wanted.map { _ in TextLoad.Text() }
      var streams = wanted.map { _ in TokenTextStream(contents.tokenizer) }
      let samplers = try wanted.map { wanted in
        var drawing = Drawing()
        (drawing.topK, drawing.temperature) = (0, 1)
        drawing.seed = Drawing.seed("\(wanted.seed)")
        return try drawing.sampler()
      }
      let prompts = try wanted.map { try contents.tokenizer.startTokens(of: $0.prompt) }
      try generator.reserve(wanted.count)
      let begin = ContinuousClock.now
      _ = try generator.generate(prompts: prompts, maxTokens: tokens, samplers: samplers) { index, token in
        let piece = streams[index].append(token)
        if !piece.isEmpty { texts[index].add(piece, after: (ContinuousClock.now - begin) / .seconds(1)) }
        return true
      }
      for index in texts.indices {
        let piece = streams[index].finish()
        if !piece.isEmpty { texts[index].add(piece, after: (ContinuousClock.now - begin) / .seconds(1)) }
      }
      return texts
    }
  }
}
