/// Why terms of privacy, noise or a relabelling do not stand.
public enum PrivacyError: EmethError, Equatable {
  /// A variance of noise that the sampler does not have.
  case variance(found: UInt64, allowed: ClosedRange<UInt64>)
  /// A seed of noise whose path does not lead to the root that the plan names.
  case seedMismatch(round: UInt32, root: Bytes32)
  /// A round that the plan has no seed for.
  case roundOutside(found: UInt32, rounds: UInt32)
  /// A vector that is not as long as its tensors, in coordinates.
  case vectorLength(found: Int, expected: Int)
  /// A vocabulary of no tokens.
  case emptyVocabulary
  /// A token that the vocabulary does not have.
  case tokenOutside(found: UInt32, vocabularySize: UInt32)
  /// OpenSSL failed.
  case crypto(CryptoError)

  /// A stable identifier such as `privacy.seedMismatch`.
  public var code: String {
    switch self {
    case .variance: "privacy.variance"
    case .seedMismatch: "privacy.seedMismatch"
    case .roundOutside: "privacy.roundOutside"
    case .vectorLength: "privacy.vectorLength"
    case .emptyVocabulary: "privacy.emptyVocabulary"
    case .tokenOutside: "privacy.tokenOutside"
    case .crypto(let error): error.code
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .variance(let found, let allowed):
      "variance of noise is \(found), allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
    case .seedMismatch(let round, let root):
      "the path of the noise's seed of round \(round) does not lead to \(root)"
    case .roundOutside(let found, let rounds):
      "round is \(found), allowed are 0 to \(rounds == 0 ? 0 : rounds - 1)"
    case .vectorLength(let found, let expected):
      "the vector has \(found) coordinates, its tensors have \(expected)"
    case .emptyVocabulary:
      "the vocabulary has 0 tokens, allowed are 1 and above"
    case .tokenOutside(let found, let vocabularySize):
      "token is \(found), allowed are 0 to \(vocabularySize == 0 ? 0 : vocabularySize - 1)"
    case .crypto(let error): error.message
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .crypto(let error): error.hint
    case .variance, .seedMismatch, .roundOutside, .vectorLength, .emptyVocabulary, .tokenOutside: nil
    }
  }
}
