/// A key binding with its account's signature.
///
/// In JSON `{"domain", "binding", "digest", "signature", "signer"}`.
public typealias SignedKeyBinding = Signed<KeyBinding>

extension KeyBinding: SignableContent {
  /// What ``Signed/check(signers:in:)`` throws.
  public typealias CheckError = SealingError

  /// The member `binding`.
  public static var jsonKey: String { "binding" }

  /// The binding's own account.
  public var requiredSigner: Address? { account }
}

extension Signed where Content == KeyBinding {
  /// What is signed.
  public var binding: KeyBinding { content }

  /// Checks that the binding's own account signed it, and that it counts still.
  ///
  /// - Parameters:
  ///   - time: Now, in unix seconds; the binding must expire later.
  ///   - account: Whose binding it must be; nil: anybody's.
  ///   - expectedDomain: The domain that it must be signed for; nil: its own.
  /// - Throws: ``SealingError``: `bindingExpired`, `signed`, and those of ``Signed/check(signers:in:)``.
  public func check(
    at time: UInt64, account: Address? = nil, in expectedDomain: EIP712Domain? = nil
  ) throws(SealingError) {
    if let account, binding.account != account {
      throw .signed(.signerMismatch(found: binding.account, expected: account))
    }
    try check(in: expectedDomain)
    guard time < binding.expiry else { throw .bindingExpired(at: binding.expiry, now: time) }
  }
}
