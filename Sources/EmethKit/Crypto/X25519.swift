import COpenSSL

/// Curve25519 key agreement (RFC 7748) through OpenSSL.
enum X25519 {
  /// The public key of 32 secret bytes, of which every value is allowed. Traps on another number of bytes.
  static func publicKey(of secret: UnsafeRawBufferPointer) -> Bytes32 {
    precondition(secret.count == 32, "an X25519 secret has 32 bytes")
    let start = secret.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, start, secret.count)
    defer { EVP_PKEY_free(key) }
    return Bytes32(writing: { buffer in
      var count = buffer.count
      let output = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let status = EVP_PKEY_get_raw_public_key(key, output, &count)
      precondition(status == 1 && count == 32, "OpenSSL has no memory for an X25519 key")
    })
  }

  /// What the owners of two keys have in common, 32 bytes; nil when they are all zero.
  ///
  /// They are zero for public keys of low order, with which everybody has the same in common (RFC 7748,
  /// 6.1). The highest bit of the public key is ignored. Traps on another number of secret bytes.
  ///
  /// - Throws: ``CryptoError/libraryFailure(function:)``.
  static func sharedSecret(
    of secret: UnsafeRawBufferPointer, with publicKey: Bytes32
  ) throws(CryptoError) -> SecretBytes? {
    precondition(secret.count == 32, "an X25519 secret has 32 bytes")
    let start = secret.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, start, secret.count)
    defer { EVP_PKEY_free(key) }
    let peer = publicKey.withUnsafeBytes { bytes in
      EVP_PKEY_new_raw_public_key(
        EVP_PKEY_X25519, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
    defer { EVP_PKEY_free(peer) }
    let context = EVP_PKEY_CTX_new(key, nil)
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1 else {
      throw .libraryFailure(function: "EVP_PKEY_derive_init")
    }
    var isShared = false
    let shared = SecretBytes(count: 32) { buffer in
      var count = buffer.count
      // OpenSSL refuses to give out zeros; nothing else can fail once both keys are set.
      isShared =
        EVP_PKEY_derive(context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1
        && count == 32
    }
    return isShared ? shared : nil
  }
}
