/// The records of language-model training: sequences of T + 1 tokens, the last token of one being the first
/// of the next, so that every token but the first is a target once (PROTOCOL 4).
///
/// A record is T + 1 u32 little-endian. The last one is padded with ``padding``, which is out of the loss.
///
/// ```swift
/// let sequences = try TokenSequences(tokens: [1, 2, 3, 4], context: 2)
/// sequences[0]  // [1, 2, 3]
/// sequences[1]  // [3, 4, padding]
/// ```
public struct TokenSequences: Sendable, Equatable {
  /// The token that fills up the last sequence: as a target it is not counted, as an input it is read as 0.
  public static let padding = UInt32.max

  /// T, the number of tokens a model reads of each sequence.
  public let context: Int
  /// Number of sequences.
  public let count: Int

  private let words: [UInt32]
  /// T when the words are a text, T + 1 when they are records.
  private let stride: Int

  /// Cuts tokens into sequences. O(tokens) when the last has to be padded, else O(1).
  ///
  /// - Throws: `ComputeError.invalidInput` for fewer than two tokens, which have no target;
  ///   `invalidConfiguration` for a context below 1.
  public init(tokens: [UInt32], context: Int) throws(ComputeError) {
    guard context > 0 else {
      throw .invalidConfiguration(what: "context", found: "\(context)", allowed: "1 token or more")
    }
    guard tokens.count > 1 else {
      throw .invalidInput(what: "text", found: "\(tokens.count) tokens", allowed: "2 tokens or more")
    }
    self.context = context
    stride = context
    count = (tokens.count - 1 + context - 1) / context
    let missing = count * context + 1 - tokens.count
    words = missing == 0 ? tokens : tokens + Array(repeating: Self.padding, count: missing)
  }

  /// Reads records one after another, as a part's file holds them.
  ///
  /// - Parameter vocabularySize: every token must be below it; padding may only end a record.
  /// - Throws: `ComputeError.invalidInput` for anything else.
  public init(
    records: some Collection<UInt8>, context: Int, vocabularySize: Int
  ) throws(ComputeError) {
    guard context > 0 else {
      throw .invalidConfiguration(what: "context", found: "\(context)", allowed: "1 token or more")
    }
    let length = Self.recordByteCount(context: context)
    guard !records.isEmpty, records.count % length == 0 else {
      throw .invalidInput(
        what: "records", found: "\(records.count) bytes", allowed: "a positive multiple of \(length) bytes")
    }
    self.context = context
    stride = context + 1
    count = records.count / length
    words = Self.words(of: records)
    for (index, word) in words.enumerated() where Int(word) >= vocabularySize {
      let place = index % stride
      guard word == Self.padding, place > 1, place == context || words[index + 1] == Self.padding else {
        throw .invalidInput(
          what: "token \(place) of record \(index / stride)", found: "\(word)",
          allowed: "0 to \(vocabularySize - 1), or padding that ends a record of two tokens or more")
      }
    }
  }

  /// The length of one record in bytes, 4 (T + 1).
  public static func recordByteCount(context: Int) -> Int { 4 * (context + 1) }

  /// The T + 1 tokens of a sequence.
  public subscript(index: Int) -> [UInt32] {
    precondition((0..<count).contains(index), "sequence out of range")
    return Array(words[index * stride..<index * stride + context + 1])
  }

  /// Number of targets of a sequence: T, less in a padded one.
  public func targetCount(of index: Int) -> Int {
    self[index].dropFirst().count { $0 != Self.padding }
  }

  /// The record of a sequence.
  public func record(_ index: Int) -> [UInt8] { records(index..<index + 1) }

  /// The records of consecutive sequences, one after another.
  public func records(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "sequence out of range")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count * Self.recordByteCount(context: context))
    for index in range {
      for word in words[index * stride..<index * stride + context + 1] {
        withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
      }
    }
    return bytes
  }

  /// Equal when the sequences are, however they were made.
  public static func == (left: TokenSequences, right: TokenSequences) -> Bool {
    left.context == right.context && left.count == right.count
      && (0..<left.count).allSatisfy { left[$0] == right[$0] }
  }

  private static func words(of records: some Collection<UInt8>) -> [UInt32] {
    var words: [UInt32] = []
    words.reserveCapacity(records.count / 4)
    var word: UInt32 = 0
    var shift: UInt32 = 0
    for byte in records {
      word |= UInt32(byte) << shift
      shift += 8
      if shift == 32 {
        words.append(word)
        (word, shift) = (0, 0)
      }
    }
    return words
  }
}
