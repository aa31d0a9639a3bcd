import COpenSSL

/// PBKDF2 with HMAC-SHA-256 (RFC 8018) through OpenSSL.
enum PBKDF2 {
  /// Writes `count` bytes to `output`. Iterations are at most 2^31 − 1.
  static func derive(
    password: [UInt8], salt: [UInt8], iterations: Int32, to output: UnsafeMutablePointer<UInt8>, count: Int
  ) throws(CryptoError) {
    guard let passwordCount = Int32(exactly: password.count), let saltCount = Int32(exactly: salt.count),
      let outputCount = Int32(exactly: count)
    else { throw .libraryFailure(function: "PKCS5_PBKDF2_HMAC") }
    // An empty array has no address of its own for C; its count of 0 says that nothing is read.
    let status = (password.isEmpty ? [0] : password).withUnsafeBytes {
      PKCS5_PBKDF2_HMAC(
        $0.baseAddress?.assumingMemoryBound(to: CChar.self), passwordCount, salt.isEmpty ? [0] : salt,
        saltCount,
        iterations, EVP_sha256(), outputCount, output)
    }
    guard status == 1 else { throw .libraryFailure(function: "PKCS5_PBKDF2_HMAC") }
  }
}
