import COpenSSL

/// SHA-256 of bytes at hand: generator keys and tokenizer hashes.
enum ContentHash {
  /// The 32 bytes of SHA-256(`bytes`).
  static func sha256(_ bytes: [UInt8]) throws(ComputeError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    guard EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil) == 1, length == 32 else {
      throw .invalidConfiguration(
        what: "OpenSSL", found: "without SHA-256", allowed: "OpenSSL 3 with SHA-256")
    }
    return digest
  }
}
