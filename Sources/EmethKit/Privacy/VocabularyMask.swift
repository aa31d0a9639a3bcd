/// A secret relabelling of token ids: nodes, verifiers and the Aggregator see the new ids only.
///
/// It is a substitution. Who sees enough of the text counts how often each id stands where, and knows the
/// frequent ones: masking, never encryption.
///
/// ```swift
/// let mask = try VocabularyMask(key: key, vocabularySize: 256)
/// let masked = try mask.masked(tokens)                 // what the nodes train on
/// let row = mask.label(of: 65)                         // where token 65's embedding lies in their model
/// ```
/// The permutation is a full shuffle by ChaCha20 (PROTOCOL 6): for i = V − 1 … 1 swap i with below(i + 1).
public struct VocabularyMask: Sendable, CustomStringConvertible, CustomReflectable {
  /// The id that pads a sequence and stays as it is.
  public static let padding = UInt32.max

  private let labels: [UInt32]

  /// The mask of a key.
  ///
  /// - Throws: ``PrivacyError/emptyVocabulary``.
  /// - Complexity: O(V).
  public init(key: Bytes32, vocabularySize: UInt32) throws(PrivacyError) {
    guard vocabularySize > 0 else { throw .emptyVocabulary }
    var generator = ChaCha20Generator(key: key)
    var labels = Array(0..<vocabularySize)
    var index = vocabularySize - 1
    while index > 0 {
      labels.swapAt(Int(index), Int(generator.below(index + 1)))
      index -= 1
    }
    self.labels = labels
  }

  /// V, the tokens of the vocabulary.
  public var vocabularySize: UInt32 { UInt32(labels.count) }

  /// The id that stands for a token. Traps for one that the vocabulary lacks.
  public func label(of token: UInt32) -> UInt32 { labels[Int(token)] }

  /// The ids that stand for tokens; padding stays padding.
  ///
  /// - Throws: ``PrivacyError/tokenOutside(found:vocabularySize:)``.
  public func masked(_ tokens: [UInt32]) throws(PrivacyError) -> [UInt32] {
    var masked = tokens
    for index in masked.indices where masked[index] != Self.padding {
      guard masked[index] < vocabularySize else {
        throw .tokenOutside(found: masked[index], vocabularySize: vocabularySize)
      }
      masked[index] = labels[Int(masked[index])]
    }
    return masked
  }

  /// Says what it is, never its order.
  public var description: String { "VocabularyMask" }

  /// Shows nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
