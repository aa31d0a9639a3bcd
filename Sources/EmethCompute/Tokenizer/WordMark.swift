/// The character that marks the beginning of words in SentencePiece's vocabularies, `▁` as a rule, and how
/// text gets it: Hugging Face's `Metaspace`.
struct WordMark: Sendable {
  /// The mark's UTF-8.
  let mark: [UInt8]
  /// Whether text that does not begin with the mark gets one in front.
  let isPutInFront: Bool
  /// Whether text is cut in front of each mark.
  let splits: Bool

  /// Reads the step of a pre-tokenizer.
  init(_ step: JSONDocument, path: String) throws(ComputeError) {
    guard let mark = step["replacement"]?.string, mark.unicodeScalars.count == 1 else {
      throw .malformedFile(
        path: path, what: "replacement", found: step["replacement"]?.brief ?? "missing",
        allowed: "one character")
    }
    self.mark = Array(mark.utf8)
    isPutInFront = try Self.isPut(by: step, path: path)
    splits = step["split"]?.bool ?? true
  }

  /// Whether a `Metaspace` puts a mark in front of the text: by its scheme, or in older files by a flag.
  static func isPut(by step: JSONDocument, path: String) throws(ComputeError) -> Bool {
    switch step["prepend_scheme"]?.string {
    case "always", "first": return true
    case "never": return false
    case nil: return step["add_prefix_space"]?.bool ?? true
    case let other?:
      throw .malformedFile(
        path: path, what: "prepend_scheme", found: other, allowed: "always, first or never")
    }
  }

  /// The pieces of a text that is not empty.
  func pieces(of text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var marked: [UInt8] = []
    marked.reserveCapacity(text.count + text.count / 2)
    for byte in text {
      if byte == UInt8(ascii: " ") { marked += mark } else { marked.append(byte) }
    }
    if isPutInFront, !marked.starts(with: mark) { marked.insert(contentsOf: mark, at: 0) }
    guard splits else { return [marked[...]] }
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    for index in 1..<max(1, marked.count) where marked[index] == mark[0] {
      guard marked[index...].starts(with: mark) else { continue }
      pieces.append(marked[start..<index])
      start = index
    }
    pieces.append(marked[start...])
    return pieces
  }
}
