import EmethKit

extension ValueType where Value == TrustedSigners {
  /// Whom to trust: so many of these accounts.
  static var trustedSigners: Self {
    let allowed =
      "an address, or such as 2-of-ADDRESS,ADDRESS,ADDRESS with at most \(TrustedSigners.accountLimit)"
    return Self(name: "M-OF-ADDRESSES", allowed: allowed) { text throws(ValueRefusal) in
      guard let signers = try? TrustedSigners(text) else { throw ValueRefusal(allowed: allowed) }
      return signers
    }
  }
}
