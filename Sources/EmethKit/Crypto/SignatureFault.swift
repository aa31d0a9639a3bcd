/// What is wrong with the digest or the signatures of a ``Signed`` value.
public enum SignatureFault: Error, Equatable, Sendable {
  /// A digest that the signed content does not have.
  case digestMismatch(found: Bytes32, expected: Bytes32)
  /// A signature from which no key can be recovered.
  case signature(CryptoError)
  /// Somebody else signed.
  case signerMismatch(found: Address, expected: Address)
  /// Content that was signed for another application, chain or contract.
  case wrongDomain(found: EIP712Domain, expected: EIP712Domain)
  /// An account that signs twice.
  case repeatedSigner(Address)
  /// Fewer trusted accounts signed than must.
  case tooFewSigners(found: Int, allowed: TrustedSigners)
  /// More cosignatures than are read.
  case cosignatures(found: Int, allowed: Int)

  /// A stable identifier such as `ticket.signerMismatch`, in the domain of what was signed.
  public func code(in domain: String) -> String {
    switch self {
    case .digestMismatch: "\(domain).digestMismatch"
    case .signature(let cause): cause.code
    case .signerMismatch: "\(domain).signerMismatch"
    case .wrongDomain: "\(domain).wrongDomain"
    case .repeatedSigner: "\(domain).repeatedSigner"
    case .tooFewSigners: "\(domain).tooFewSigners"
    case .cosignatures: "\(domain).cosignatures"
    }
  }

  /// One lower-case sentence: what, the value found, what is allowed.
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
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signature(let cause): cause.hint
    case .digestMismatch: "the content, the domain or the digest was changed after signing"
    case .signerMismatch, .wrongDomain, .repeatedSigner, .tooFewSigners, .cosignatures: nil
    }
  }
}

/// An error of a domain whose content is signed.
public protocol SignatureError: EmethError {
  /// The domain's own error for a fault of signatures.
  static func signed(_ fault: SignatureFault) -> Self
}
