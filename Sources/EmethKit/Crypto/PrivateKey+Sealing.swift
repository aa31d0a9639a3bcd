import COpenSSL

extension PrivateKey {
  /// The X25519 public key that data for this account is sealed to.
  ///
  /// One key file restores both: the X25519 secret is HKDF-SHA256 of the secp256k1 key with the info
  /// `"emeth sealing key"` ‖ epoch u64 (PROTOCOL 5). A higher epoch is a fresh key.
  public func sealingKey(epoch: UInt64 = 0) -> Bytes32 {
    withSealingSecret(epoch: epoch) { X25519.publicKey(of: $0) }
  }

  /// Calls `body` with the 32 bytes of the X25519 secret of an epoch, which are overwritten afterwards.
  public func withSealingSecret<R, E: Error>(
    epoch: UInt64 = 0, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    let info = Array("emeth sealing key".utf8) + epoch.bigEndianBytes
    var derived = withSecretBytes { HKDFSHA256.derive(key: $0, salt: [], info: info, count: 32) }
    let secret = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 8)
    secret.copyBytes(from: derived)
    derived.cleanse()
    defer {
      OPENSSL_cleanse(secret.baseAddress, secret.count)
      secret.deallocate()
    }
    return try body(UnsafeRawBufferPointer(secret))
  }
}
