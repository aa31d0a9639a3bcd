import EmethCompute
import Foundation
import Testing

@Suite struct ModelFolderTests {
  /// What Tests/Scripts/huggingface_expectations.py recorded.
  private struct Expectations: Decodable {
    struct Row: Decodable {
      var length: Int
      var logits: [Float]
    }
    var tokens: [UInt32]
    var rows: [Row]
  }

  private func state(_ configuration: ModelConfiguration) throws -> TrainingState {
    let state = try TrainingState(configuration: configuration)
    var random = try RandomInput("model folder")
    for index in 0..<state.layout.count {
      state.parameters[index] = (Float(try random.below(1 << 20)) / 0x1p20 - 0.5) * 0.6
    }
    return state
  }

  private func areEqual(_ contents: ModelFolder.Contents, _ state: TrainingState) -> Bool {
    // A buffer does not keep its arena alive.
    withExtendedLifetime((contents, state)) {
      contents.parameters.elements.elementsEqual(state.parameters) { $0.bitPattern == $1.bitPattern }
    }
  }

  private func small() throws -> ModelConfiguration {
    try ModelConfiguration(layers: 11, heads: 2, width: 8, context: 12, vocabularySize: 256)
  }

  @Test func aModelOfHuggingFaceHasItsLogitsHere() throws {
    let folder = try RecordedFixture.url("huggingface-gpt2")
    let configuration = try ModelFolder.readConfiguration(from: folder)
    #expect(
      configuration
        == (try ModelConfiguration(layers: 11, heads: 3, width: 12, context: 24, vocabularySize: 53)))
    let parameters = try FloatArena(count: configuration.parameterCount)
    try ModelFolder.readParameters(from: folder, configuration: configuration, into: parameters.elements)
    let generator = try TextGenerator(
      configuration: configuration, parameters: parameters, device: .cpu(threads: 1))
    let expected = try RecordedFixture.decode(Expectations.self, "huggingface-gpt2/expectations.json")
    var largest: Float = 0
    for row in expected.rows {
      let logits = try generator.logits(after: Array(expected.tokens[..<row.length]))
      #expect(logits.count == row.logits.count)
      for (ours, theirs) in zip(logits, row.logits) { largest = max(largest, abs(ours - theirs)) }
    }
    print("largest difference from Hugging Face's logits: \(largest)")
    #expect(largest <= 1e-4)
  }

  @Test func whatIsWrittenIsReadBitForBit() throws {
    let folder = try TemporaryFolder()
    let state = try state(small())
    let target = folder.url.appendingPathComponent("a/model")
    try ModelFolder.write(
      to: target, configuration: state.configuration, parameters: .init(state.parameters),
      tokenizer: ByteTokenizer())
    let contents = try ModelFolder.read(from: target)
    #expect(contents.configuration == state.configuration)
    #expect(contents.tokenizer is ByteTokenizer)
    #expect(areEqual(contents, state))
    let copy = try TrainingState(configuration: contents.configuration)
    contents.copyParameters(to: copy)
    #expect(copy.root == state.root)
    let names = try FileManager.default.contentsOfDirectory(atPath: target.path).sorted()
    #expect(
      names == [
        "config.json", "merges.txt", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "vocab.json",
      ])
  }

  /// Rewrites a folder's weights under other names.
  private func rewrite(
    _ folder: URL, _ state: TrainingState, prefix: String, leavingOut left: String? = nil,
    adding extra: [(name: String, shape: [Int], values: [Float])] = []
  ) throws {
    let tensors = state.layout.tensors.filter { $0.name != left }
    let writer = try SafetensorsWriter(
      folder.appendingPathComponent("model.safetensors"),
      tensors: tensors.map { (prefix + $0.name, $0.shape) } + extra.map { ($0.name, $0.shape) })
    for tensor in tensors { try writer.append(.init(rebasing: state.parameters[tensor.range])) }
    for (_, _, values) in extra { try values.withUnsafeBufferPointer { try writer.append($0) } }
    try writer.finish()
  }

  @Test func namesWithAndWithoutPrefixAndOldExtrasAreRead() throws {
    let folder = try TemporaryFolder()
    let state = try state(small())
    try ModelFolder.write(
      to: folder.url, configuration: state.configuration, parameters: .init(state.parameters),
      tokenizer: ByteTokenizer())
    let embedding = try #require(state.layout["wte.weight"])
    var head = Array(state.parameters[embedding.range])
    func read() throws {
      #expect(areEqual(try ModelFolder.read(from: folder.url), state))
    }
    try rewrite(folder.url, state, prefix: "")
    try read()
    try rewrite(
      folder.url, state, prefix: "transformer.",
      adding: [
        ("transformer.h.0.attn.bias", [1, 1, 2, 2], [1, 0, 1, 1]),
        ("transformer.h.0.attn.masked_bias", [], [-1e4]),
        ("lm_head.weight", embedding.shape, head),
      ])
    try read()
    head[5] += 1
    try rewrite(folder.url, state, prefix: "", adding: [("lm_head.weight", embedding.shape, head)])
    #expect(throws: ComputeError.self) { try read() }
    try rewrite(folder.url, state, prefix: "", leavingOut: "h.10.ln_2.bias")
    let missing = #expect(throws: ComputeError.self) { try ModelFolder.read(from: folder.url) }
    #expect(missing?.message.contains("tensor h.10.ln_2.bias is missing") == true)
    try rewrite(folder.url, state, prefix: "", adding: [("h.11.ln_2.bias", [8], head.suffix(8))])
    #expect(throws: ComputeError.self) { try read() }
    try rewrite(folder.url, state, prefix: "", adding: [("transformer.ln_f.bias", [8], head.suffix(8))])
    #expect(throws: ComputeError.self) { try read() }
  }

  @Test(arguments: [
    ("\"model_type\": \"gpt2\"", "\"model_type\": \"llama\""), ("gelu_new", "relu"), ("1e-05", "1e-06"),
    ("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"),
    ("\"n_inner\": null", "\"n_inner\": 31"),
    ("\"scale_attn_weights\": true", "\"scale_attn_weights\": false"), ("\"n_head\": 2", "\"n_head\": 3"),
    ("\"n_head\": 2", "\"n_head\": 0"), ("\"n_layer\": 11", "\"n_layer\": -1"),
    ("\"n_layer\": 11", "\"n_layer\": 10"),
    ("\"n_embd\": 8", "\"n_embd\": 9223372036854775807"), ("\"vocab_size\": 256", "\"vocab_size\": 255"),
    ("\"vocab_size\": 256", "\"vocab_size\": \"256\""),
    ("\"scale_attn_by_inverse_layer_idx\": false", "\"scale_attn_by_inverse_layer_idx\": true"),
  ]) func configurationsOfOtherModelsAreRefused(from: String, to: String) throws {
    let folder = try TemporaryFolder()
    let state = try state(small())
    try ModelFolder.write(
      to: folder.url, configuration: state.configuration, parameters: .init(state.parameters),
      tokenizer: ByteTokenizer())
    let file = folder.url.appendingPathComponent("config.json")
    let json = try String(contentsOf: file, encoding: .utf8)
    try #require(json.contains(from))
    _ = try folder.write(json.replacingOccurrences(of: from, with: to), "config.json")
    #expect(throws: ComputeError.self) { try ModelFolder.read(from: folder.url) }
  }

  @Test func aTokenizerLargerThanTheModelIsRefused() throws {
    let configuration = try ModelConfiguration(layers: 1, heads: 1, width: 1, context: 1, vocabularySize: 255)
    let state = try TrainingState(configuration: configuration)
    let folder = try TemporaryFolder()
    #expect(throws: ComputeError.self) {
      try ModelFolder.write(
        to: folder.url, configuration: configuration, parameters: .init(state.parameters),
        tokenizer: ByteTokenizer())
    }
  }

  private static let python = ProcessInfo.processInfo.environment["EMETH_TORCH_PYTHON"]

  @Test(
    .enabled(
      if: python != nil,
      "EMETH_TORCH_PYTHON names no Python with torch and transformers (make test-full installs one)"),
    arguments: ["bytes", "pairs"])
  func huggingFaceOpensTheFolder(kind: String) throws {
    let tokenizer: any Tokenizer =
      kind == "bytes" ? ByteTokenizer() : try BytePairTokenizer(folder: RecordedFixture.url("tokenizer"))
    let configuration = try ModelConfiguration(
      layers: 3, heads: 4, width: 32, context: 40, vocabularySize: tokenizer.vocabularySize)
    let state = try state(configuration)
    let folder = try TemporaryFolder()
    let model = folder.url.appendingPathComponent("model")
    try ModelFolder.write(
      to: model, configuration: configuration, parameters: .init(state.parameters), tokenizer: tokenizer)
    struct Question: Encodable {
      var tokens: [UInt32]
      var logits: [Float]
      var text: String
      var ids: [UInt32]
    }
    let tokens = (0..<40).map { UInt32($0 * 37 % 256) }
    let text = "It's the cat again,\n\n  and 猫は 12 ½ 😀."
    let generator = try TextGenerator(state: state, device: .cpu(threads: 1))
    let question = Question(
      tokens: tokens, logits: try generator.logits(after: tokens), text: text, ids: try tokenizer.encode(text)
    )
    let file = try folder.write(Array(JSONEncoder().encode(question)), "expectations.json")
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Scripts/check_model_folder.py").standardizedFileURL
    let result = try runProgram([try #require(Self.python), script.path, model.path, file.path])
    let output = String(decoding: result.output, as: UTF8.self)
    print("Hugging Face, \(kind): \(output)")
    #expect(result.status == 0, "\(output)")
  }
}
