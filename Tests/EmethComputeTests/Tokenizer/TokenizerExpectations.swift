import Foundation
import Testing

/// What Tests/Scripts/tokenizer_expectations.py recorded of Hugging Face's `tokenizers`.
struct TokenizerExpectations: Decodable {
  struct Case: Decodable {
    var text: String
    var ids: [UInt32]
  }
  struct File: Decodable {
    var name: String
    var count: Int
    var sha256: String
  }

  var cases: [Case]
  var files: [File]?

  static func load(_ name: String) throws -> TokenizerExpectations {
    try RecordedFixture.decode(TokenizerExpectations.self, "tokenizer/\(name)")
  }
}

/// Folders outside the repository that the environment may name.
enum PublicInput {
  static let vectors = ProcessInfo.processInfo.environment["EMETH_VECTORS"]
  static let data = ProcessInfo.processInfo.environment["EMETH_DATA"]

  /// GPT-2's own files, unpacked into `folder` under the names they were published with.
  static func unpackGPT2(into folder: TemporaryFolder) throws {
    let source = URL(fileURLWithPath: try #require(vectors)).appendingPathComponent("gpt2")
    for name in ["encoder.json", "vocab.bpe"] {
      let result = try runProgram(["gzip", "-dc", source.appendingPathComponent(name + ".gz").path])
      #expect(result.status == 0)
      _ = try folder.write(Array(result.output), name)
    }
  }
}
