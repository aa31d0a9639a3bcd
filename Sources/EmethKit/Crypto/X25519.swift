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
}
