import EmethCompute
import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Prompts and terms of a text generation as strangers may write them.
@Suite struct PromptTests {
  private func list(_ text: String) throws -> PromptList {
    try PromptList(Data(text.utf8), named: "prompts.jsonl", defaults: Drawing())
  }

  @Test func fieldsTakeThePlaceOfDefaults() throws {
    let line =
      #"{"stop":["a","b"],"seed":12,"repetitionPenalty":1.25,"topP":0.5,"topK":3,"temperature":2e-1,"#
      + #""maxTokens":5,"prompt":"\u00e9","id":"1"}"#
    let prompts = try list(line + "\n" + #"{"id":"2","prompt":"","stop":"x","seed":"12"}"#).prompts
    var drawing = Drawing()
    (drawing.maxTokens, drawing.temperature, drawing.topK, drawing.topP) = (5, 0.2, 3, 0.5)
    (drawing.repetitionPenalty, drawing.seed, drawing.stop) = (1.25, SHA256.hash("12".utf8), ["a", "b"])
    #expect(prompts[0].drawing == drawing && prompts[0].text == "é" && prompts[0].id == "1")
    var other = Drawing()
    (other.seed, other.stop) = (SHA256.hash("12".utf8), ["x"])
    #expect(prompts[1].drawing == other && prompts[1].text.isEmpty)
    #expect(
      Drawing.seed("0x" + String(repeating: "0a", count: 32)).bytes == [UInt8](repeating: 10, count: 32))
  }

  @Test(arguments: [
    (#"{"id":"b"}"#, "prompt: found no such field"), (#"{"prompt":"b"}"#, "id: found no such field"),
    (#"{"id":"a","prompt":"b"}"#, #"id: found "a", as in a line before, allowed each id once"#),
    (
      #"{"id":"b","prompt":"b","max_tokens":3}"#, #"field: found "max_tokens", allowed id, prompt, maxTokens"#
    ),
    (#"{"id":"b","prompt":7}"#, "prompt: found number, allowed a text"),
    (#"{"id":7,"prompt":"b"}"#, "id: found number, allowed a text"),
    (#"{"id":"","prompt":"b"}"#, "id: found 0 bytes, allowed 1 to 256"),
    (#"{"id":"b","prompt":"b","maxTokens":0}"#, "maxTokens: found 0, allowed 1 to 1000000"),
    (#"{"id":"b","prompt":"b","maxTokens":1.5}"#, "maxTokens: found 1.5, allowed an integer"),
    (#"{"id":"b","prompt":"b","temperature":-1}"#, "temperature: found -1.0, allowed 0.0 to 100.0"),
    (#"{"id":"b","prompt":"b","temperature":1e999}"#, "temperature: found 1e999, allowed a number"),
    (#"{"id":"b","prompt":"b","topP":0}"#, "topP: found 0.0, allowed 0.0001 to 1.0"),
    (#"{"id":"b","prompt":"b","repetitionPenalty":"1"}"#, #"repetitionPenalty: found "1", allowed a number"#),
    (#"{"id":"b","prompt":"b","seed":""}"#, #"seed: found "", allowed a text"#),
    (#"{"id":"b","prompt":"b","stop":["",""]}"#, "stop: found a text of 0 bytes, allowed 1 to 1024 bytes"),
    (#"{"id":"b","prompt":"b","stop":{}}"#, "stop: found object, allowed a text"),
    (#"["b"]"#, "not a JSON object"),
  ])
  func aLineThatIsNoPromptIsNamed(line: String, words: String) throws {
    let error = #expect(throws: NetworkError.self) {
      try list(#"{"id":"a","prompt":"b"}"# + "\n" + line + "\n")
    }
    guard case .badDataSet("prompts.jsonl", let what, let found, let allowed) = error else {
      Issue.record("\(error?.message ?? "")")
      return
    }
    #expect("\(what): found \(found), allowed \(allowed)".hasPrefix("line 2: " + words))
  }

  /// JSON itself is read by those who divide, with the byte; nothing that is none gets further.
  @Test(arguments: [
    "", "{\"id\":\"a\",\"prompt\":\"b\"}\n\n", "{\"id\":\"a\"", "{\"id\":\"a\",\"id\":\"b\"}",
  ])
  func whatIsNoJSONLinesIsRefused(text: String) {
    #expect(throws: NetworkError.self) { try list(text) }
  }

  @Test func bytesThatAreNoTextAreRefused() {
    let bytes = Data(#"{"id":"a","prompt":""#.utf8) + [0xC3, 0x28] + Data("\"}".utf8)
    #expect(throws: NetworkError.self) { try PromptList(bytes, named: "p", defaults: Drawing()) }
  }

  @Test func aPromptLongerThanTheContextIsRefused() throws {
    let scene = try GenerationScene()
    let text =
      #"{"id":"a","prompt":"b"}"# + "\n" + #"{"id":"b","prompt":"\#(String(repeating: "é", count: 13))"}"#
    let error = #expect(throws: NetworkError.self) { try scene.request(text, parallel: 1) }
    #expect(
      error?.message.contains(
        "line 2: prompt: found 26 tokens, allowed at most the model's context, \(GenerationScene.context)")
        == true,
      "\(error?.message ?? "")")
  }

  @Test func aManifestIsReadAsItWasWritten() throws {
    let manifest = try GenerationScene().request(parallel: 3).manifest
    #expect(try ComputedManifest(json: manifest.canonicalJSON) == manifest)
    // The plan's parts are the first three, two, two prompts.
    let shape = try #require(try manifest.generation?.model.shape)
    let counts = [7 + 9, 8 + 30 + 11, 12 + 12, 12 + 9, 1 + 9, 9 + 1, 24 + 40 + 3 * 11]
    let tokens = [counts[..<3], counts[3..<5], counts[5...]].map { $0.reduce(0, +) }.max() ?? 0
    #expect(manifest.generation?.partTokens == UInt64(tokens))
    #expect(try manifest.partFuel(parts: 3) == FuelFormula.forward(model: shape, tokens: UInt64(tokens)))
    let changes = [
      (#""profile":"reproducible""#, #""profile":"fast""#),
      (#""temperature":"0.8""#, #""temperature":"0.80""#),
      (#""topP":"1.0""#, #""topP":"7.0""#), (#""context":24"#, #""context":0"#),
      (#""config.json""#, #""../config.json""#), (#""partTokens":""#, #""partTokens":"x"#),
      (#""program":"2""#, #""program":"999""#), (#""recordsPerFuel":1"#, #""recordsPerFuel":9"#),
    ]
    for (found, other) in changes {
      let text = manifest.canonicalJSON.replacingOccurrences(of: found, with: other)
      #expect(text != manifest.canonicalJSON, "\(found)")
      #expect(throws: NetworkError.self, "\(other)") { try ComputedManifest(json: text) }
    }
    #expect(throws: NetworkError.self) { try ComputedManifest(.textGeneration, recordCount: 1) }
    #expect(throws: NetworkError.self) {
      try ComputedManifest(.meanOfNumbers, recordCount: 1, generation: manifest.generation)
    }
  }

  /// Of a model large enough that a token counts.
  @Test func fuelIsOfWhatWasReadAndDrawn() throws {
    let shape = try ModelShape(layers: 12, heads: 12, width: 768, context: 1_024, vocabularySize: 50_257)
    let files = ["config.json": Bytes32.zero, "model.safetensors": .zero]
    let text = (1...4).map { #"{"id":"\#($0)","prompt":"abc","maxTokens":\#($0 * 100)}"# }.joined(
      separator: "\n")
    let terms = try GenerationTerms(
      ModelReference(files: files, shape: shape), ByteTokenizer(), drawing: Drawing(),
      dataSet: Data(text.utf8),
      named: "p", parts: 2)
    #expect(terms.partTokens == 706)
    let whole = try FuelFormula.forward(model: shape, tokens: terms.partTokens)
    #expect(try terms.fuel(tokens: terms.partTokens) == whole && whole.units == 203)
    func drawn(_ counts: [UInt32]) throws -> Fuel {
      try terms.fuel(
        of: counts.map { GeneratedText(id: "", text: "", ending: .stop, promptTokens: 3, tokens: $0) })
    }
    #expect(try drawn([300, 400]) == whole)
    #expect(try drawn([10, 20]) == FuelFormula.forward(model: shape, tokens: 36))
    #expect(throws: NetworkError.self) { try drawn([1_000_001]) }
    // The server counts again.
    try terms.check(Data(text.utf8), named: "p", ByteTokenizer(), parts: 2)
    for (other, parts) in [(text, 1), (text.replacingOccurrences(of: "abc", with: "abcd"), 2)]
      as [(String, UInt32)]
    {
      #expect(throws: NetworkError.self) {
        try terms.check(Data(other.utf8), named: "p", ByteTokenizer(), parts: parts)
      }
    }
  }

  @Test func aLineOfOutputIsCanonical() throws {
    let text = GeneratedText(
      id: "a\"", text: "\u{1}é\n", ending: .endOfText, promptTokens: 3, tokens: 4)
    let line = try text.line()
    #expect(
      String(decoding: line, as: UTF8.self)
        == #"{"ending":"endOfText","id":"a\"","promptTokens":3,"text":"\u0001é\n","tokens":4}"# + "\n")
    #expect(try GeneratedText.lines(of: line + line) == [text, text])
    let spaced = Data(String(decoding: line, as: UTF8.self).replacingOccurrences(of: ",", with: ", ").utf8)
    #expect(throws: NetworkError.self) { try GeneratedText.lines(of: spaced) }
    #expect(throws: NetworkError.self) { try GeneratedText.lines(of: line + Data("0\n".utf8)) }
  }

  /// Whatever a model says, a text ends where it is too long for a line, and a part where it is too long for an output.
  @Test func textsThatGrowTooLongEnd() throws {
    let scene = try GenerationScene()
    let folder = try TemporaryFolder()
    let store = try ContentStore(folder: folder.url.appending(path: "objects"))
    try scene.store(in: store)
    let bench = GenerationBench(
      models: ModelShelf(folder: folder.url.appending(path: "models"), byteLimit: .max), store: store,
      device: try Device.cpu(threads: 1))
    let prompts = Data(#"{"id":"a","prompt":"b","maxTokens":100}"#.utf8)
    let terms = try #require(try scene.request(parallel: 1).manifest.generation)
    var generator = PromptGenerator(terms: terms, bench: bench)
    #expect(try generator.output(of: prompts, stop: StopFlag()).count > 100)
    generator.textBytes = 5
    // A token is a byte, or a character of three that stands for one.
    let text = #expect(throws: NetworkError.self) { try generator.output(of: prompts, stop: StopFlag()) }
    guard case .moduleFailed(_, let reason) = text else {
      Issue.record("\(text?.message ?? "")")
      return
    }
    #expect(
      (6...12).contains { reason.contains(#"the text of prompt "a" is \#($0) bytes, allowed is 5 bytes"#) },
      "\(reason)")
    generator.textBytes = RecordKind.json.recordByteLimit
    generator.outputBytes = 60
    let part = #expect(throws: NetworkError.self) { try generator.output(of: prompts, stop: StopFlag()) }
    #expect(part?.message.contains("more than 60 bytes") == true, "\(part?.message ?? "")")
  }

  /// A no is said of files that are none anywhere, and of no others; folders are named to nobody.
  @Test func whatThisMachineCantReadIsNoNo() throws {
    let scene = try GenerationScene()
    let file = scene.folder.url.appending(path: "config.json")
    let good = try String(contentsOf: file, encoding: .utf8)
    // No tokenizer: that of bytes is meant, where there are 256 of them.
    let plain = try ModelReference(
      files: scene.model.files.filter { ["config.json", "model.safetensors"].contains($0.key) },
      shape: scene.model.shape)
    for name in scene.model.files.keys where plain.files[name] == nil {
      try FileManager.default.removeItem(at: scene.folder.url.appending(path: name))
    }
    _ = try plain.read(scene.folder.url)
    func error() throws -> NetworkError {
      try #require(#expect(throws: NetworkError.self) { _ = try plain.read(scene.folder.url) })
    }
    for (text, words) in [
      (good.replacingOccurrences(of: "\"vocab_size\": 256", with: "\"vocab_size\": 300"), "it has no file"),
      (good.replacingOccurrences(of: "gpt2", with: "gpt3"), "gpt3"),
    ] {
      try #require(text != good)
      try text.write(to: file, atomically: true, encoding: .utf8)
      let found = try error()
      #expect(found.message.contains(words) && !found.message.contains("/"), "\(found.message)")
      guard case .malformed = found else {
        Issue.record("\(found)")
        continue
      }
    }
    try FileManager.default.removeItem(at: file)
    guard case .compute(.fileUnreadable(path: "config.json", reason: _)) = try error() else {
      Issue.record("\(try error())")
      return
    }
  }

  /// Files of a model come to a place of their own, once, and go from there.
  @Test func aModelIsBroughtOnce() async throws {
    let scene = try GenerationScene()
    let folder = try TemporaryFolder()
    let shelf = ModelShelf(folder: folder.url.appending(path: "models"), byteLimit: .max)
    let fetched = Count()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask {
          let lane = try AgentLane(threads: 1, device: .cpu)
          try await shelf.bring(scene.model, on: lane) { object, store async throws(NetworkError) in
            fetched.value.withLock { $0 += 1 }
            try asNetworkError { try scene.store(in: store) }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(fetched.value.withLock { $0 } == scene.model.objects.count && shelf.has(scene.model))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/models").count == 1)
    let device = try Device.cpu(threads: 1)
    _ = try shelf.model(scene.model, from: nil, on: device)
    #expect(shelf.heldByteCount > 0)
    shelf.letGo()
    #expect(shelf.heldByteCount == 0)
    // One that does not come leaves nothing.
    let other = try GenerationScene(seed: 2)
    let lane = try AgentLane(threads: 1, device: .cpu)
    await #expect(throws: NetworkError.self) {
      try await shelf.bring(other.model, on: lane) {
        object, store async throws(NetworkError) in
        try store.put(Data("x".utf8))
        throw .refused(code: "account.notAllowed", message: "no", hint: nil)
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/models").count == 1)
  }

  /// Models that were used longest ago make room.
  @Test func aShelfHasRoomForSoMuch() throws {
    let folder = try TemporaryFolder()
    let store = try ContentStore(folder: folder.url.appending(path: "objects"))
    let scenes = try (1...3).map { try GenerationScene(seed: UInt64($0)) }
    for scene in scenes { try scene.store(in: store) }
    let size = try scenes[0].model.objects.reduce(0) { $0 + (try #require(store.byteCount(of: $1))) }
    let shelf = ModelShelf(folder: folder.url.appending(path: "models"), byteLimit: size * 5 / 2)
    let device = try Device.cpu(threads: 1)
    for index in [0, 1, 0, 2] {
      // Times of folders are those of files: coarse.
      Thread.sleep(forTimeInterval: 0.02)
      let ready = try shelf.model(scenes[index].model, from: store, on: device)
      #expect(ready.configuration.context == GenerationScene.context)
    }
    #expect(scenes.map { shelf.has($0.model) } == [true, false, true])
    // One that was damaged is taken anew, where it can be.
    let file = folder.url.appending(
      path: "models/\(Hex.encode(scenes[0].model.hash.bytes, prefixed: false))/config.json")
    try FileManager.default.removeItem(at: file)
    try Data("{}".utf8).write(to: file)
    #expect(try shelf.model(scenes[0].model, from: store, on: device).configuration.layers == 2)
    let missing = #expect(throws: NetworkError.self) {
      try shelf.model(GenerationScene(seed: 9).model, from: store, on: device)
    }
    #expect(missing?.code == "storage.missing")
    // What is kept stays whatever comes, as far as it has room together.
    #expect(try shelf.keep(scenes[0].model) && shelf.keep(scenes[2].model))
    for index in [1, 2, 1] {
      Thread.sleep(forTimeInterval: 0.02)
      _ = try shelf.model(scenes[index].model, from: store, on: device)
    }
    #expect(scenes.map { shelf.has($0.model) } == [true, true, true])
    #expect(try !shelf.keep(scenes[1].model))
    // What nobody wants any more makes room for what is wanted.
    shelf.release(allBut: [scenes[1].model, scenes[2].model])
    #expect(try shelf.keep(scenes[1].model))
    #expect(try !shelf.keep(scenes[0].model))
  }
}

/// How often something was done.
private final class Count: Sendable {
  let value = Mutex(0)
}
