import COpenSSL

/// HMAC-SHA-256 (RFC 2104): a digest that only who knows the key can make.
///
/// ```swift
/// let salt = HMACSHA256.authenticate(index.bigEndianBytes, key: partSecret.bytes).bytes.prefix(16)
/// ```
public enum HMACSHA256 {
  private static let blockByteCount = 64

  /// The code of a message under a key of any length.
  public static func authenticate(
    _ message: some Collection<UInt8>, key: some Collection<UInt8>
  ) -> Bytes32 {
    withUnsafeTemporaryAllocation(byteCount: blockByteCount, alignment: 8) { block in
      defer { OPENSSL_cleanse(block.baseAddress, block.count) }
      block.initializeMemory(as: UInt8.self, repeating: 0)
      if key.count > blockByteCount {
        SHA256.hash(key).withUnsafeBytes { block.copyMemory(from: $0) }
      } else {
        block.copyBytes(from: key)
      }

      var hash = SHA256()
      for index in block.indices { block[index] ^= 0x36 }
      hash.update(UnsafeRawBufferPointer(block))
      hash.update(message)
      let inner = hash.finalize()

      for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
      hash.update(UnsafeRawBufferPointer(block))
      inner.withUnsafeBytes { hash.update($0) }
      return hash.finalize()
    }
  }
}
