import EmethKit

/// What was checked and holds. What does not hold is an error with exit code 1.
struct VerificationReport: Encodable, Equatable, Sendable {
  /// What was given, such as `signed ticket`.
  var kind: String
  /// One line for everything that was checked.
  var checks: [String]
  /// How many documents of each kind were checked; nil for a single one.
  var counts: [String: Int]? = nil
  /// Who signed, and how many documents; the first ones only when there are very many. Nil when nothing of
  /// it is signed.
  var signers: [String: Int]? = nil
  /// Whether the user named whom to trust: if not, the signatures agree with themselves and no more is known.
  /// Nil when nothing of it is signed.
  var trusted: Bool? = nil
  /// What evidence against a node shows; nil for all else.
  var evidence: EvidenceSummary? = nil
  let verifies = true

  /// The report for people.
  var text: String {
    let hint = trusted == false ? "  \(VerificationTerms.trustHint)\n" : ""
    return "\(kind): verifies\n" + checks.map { "  \($0)\n" }.joined() + hint
  }

  /// The error for something that does not verify.
  static func failure(_ kind: String, _ error: any EmethError, in name: String) -> CommandFailure {
    CommandFailure(
      .no, code: error.code, "\(name): \(kind) does not verify: \(error.message)", hint: error.hint,
      details: ["kind": kind])
  }
}
