/// Why a submission, a verdict or an opening does not stand, or odds can't be calculated.
public enum VerificationError: EmethError, Equatable {
  /// A digest that the signed content does not have.
  case digestMismatch(found: Bytes32, expected: Bytes32)
  /// A signature from which no key can be recovered.
  case signature(CryptoError)
  /// Somebody else signed.
  case signerMismatch(found: Address, expected: Address)
  /// Content that was signed for another chain or contract.
  case wrongDomain(found: EIP712Domain, expected: EIP712Domain)
  /// An account that signs twice.
  case repeatedSigner(Address)
  /// Fewer trusted accounts signed than must.
  case tooFewSigners(found: Int, allowed: TrustedSigners)
  /// More cosignatures than are read.
  case cosignatures(found: Int, allowed: Int)
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
  /// A ratio with denominator zero.
  case zeroDenominator
  /// A probability above one.
  case probabilityAboveOne(found: Ratio)

  /// A stable identifier such as `verification.proofMismatch`.
  public var code: String {
    switch self {
    case .digestMismatch: "verification.digestMismatch"
    case .signature(let cause): cause.code
    case .signerMismatch: "verification.signerMismatch"
    case .wrongDomain: "verification.wrongDomain"
    case .repeatedSigner: "verification.repeatedSigner"
    case .tooFewSigners: "verification.tooFewSigners"
    case .cosignatures: "verification.cosignatures"
    case .boundaryOutside: "verification.boundaryOutside"
    case .proofMismatch: "verification.proofMismatch"
    case .boundaryRoot: "verification.boundaryRoot"
    case .submissionMismatch: "verification.submissionMismatch"
    case .oddsRange: "verification.oddsRange"
    case .zeroDenominator: "verification.zeroDenominator"
    case .probabilityAboveOne: "verification.probabilityAboveOne"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .digestMismatch(let found, let expected):
      "digest is \(found), the content gives \(expected)"
    case .signature(let cause):
      cause.message
    case .signerMismatch(let found, let expected):
      "signed by \(found), expected is \(expected)"
    case .wrongDomain(let found, let expected):
      "signed for \(found.summary), expected is \(expected.summary)"
    case .repeatedSigner(let account):
      "\(account) signs twice, allowed is once"
    case .tooFewSigners(let found, let allowed):
      "signed by \(found) of the trusted accounts, allowed is \(allowed.threshold) or more of "
        + "\(allowed.accounts.count)"
    case .cosignatures(let found, let allowed):
      "there are \(found) cosignatures, allowed are \(allowed)"
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
    case .zeroDenominator:
      "a ratio has denominator 0, allowed are 1 and above"
    case .probabilityAboveOne(let found):
      "probability is \(found), allowed are 0 to 1"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signature(let cause): cause.hint
    case .digestMismatch, .signerMismatch, .wrongDomain, .repeatedSigner, .tooFewSigners, .cosignatures,
      .boundaryOutside, .proofMismatch, .boundaryRoot, .submissionMismatch, .oddsRange, .zeroDenominator,
      .probabilityAboveOne:
      nil
    }
  }
}

extension VerificationError: SignatureError {
  /// The fault of a signed value as an error of this domain.
  public init(_ fault: SignatureFault) {
    switch fault {
    case .digest(let found, let expected): self = .digestMismatch(found: found, expected: expected)
    case .signature(let cause): self = .signature(cause)
    case .signer(let found, let expected): self = .signerMismatch(found: found, expected: expected)
    case .domain(let found, let expected): self = .wrongDomain(found: found, expected: expected)
    case .repeatedSigner(let account): self = .repeatedSigner(account)
    case .tooFewSigners(let found, let allowed): self = .tooFewSigners(found: found, allowed: allowed)
    case .cosignatures(let found, let allowed): self = .cosignatures(found: found, allowed: allowed)
    }
  }
}
