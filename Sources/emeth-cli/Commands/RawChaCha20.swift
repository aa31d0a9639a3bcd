import COpenSSL
import EmethKit
import Foundation
import Synchronization

/// OpenSSL's ChaCha20 and nothing else: the yardstick of `emeth benchmark aggregation`.
enum RawChaCha20 {
  private static let blockByteCount = 8_192

  /// Draws so many bytes of streams, shared by threads, into memory that stays in the cores' caches.
  ///
  /// - Throws: `CryptoError.libraryFailure` when OpenSSL refuses a call.
  static func draw(_ byteCount: Int, threads: Int) throws {
    let drawn = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      if draw(byteCount / threads) { drawn.withLock { $0 += 1 } }
    }
    guard drawn.withLock({ $0 }) == threads else {
      throw CryptoError.libraryFailure(function: "EVP_EncryptUpdate")
    }
  }

  private static func draw(_ byteCount: Int) -> Bool {
    let handle = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(handle) }
    let key = [UInt8](repeating: 7, count: 32)
    let start = [UInt8](repeating: 0, count: 16)
    guard EVP_EncryptInit_ex(handle, EVP_chacha20(), nil, key, start) == 1 else { return false }
    let zeros = [UInt8](repeating: 0, count: blockByteCount)
    var stream = [UInt8](repeating: 0, count: blockByteCount)
    var written: Int32 = 0
    var left = byteCount
    while left > 0 {
      let count = min(left, blockByteCount)
      guard EVP_EncryptUpdate(handle, &stream, &written, zeros, Int32(count)) == 1 else { return false }
      left -= count
    }
    return true
  }
}
