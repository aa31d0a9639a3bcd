import Foundation
import Testing

/// Hugging Face's `tokenizers`, asked through Tests/Scripts/tokenizer_oracle.py.
enum TokenizerOracle {
  static let python = ProcessInfo.processInfo.environment["EMETH_TORCH_PYTHON"]
  static let absence: Comment =
    "EMETH_TORCH_PYTHON names no Python with tokenizers (make test-full installs one)"

  /// Runs a question of the script.
  static func ask(_ words: String...) throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Scripts/tokenizer_oracle.py").standardizedFileURL
    let result = try runProgram([try #require(python), script.path] + words)
    try #require(result.status == 0, "\(words)")
  }

  /// The ids of a text by a tokenizer.json, or a folder with vocab.json and merges.txt.
  static func ids(of text: [UInt8], by tokenizer: URL) throws -> [UInt32] {
    let folder = try TemporaryFolder()
    let input = try folder.write(text, "text")
    let output = folder.url.appendingPathComponent("ids")
    try ask("encode", tokenizer.path, input.path, output.path)
    return words(try Data(contentsOf: output))
  }

  /// The text of ids.
  static func text(of ids: [UInt32], by tokenizer: URL) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let input = try folder.write(ids.flatMap { id in (0..<4).map { UInt8(id >> (8 * $0) & 0xFF) } }, "ids")
    let output = folder.url.appendingPathComponent("text")
    try ask("decode", tokenizer.path, input.path, output.path)
    return [UInt8](try Data(contentsOf: output))
  }

  static func words(_ data: Data) -> [UInt32] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map {
        UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
      }
    }
  }
}

/// Random texts to compare tokenizers on.
struct RandomText {
  private var random: RandomInput
  private static let pieces = [
    "'", "'s", "'ll", " ", "  ", "\n", "\n\n", "\r\n", "\t", "1", "12", "!", "?!", "the", " again", "猫", "は",
    "\u{3000}", "😀", "👩‍👩‍👧", "\u{301}", "é", "e\u{301}", "ｶﾞ", "Ａ", "１", "½",
    "\u{200B}", "\u{A0}", "\u{85}", "▁",
    "한",
    "\u{10FFFF}", "\u{0}", "\u{FFFD}", "\u{E000}", "か\u{3099}", "ﬁ", "㌔",
  ]

  init(_ name: String) throws { random = try RandomInput(name) }

  /// A number below `bound`.
  mutating func below(_ bound: Int) throws -> Int { try random.below(bound) }

  /// About so many bytes: a third of chosen pieces, a third of any characters at all, a third of those of one
  /// block of 128 at a time.
  mutating func bytes(_ count: Int) throws -> [UInt8] {
    var text = ""
    while text.utf8.count < count {
      switch try below(3) {
      case 0: for _ in 0..<30 { text += Self.pieces[try below(Self.pieces.count)] }
      case 1: for _ in 0..<10 { try append(below(0x11_0000), to: &text) }
      default:
        let block = try below(3) == 0 ? below(0x11_0000) : below(0x3100)
        for _ in 0..<20 { try append(min(block & ~127 + below(128), 0x10_FFFF), to: &text) }
      }
    }
    return Array(text.utf8)
  }

  private func append(_ code: Int, to text: inout String) throws {
    if let scalar = Unicode.Scalar(UInt32(code)) { text.unicodeScalars.append(scalar) }
  }
}
