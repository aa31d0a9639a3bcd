import COpenSSL

/// The ChaCha20 stream (RFC 8439, nonce 0) through OpenSSL, from any of its blocks on: gigabytes a second,
/// where ``ChaCha20Generator`` is for single numbers.
///
/// One thread uses it; several threads take one each, set to different blocks.
final class ChaCha20Keystream {
  static let keyByteCount = 32
  static let blockByteCount = 64
  /// A counter of 32 bits numbers the blocks.
  static let blockLimit: UInt64 = 1 << 32

  // Fetched once: looking an algorithm up by name costs more than a short stream.
  nonisolated(unsafe) private static let algorithm = EVP_CIPHER_fetch(nil, "ChaCha20", nil)

  private let handle: OpaquePointer?

  /// The stream of a key from the block with this number on.
  ///
  /// - Throws: ``CryptoError/libraryFailure(function:)`` when OpenSSL has no memory or lacks the algorithm.
  init(key: UnsafeRawBufferPointer, block: UInt32) throws(CryptoError) {
    precondition(key.count == Self.keyByteCount, "a ChaCha20 key has 32 bytes")
    handle = EVP_CIPHER_CTX_new()
    // OpenSSL takes the counter, then the nonce, in the order in which they stand in the state.
    let start = (block.littleEndian, UInt32(0), UInt64(0))
    let status = withUnsafeBytes(of: start) { start in
      EVP_EncryptInit_ex(
        handle, Self.algorithm, nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self),
        start.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    guard handle != nil, Self.algorithm != nil, status == 1 else {
      throw .libraryFailure(function: "ChaCha20")
    }
  }

  deinit {
    EVP_CIPHER_CTX_free(handle)
  }

  /// Writes the stream's next bytes, as many as the buffer holds. Traps beyond 2^31 − 1 of them.
  ///
  /// - Parameter zeros: At least as many bytes, all of them zero: what is encrypted.
  func write(
    into buffer: UnsafeMutableRawBufferPointer, zeros: UnsafeRawBufferPointer
  ) throws(CryptoError) {
    guard !buffer.isEmpty else { return }
    precondition(zeros.count >= buffer.count && buffer.count <= Int(Int32.max), "OpenSSL counts in 32 bits")
    var written: Int32 = 0
    let status = EVP_EncryptUpdate(
      handle, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), &written,
      zeros.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(buffer.count))
    guard status == 1, Int(written) == buffer.count else {
      throw .libraryFailure(function: "EVP_EncryptUpdate")
    }
  }
}
