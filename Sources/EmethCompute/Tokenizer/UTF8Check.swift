/// Strict UTF-8 checking with the place of the first fault, counting characters by script on the way.
///
/// Well-formed is what Unicode's table 3-7 allows: no surrogates, no overlong forms, nothing above U+10FFFF.
struct UTF8Check {
  /// Characters seen.
  private(set) var scalarCount = 0
  /// Characters seen of Japanese and Chinese writing: kana, ideographs, their punctuation and width forms.
  private(set) var eastAsianCount = 0

  /// Reads all of `bytes`.
  ///
  /// - Returns: the offset of the first byte that begins no well-formed character, nil when there is none.
  mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var index = 0
    while index < bytes.count {
      let first = bytes[index]
      if first < 0x80 {
        let run = Self.asciiCount(at: index, of: bytes)
        scalarCount += run
        index += run
        continue
      }
      guard let length = Self.length(at: index, of: bytes) else { return index }
      scalarCount += 1
      if length >= 3, Self.isEastAsian(Self.code(at: index, length: length, of: bytes)) {
        eastAsianCount += 1
      }
      index += length
    }
    return nil
  }

  /// Number of ASCII characters from `index` on, where there is one.
  @inline(__always)
  private static func asciiCount(at index: Int, of bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let raw = UnsafeRawBufferPointer(bytes)
    var end = index + 1
    while end + 8 <= raw.count,
      raw.loadUnaligned(fromByteOffset: end, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
    { end += 8 }
    while end < raw.count, raw[end] < 0x80 { end += 1 }
    return end - index
  }

  /// The length of the well-formed multi-byte character at `index`, nil when there is none.
  private static func length(at index: Int, of bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    let (length, second): (Int, ClosedRange<UInt8>)
    switch bytes[index] {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return nil }
    for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 { return nil }
    return length
  }

  private static func code(at index: Int, length: Int, of bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    var code = UInt32(bytes[index]) & (length == 3 ? 0x0F : 0x07)
    for offset in 1..<length { code = code << 6 | UInt32(bytes[index + offset] & 0x3F) }
    return code
  }

  private static func isEastAsian(_ code: UInt32) -> Bool {
    switch code {
    case 0x3000...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF,
      0xFF00...0xFFEF, 0x20000...0x3FFFF:
      true
    default: false
    }
  }
}
