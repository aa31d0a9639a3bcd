import COpenSSL

/// Key files of Ethereum wallets, version 3: a private key under a password.
///
/// scrypt or PBKDF2 with HMAC-SHA-256, AES-128 in counter mode, and a Keccak-256 check that tells a wrong
/// password from a right one.
///
/// ```swift
/// let text = try Keystore.encrypt(key: key, password: password, salt: salt, iv: iv, id: id)
/// let same = try Keystore.decrypt(json: text, password: password)
/// ```
/// Salt, initialisation vector and id come from the caller, who has the system's random numbers: this
/// library has no hidden randomness.
///
/// Files are read as wallets wrote them: `crypto` or `Crypto`; `address` absent, empty, null, with or without
/// `0x` and in any case; hexadecimal digits of either case; a `dklen` above 32, of which the first 32 bytes
/// count; keys and counters that were stored without their leading zero bytes; members that are none of
/// version 3. They are written with scrypt, N = 2^18, r = 8, p = 1.
public enum Keystore {
  /// The longest key file that is read, in bytes.
  public static let byteLimit = 1 << 16
  /// The most memory that a key file may ask scrypt for, 128 x r x max(N, p): 512 MiB. The usual parameters
  /// take 256 MiB.
  public static let memoryLimitBytes: UInt64 = 512 << 20
  /// The most scrypt work (N x r x p) that a key file may ask for: 16 times the usual.
  public static let scryptWorkLimit: UInt64 = 1 << 25
  /// The most PBKDF2 iterations that a key file may ask for.
  public static let iterationLimit: UInt64 = 10_000_000

  /// The key file of a private key, as JSON text.
  ///
  /// - Parameters:
  ///   - key: The private key.
  ///   - password: The password's bytes, in UTF-8 for other wallets. Zero bytes at the end of a password of
  ///     at most 64 bytes change nothing: HMAC pads with them.
  ///   - salt: Random bytes, usually 32; never used for another file.
  ///   - iv: 16 random bytes, never used with the same password and salt.
  ///   - id: 16 random bytes; written as a version-4 UUID.
  ///   - scryptLogN: scrypt's cost: N = 2^scryptLogN with r = 8 and p = 1. 18 takes 256 MiB and about a
  ///     second.
  /// - Throws: ``CryptoError/keystoreFormat(at:problem:)``,
  ///   ``CryptoError/keystoreCost(parameter:found:allowed:)``, ``CryptoError/libraryFailure(function:)``.
  public static func encrypt(
    key: PrivateKey, password: [UInt8], salt: [UInt8], iv: [UInt8], id: [UInt8], scryptLogN: Int = 18
  ) throws(CryptoError) -> String {
    guard iv.count == 16 else {
      throw .keystoreFormat(at: "iv", problem: "has \(iv.count) bytes instead of 16")
    }
    guard id.count == 16 else {
      throw .keystoreFormat(at: "id", problem: "has \(id.count) bytes instead of 16")
    }
    guard (1...62).contains(scryptLogN) else {
      throw .keystoreFormat(at: "n", problem: "2^\(scryptLogN) is no cost of scrypt")
    }
    let derivation = KeyDerivation.scrypt(n: 1 << UInt64(scryptLogN), r: 8, p: 1, salt: salt)
    let derived = try derivation.derive(password: password)
    let ciphertext = try key.withSecretBytes { (secret) throws(CryptoError) in
      try AES128CTR.apply(
        to: secret.baseAddress?.assumingMemoryBound(to: UInt8.self), count: secret.count,
        key: derived.first16, iv: iv)
    }

    let file = JSONValue.object([
      .init("address", .string(Hex.encode(key.address.bytes, prefixed: false))),
      .init(
        "crypto",
        .object([
          .init("cipher", .string("aes-128-ctr")),
          .init("cipherparams", .object([.init("iv", .string(Hex.encode(iv, prefixed: false)))])),
          .init("ciphertext", .string(Hex.encode(ciphertext, prefixed: false))),
          .init("kdf", .string("scrypt")),
          .init(
            "kdfparams",
            .object([
              .init("dklen", .number("32")), .init("n", .number(String(1 << scryptLogN))),
              .init("p", .number("1")), .init("r", .number("8")),
              .init("salt", .string(Hex.encode(salt, prefixed: false))),
            ])),
          .init("mac", .string(Hex.encode(derived.mac(of: ciphertext).bytes, prefixed: false))),
        ])),
      .init("id", .string(uuid(id))),
      .init("version", .number("3")),
    ])
    do throws(FormatError) {
      return try file.canonical
    } catch {
      throw .keystoreFormat(at: "file", problem: error.message)
    }
  }

  /// The private key of a key file.
  ///
  /// - Throws: ``CryptoError/keystoreFormat(at:problem:)``,
  ///   ``CryptoError/keystoreCost(parameter:found:allowed:)``, ``CryptoError/keystorePassword``,
  ///   ``CryptoError/keystoreAddress(found:expected:)``, ``CryptoError/privateKeyInvalid``,
  ///   ``CryptoError/libraryFailure(function:)``.
  public static func decrypt(json: String, password: [UInt8]) throws(CryptoError) -> PrivateKey {
    let file = try KeystoreFile(json: json)
    let derived = try file.derivation.derive(password: password)
    guard derived.mac(of: file.ciphertext) == file.mac else { throw .keystorePassword }
    var secret = try AES128CTR.apply(
      to: file.ciphertext, count: file.ciphertext.count, key: derived.first16, iv: file.iv)
    // Old files hold keys whose leading zero bytes were left out.
    var padded = [UInt8](repeating: 0, count: PrivateKey.byteCount - secret.count) + secret
    defer {
      secret.cleanse()
      padded.cleanse()
    }
    let key = try PrivateKey(bytes: padded)
    if let address = file.address, address != key.address {
      throw .keystoreAddress(found: address.description, expected: key.address.description)
    }
    return key
  }

  private static func uuid(_ id: [UInt8]) -> String {
    var bytes = id
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    let groups = [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
    return groups.map { Hex.encode($0, prefixed: false) }.joined(separator: "-")
  }
}
