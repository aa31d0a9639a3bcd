/// Looks for bytes eight at a time.
///
/// `index` and `count` are places in the buffer; nothing beyond `count` is read.
enum ByteSearch {
  private static let lowBits: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
  private static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// The place of the first such byte from `index` on.
  @inline(__always)
  static func first(_ byte: UInt8, in bytes: UnsafeRawPointer, from index: Int, count: Int) -> Int? {
    let pattern = repeated(byte)
    return first(in: bytes, from: index, count: count) { word in zeroBytes(word ^ pattern) }
  }

  /// The place of the first `.`, `?` or `!` from `index` on.
  @inline(__always)
  static func firstEndMark(in bytes: UnsafeRawPointer, from index: Int, count: Int) -> Int? {
    let stop = repeated(0x2E)
    let question = repeated(0x3F)
    let exclamation = repeated(0x21)
    return first(in: bytes, from: index, count: count) { word in
      zeroBytes(word ^ stop) | zeroBytes(word ^ question) | zeroBytes(word ^ exclamation)
    }
  }

  /// The place of the first byte that ends a run of plain characters in a JSON string, from `index` on: a
  /// quotation mark, a backslash or a control character.
  @inline(__always)
  static func firstStringStop(in bytes: UnsafeRawPointer, from index: Int, count: Int) -> Int? {
    let quote = repeated(0x22)
    let backslash = repeated(0x5C)
    let controlMask = repeated(0xE0)
    return first(in: bytes, from: index, count: count) { word in
      zeroBytes(word ^ quote) | zeroBytes(word ^ backslash) | zeroBytes(word & controlMask)
    }
  }

  /// The place of the first byte above 0x7F from `index` on, or the number of bytes.
  @inline(__always)
  static func firstNonASCII(in bytes: UnsafeRawBufferPointer, from index: Int) -> Int {
    guard let start = bytes.baseAddress else { return 0 }
    var index = index
    while index + 32 <= bytes.count {
      let words = start.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
      guard (words[0] | words[1] | words[2] | words[3]) & highBits == 0 else { break }
      index += 32
    }
    return first(in: start, from: index, count: bytes.count) { $0 & highBits } ?? bytes.count
  }

  /// The place of the first byte whose high bit `mark` sets.
  @inline(__always)
  private static func first(
    in bytes: UnsafeRawPointer, from index: Int, count: Int, mark: (UInt64) -> UInt64
  ) -> Int? {
    var index = index
    while index + 8 <= count {
      let marks = mark(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
      if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < count {
      // Seven bytes that are no match for any search stand above the one that is looked at.
      let byte = bytes.load(fromByteOffset: index, as: UInt8.self)
      if mark(UInt64(byte)) & 0x80 != 0 { return index }
      index += 1
    }
    return nil
  }

  @inline(__always)
  private static func repeated(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

  /// The high bit of every byte that is zero, and no other bit.
  @inline(__always)
  private static func zeroBytes(_ word: UInt64) -> UInt64 {
    ~((word & lowBits) &+ lowBits | word | lowBits)
  }
}
