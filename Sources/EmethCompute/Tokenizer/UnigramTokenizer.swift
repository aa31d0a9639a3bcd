import Foundation

/// SentencePiece's unigram tokenizer as Japanese language models carry it, from a `tokenizer.json`.
///
/// Text is normalised, words are marked, and each stretch becomes the pieces with the best sum of scores: the
/// ids of Hugging Face's `tokenizers`, but that text is never read as a special token, and none is put around
/// it. What a file asks for that can't be done the same way (NFKC and the like by other means than a
/// `Precompiled` table, another splitter) is refused by name.
///
/// ```swift
/// let tokenizer = try TokenizerLoader.load(folder: URL(filePath: "japanese-gpt2"))
/// let tokens = try tokenizer.encode("吾輩は猫である")
/// ```
public struct UnigramTokenizer: Tokenizer {
  /// The id that separates documents: of the special token `</s>`, else of `<|endoftext|>`.
  public let endOfText: UInt32?
  /// SHA-256 of `tokenizer.json` as ``write(to:)`` writes it.
  public let hash: [UInt8]

  private let model: UnigramModel
  /// The texts of all ids, added tokens behind the model's pieces.
  private let texts: [[UInt8]]
  private let normalizers: [TextNormalizer]
  private let mark: WordMark?
  private let cutsAtWhiteSpace: Bool
  private let decoders: [PieceDecoder]
  private let file: [UInt8]
  private static let largestTextCount = Int(Int32.max)

  // A file may come from strangers: what it makes of a text stays near the text's own size.

  /// The most steps of a normaliser, and of a decoder.
  private static let stepLimit = 32
  /// How many times as long as the text, besides 4,096 bytes, a normaliser may make it at any step: eleven times is the
  /// most of NFKC.
  private static let normalGrowth = 16
  /// How many times as long all steps of a decoder together may make a text; as a rule they make it shorter.
  private static let decodedGrowth = 4

  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, `malformedFile` with what was found and what is allowed.
  public init(tokenizerFile: URL) throws(ComputeError) {
    try self.init(TokenizerDocument(contentsOf: tokenizerFile))
  }

  /// Takes what `tokenizer.json` holds.
  init(_ document: TokenizerDocument) throws(ComputeError) {
    let path = document.path
    guard document.modelType == "Unigram" else {
      throw .malformedFile(path: path, what: "model", found: document.modelType, allowed: "Unigram")
    }
    for (what, steps) in [("normalizer", document.normalizers), ("decoder", document.decoders)] {
      guard steps.count <= Self.stepLimit else {
        throw .malformedFile(
          path: path, what: what, found: "\(steps.count) steps", allowed: "at most \(Self.stepLimit)")
      }
    }
    var steps: [TextNormalizer] = []
    for step in document.normalizers { steps.append(try TextNormalizer(step, path: path)) }
    normalizers = steps
    (mark, cutsAtWhiteSpace) = try Self.splitter(document)
    var decoders: [PieceDecoder] = []
    for step in document.decoders { decoders.append(try PieceDecoder(step, path: path)) }
    guard !decoders.isEmpty else {
      throw .malformedFile(path: path, what: "decoder", found: "none", allowed: "Metaspace, Replace …")
    }
    self.decoders = decoders
    var growth = 1
    for decoder in decoders {
      growth *= decoder.growth
      guard growth <= Self.decodedGrowth else {
        throw .malformedFile(
          path: path, what: "decoder", found: "steps that make a text \(growth) times as long",
          allowed: "at most \(Self.decodedGrowth) times")
      }
    }

    let (pieces, scores) = try Self.vocabulary(document)
    let added = try document.specialTokens()
    texts = try Self.texts(pieces, added, path: path)
    var unknown: UInt32?
    if let value = document.model["unk_id"], value != .null {
      guard let id = value.integer, pieces.indices.contains(id) else {
        throw .malformedFile(
          path: path, what: "unk_id", found: value.brief, allowed: "0 to \(pieces.count - 1)")
      }
      unknown = UInt32(id)
    }
    model = UnigramModel(
      pieces: pieces, scores: scores, unknown: unknown,
      hasByteFallback: document.model["byte_fallback"]?.bool ?? false,
      special: Set(added.map { UInt32($0.id) }))
    let ends = ["</s>", BytePairFiles.endOfText]
    endOfText = ends.lazy.compactMap { end in added.first { $0.text == end } }.first.map { UInt32($0.id) }
    file = document.root.bytes + [UInt8(ascii: "\n")]
    hash = try ContentHash.sha256(file)
  }

  private static func splitter(_ document: TokenizerDocument) throws(ComputeError) -> (WordMark?, Bool) {
    let steps = document.splitters
    let types = steps.map { $0["type"]?.string ?? "none" }
    switch types {
    case []: return (nil, false)
    case ["Metaspace"]: return (try WordMark(steps[0], path: document.path), false)
    case ["WhitespaceSplit", "Metaspace"] where steps[1]["prepend_scheme"]?.string != "first":
      return (try WordMark(steps[1], path: document.path), true)
    default:
      throw .malformedFile(
        path: document.path, what: "pre_tokenizer", found: types.joined(separator: ", "),
        allowed: "Metaspace, with WhitespaceSplit in front of one that is not put first only")
    }
  }

  private static func vocabulary(_ document: TokenizerDocument) throws(ComputeError) -> ([[UInt8]], [Double])
  {
    guard case .array(let entries)? = document.model["vocab"], !entries.isEmpty else {
      throw .malformedFile(
        path: document.path, what: "vocab", found: document.model["vocab"]?.brief ?? "missing",
        allowed: "an array of pieces with scores")
    }
    var (pieces, scores): ([[UInt8]], [Double]) = ([], [])
    for (id, entry) in entries.enumerated() {
      guard case .array(let parts) = entry, parts.count == 2, let text = parts[0].string,
        let score = parts[1].double, score.isFinite
      else {
        throw .malformedFile(
          path: document.path, what: "piece \(id)", found: entry.brief, allowed: "[\"text\", score]")
      }
      pieces.append(Array(text.utf8))
      scores.append(score)
    }
    return (pieces, scores)
  }

  private static func texts(
    _ pieces: [[UInt8]], _ added: [(text: String, id: Int)], path: String
  ) throws(ComputeError) -> [[UInt8]] {
    var texts = pieces
    for (text, id) in added.sorted(by: { $0.id < $1.id }) {
      guard id <= texts.count else {
        throw .malformedFile(
          path: path, what: "id \(texts.count)", found: "no token", allowed: "ids without gaps")
      }
      if id == texts.count { texts.append(Array(text.utf8)) }
      guard texts[id].elementsEqual(text.utf8) else {
        throw .malformedFile(
          path: path, what: "id \(id)",
          found: "\(String(decoding: texts[id], as: UTF8.self).prefix(80)) and \(text.prefix(80))",
          allowed: "one token for each id")
      }
    }
    return texts
  }

  /// V, the number of token ids.
  public var vocabularySize: Int { texts.count }

  /// The token ids of UTF-8 text of at most 2 GiB; longer texts go in pieces (``TextTokenStream``).
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset of the first byte that is not UTF-8, for unknown
  ///   characters when there is no token for those, or when a step of the file's normaliser makes the text longer
  ///   than 16 times its bytes and 4,096 more.
  public func encode(utf8 text: UnsafeBufferPointer<UInt8>) throws(ComputeError) -> [UInt32] {
    guard text.count <= Self.largestTextCount else {
      throw .invalidInput(
        what: "text to tokenise in one piece", found: "\(text.count) bytes",
        allowed: "at most \(Self.largestTextCount) bytes")
    }
    var check = UTF8Check()
    if let offset = check.read(text) { throw .notUTF8(offset: offset, byte: text[offset]) }
    let normal = try normal(Array(text))
    var output: [UInt32] = []
    var scratch = UnigramModel.Scratch()
    for stretch in stretches(of: normal) where !stretch.isEmpty {
      guard let mark else {
        try model.encode(stretch, into: &output, scratch: &scratch)
        continue
      }
      for piece in mark.pieces(of: stretch) {
        try model.encode(piece, into: &output, scratch: &scratch)
      }
    }
    return output
  }

  /// The text as the normaliser leaves it.
  private func normal(_ text: [UInt8]) throws(ComputeError) -> [UInt8] {
    let byteLimit = Self.normalGrowth * text.count + 4_096
    var normal = text
    for normalizer in normalizers {
      guard let next = normalizer.normalize(normal, byteLimit: byteLimit) else {
        throw .invalidInput(
          what: "text as the tokenizer's normalizer makes it",
          found: "more than \(byteLimit) bytes of \(text.count)",
          allowed: "at most \(Self.normalGrowth) times the text, and 4096 bytes more")
      }
      normal = next
    }
    return normal
  }

  private func stretches(of text: [UInt8]) -> [ArraySlice<UInt8>] {
    guard cutsAtWhiteSpace else { return [text[...]] }
    let string = String(decoding: text, as: UTF8.self)
    return string.unicodeScalars.split { ScalarClass($0) == .space }.map { Array(String($0).utf8)[...] }
  }

  /// In front of a space, or of a line feed that is normalised to one, behind a character that stays what it
  /// is.
  public func partingPlace(in text: UnsafeBufferPointer<UInt8>, after start: Int) -> Int? {
    guard mark?.splits == true, let ends = wordEnds else { return nil }
    var index = max(start, 0) + 1
    while index < text.count {
      if ends.contains(text[index]), isPlain(before: index, in: text) { return index }
      index += 1
    }
    return nil
  }

  /// The bytes that begin a new word; nil when a normaliser looks at more than one character, or at the
  /// text's end.
  private var wordEnds: [UInt8]? {
    var ends = [UInt8(ascii: " ")]
    for normalizer in normalizers {
      switch normalizer {
      case .characters(let map):
        guard map.replacement(of: [0x20]) ?? [0x20] == [0x20] else { return nil }
        if map.replacement(of: [0x0A]) == [0x20] { ends.append(0x0A) }
      case .replace(let pattern, _): if pattern != [0x20], pattern.count > 1 { return nil }
      case .replaceSpaces: break
      case .strip(let left, _): if left { return nil }
      }
    }
    return ends
  }

  /// Whether the character in front of `index` is a visible one of ASCII or an ideograph or kana that no
  /// table replaces: nothing joins it with what follows.
  private func isPlain(before index: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
    var first = index - 1
    while first > 0, text[first] & 0xC0 == 0x80, index - first < 4 { first -= 1 }
    let bytes = Array(text[first..<index])
    guard let scalar = String(validating: bytes, as: UTF8.self)?.unicodeScalars.first else { return false }
    let isCandidate = (0x21...0x7E).contains(scalar.value) || (0x3001...0x9FFF).contains(scalar.value)
    return isCandidate
      && normalizers.allSatisfy {
        if case .characters(let map) = $0 { map.replacement(of: bytes) == nil } else { true }
      }
  }

  /// The bytes of the token, a word mark as a space; nil outside the vocabulary.
  public func bytes(of token: UInt32) -> [UInt8]? {
    guard Int(token) < texts.count else { return nil }
    let text = texts[Int(token)]
    let spellsBytes = decoders.contains { if case .byteFallback = $0 { true } else { false } }
    if spellsBytes, let byte = PieceDecoder.byte(of: text) { return [byte] }
    return decoders.reduce(text) { text, decoder in
      switch decoder {
      case .metaspace(let mark, _): TextNormalizer.replace(mark, [0x20], in: text)
      case .replace(let pattern, let content): TextNormalizer.replace(pattern, content, in: text)
      case .byteFallback, .fuse, .strip: text
      }
    }
  }

  /// The text of all tokens as their decoder puts it together, without the space of the first word.
  public func decode(_ tokens: some Sequence<UInt32>) -> String {
    let pieces = tokens.map { Int($0) < texts.count ? texts[Int($0)] : [0xEF, 0xBF, 0xBD] }
    let text = decoders.reduce(pieces) { $1.decode($0) }.joined()
    return String(decoding: Array(text), as: UTF8.self)
  }

  /// Writes `tokenizer.json` as it was read, without white space between its parts, and
  /// `tokenizer_config.json`.
  public func write(to folder: URL) throws(ComputeError) {
    try WholeFile.write(file, to: folder.appendingPathComponent("tokenizer.json"))
    let configuration = "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n"
    try WholeFile.write(Array(configuration.utf8), to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}
