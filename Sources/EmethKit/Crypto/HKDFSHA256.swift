/// HKDF with SHA-256 (RFC 5869): keys for separate uses out of one secret.
///
/// ```swift
/// let key = HKDFSHA256.derive(key: secret, salt: [], info: Array("emeth mask".utf8), count: 32)
/// ```
public enum HKDFSHA256 {
  /// The most bytes that one call may ask for, 255 digests.
  public static let maximumByteCount = 255 * 32

  /// `count` bytes out of key material.
  ///
  /// - Parameters:
  ///   - key: The input key material.
  ///   - salt: A value that need not be secret; empty stands for 32 zero bytes.
  ///   - info: What the bytes are for; different texts give unrelated keys.
  ///   - count: 0 to ``maximumByteCount``; more traps.
  public static func derive(
    key: some Collection<UInt8>, salt: some Collection<UInt8>, info: some Collection<UInt8>, count: Int
  ) -> [UInt8] {
    precondition((0...maximumByteCount).contains(count), "HKDF gives at most 8,160 bytes")
    // What lies between the key and its output is as secret as they are.
    var extracted = HMACSHA256.authenticate(key, key: salt).bytes
    var output: [UInt8] = []
    output.reserveCapacity(count + 32)
    var message: [UInt8] = []
    message.reserveCapacity(32 + info.count + 1)
    var block: [UInt8] = []
    defer {
      extracted.cleanse()
      message.cleanse()
      block.cleanse()
    }
    var counter: UInt8 = 1
    while output.count < count {
      message.cleanse()
      message += block
      message += info
      message.append(counter)
      block.cleanse()
      block = HMACSHA256.authenticate(message, key: extracted).bytes
      output += block
      counter &+= 1
    }
    output.removeLast(output.count - count)
    return output
  }
}
