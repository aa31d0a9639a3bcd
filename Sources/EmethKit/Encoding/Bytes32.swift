/// Thirty-two bytes: a digest, a Merkle root, a salt, or a `bytes32` of a contract.
///
/// ```swift
/// let digest = Keccak256.hash("hello".utf8)   // 0x1c8aff95…a36deac8
/// let same = try Bytes32(hex: digest.description)
/// ```
/// Ordered as Solidity compares `bytes32`: by the first byte that differs. In JSON: 66 characters of `0x`
/// hex.
public struct Bytes32: Sendable {
  // Four words in memory order, so that the value needs no allocation and its bytes can be read in place.
  private var words: (UInt64, UInt64, UInt64, UInt64)

  /// Thirty-two zero bytes.
  public static let zero = Bytes32()

  private init() {
    words = (0, 0, 0, 0)
  }

  /// The value of exactly 32 bytes, or nil when there are more or fewer.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    self.init()
    Swift.withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
  }

  /// The value that 64 hexadecimal digits stand for, with or without `0x`.
  ///
  /// - Throws: ``FormatError``: a character that is no digit, or another number of bytes than 32.
  public init(hex: String) throws(FormatError) {
    let bytes = try Hex.decode(hex)
    guard let value = Bytes32(bytes) else { throw .byteCount(found: bytes.count, allowed: 32) }
    self = value
  }

  /// The value whose bytes `body` writes into the buffer that it is given, 32 zero bytes at first.
  init(writing body: (UnsafeMutableRawBufferPointer) -> Void) {
    self.init()
    Swift.withUnsafeMutableBytes(of: &words) { body($0) }
  }

  /// The 32 bytes of a number, most significant byte first.
  public init(_ number: UInt256) {
    let limbs = number.limbs
    words = (limbs.3.bigEndian, limbs.2.bigEndian, limbs.1.bigEndian, limbs.0.bigEndian)
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    withUnsafeBytes { Array($0) }
  }

  /// Calls `body` with the 32 bytes in place; the buffer is valid only during the call.
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try Swift.withUnsafeBytes(of: words, body)
  }

  /// The words as numbers, so that the first is the most significant.
  fileprivate var bigEndianWords: (UInt64, UInt64, UInt64, UInt64) {
    (
      UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), UInt64(bigEndian: words.2),
      UInt64(bigEndian: words.3)
    )
  }
}

extension Bytes32: Hashable, Comparable {
  /// Whether all bytes are equal. Takes the same path for every value, but is not meant for secrets.
  public static func == (left: Bytes32, right: Bytes32) -> Bool {
    left.words == right.words
  }

  /// Whether the left value comes first, compared byte by byte from the front.
  public static func < (left: Bytes32, right: Bytes32) -> Bool {
    left.bigEndianWords < right.bigEndianWords
  }

  /// Feeds the bytes to the hasher.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
  }
}

extension Bytes32: CustomStringConvertible, Codable {
  /// `0x` and 64 lower-case digits.
  public var description: String {
    withUnsafeBytes { Hex.encode($0) }
  }

  /// Reads `0x` hex text of 32 bytes.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(FormatError) in try Bytes32(hex: text) }
  }

  /// Writes `0x` and 64 lower-case digits.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}

extension UInt256 {
  /// The number that 32 bytes stand for, most significant byte first.
  public init(_ bytes: Bytes32) {
    let words = bytes.bigEndianWords
    self.init(limbs: (words.3, words.2, words.1, words.0))
  }
}
