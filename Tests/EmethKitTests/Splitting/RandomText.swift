import Foundation

/// Text that is hard to cut: short runs of everything that a record scanner looks at, in three scripts.
enum RandomText {
  private static let pieces: [String] = [
    ".", "?", "!", "...", "?!", "\"", "'", ")", "]", "}", "(", "\u{2019}", "\u{201D}", "\u{201C}", "»", "«",
    "›",
    " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\u{0B}", "\u{0C}", "\u{85}", "\u{A0}", "\u{1680}",
    "\u{2003}",
    "\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}", "\u{200B}", "e.g. ", "Mr. Poe", "3.14", "a",
    "word",
    "Hello", "吾輩", "は猫である。", "「名前」", "é", "e\u{301}", "ß", "😀", "👨‍👩‍👧", "𝄞", "\0", "\u{7F}", "\u{FEFF}", "、",
    "\u{10FFFF}", "\u{E000}", "\u{D7FF}", "\u{80}", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10000}",
  ]

  /// So many pieces, one behind the other.
  static func bytes(pieces count: Int, using random: inout SeededGenerator) -> [UInt8] {
    (0..<count).flatMap { _ in Array((pieces.randomElement(using: &random) ?? "").utf8) }
  }

  /// The same with some bytes changed, removed or doubled, so that it is mostly no UTF-8 any more.
  static func broken(pieces count: Int, using random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes(pieces: count, using: &random)
    for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0...2, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.remove(at: place)
      default: bytes.insert(bytes[place], at: place)
      }
    }
    return bytes
  }
}

/// The folder of the public texts, or nil when none is named.
enum PublicTexts {
  static let folder: URL? = {
    guard let path = ProcessInfo.processInfo.environment["EMETH_DATA"], !path.isEmpty else { return nil }
    return URL(fileURLWithPath: path, isDirectory: true)
  }()

  static func bytes(_ name: String) throws -> [UInt8]? {
    try folder.map { [UInt8](try Data(contentsOf: $0.appendingPathComponent(name))) }
  }
}
