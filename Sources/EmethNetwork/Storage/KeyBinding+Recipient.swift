import EmethKit

extension KeyBinding {
  /// Refuses a key that nothing can be sealed to: whoever had to seal something to it could not.
  ///
  /// - Throws: ``NetworkError``, `sealing.recipientLowOrder`.
  func checkRecipient() throws(NetworkError) {
    var random = SystemRandomNumberGenerator()
    do throws(SealingError) {
      _ = try SealingStream.seal([UInt8](), to: [recipient], using: &random)
    } catch {
      throw NetworkError(error)
    }
  }
}

extension SignedKeyBinding {
  /// Whom something can be sealed to by this; nil where it does not count, or nothing can be sealed to its key.
  func recipient(at now: UInt64, in domain: EIP712Domain) -> SealingRecipient? {
    do {
      try check(at: now, account: binding.account, in: domain)
      try binding.checkRecipient()
      return binding.recipient
    } catch {
      return nil
    }
  }
}
