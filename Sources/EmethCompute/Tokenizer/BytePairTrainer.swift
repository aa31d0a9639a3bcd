import Foundation

/// Learns a byte-level BPE from texts: counts words as they come, then merges pair after pair.
///
/// The tokens, merges and ids are those of Hugging Face's `BpeTrainer` with the whole byte alphabet, which
/// reads files line by line: no word reaches over the end of a line. The most frequent pair is merged first,
/// among equals that of the lowest ids. Texts of any size go through in chunks; what is kept are the
/// different words, some 50 bytes of memory for each byte of theirs while merges are learned.
///
/// ```swift
/// var trainer = try BytePairTrainer(vocabularySize: 8_000, device: Device.cpu(threads: 2))
/// try trainer.append(Data(contentsOf: file))
/// try trainer.endText()
/// let tokenizer = try trainer.train()
/// ```
public struct BytePairTrainer {
  /// The vocabularies that can be learned: the bytes at least.
  public static let vocabularySizes = 256...1 << 24

  /// Tokens wanted.
  public let vocabularySize: Int
  /// How often a pair has to occur to be merged.
  public let minimumCount: Int
  /// Bytes of text given so far.
  public private(set) var byteCount = 0
  /// Number of different words so far, those of texts that have ended.
  public var wordCount: Int { words.count }

  private let device: Device
  private let memoryByteCount: Int
  private let hasEndOfText: Bool
  private let words = WordCounts()
  private var tables: [WordCounts]
  private var pieces = BytePairTrainer.newPieces()

  /// A trainer that has seen nothing.
  ///
  /// - Parameters:
  ///   - vocabularySize: V, all tokens together; a small text may give fewer.
  ///   - minimumCount: pairs that occur less often are not merged.
  ///   - endOfText: whether `<|endoftext|>` becomes the token of id 0.
  ///   - memoryByteCount: what learning may take; nil is half of this machine's memory.
  /// - Throws: `ComputeError.invalidConfiguration` for a size outside ``vocabularySizes`` or a count below 1.
  public init(
    vocabularySize: Int, minimumCount: Int = 2, endOfText: Bool = false, device: Device,
    memoryByteCount: Int? = nil
  ) throws(ComputeError) {
    guard Self.vocabularySizes.contains(vocabularySize) else {
      throw .invalidConfiguration(
        what: "vocabulary size", found: "\(vocabularySize)",
        allowed: "\(Self.vocabularySizes.lowerBound) to \(Self.vocabularySizes.upperBound)")
    }
    guard minimumCount > 0 else {
      throw .invalidConfiguration(what: "minimum count", found: "\(minimumCount)", allowed: "1 or more")
    }
    self.vocabularySize = vocabularySize
    self.minimumCount = minimumCount
    self.device = device
    self.memoryByteCount = memoryByteCount ?? Int(ProcessInfo.processInfo.physicalMemory / 2)
    hasEndOfText = endOfText
    tables = (0..<device.threads).map { _ in WordCounts() }
  }

  /// Adds bytes of the text.
  ///
  /// - Throws: `ComputeError.invalidInput` with the offset in the text of the first byte that is not UTF-8,
  ///   or when the different words are more than the memory allows.
  public mutating func append(_ bytes: some ContiguousBytes) throws(ComputeError) {
    let result = bytes.withUnsafeBytes { chunk -> Result<Int, ComputeError> in
      Result { () throws(ComputeError) in
        try pieces.append(chunk)
        return chunk.count
      }
    }
    byteCount += try result.get()
    while pieces.count >= device.threads { try count(device.threads) }
  }

  /// Ends a text: the next bytes begin another, and no word reaches from one into the other.
  ///
  /// - Throws: as ``append(_:)``, also for a character that is cut off.
  public mutating func endText() throws(ComputeError) {
    try pieces.finish()
    while pieces.count > 0 { try count(device.threads) }
    pieces = Self.newPieces()
    for table in tables { words.add(table) }
    tables = tables.map { _ in WordCounts() }
    try checkMemory()
  }

  /// Learns the merges from the texts that have ended. O(symbols of the different words x their depth of
  /// merging).
  ///
  /// - Parameter progress: called with the number of tokens from time to time; false stops.
  /// - Returns: the tokenizer; nil when `progress` stopped it.
  public func train(progress: (Int) -> Bool = { _ in true }) throws(ComputeError) -> BytePairTokenizer? {
    // The alphabet in the order of its characters, which is GPT-2's.
    let alphabet = ByteAlphabet.scalars.sorted { $0.value < $1.value }.map { String($0) }
    var texts = (hasEndOfText ? [BytePairFiles.endOfText] : []) + alphabet
    var ids: [String: UInt32] = [:]
    for (id, text) in texts.enumerated() { ids[text] = UInt32(id) }
    let byteTokens = ByteAlphabet.texts.compactMap { ids[$0] }
    var learner = MergeLearner(words, byteTokens: byteTokens)
    // A pair is merged twice when its token is made in two ways; as in Hugging Face's trainer the later
    // merge is the one that counts.
    var ranks: [UInt64: Int] = [:]
    var merges: [UInt64] = []
    while texts.count < vocabularySize, let entry = learner.next(), entry.count >= minimumCount {
      if merges.count & 63 == 0, !progress(texts.count) { return nil }
      let text = texts[Int(entry.key >> 32)] + texts[Int(entry.key & 0xFFFF_FFFF)]
      let token = ids[text] ?? UInt32(texts.count)
      if Int(token) == texts.count {
        texts.append(text)
        ids[text] = token
      }
      ranks[entry.key] = merges.count
      merges.append(entry.key)
      learner.merge(entry, into: token)
    }
    let kept = merges.enumerated().filter { ranks[$1] == $0 }.map(\.element)
    return try BytePairTokenizer(
      BytePairFiles(
        texts: texts, merges: kept.map { (texts[Int($0 >> 32)], texts[Int($0 & 0xFFFF_FFFF)]) },
        specialTokens: hasEndOfText ? [0] : []),
      source: "learned tokenizer")
  }

  private static func newPieces() -> TextPieces {
    TextPieces { WordScanner($0).partingPlace(after: $1) }
  }

  private mutating func count(_ limit: Int) throws(ComputeError) {
    let (bytes, ranges) = pieces.take(limit)
    let tables = tables
    bytes.withUnsafeBufferPointer { text in
      nonisolated(unsafe) let text = text
      device.forEach(ranges.count) { tables[$0].add(linesOf: .init(rebasing: text[ranges[$0]])) }
    }
    try checkMemory()
  }

  private func checkMemory() throws(ComputeError) {
    let held = tables.reduce(words.bytes.count) { $0 + $1.bytes.count }
    let limit = min(memoryByteCount / MergeLearner.byteCountPerSymbol, MergeLearner.symbolLimit)
    guard held <= limit else {
      let number = tables.reduce(words.count) { $0 + $1.count }
      throw .invalidInput(
        what: "text to learn from", found: "\(number) different words of \(held) bytes",
        allowed: "words of \(limit) bytes in this machine's memory")
    }
  }
}
