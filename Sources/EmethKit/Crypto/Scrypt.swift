import COpenSSL

/// scrypt (RFC 7914) in Swift, for the parameters that OpenSSL refuses.
///
/// RFC 7914 demands N < 2^(16 r), and OpenSSL holds to it; key files of the first Ethereum wallets have N =
/// 2^18 with r = 1, which every other wallet opens. Costs 128 x r x N bytes of memory.
enum Scrypt {
  /// Writes `count` bytes to `output`. The parameters have been checked against the limits of ``Keystore``.
  static func derive(
    password: [UInt8], salt: [UInt8], n: Int, r: Int, p: Int, to output: UnsafeMutablePointer<UInt8>,
    count: Int
  ) throws(CryptoError) {
    precondition(n > 1 && n & (n - 1) == 0 && r > 0 && p > 0, "scrypt parameters out of range")
    let wordCount = 32 * r
    var blocks = [UInt8](repeating: 0, count: p * 4 * wordCount)
    try PBKDF2.derive(password: password, salt: salt, iterations: 1, to: &blocks, count: blocks.count)

    // The table of all states, one working state and one scratch state.
    let words = UnsafeMutablePointer<UInt32>.allocate(capacity: (n + 2) * wordCount)
    words.initialize(repeating: 0, count: (n + 2) * wordCount)
    defer {
      OPENSSL_cleanse(words, (n + 2) * wordCount * MemoryLayout<UInt32>.size)
      words.deallocate()
    }
    for start in stride(from: 0, to: blocks.count, by: 4 * wordCount) {
      blocks.withUnsafeMutableBytes { bytes in
        let block = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + 4 * wordCount])
        mix(block, words: words, n: n, r: r)
      }
    }
    try PBKDF2.derive(password: password, salt: blocks, iterations: 1, to: output, count: count)
  }

  /// scryptROMix: fills the table with the states on the way, then visits it in an order that the state
  /// decides.
  private static func mix(
    _ block: UnsafeMutableRawBufferPointer, words: UnsafeMutablePointer<UInt32>, n: Int, r: Int
  ) {
    let wordCount = 32 * r
    let state = words + n * wordCount
    let scratch = state + wordCount
    for index in 0..<wordCount {
      state[index] = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
    for row in 0..<n {
      (words + row * wordCount).update(from: state, count: wordCount)
      mixBlocks(state, scratch, r: r)
    }
    for _ in 0..<n {
      // The lowest bits of the last 64-byte block say which row comes next; n is at most 2^32.
      let row = words + Int(state[wordCount - 16] & UInt32(truncatingIfNeeded: n - 1)) * wordCount
      for index in 0..<wordCount {
        state[index] ^= row[index]
      }
      mixBlocks(state, scratch, r: r)
    }
    for index in 0..<wordCount {
      block.storeBytes(of: state[index].littleEndian, toByteOffset: 4 * index, as: UInt32.self)
    }
  }

  /// scryptBlockMix: each 64-byte block is mixed with the one before; the even ones go to the front.
  private static func mixBlocks(
    _ state: UnsafeMutablePointer<UInt32>, _ scratch: UnsafeMutablePointer<UInt32>, r: Int
  ) {
    var last = state + (2 * r - 1) * 16
    for index in 0..<2 * r {
      let output = scratch + (index / 2 + (index & 1) * r) * 16
      salsa(last, state + index * 16, output)
      last = output
    }
    state.update(from: scratch, count: 32 * r)
  }

  /// Salsa20/8 of the exclusive or of two blocks of 16 words.
  private static func salsa(
    _ left: UnsafePointer<UInt32>, _ right: UnsafePointer<UInt32>, _ output: UnsafeMutablePointer<UInt32>
  ) {
    var a = row(left, right, 0)
    var b = row(left, right, 4)
    var c = row(left, right, 8)
    var d = row(left, right, 12)
    let start = (a, b, c, d)
    for _ in 0..<4 {
      // Columns, then rows.
      quarter(&a.0, &b.0, &c.0, &d.0)
      quarter(&b.1, &c.1, &d.1, &a.1)
      quarter(&c.2, &d.2, &a.2, &b.2)
      quarter(&d.3, &a.3, &b.3, &c.3)
      quarter(&a.0, &a.1, &a.2, &a.3)
      quarter(&b.1, &b.2, &b.3, &b.0)
      quarter(&c.2, &c.3, &c.0, &c.1)
      quarter(&d.3, &d.0, &d.1, &d.2)
    }
    store(a, start.0, output, 0)
    store(b, start.1, output, 4)
    store(c, start.2, output, 8)
    store(d, start.3, output, 12)
  }

  private typealias Row = (UInt32, UInt32, UInt32, UInt32)

  @inline(__always)
  private static func row(_ left: UnsafePointer<UInt32>, _ right: UnsafePointer<UInt32>, _ start: Int) -> Row
  {
    (
      left[start] ^ right[start], left[start + 1] ^ right[start + 1], left[start + 2] ^ right[start + 2],
      left[start + 3] ^ right[start + 3]
    )
  }

  @inline(__always)
  private static func store(_ row: Row, _ first: Row, _ output: UnsafeMutablePointer<UInt32>, _ start: Int) {
    output[start] = row.0 &+ first.0
    output[start + 1] = row.1 &+ first.1
    output[start + 2] = row.2 &+ first.2
    output[start + 3] = row.3 &+ first.3
  }

  @inline(__always)
  private static func quarter(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32) {
    b ^= rotated(a &+ d, 7)
    c ^= rotated(b &+ a, 9)
    d ^= rotated(c &+ b, 13)
    a ^= rotated(d &+ c, 18)
  }

  @inline(__always)
  private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word &<< count | word &>> (32 &- count)
  }
}
