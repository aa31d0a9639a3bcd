import Foundation

extension BytePairTokenizer {
  private static let largestFileByteCount = 256 << 20

  /// Reads `tokenizer.json`, else `vocab.json` and `merges.txt`, else `encoder.json` and `vocab.bpe`.
  ///
  /// - Throws: `ComputeError.fileUnreadable` when there is none of them, `malformedFile` when one is not what
  ///   a GPT-2 tokenizer has, named with what was found.
  public init(folder: URL) throws(ComputeError) {
    func url(_ name: String) -> URL? {
      let url = folder.appendingPathComponent(name)
      return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }
    if let file = url("tokenizer.json") {
      try self.init(tokenizerFile: file)
    } else if let vocabulary = url("vocab.json"), let merges = url("merges.txt") {
      try self.init(vocabularyFile: vocabulary, mergesFile: merges)
    } else if let vocabulary = url("encoder.json"), let merges = url("vocab.bpe") {
      try self.init(vocabularyFile: vocabulary, mergesFile: merges)
    } else {
      throw .fileUnreadable(
        path: folder.path,
        reason: "no tokenizer.json, no vocab.json with merges.txt, no encoder.json with vocab.bpe")
    }
  }

  /// Reads a vocabulary `{"token": id, …}` and merges, one "left right" a line in order of rank.
  public init(vocabularyFile: URL, mergesFile: URL) throws(ComputeError) {
    let document = try JSONDocument(contentsOf: vocabularyFile, byteLimit: Self.largestFileByteCount)
    let texts = try Self.texts(of: document, extra: [], path: vocabularyFile.path)
    let bytes = try WholeFile.read(mergesFile, byteLimit: Self.largestFileByteCount)
    var merges: [(String, String)] = []
    for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty || (number == 0 && line.starts(with: "#version".utf8)) { continue }
      merges.append(try Self.pair(String(decoding: line, as: UTF8.self), path: mergesFile.path))
    }
    try self.init(texts: texts, merges: merges, source: vocabularyFile.path)
  }

  /// Reads Hugging Face's `tokenizer.json` with a byte-level BPE model; what it asks for beyond that is refused,
  /// as it would give other tokens.
  public init(tokenizerFile: URL) throws(ComputeError) {
    let path = tokenizerFile.path
    let document = try JSONDocument(contentsOf: tokenizerFile, byteLimit: Self.largestFileByteCount)
    guard let model = document["model"], model["type"]?.string ?? "BPE" == "BPE" else {
      throw .malformedFile(
        path: path, what: "model", found: document["model"]?["type"]?.string ?? "missing", allowed: "BPE")
    }
    try Self.checkSettings(of: document, model: model, path: path)
    guard let vocabulary = model["vocab"], case .array(let lines)? = model["merges"] else {
      throw .malformedFile(path: path, what: "model", found: "no vocab or merges", allowed: "both")
    }
    var added: [(String, JSONDocument)] = []
    if case .array(let tokens)? = document["added_tokens"] {
      for token in tokens {
        if let text = token["content"]?.string, let id = token["id"] { added.append((text, id)) }
      }
    }
    var merges: [(String, String)] = []
    merges.reserveCapacity(lines.count)
    for line in lines {
      if let text = line.string {
        merges.append(try Self.pair(text, path: path))
      } else if case .array(let sides) = line, sides.count == 2, let left = sides[0].string,
        let right = sides[1].string
      {
        merges.append((left, right))
      } else {
        throw .malformedFile(
          path: path, what: "merge \(merges.count)", found: "no pair", allowed: "two tokens")
      }
    }
    try self.init(
      texts: Self.texts(of: vocabulary, extra: added, path: path), merges: merges, source: path)
  }

  private static func pair(_ line: String, path: String) throws(ComputeError) -> (String, String) {
    let sides = line.split(separator: " ", omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
      throw .malformedFile(
        path: path, what: "merge \(line)", found: "no pair", allowed: "two tokens and a space")
    }
    return (String(sides[0]), String(sides[1]))
  }

  /// The tokens by id; every id from 0 has one, and an added token may repeat one of the vocabulary.
  private static func texts(
    of vocabulary: JSONDocument, extra: [(String, JSONDocument)], path: String
  ) throws(ComputeError) -> [String] {
    guard case .object(let members) = vocabulary else {
      throw .malformedFile(path: path, what: "vocabulary", found: "no object", allowed: "{\"token\": id, …}")
    }
    let limit = members.count + extra.count
    var texts = [String?](repeating: nil, count: limit)
    for (text, value) in members + extra {
      guard let id = value.integer, (0..<limit).contains(id) else {
        throw .malformedFile(
          path: path, what: "id of \(text)", found: value.brief, allowed: "0 to \(limit - 1), without gaps")
      }
      if let other = texts[id], !other.utf8.elementsEqual(text.utf8) {
        throw .malformedFile(
          path: path, what: "id \(id)", found: "\(other) and \(text)", allowed: "one token for each id")
      }
      texts[id] = text
    }
    let known = texts.prefix { $0 != nil }.compactMap { $0 }
    guard texts.dropFirst(known.count).allSatisfy({ $0 == nil }) else {
      throw .malformedFile(
        path: path, what: "id \(known.count)", found: "no token", allowed: "ids without gaps")
    }
    return known
  }

  private static func checkSettings(
    of document: JSONDocument, model: JSONDocument, path: String
  ) throws(ComputeError) {
    func demand(_ what: String, _ value: JSONDocument?, _ allowed: [JSONDocument]) throws(ComputeError) {
      guard let value, value != .null, !allowed.contains(value) else { return }
      throw .malformedFile(
        path: path, what: what, found: value.brief, allowed: allowed.first?.brief ?? "null")
    }
    try demand("normalizer", document["normalizer"], [])
    try demand("dropout", model["dropout"], [.number("0"), .number("0.0")])
    try demand("byte_fallback", model["byte_fallback"], [.bool(false)])
    try demand("ignore_merges", model["ignore_merges"], [.bool(false)])
    try demand("continuing_subword_prefix", model["continuing_subword_prefix"], [.string("")])
    try demand("end_of_word_suffix", model["end_of_word_suffix"], [.string("")])
    guard let splitter = document["pre_tokenizer"], splitter["type"]?.string == "ByteLevel" else {
      throw .malformedFile(
        path: path, what: "pre_tokenizer", found: document["pre_tokenizer"]?["type"]?.string ?? "none",
        allowed: "ByteLevel")
    }
    try demand("add_prefix_space", splitter["add_prefix_space"] ?? .bool(true), [.bool(false)])
    try demand("use_regex", splitter["use_regex"], [.bool(true)])
  }
}
