extension Signed {
  /// Checks digest and signatures, and who signed.
  ///
  /// Every signature must be that of the account it names, and no account counts twice; accounts that are
  /// not trusted may stand beside those that are. Content that names its signer
  /// (``SignableContent/requiredSigner``) must be signed by that account first.
  ///
  /// - Parameters:
  ///   - signers: Who must have signed; nil: whoever is claimed, so that nothing but agreement with itself
  ///     is known.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: The content's error `signed` with a ``SignatureFault``.
  public func check(
    signers: TrustedSigners? = nil, in expectedDomain: EIP712Domain? = nil
  ) throws(Content.CheckError) {
    if let expectedDomain, expectedDomain != domain {
      throw Content.CheckError.signed(.wrongDomain(found: domain, expected: expectedDomain))
    }
    let computed = content.digest(in: domain)
    guard digest == computed else {
      throw Content.CheckError.signed(.digestMismatch(found: digest, expected: computed))
    }
    do throws(SignatureFault) {
      try Self.check(signature, by: signer, over: computed)
      if let required = content.requiredSigner, required != signer {
        throw .signerMismatch(found: signer, expected: required)
      }
      if !cosignatures.isEmpty { try checkCosignatures(over: computed) }
      if let signers { try check(signers) }
    } catch {
      throw .signed(error)
    }
  }

  /// Checks digest and signatures, and that one certain account signed.
  ///
  /// - Parameters:
  ///   - signer: Who must have signed; nil: whoever is claimed.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: As ``check(signers:in:)``.
  public func check(
    signer: Address?, in expectedDomain: EIP712Domain? = nil
  ) throws(Content.CheckError) {
    try check(signers: signer.map { TrustedSigners($0) }, in: expectedDomain)
  }

  private static func check(
    _ signature: Signature, by signer: Address, over digest: Bytes32
  ) throws(SignatureFault) {
    let recovered: Address
    do throws(CryptoError) {
      recovered = try signature.recoverAddress(from: digest)
    } catch {
      throw .signature(error)
    }
    guard recovered == signer else { throw .signerMismatch(found: recovered, expected: signer) }
  }

  private func checkCosignatures(over digest: Bytes32) throws(SignatureFault) {
    var seen: Set<Address> = [signer]
    for cosignature in cosignatures {
      guard seen.insert(cosignature.signer).inserted else { throw .repeatedSigner(cosignature.signer) }
      try Self.check(cosignature.signature, by: cosignature.signer, over: digest)
    }
  }

  /// Checks who signed, once all signatures are known to be their signers'.
  private func check(_ signers: TrustedSigners) throws(SignatureFault) {
    let count =
      (signers.contains(signer) ? 1 : 0) + cosignatures.count { signers.contains($0.signer) }
    guard count >= signers.threshold else {
      if let only = signers.onlyAccount, cosignatures.isEmpty {
        throw .signerMismatch(found: signer, expected: only)
      }
      throw .tooFewSigners(found: count, allowed: signers)
    }
  }
}
