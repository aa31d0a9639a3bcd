import EmethKit

/// What a node hands in for a job of EMETH Core, as the job's `result` says it: the text is what verifiers judge, and
/// its hash what Core draws them by.
enum LayerOneResult: Sendable, Hashable {
  /// An output, which lies where the input came from.
  case output(JobFileReference)
  /// The module says no to the input, in its words.
  case refusal(String)

  private static let refusalMark = "refused: "
  /// Core takes 1,024 bytes.
  private static let wordLimit = 900

  /// As Core keeps it.
  var text: String {
    switch self {
    case .output(let reference): reference.text
    case .refusal(let words): Self.refusalMark + words
    }
  }

  /// What a node opens to the verifier of its result: the hash of what it has handed over.
  var openings: Bytes32 {
    switch self {
    case .output(let reference): reference.contentHash
    case .refusal(let words): SHA256.hash(Array(words.utf8))
    }
  }

  /// A module's no; Core takes only so much of its words.
  init(refusal words: String) {
    var kept = words
    while kept.utf8.count > Self.wordLimit { kept.removeLast() }
    self = .refusal(kept)
  }

  /// The result of a text; nil for what says nothing that can be checked.
  init?(_ text: String, of job: JobID, from node: Address) {
    if text.hasPrefix(Self.refusalMark) {
      self = .refusal(String(text.dropFirst(Self.refusalMark.count)))
    } else if let reference = JobFileReference(text, .output, of: job, from: node) {
      self = .output(reference)
    } else {
      return nil
    }
  }
}
