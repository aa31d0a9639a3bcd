/// Compression for pictures of few colours: RFC 1951 with its fixed codes, and runs of one byte as the only
/// repeats.
enum Deflate {
  /// A zlib stream (RFC 1950) of the bytes.
  static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var stream = BitStream(bytes: [0x78, 0x01])
    stream.append(0b011, count: 3)  // the last block, fixed codes
    var index = 0
    while index < bytes.count {
      stream.appendFixed(Int(bytes[index]))
      index += 1
      var run = 0
      while run < 258, index + run < bytes.count, bytes[index + run] == bytes[index - 1] { run += 1 }
      if run >= 3 {
        stream.appendRepeat(length: run)
        index += run
      }
    }
    stream.appendFixed(256)
    stream.flush()
    let checksum = adler(bytes)
    return stream.bytes + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: checksum >> $0) }
  }

  private static func adler(_ bytes: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    return b << 16 | a
  }

  private struct BitStream {
    var bytes: [UInt8]
    private var waiting: UInt32 = 0
    private var count = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Appends bits, the lowest first.
    mutating func append(_ bits: Int, count added: Int) {
      waiting |= UInt32(bits) << UInt32(count)
      count += added
      while count >= 8 {
        bytes.append(UInt8(truncatingIfNeeded: waiting))
        waiting >>= 8
        count -= 8
      }
    }

    /// Appends a Huffman code: its highest bit comes first.
    private mutating func append(code: Int, count added: Int) {
      var reversed = 0
      for bit in 0..<added { reversed |= (code >> bit & 1) << (added - 1 - bit) }
      append(reversed, count: added)
    }

    /// A literal or length symbol in the fixed code.
    mutating func appendFixed(_ symbol: Int) {
      switch symbol {
      case ..<144: append(code: 0x30 + symbol, count: 8)
      case ..<256: append(code: 0x190 + symbol - 144, count: 9)
      case ..<280: append(code: symbol - 256, count: 7)
      default: append(code: 0xC0 + symbol - 280, count: 8)
      }
    }

    /// The byte before once more, `length` times: 3 to 258.
    mutating func appendRepeat(length: Int) {
      if length == 258 {
        appendFixed(285)
      } else {
        // From 11 on, four symbols share each number of further bits.
        let value = length - 3
        let extra = value < 8 ? 0 : Int.bitWidth - value.leadingZeroBitCount - 3
        appendFixed(257 + 4 * extra + value >> extra)
        append(value & (1 << extra - 1), count: extra)
      }
      append(code: 0, count: 5)  // distance 1
    }

    mutating func flush() {
      if count > 0 { append(0, count: 8 - count) }
    }
  }
}
