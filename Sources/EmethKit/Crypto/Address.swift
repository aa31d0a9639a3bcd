/// An Ethereum account or contract: 20 bytes, the last of the Keccak-256 of a public key.
///
/// ```swift
/// let address = try Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
/// print(address)    // the same text, with the checksum of EIP-55
/// ```
/// Ordered by its bytes. In JSON the EIP-55 text.
public struct Address: Sendable {
  // In memory order, like Bytes32.
  private var words: (UInt64, UInt64, UInt32)

  /// Twenty zero bytes.
  public static let zero = Address()

  private init() {
    words = (0, 0, 0)
  }

  /// The address of exactly 20 bytes, or nil when there are more or fewer.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 20 else { return nil }
    self.init()
    Swift.withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
  }

  /// The address of text: `0x` and 40 hexadecimal digits. The checksum of EIP-55 is checked when the digits
  /// are of mixed case; all lower and all upper case carry none.
  ///
  /// - Throws: ``CryptoError/addressMalformed(found:)``, ``CryptoError/addressChecksum(found:expected:)``.
  public init(_ text: String) throws(CryptoError) {
    let digits = text.utf8.dropFirst(2)
    guard text.utf8.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]), digits.count == 40,
      let bytes = try? Hex.decode(text), let address = Address(bytes: bytes)
    else { throw .addressMalformed(found: text) }
    self = address
    let hasLower = digits.contains { (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    let hasUpper = digits.contains { (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }
    if hasLower && hasUpper {
      let expected = address.description
      guard expected.utf8.elementsEqual(text.utf8) else {
        throw .addressChecksum(found: text, expected: expected)
      }
    }
  }

  /// The address of an uncompressed public key whose 65 bytes are known to be valid.
  init(uncompressedPublicKey key: [UInt8]) {
    self = key.withUnsafeBytes { Address(uncompressedPublicKey: $0) }
  }

  /// The address of an uncompressed public key in a buffer.
  init(uncompressedPublicKey key: UnsafeRawBufferPointer) {
    precondition(key.count == Secp256k1.publicKeyByteCount, "an uncompressed public key has 65 bytes")
    self.init(lastOf: Keccak256.hash(UnsafeRawBufferPointer(rebasing: key[1...])))
  }

  /// The last 20 bytes of a digest.
  init(lastOf digest: Bytes32) {
    self.init()
    digest.withUnsafeBytes { bytes in
      Swift.withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes.suffix(20)) }
    }
  }

  /// The address of a public key in any encoding of a point of secp256k1: 33 bytes compressed or 65
  /// uncompressed.
  ///
  /// - Throws: ``CryptoError/publicKeyInvalid(byteCount:)``.
  public init(publicKey: [UInt8]) throws(CryptoError) {
    guard let key = Secp256k1.publicKey(parsing: publicKey) else {
      throw .publicKeyInvalid(byteCount: publicKey.count)
    }
    self.init(uncompressedPublicKey: key)
  }

  /// The 20 bytes.
  public var bytes: [UInt8] {
    withUnsafeBytes { Array($0) }
  }

  /// Calls `body` with the 20 bytes in place; the buffer is valid only during the call.
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try Swift.withUnsafeBytes(of: words) { (buffer) throws(E) in
      try body(UnsafeRawBufferPointer(rebasing: buffer.prefix(20)))
    }
  }
}

extension Address: Hashable, Comparable {
  /// Whether all bytes are equal.
  public static func == (left: Address, right: Address) -> Bool {
    left.words == right.words
  }

  /// Whether the left address comes first, compared byte by byte from the front.
  public static func < (left: Address, right: Address) -> Bool {
    (left.words.0.bigEndian, left.words.1.bigEndian, left.words.2.bigEndian)
      < (right.words.0.bigEndian, right.words.1.bigEndian, right.words.2.bigEndian)
  }

  /// Feeds the bytes to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
  }
}

extension Address: CustomStringConvertible, Codable {
  /// `0x` and 40 digits, whose letters are upper case where EIP-55 says so.
  public var description: String {
    String(unsafeUninitializedCapacity: 42) { text in
      text[0] = UInt8(ascii: "0")
      text[1] = UInt8(ascii: "x")
      withUnsafeBytes { bytes in
        for index in 0..<20 {
          text[2 * index + 2] = Hex.digit(bytes[index] >> 4)
          text[2 * index + 3] = Hex.digit(bytes[index] & 15)
        }
      }
      let digest = Keccak256.hash(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[2..<42]))
      digest.withUnsafeBytes { digest in
        for index in 0..<40 {
          let nibble = index & 1 == 0 ? digest[index / 2] >> 4 : digest[index / 2] & 15
          if nibble >= 8 && text[index + 2] >= UInt8(ascii: "a") {
            text[index + 2] -= UInt8(ascii: "a") - UInt8(ascii: "A")
          }
        }
      }
      return 42
    }
  }

  /// Reads the text of an address, with its checksum when it has one.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(CryptoError) in try Address(text) }
  }

  /// Writes the text with its checksum.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
