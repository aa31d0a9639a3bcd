import Foundation
import Testing

@testable import EmethCompute

/// The loss of models that Hugging Face transformers saved, against what it finds itself.
@Suite struct HuggingFaceEvaluationTests {
  /// What Tests/Scripts/huggingface_evaluation.py writes beside a model.
  private struct Expected: Decodable {
    var text: String
    var loss: Double
    var tokens: Int
    var windows: Int
  }

  private func check(_ folder: URL) throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("evaluation.json")))
    let model = try ModelFolder.read(from: folder)
    // The folder has no tokenizer file, and the model 256 token ids.
    #expect(model.tokenizer is ByteTokenizer)
    let corpus = try TextCorpus(bytes: Data(expected.text.utf8))
    let tokens = try TokenStore(
      of: corpus, range: 0..<corpus.bytes.count, tokenizer: model.tokenizer, device: .cpu(threads: 2))
    let windows = try TokenWindows(tokens, context: model.configuration.context, remainder: .dropped)
    #expect(windows.count == expected.windows)
    for batch in [1, 5, 100] {
      let evaluator = try Evaluator(
        configuration: model.configuration, parameters: model.parameters, batch: batch,
        device: .cpu(threads: 2))
      let found = try evaluator.meanLoss(sequences: windows)
      #expect(found.tokens == expected.tokens)
      #expect(abs(found.loss - expected.loss) < 1e-4)
      if batch == 1 {
        print(
          "\(folder.lastPathComponent): loss \(found.loss), \(found.loss - expected.loss) from Hugging Face's"
        )
      }
    }
  }

  @Test(arguments: ["float16", "bfloat16"]) func recordedModels(type: String) throws {
    try check(RecordedFixture.url("huggingface-bytes").appendingPathComponent(type))
  }

  private static let python = ProcessInfo.processInfo.environment["EMETH_TORCH_PYTHON"]

  @Test(
    .enabled(
      if: python != nil,
      "EMETH_TORCH_PYTHON names no Python with torch and transformers (make test-full installs one)"))
  func freshModels() throws {
    let folder = try TemporaryFolder()
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Scripts/huggingface_evaluation.py").standardizedFileURL
    let types = ["float32", "float16", "bfloat16"]
    let result = try runProgram([try #require(Self.python), script.path, folder.url.path] + types)
    #expect(result.status == 0)
    for type in types { try check(folder.url.appendingPathComponent(type)) }
  }
}
