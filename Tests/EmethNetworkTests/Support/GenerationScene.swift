import EmethCompute
import EmethKit
import Foundation

@testable import EmethNetwork

/// A very small model in a folder, prompts for it, and what `emeth generate` makes of them.
struct GenerationScene: Sendable {
  let folder: TemporaryFolder
  let model: ModelReference

  static let context = 24

  /// Prompts of many kinds: defaults, all fields, stop texts, no text at all, no ASCII, and one of the whole context.
  static let prompts = """
    {"id":"plain","prompt":"the cat"}
    {"id":"greedy","prompt":"a heron ","temperature":0,"maxTokens":30}
    {"id":"all","prompt":"seven stones","maxTokens":12,"temperature":1.5,"topK":0,"topP":0.9,"repetitionPenalty":1.3,"seed":"x"}
    {"id":"stop","prompt":"my neighbour","stop":["b","th"],"seed":7}
    {"id":"empty","prompt":""}
    {"id":"\u{732B}","prompt":"\u{543E}\u{8F29}\u{306F}","maxTokens":1}
    {"id":"long","prompt":"0123456789abcdefghijklmn","maxTokens":40,"stop":"zzz"}

    """

  /// How they are drawn where they don't say.
  static var drawing: Drawing {
    var drawing = Drawing()
    drawing.maxTokens = 9
    return drawing
  }

  /// - Parameter seed: of the weights.
  init(seed: UInt64 = 1) throws {
    folder = try TemporaryFolder()
    let configuration = try ModelConfiguration(
      layers: 2, heads: 2, width: 16, context: Self.context, vocabularySize: 256)
    let state = try TrainingState(configuration: configuration)
    var random = ChaCha20Generator(key: SHA256.hash(Array("weights \(seed)".utf8)))
    for index in state.parameters.indices {
      state.parameters[index] = (Float(random.below(1 << 20)) / 0x1p20 - 0.5) * 0.8
    }
    try ModelFolder.write(
      to: folder.url, configuration: configuration, parameters: UnsafeBufferPointer(state.parameters),
      tokenizer: ByteTokenizer())
    withExtendedLifetime(state) {}
    model = try ModelReference(folder: folder.url)
  }

  /// Puts the model's files where nodes look for them.
  func store(in store: ContentStore) throws {
    for name in model.files.keys { try store.put(Data(contentsOf: folder.url.appending(path: name))) }
  }

  func request(
    _ text: String = prompts, parallel: UInt32, agreement: UInt32 = 2, attempts: UInt32 = 3,
    drawing: Drawing = drawing
  ) throws -> ComputedRequest {
    let bytes = Data(text.utf8)
    let terms = try GenerationTerms(
      model, ByteTokenizer(), drawing: drawing, dataSet: bytes, named: "prompts", parts: parallel)
    return ComputedRequest(
      manifest: try ComputedManifest(
        .textGeneration, recordCount: UInt64(RecordKind.json.records(in: Array(bytes)).count),
        agreement: agreement, generation: terms),
      dataSetName: "prompts", dataSet: SHA256.hash(Array(bytes)), parallel: parallel,
      fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600,
      retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 2))
  }

  /// What follows each prompt, one at a time and as `emeth generate` writes it.
  func texts(_ text: String = prompts, drawing: Drawing = drawing) throws -> [GeneratedText] {
    let contents = try ModelFolder.read(from: folder.url)
    let device = try Device.cpu(threads: 1)
    return try PromptList(Data(text.utf8), named: "prompts", defaults: drawing).prompts.map { prompt in
      let generator = try TextGenerator(
        configuration: contents.configuration, parameters: contents.parameters, device: device)
      let (tokens, own) = (try contents.tokenizer.startTokens(of: prompt.text), prompt.drawing)
      var stream = TokenTextStream(contents.tokenizer, stops: own.stop)
      var text = ""
      let drawn = try generator.generate(
        prompt: tokens, maxTokens: Int(own.maxTokens),
        sampler: Sampler(
          temperature: own.temperature, topK: own.topK == 0 ? nil : Int(own.topK), topP: own.topP,
          repetitionPenalty: own.repetitionPenalty, seed: own.seed.bytes)
      ) { token in
        text += stream.append(token)
        return !stream.isStopped
      }
      text += stream.finish()
      return GeneratedText(
        id: prompt.id, text: text, ending: stream.isStopped ? .stop : .maxTokens,
        promptTokens: UInt32(tokens.count), tokens: UInt32(drawn.count))
    }
  }
}
