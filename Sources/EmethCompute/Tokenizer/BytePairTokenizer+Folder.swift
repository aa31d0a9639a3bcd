import Foundation

extension BytePairTokenizer {
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
    let document = try JSONDocument(contentsOf: vocabularyFile, byteLimit: TokenizerDocument.byteLimit)
    let texts = try TokenizerDocument.texts(of: document, extra: [], path: vocabularyFile.path)
    let bytes = try WholeFile.read(mergesFile, byteLimit: TokenizerDocument.byteLimit)
    var merges: [(String, String)] = []
    for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      if line.isEmpty || (number == 0 && line.starts(with: "#version".utf8)) { continue }
      merges.append(
        try TokenizerDocument.pair(String(decoding: line, as: UTF8.self), path: mergesFile.path))
    }
    let endOfText = texts.firstIndex(of: BytePairFiles.endOfText).map { [UInt32($0)] }
    try self.init(
      BytePairFiles(texts: texts, merges: merges, specialTokens: endOfText ?? []),
      source: vocabularyFile.path)
  }

  /// Reads Hugging Face's `tokenizer.json` with a byte-level BPE model; what it asks for beyond that is
  /// refused by name, as it would give other tokens.
  public init(tokenizerFile: URL) throws(ComputeError) {
    try self.init(TokenizerDocument(contentsOf: tokenizerFile))
  }

  /// Takes what `tokenizer.json` holds.
  init(_ document: TokenizerDocument) throws(ComputeError) {
    let path = document.path
    guard document.modelType == "BPE" else {
      throw .malformedFile(path: path, what: "model", found: document.modelType, allowed: "BPE or Unigram")
    }
    let model = document.model
    try Self.checkSettings(of: document)
    guard let vocabulary = model["vocab"], case .array(let lines)? = model["merges"] else {
      throw .malformedFile(path: path, what: "model", found: "no vocab or merges", allowed: "both")
    }
    var merges: [(String, String)] = []
    merges.reserveCapacity(lines.count)
    for line in lines {
      if let text = line.string {
        merges.append(try TokenizerDocument.pair(text, path: path))
      } else if case .array(let sides) = line, sides.count == 2, let left = sides[0].string,
        let right = sides[1].string
      {
        merges.append((left, right))
      } else {
        throw .malformedFile(
          path: path, what: "merge \(merges.count)", found: "no pair", allowed: "two tokens")
      }
    }
    let added = try document.specialTokens()
    let texts = try TokenizerDocument.texts(
      of: vocabulary, extra: added.map { ($0.text, .number("\($0.id)")) }, path: path)
    try self.init(
      BytePairFiles(
        texts: texts, merges: merges, specialTokens: added.map { UInt32($0.id) }.sorted(),
        ignoresMerges: model["ignore_merges"]?.bool ?? false),
      source: path)
  }

  private static func checkSettings(of document: TokenizerDocument) throws(ComputeError) {
    let model = document.model
    try document.demand("normalizer", document.root["normalizer"], [])
    try document.demand("dropout", model["dropout"], [.number("0"), .number("0.0")])
    try document.demand("ignore_merges", model["ignore_merges"], [.bool(false), .bool(true)])
    try document.demand("continuing_subword_prefix", model["continuing_subword_prefix"], [.string("")])
    try document.demand("end_of_word_suffix", model["end_of_word_suffix"], [.string("")])
    guard let splitter = document.splitters.first, document.splitters.count == 1,
      splitter["type"]?.string == "ByteLevel"
    else {
      let found = document.splitters.map { $0["type"]?.string ?? "none" }.joined(separator: ", ")
      throw .malformedFile(
        path: document.path, what: "pre_tokenizer", found: found.isEmpty ? "none" : found,
        allowed: "ByteLevel")
    }
    try document.demand("add_prefix_space", splitter["add_prefix_space"] ?? .bool(true), [.bool(false)])
    try document.demand("use_regex", splitter["use_regex"], [.bool(true)])
  }
}
