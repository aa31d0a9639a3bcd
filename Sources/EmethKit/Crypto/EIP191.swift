/// Signed data that is no transaction (EIP-191), as wallets sign a message for their user.
///
/// ```swift
/// let signature = key.sign(message: "I agree.".utf8)
/// let signer = try signature.recoverAddress(fromMessage: "I agree.".utf8)
/// ```
/// The byte 0x19 in front keeps it apart from every transaction. Typed data, version 0x01, is
/// ``EIP712Struct`` and ``TypedData``.
public enum EIP191 {
  /// What is signed of a personal message, version 0x45: keccak256("\u{19}Ethereum Signed Message:\n" ‖ the
  /// number of bytes in decimal ‖ the bytes).
  ///
  /// Text is signed as its UTF-8. A wallet that is given hexadecimal text signs the bytes it stands for, so
  /// decode it first.
  public static func digest(message: some Collection<UInt8>) -> Bytes32 {
    let prefix = "\u{19}Ethereum Signed Message:\n\(message.count)"
    return Keccak256.hash(Array(prefix.utf8) + message)
  }

  /// What is signed for one contract to check, version 0x00: keccak256(0x1900 ‖ contract ‖ data).
  public static func digest(validator: Address, data: some Collection<UInt8>) -> Bytes32 {
    Keccak256.hash([0x19, 0x00] + validator.bytes + data)
  }
}

extension PrivateKey {
  /// The signature of a personal message (EIP-191), as wallets' `personal_sign`.
  public func sign(message: some Collection<UInt8>) -> Signature {
    sign(EIP191.digest(message: message))
  }
}

extension Signature {
  /// The address whose key signed a personal message (EIP-191).
  ///
  /// Another message gives another address, or none: compare the result with the signer that is expected.
  ///
  /// - Throws: ``CryptoError/signatureUnrecoverable``.
  public func recoverAddress(fromMessage message: some Collection<UInt8>) throws(CryptoError) -> Address {
    try recoverAddress(from: EIP191.digest(message: message))
  }
}
