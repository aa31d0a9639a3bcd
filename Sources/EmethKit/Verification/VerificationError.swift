/// Why a submission, a verdict or an opening does not stand, or odds can't be calculated.
public enum VerificationError: SignatureError, Equatable {
  /// A digest or signatures that do not stand.
  case signed(SignatureFault)
  /// A boundary that the submission does not have.
  case boundaryOutside(found: UInt32, segments: UInt32)
  /// An opening whose path does not lead to the trace root.
  case proofMismatch(boundary: UInt32)
  /// A first or last boundary with another state than the submission names.
  case boundaryRoot(boundary: UInt32, found: Bytes32, expected: Bytes32)
  /// A verdict on another submission.
  case submissionMismatch(found: Bytes32, expected: Bytes32)
  /// A number of segments or draws outside its limits.
  case oddsRange(field: String, found: Int, allowed: ClosedRange<Int>)
  /// A share or a probability that is no goal of a verification.
  case goalRange(field: String, found: Rate, allowed: String)
  /// A bisection that can't begin, or an event that does not belong to its present question.
  case bisectionRange(field: String, found: String, allowed: String)
  /// A ratio with denominator zero.
  case zeroDenominator
  /// A probability above one.
  case probabilityAboveOne(found: Ratio)

  /// A stable identifier such as `verification.proofMismatch`.
  public var code: String {
    switch self {
    case .signed(let fault): fault.code(in: "verification")
    case .boundaryOutside: "verification.boundaryOutside"
    case .proofMismatch: "verification.proofMismatch"
    case .boundaryRoot: "verification.boundaryRoot"
    case .submissionMismatch: "verification.submissionMismatch"
    case .oddsRange: "verification.oddsRange"
    case .goalRange: "verification.goalRange"
    case .bisectionRange: "verification.bisectionRange"
    case .zeroDenominator: "verification.zeroDenominator"
    case .probabilityAboveOne: "verification.probabilityAboveOne"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .signed(let fault):
      fault.message
    case .boundaryOutside(let found, let segments):
      "boundary \(found) is opened, allowed are 0 to \(segments)"
    case .proofMismatch(let boundary):
      "the path of boundary \(boundary) does not lead to the trace root"
    case .boundaryRoot(let boundary, let found, let expected):
      "boundary \(boundary) has state root \(found), the submission names \(expected)"
    case .submissionMismatch(let found, let expected):
      "the verdict is on submission \(found), expected is \(expected)"
    case .oddsRange(let field, let found, let allowed):
      "\(field) is \(found), allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
    case .goalRange(let field, let found, let allowed):
      "\(field) is \(found), allowed are \(allowed)"
    case .bisectionRange(let field, let found, let allowed):
      "\(field): found \(found), allowed \(allowed)"
    case .zeroDenominator:
      "a ratio has denominator 0, allowed are 1 and above"
    case .probabilityAboveOne(let found):
      "probability is \(found), allowed are 0 to 1"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signed(let fault): fault.hint
    case .boundaryOutside, .proofMismatch, .boundaryRoot, .submissionMismatch, .oddsRange, .goalRange,
      .bisectionRange, .zeroDenominator, .probabilityAboveOne:
      nil
    }
  }
}
