/// The ChaCha20 stream (RFC 8439) as a source of numbers: nonce 0, counter from 0, a key for each use.
///
/// What a run, a shuffle or a challenge draws follows from the key alone, on every machine (PROTOCOL 6).
///
/// ```swift
/// var generator = ChaCha20Generator(key: seed)
/// let drawn = generator.below(24)     // 0 ... 23, each equally likely
/// ```
/// The stream has 2^32 blocks of 64 bytes; drawing beyond them traps.
public struct ChaCha20Generator: RandomNumberGenerator, Sendable {
  private let key: InlineArray<8, UInt32>
  private var block = InlineArray<16, UInt32>(repeating: 0)
  private var counter: UInt64 = 0
  private var used = 16

  /// The stream of a key.
  public init(key: Bytes32) {
    self.key = key.withUnsafeBytes { bytes in
      InlineArray { UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)) }
    }
  }

  /// The next 32 bits: four bytes of the stream, least significant first.
  public mutating func nextWord() -> UInt32 {
    if used == 16 {
      refill()
    }
    defer { used += 1 }
    return block[used]
  }

  /// The next 64 bits: two words, the lower one first.
  public mutating func next() -> UInt64 {
    let low = UInt64(nextWord())
    return low | UInt64(nextWord()) << 32
  }

  /// A number below `n`, every one equally likely.
  ///
  /// The next word w, refused and drawn again when w >= floor(2^32 / n) x n, else w mod n (PROTOCOL 6).
  /// Traps when `n` is zero.
  public mutating func below(_ n: UInt32) -> UInt32 {
    precondition(n > 0, "no number is below 0")
    let limit = (UInt64(1) << 32) / UInt64(n) * UInt64(n)
    while true {
      let word = nextWord()
      if UInt64(word) < limit {
        return word % n
      }
    }
  }

  private mutating func refill() {
    precondition(counter >> 32 == 0, "a ChaCha20 stream has 2^32 blocks")
    let first = SIMD4<UInt32>(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574)
    let second = SIMD4(key[0], key[1], key[2], key[3])
    let third = SIMD4(key[4], key[5], key[6], key[7])
    let fourth = SIMD4(UInt32(truncatingIfNeeded: counter), 0, 0, 0)
    var (a, b, c, d) = (first, second, third, fourth)
    for _ in 0..<10 {
      Self.quarterRounds(&a, &b, &c, &d)
      // The diagonals become columns, and back.
      b = SIMD4(b.y, b.z, b.w, b.x)
      c = SIMD4(c.z, c.w, c.x, c.y)
      d = SIMD4(d.w, d.x, d.y, d.z)
      Self.quarterRounds(&a, &b, &c, &d)
      b = SIMD4(b.w, b.x, b.y, b.z)
      c = SIMD4(c.z, c.w, c.x, c.y)
      d = SIMD4(d.y, d.z, d.w, d.x)
    }
    (a, b, c, d) = (a &+ first, b &+ second, c &+ third, d &+ fourth)
    for lane in 0..<4 {
      block[lane] = a[lane]
      block[4 + lane] = b[lane]
      block[8 + lane] = c[lane]
      block[12 + lane] = d[lane]
    }
    counter += 1
    used = 0
  }

  @inline(__always)
  private static func quarterRounds(
    _ a: inout SIMD4<UInt32>, _ b: inout SIMD4<UInt32>, _ c: inout SIMD4<UInt32>, _ d: inout SIMD4<UInt32>
  ) {
    a = a &+ b
    d = rotated(d ^ a, 16)
    c = c &+ d
    b = rotated(b ^ c, 12)
    a = a &+ b
    d = rotated(d ^ a, 8)
    c = c &+ d
    b = rotated(b ^ c, 7)
  }

  @inline(__always)
  private static func rotated(_ lanes: SIMD4<UInt32>, _ count: UInt32) -> SIMD4<UInt32> {
    lanes &<< count | lanes &>> (32 &- count)
  }
}
