extension DiscreteGaussian {
  /// Samples for all coordinates of a vector, in blocks of ``blockCount``.
  ///
  /// - Parameters:
  ///   - values: Where they go.
  ///   - seed: What they follow from, with the vector's number and the block's: the ChaCha20 stream under
  ///     SHA-256("EMETH noise" ‖ seed ‖ vector u32 ‖ block u32).
  ///   - vector: Tells vectors apart that share a seed, such as the tensors of a model.
  /// - Throws: ``PrivacyError/crypto(_:)`` when OpenSSL has no memory.
  public func fill(
    _ values: UnsafeMutableBufferPointer<Int32>, seed: Bytes32, vector: UInt32
  ) throws(PrivacyError) {
    for block in 0..<((values.count + Self.blockCount - 1) / Self.blockCount) {
      let start = block * Self.blockCount
      let end = min(start + Self.blockCount, values.count)
      try fill(
        block: UInt32(block), of: UnsafeMutableBufferPointer(rebasing: values[start..<end]), seed: seed,
        vector: vector)
    }
  }

  /// The samples of one block, ``blockCount`` at most, so that threads and replays can begin anywhere.
  public func fill(
    block: UInt32, of values: UnsafeMutableBufferPointer<Int32>, seed: Bytes32, vector: UInt32
  ) throws(PrivacyError) {
    precondition(values.count <= Self.blockCount, "a block has at most \(Self.blockCount) samples")
    do throws(CryptoError) {
      var words = try NoiseWords(seed: seed, vector: vector, block: block)
      try fill(values, from: &words)
    } catch {
      throw .crypto(error)
    }
  }

  /// Two words a proposal. Of the first, the lowest 16 bits give the strip, bit 16 the sign, the upper half the
  /// place; the second is U's first digit.
  private func fill(
    _ values: UnsafeMutableBufferPointer<Int32>, from words: inout NoiseWords
  ) throws(CryptoError) {
    let mask = UInt64(strips.count - 1)
    try strips.withUnsafeBufferPointer { strips throws(CryptoError) in
      var index = 0
      while index < values.count {
        let proposal = try words.next()
        let digit = try words.next()
        let strip = strips[Int(proposal & mask)]
        let product = (proposal >> 32) * UInt64(strip.width)
        guard UInt32(truncatingIfNeeded: product) >= strip.refusedBelow else { continue }
        let place = UInt64(strip.start) + product >> 32
        if digit >> 32 >= UInt64(strip.acceptedBelow) {
          guard try keeps(place, width: UInt64(strip.width), digit: digit, words: &words) else { continue }
        }
        let isNegative = proposal >> 16 & 1 == 1
        // Zero is reached from both sides, and counts once.
        if isNegative && place == 0 { continue }
        let magnitude = Int32(truncatingIfNeeded: place)
        values[index] = isNegative ? -magnitude : magnitude
        index += 1
      }
    }
  }

  /// Whether U < (width / scale) e^(−place² / 2σ²): by the table, or exactly where that is too close to tell.
  private func keeps(
    _ place: UInt64, width: UInt64, digit: UInt64, words: inout NoiseWords
  ) throws(CryptoError) -> Bool {
    let decay = Self.decay(place, variance: variance)
    let low = UInt128(decay > DecayTable.margin ? decay - DecayTable.margin : 0) * UInt128(width)
    if UInt128(digit) * UInt128(scale) + UInt128(scale) <= low { return true }
    let high = (UInt128(decay) + UInt128(DecayTable.margin)) * UInt128(width)
    if UInt128(digit) * UInt128(scale) >= high { return false }
    return try inverseWeight(place).exceeds(first: digit, weight: width, scale: scale) {
      () throws(CryptoError) in try words.next()
    }
  }
}

/// The words of one block's stream: u64, little-endian.
struct NoiseWords: ~Copyable {
  private static let bufferedWords = 1_024

  private let stream: ChaCha20Keystream
  // The upper half stays zero: what is encrypted.
  private let buffer: UnsafeMutablePointer<UInt64>
  private var used = Self.bufferedWords

  init(seed: Bytes32, vector: UInt32, block: UInt32) throws(CryptoError) {
    let key = SHA256.hash(
      Array("EMETH noise".utf8) + seed.bytes + vector.bigEndianBytes + block.bigEndianBytes)
    stream = try key.withUnsafeBytes { (bytes) throws(CryptoError) in
      try ChaCha20Keystream(key: bytes, block: 0)
    }
    buffer = .allocate(capacity: 2 * Self.bufferedWords)
    buffer.initialize(repeating: 0, count: 2 * Self.bufferedWords)
  }

  deinit {
    buffer.update(repeating: 0, count: 2 * Self.bufferedWords)
    buffer.deallocate()
  }

  @inline(__always)
  mutating func next() throws(CryptoError) -> UInt64 {
    if used == Self.bufferedWords { try refill() }
    defer { used += 1 }
    return UInt64(littleEndian: buffer[used])
  }

  @inline(never)
  private mutating func refill() throws(CryptoError) {
    let zeros = UnsafeRawBufferPointer(
      start: buffer + Self.bufferedWords, count: 8 * Self.bufferedWords)
    try stream.write(
      into: UnsafeMutableRawBufferPointer(start: buffer, count: 8 * Self.bufferedWords), zeros: zeros)
    used = 0
  }
}
