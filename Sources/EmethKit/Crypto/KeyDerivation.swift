import COpenSSL

/// How a key file makes 32 bytes of key out of a password.
enum KeyDerivation: Equatable {
  case scrypt(n: UInt64, r: UInt64, p: UInt64, salt: [UInt8])
  case pbkdf2(iterations: UInt64, salt: [UInt8])

  /// The key of a password. Refuses parameters beyond the limits of ``Keystore`` before any work is done.
  func derive(password: [UInt8]) throws(CryptoError) -> DerivedKey {
    let key = DerivedKey()
    switch self {
    case .scrypt(let n, let r, let p, let salt):
      try Self.checkScrypt(n: n, r: r, p: p)
      if 16 * r < 64 && n >> (16 * r) > 0 {
        try Scrypt.derive(
          password: password, salt: salt, n: Int(n), r: Int(r), p: Int(p), to: key.bytes,
          count: DerivedKey.byteCount)
      } else {
        try Self.scrypt(password: password, salt: salt, n: n, r: r, p: p, key: key)
      }
    case .pbkdf2(let iterations, let salt):
      guard iterations > 0 else { throw .keystoreFormat(at: "c", problem: "is 0") }
      guard iterations <= Keystore.iterationLimit else {
        throw .keystoreCost(parameter: "c", found: iterations, allowed: Keystore.iterationLimit)
      }
      try PBKDF2.derive(
        password: password, salt: salt, iterations: Int32(iterations), to: key.bytes,
        count: DerivedKey.byteCount)
    }
    return key
  }

  private static func scrypt(
    password: [UInt8], salt: [UInt8], n: UInt64, r: UInt64, p: UInt64, key: DerivedKey
  ) throws(CryptoError) {
    // An empty array has no address of its own for C; its count of 0 says that nothing is read. OpenSSL
    // counts both tables and some more against the memory it is allowed.
    let status = (password.isEmpty ? [0] : password).withUnsafeBytes {
      EVP_PBE_scrypt(
        $0.baseAddress?.assumingMemoryBound(to: CChar.self), password.count, salt.isEmpty ? [0] : salt,
        salt.count,
        n, r, p, 3 * Keystore.memoryLimitBytes, key.bytes, DerivedKey.byteCount)
    }
    guard status == 1 else { throw .libraryFailure(function: "EVP_PBE_scrypt") }
  }

  private static func checkScrypt(n: UInt64, r: UInt64, p: UInt64) throws(CryptoError) {
    guard n > 1, n & (n - 1) == 0 else {
      throw .keystoreFormat(at: "n", problem: "\(n) is no power of two above 1")
    }
    guard r > 0 else { throw .keystoreFormat(at: "r", problem: "is 0") }
    guard p > 0 else { throw .keystoreFormat(at: "p", problem: "is 0") }
    for (name, value) in [("n", n), ("r", r), ("p", p)] where value > 1 << 32 {
      throw .keystoreCost(parameter: name, found: value, allowed: 1 << 32)
    }
    // 128-bit products of three numbers of at most 33 bits can't overflow.
    let memory = UInt128(128) * UInt128(r) * UInt128(max(n, p))
    guard memory <= UInt128(Keystore.memoryLimitBytes) else {
      throw .keystoreCost(
        parameter: "memory in bytes", found: UInt64(clamping: memory), allowed: Keystore.memoryLimitBytes)
    }
    let work = UInt128(n) * UInt128(r) * UInt128(p)
    guard work <= UInt128(Keystore.scryptWorkLimit) else {
      throw .keystoreCost(
        parameter: "n x r x p", found: UInt64(clamping: work), allowed: Keystore.scryptWorkLimit)
    }
  }
}

/// The 32 bytes that a password gave, overwritten when they are no longer needed: the first half encrypts,
/// the second half authenticates.
final class DerivedKey {
  static let byteCount = 32

  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCount)

  init() {
    bytes.initialize(repeating: 0, count: Self.byteCount)
  }

  deinit {
    OPENSSL_cleanse(bytes, Self.byteCount)
    bytes.deallocate()
  }

  var first16: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: bytes, count: 16) }

  /// keccak256(second half ‖ ciphertext).
  func mac(of ciphertext: [UInt8]) -> Bytes32 {
    Keccak256.hash(Array(UnsafeBufferPointer(start: bytes + 16, count: 16)) + ciphertext)
  }
}

/// AES-128 in counter mode: encrypts and decrypts alike, and authenticates nothing.
enum AES128CTR {
  /// The output for `count` bytes at `input`, at most 2^31 − 1.
  static func apply(
    to input: UnsafePointer<UInt8>?, count: Int, key: UnsafeBufferPointer<UInt8>, iv: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    precondition(key.count == 16 && iv.count == 16, "AES-128 has keys and counters of 16 bytes")
    let context = EVP_CIPHER_CTX_new()
    defer { EVP_CIPHER_CTX_free(context) }
    var output = [UInt8](repeating: 0, count: count)
    var written: Int32 = 0
    guard EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nil, key.baseAddress, iv) == 1,
      EVP_EncryptUpdate(context, &output, &written, input, Int32(truncatingIfNeeded: count)) == 1,
      Int(written) == count
    else { throw .libraryFailure(function: "AES-128-CTR") }
    return output
  }
}
