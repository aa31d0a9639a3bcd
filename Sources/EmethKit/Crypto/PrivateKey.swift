import COpenSSL

/// A secp256k1 private key: an account's identity and its signatures.
///
/// The secret lies in memory of its own that is overwritten before it is freed, is never copied with the
/// value, and is in no description.
///
/// ```swift
/// let key = try PrivateKey(hex: "0x4c0883a69102937d6231471b5dbb6204fe512961708279f2e3e8a5d4b8e3e1f0")
/// let signature = key.sign(Keccak256.hash("hello".utf8))
/// ```
public final class PrivateKey: Sendable {
  // Written in init and cleansed in deinit, read in between: safe to share.
  private nonisolated(unsafe) let secret: UnsafeMutablePointer<UInt8>
  static let byteCount = 32

  /// The uncompressed public key: 0x04 and the two coordinates, 65 bytes.
  public let publicKey: [UInt8]

  /// The account of this key.
  public let address: Address

  /// The key of 32 bytes, most significant first.
  ///
  /// - Throws: ``CryptoError/privateKeyInvalid`` when it is not 32 bytes, is zero or not below the group's
  ///   order.
  public init(bytes: some Collection<UInt8>) throws(CryptoError) {
    guard bytes.count == Self.byteCount else { throw .privateKeyInvalid }
    let secret = Self.allocate(bytes)
    guard let publicKey = Secp256k1.publicKey(of: secret) else {
      Self.deallocate(secret)
      throw .privateKeyInvalid
    }
    self.secret = secret
    self.publicKey = publicKey
    address = Address(uncompressedPublicKey: publicKey)
  }

  /// The key of 64 hexadecimal digits, with or without `0x`.
  ///
  /// The caller's text stays in memory; what comes from a file is better read as bytes
  /// (``init(hexDigits:)``) and overwritten.
  ///
  /// - Throws: ``CryptoError/privateKeyInvalid``, which repeats nothing of the text.
  public convenience init(hex: String) throws(CryptoError) {
    try self.init(hexDigits: hex.utf8)
  }

  /// The key of 64 hexadecimal digits in ASCII, with or without `0x`.
  ///
  /// - Throws: ``CryptoError/privateKeyInvalid``, which repeats nothing of the digits.
  public convenience init(hexDigits text: some Collection<UInt8>) throws(CryptoError) {
    let digits = text.dropFirst(text.starts(with: "0x".utf8) ? 2 : 0)
    guard digits.count == 2 * Self.byteCount else { throw .privateKeyInvalid }
    let secret = Self.allocate(repeatElement(0, count: Self.byteCount))
    var isHex = true
    for (index, digit) in digits.enumerated() {
      guard let value = Hex.digitValue(digit) else {
        isHex = false
        break
      }
      secret[index / 2] = secret[index / 2] << 4 | value
    }
    guard isHex, let publicKey = Secp256k1.publicKey(of: secret) else {
      Self.deallocate(secret)
      throw .privateKeyInvalid
    }
    self.init(owning: secret, publicKey: publicKey)
  }

  /// A key that follows from a seed, for runs that can be repeated.
  ///
  /// HKDF-SHA256 of the seed, info `"emeth key"` ‖ label ‖ index u32 ‖ attempt u32; the attempt rises from
  /// 0 until the 32 bytes are a private key, which the first ones are but for one chance in 2^127.
  ///
  /// - Parameters:
  ///   - seed: Whoever knows it knows every key of the run.
  ///   - label: The role, such as `"node"`.
  ///   - index: Which of that role.
  public convenience init(seed: Bytes32, label: String, index: UInt32) {
    var attempt: UInt32 = 0
    while true {
      let info = Array("emeth key".utf8) + Array(label.utf8) + index.bigEndianBytes + attempt.bigEndianBytes
      var bytes = HKDFSHA256.derive(key: seed.bytes, salt: [], info: info, count: Self.byteCount)
      defer { bytes.cleanse() }
      let secret = Self.allocate(bytes)
      if let publicKey = Secp256k1.publicKey(of: secret) {
        self.init(owning: secret, publicKey: publicKey)
        return
      }
      Self.deallocate(secret)
      attempt += 1
    }
  }

  private init(owning secret: UnsafeMutablePointer<UInt8>, publicKey: [UInt8]) {
    self.secret = secret
    self.publicKey = publicKey
    address = Address(uncompressedPublicKey: publicKey)
  }

  deinit {
    Self.deallocate(secret)
  }

  private static func allocate(_ bytes: some Collection<UInt8>) -> UnsafeMutablePointer<UInt8> {
    let secret = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCount)
    _ = UnsafeMutableBufferPointer(start: secret, count: byteCount).initialize(fromContentsOf: bytes)
    return secret
  }

  private static func deallocate(_ secret: UnsafeMutablePointer<UInt8>) {
    OPENSSL_cleanse(secret, byteCount)
    secret.deallocate()
  }

  /// The signature of a digest: deterministic (RFC 6979), s in the lower half.
  public func sign(_ digest: Bytes32) -> Signature {
    // r of n or more (recovery 2 and 3) has one chance in 2^127, and no one knows such a digest.
    let (r, s, recovery) = Secp256k1.sign(digest, secret: secret)
    precondition(recovery < 2, "a signature whose r is not below the order of secp256k1")
    return Signature(uncheckedR: r, s: s, v: 27 + recovery)
  }

  /// Calls `body` with the 32 secret bytes in place; the buffer is valid only during the call.
  public func withSecretBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: secret, count: Self.byteCount))
  }
}

extension PrivateKey: CustomStringConvertible, CustomReflectable {
  /// The address, never the secret.
  public var description: String { "PrivateKey(\(address))" }

  /// The address, never the secret.
  public var customMirror: Mirror {
    Mirror(self, children: ["address": address])
  }
}
