/// What is wrong with the signatures of a ``Signed`` value; the content's domain makes its own error of it.
public enum SignatureFault: Error, Equatable, Sendable {
  /// A digest that the signed content does not have.
  case digest(found: Bytes32, expected: Bytes32)
  /// A signature from which no key can be recovered.
  case signature(CryptoError)
  /// Somebody else signed.
  case signer(found: Address, expected: Address)
  /// Content that was signed for another application, chain or contract.
  case domain(found: EIP712Domain, expected: EIP712Domain)
  /// An account that signs twice.
  case repeatedSigner(Address)
  /// Fewer trusted accounts signed than must.
  case tooFewSigners(found: Int, allowed: TrustedSigners)
  /// More cosignatures than are read.
  case cosignatures(found: Int, allowed: Int)
}

/// An error of a domain whose content is signed.
public protocol SignatureError: EmethError {
  /// The domain's own error for a fault of signatures.
  init(_ fault: SignatureFault)
}
