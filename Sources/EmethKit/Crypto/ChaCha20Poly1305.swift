import COpenSSL

/// Authenticated encryption with ChaCha20-Poly1305 (RFC 8439) through OpenSSL: one key, one direction.
///
/// The key is set once; every call sets only its nonce. A value: a copy that is used on another thread gets a
/// context of its own.
struct ChaCha20Poly1305: Sendable {
  static let keyByteCount = 32
  static let nonceByteCount = 12
  static let tagByteCount = 16

  /// Twelve bytes that a key must never see twice when it seals.
  struct Nonce: Sendable {
    // In memory order.
    fileprivate let words: (UInt32, UInt32, UInt32)

    static let zero = Nonce(words: (0, 0, 0))

    fileprivate init(words: (UInt32, UInt32, UInt32)) {
      self.words = words
    }

    /// The number of 88 bits, most significant byte first, and one byte behind it: STREAM's nonce.
    init(counter: UInt64, last: UInt8) {
      words = (
        UInt32(truncatingIfNeeded: counter >> 56).bigEndian,
        UInt32(truncatingIfNeeded: counter >> 24).bigEndian,
        (UInt32(truncatingIfNeeded: counter) << 8 | UInt32(last)).bigEndian
      )
    }

    /// The nonce of exactly 12 bytes, or nil when there are more or fewer.
    init?(_ bytes: some Collection<UInt8>) {
      guard bytes.count == ChaCha20Poly1305.nonceByteCount else { return nil }
      var words: (UInt32, UInt32, UInt32) = (0, 0, 0)
      Swift.withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
      self.words = words
    }
  }

  enum Direction: Int32, Sendable {
    case opening = 0
    case sealing = 1
  }

  private let key: SecretBytes
  private let direction: Direction
  private var context: CipherContext

  /// A cipher for a key of 32 bytes.
  ///
  /// - Throws: ``CryptoError/libraryFailure(function:)`` when OpenSSL has no memory or lacks the algorithm.
  init(_ direction: Direction, key: SecretBytes) throws(CryptoError) {
    precondition(key.count == Self.keyByteCount, "a ChaCha20-Poly1305 key has 32 bytes")
    self.key = key
    self.direction = direction
    context = try CipherContext(direction, key: key)
  }

  /// Encrypts; `sealed` gets the ciphertext, as long as the plaintext, and then the tag of 16 bytes.
  ///
  /// The buffers may be the same memory, or else don't overlap.
  mutating func seal(
    _ plaintext: UnsafeRawBufferPointer, nonce: Nonce,
    additional: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    into sealed: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    precondition(direction == .sealing && sealed.count == plaintext.count + Self.tagByteCount)
    try makeUnique()
    try context.begin(nonce: nonce, additional: additional)
    try context.update(plaintext, into: sealed.baseAddress)
    guard context.finish() else { throw .libraryFailure(function: "EVP_CipherFinal_ex") }
    try context.readTag(UnsafeMutableRawBufferPointer(rebasing: sealed[plaintext.count...]))
  }

  /// Decrypts ciphertext and tag; says whether they are genuine.
  ///
  /// `plaintext` is 16 bytes shorter than `sealed` and filled with zeros when the answer is no: nothing that
  /// was not authenticated is ever left in it. The buffers may be the same memory, or else don't overlap.
  mutating func open(
    _ sealed: UnsafeRawBufferPointer, nonce: Nonce,
    additional: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    into plaintext: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) -> Bool {
    precondition(direction == .opening && sealed.count == plaintext.count + Self.tagByteCount)
    try makeUnique()
    try context.begin(nonce: nonce, additional: additional)
    try context.setTag(UnsafeRawBufferPointer(rebasing: sealed[plaintext.count...]))
    try context.update(
      UnsafeRawBufferPointer(rebasing: sealed[..<plaintext.count]), into: plaintext.baseAddress)
    guard context.finish() else {
      OPENSSL_cleanse(plaintext.baseAddress, plaintext.count)
      return false
    }
    return true
  }

  private mutating func makeUnique() throws(CryptoError) {
    if !isKnownUniquelyReferenced(&context) {
      context = try CipherContext(direction, key: key)
    }
  }
}

/// Owns one OpenSSL cipher context. ``ChaCha20Poly1305`` keeps it unique while it works, so it may cross
/// threads.
private final class CipherContext: @unchecked Sendable {
  // Fetched once: looking an algorithm up by name costs more than a small message.
  nonisolated(unsafe) private static let algorithm = EVP_CIPHER_fetch(nil, "ChaCha20-Poly1305", nil)

  private let handle: OpaquePointer?

  init(_ direction: ChaCha20Poly1305.Direction, key: SecretBytes) throws(CryptoError) {
    handle = EVP_CIPHER_CTX_new()
    let status = key.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return EVP_CipherInit_ex(handle, Self.algorithm, nil, start, nil, direction.rawValue)
    }
    // Without the algorithm a new context has nothing to initialise, which is an error too.
    guard handle != nil, Self.algorithm != nil, status == 1 else {
      throw .libraryFailure(function: "ChaCha20-Poly1305")
    }
  }

  deinit {
    EVP_CIPHER_CTX_free(handle)
  }

  /// Starts a message; key and direction stay as they are (-1).
  func begin(
    nonce: ChaCha20Poly1305.Nonce, additional: UnsafeRawBufferPointer
  ) throws(CryptoError) {
    let status = withUnsafeBytes(of: nonce.words) { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      return EVP_CipherInit_ex(handle, nil, nil, nil, start, -1)
    }
    guard status == 1 else {
      throw .libraryFailure(function: "EVP_CipherInit_ex")
    }
    try update(additional, into: nil)
  }

  /// Works on bytes; without an output they are additional data.
  func update(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer?
  ) throws(CryptoError) {
    // No bytes must not reach OpenSSL: to it, a missing buffer is the end of the message.
    guard !input.isEmpty else { return }
    precondition(input.count <= Int(Int32.max), "OpenSSL counts in 32 bits")
    var written: Int32 = 0
    let status = EVP_CipherUpdate(
      handle, output?.assumingMemoryBound(to: UInt8.self), &written,
      input.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(input.count))
    guard status == 1, Int(written) == input.count else {
      throw .libraryFailure(function: "EVP_CipherUpdate")
    }
  }

  /// Ends the message; false when the tag that was set is not its tag.
  func finish() -> Bool {
    var written: Int32 = 0
    var none: UInt8 = 0
    return EVP_CipherFinal_ex(handle, &none, &written) == 1
  }

  func setTag(_ tag: UnsafeRawBufferPointer) throws(CryptoError) {
    // OpenSSL takes it as not const, and only reads it.
    let start = UnsafeMutableRawPointer(mutating: tag.baseAddress)
    guard EVP_CIPHER_CTX_ctrl(handle, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), start) == 1 else {
      throw .libraryFailure(function: "EVP_CTRL_AEAD_SET_TAG")
    }
  }

  func readTag(_ tag: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    guard EVP_CIPHER_CTX_ctrl(handle, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), tag.baseAddress) == 1 else {
      throw .libraryFailure(function: "EVP_CTRL_AEAD_GET_TAG")
    }
  }
}
