import COpenSSL

/// The protocol's source of random words: the ChaCha20 keystream of one key, a plain value.
///
/// Key = SHA-256(label ‖ seed ‖ part u32 ‖ round u32 ‖ pass u32), integers big-endian; nonce 0, block
/// counter from 0; words are u32 in the little-endian order of RFC 8439's keystream (PROTOCOL 6). Copying a
/// generator copies its position, so two copies draw the same words. Keystream is made in 4 KiB pieces,
/// so a word costs a nanosecond or two; RFC 8439 gives one key 2^32 blocks, that is 2^36 words.
///
/// ```swift
/// var generator = try CounterGenerator(label: "order", seed: seed, part: 0, round: 3, pass: 0)
/// let index = try generator.below(1_000)
/// ```
public struct CounterGenerator: Sendable {
  private static let blocksPerRefill = 64
  private static let wordsPerBlock = 16
  /// OpenSSL counts the bytes of a call in an i32.
  private static let largestPieceBlockCount = 1 << 20

  private let key: [UInt8]
  private var nextBlock: UInt64 = 0
  private var buffer: [UInt32] = []
  private var position = 0

  /// The keystream of a bare 32-byte key.
  ///
  /// - Throws: `ComputeError.invalidInput` when the key is not 32 bytes long.
  public init(key: [UInt8]) throws(ComputeError) {
    guard key.count == 32 else {
      throw .invalidInput(what: "generator key", found: "\(key.count) bytes", allowed: "32 bytes")
    }
    self.key = key
  }

  /// The keystream for one purpose of a job.
  ///
  /// - Parameters:
  ///   - label: ASCII words such as "order" or "init"; it keeps the purposes apart.
  ///   - seed: 32 bytes, the manifest's seed.
  ///   - part: the part's index, 0 where there are no parts.
  ///   - round: the round, 0 where there are none.
  ///   - pass: how often the data was gone through before, 0 where that has no meaning.
  /// - Throws: `ComputeError.invalidInput` when the seed is not 32 bytes long.
  public init(
    label: String, seed: [UInt8], part: UInt32, round: UInt32, pass: UInt32
  ) throws(ComputeError) {
    key = try Self.key(label: label, seed: seed, part: part, round: round, pass: pass)
  }

  /// SHA-256(label ‖ seed ‖ part u32 ‖ round u32 ‖ pass u32).
  static func key(
    label: String, seed: [UInt8], part: UInt32, round: UInt32, pass: UInt32
  ) throws(ComputeError) -> [UInt8] {
    guard seed.count == 32 else {
      throw .invalidInput(what: "seed", found: "\(seed.count) bytes", allowed: "32 bytes")
    }
    var message = Array(label.utf8) + seed
    for number in [part, round, pass] {
      withUnsafeBytes(of: number.bigEndian) { message.append(contentsOf: $0) }
    }
    return try ContentHash.sha256(message)
  }

  /// The next word of the keystream.
  public mutating func nextWord() throws(ComputeError) -> UInt32 {
    if position == buffer.count { try refill() }
    defer { position += 1 }
    return buffer[position]
  }

  /// A number in `0 ..< bound`, every one equally likely.
  ///
  /// A word w is rejected when w >= floor(2^32 / bound)·bound, else the number is w mod bound. Less than
  /// two words are drawn on average.
  public mutating func below(_ bound: UInt32) throws(ComputeError) -> UInt32 {
    precondition(bound > 0, "no number is below 0")
    let limit = (UInt64(1) << 32) / UInt64(bound) * UInt64(bound)
    while true {
      let word = try nextWord()
      if UInt64(word) < limit { return word % bound }
    }
  }

  /// Fills `words` with the next words of the keystream, the same as `nextWord()` repeated.
  public mutating func fill(_ words: UnsafeMutableBufferPointer<UInt32>) throws(ComputeError) {
    var filled = 0
    while filled < words.count {
      let missing = words.count - filled
      if position < buffer.count {
        let count = min(missing, buffer.count - position)
        for index in 0..<count { words[filled + index] = buffer[position + index] }
        filled += count
        position += count
      } else if missing >= Self.wordsPerBlock {
        // Whole blocks go where they are wanted, without the buffer between.
        let count = min(missing / Self.wordsPerBlock, Self.largestPieceBlockCount) * Self.wordsPerBlock
        try keystream(into: .init(rebasing: words[filled..<filled + count]))
        filled += count
      } else {
        try refill()
      }
    }
  }

  private mutating func refill() throws(ComputeError) {
    var words = [UInt32](repeating: 0, count: Self.blocksPerRefill * Self.wordsPerBlock)
    try words.withUnsafeMutableBufferPointer { words throws(ComputeError) in try keystream(into: words) }
    buffer = words
    position = 0
  }

  /// Encrypts zeros from `nextBlock` on, whole blocks. A cipher context for each call keeps the generator a
  /// value; its set-up is small against the blocks.
  private mutating func keystream(into words: UnsafeMutableBufferPointer<UInt32>) throws(ComputeError) {
    let blockCount = UInt64(words.count / Self.wordsPerBlock)
    guard nextBlock + blockCount <= UInt64(1) << 32 else {
      throw .invalidInput(
        what: "words of one generator", found: "more than 2^36", allowed: "at most 2^36, as RFC 8439 has")
    }
    // OpenSSL's IV is RFC 8439's block counter (u32 little-endian) and the 12 nonce bytes.
    var counter = [UInt8](repeating: 0, count: 16)
    for index in 0..<4 { counter[index] = UInt8(truncatingIfNeeded: nextBlock >> (8 * UInt64(index))) }
    words.update(repeating: 0)
    let byteCount = words.count * 4
    var written: Int32 = 0
    guard let context = EVP_CIPHER_CTX_new() else { throw .outOfMemory(bytes: byteCount) }
    defer { EVP_CIPHER_CTX_free(context) }
    let isDone = words.withMemoryRebound(to: UInt8.self) { bytes in
      EVP_EncryptInit_ex(context, EVP_chacha20(), nil, key, counter) == 1
        && EVP_EncryptUpdate(context, bytes.baseAddress, &written, bytes.baseAddress, Int32(byteCount)) == 1
        && Int(written) == byteCount
    }
    guard isDone else {
      throw .invalidConfiguration(
        what: "OpenSSL", found: "without ChaCha20", allowed: "OpenSSL 3 with ChaCha20")
    }
    for index in 0..<words.count { words[index] = UInt32(littleEndian: words[index]) }
    nextBlock += blockCount
  }
}
