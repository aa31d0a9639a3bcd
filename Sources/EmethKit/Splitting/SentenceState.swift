/// Where in a sentence a scan stands (``RecordScanner`` gives the rule).
enum SentenceState: Hashable, Sendable {
  /// Before the sentence's end mark.
  case body
  /// Behind an end mark, or a quote or bracket that closes there.
  case tail
  /// In the white space behind.
  case gap

  /// Scans whole characters from `index` on up to the next place between two sentences, if there is one.
  ///
  /// - Parameter index: Where the scan begins, and where it is to go on.
  @inline(__always)
  mutating func nextBoundary(_ bytes: UnsafeRawPointer, from index: inout Int, count: Int) -> Int? {
    while index < count {
      guard self != .body else {
        guard let mark = ByteSearch.firstEndMark(in: bytes, from: index, count: count) else {
          index = count
          return nil
        }
        index = mark + 1
        self = .tail
        continue
      }
      let (role, length) = Self.role(of: bytes + index)
      switch (role, self) {
      case (.endMark, _): self = .tail
      case (.space, _): self = .gap
      case (.closing, .tail): break
      case (.closing, _), (.other, _):
        self = .body
        return index
      }
      index += length
    }
    return nil
  }

  private enum Role {
    case endMark, closing, space, other
  }

  /// What a whole character is to a sentence's end, and its length in bytes where it does not begin a
  /// sentence.
  private static func role(of character: UnsafeRawPointer) -> (Role, length: Int) {
    func byte(_ offset: Int) -> UInt8 { character.load(fromByteOffset: offset, as: UInt8.self) }
    switch byte(0) {
    case UInt8(ascii: "."), UInt8(ascii: "?"), UInt8(ascii: "!"): return (.endMark, 1)
    case 0x09...0x0D, 0x20: return (.space, 1)
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
      return (.closing, 1)
    case 0xC2: return (role(twoBytes: byte(1)), 2)
    case 0xE1, 0xE2, 0xE3: return (role(threeBytes: (byte(0), byte(1), byte(2))), 3)
    default: return (.other, 1)
    }
  }

  /// U+0085, U+00A0 and ».
  private static func role(twoBytes second: UInt8) -> Role {
    switch second {
    case 0x85, 0xA0: .space
    case 0xBB: .closing
    default: .other
    }
  }

  /// Unicode's White_Space from U+1680 on, and ’ ” ›.
  private static func role(threeBytes bytes: (UInt8, UInt8, UInt8)) -> Role {
    switch bytes {
    case (0xE1, 0x9A, 0x80), (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8...0xA9), (0xE2, 0x80, 0xAF),
      (0xE2, 0x81, 0x9F), (0xE3, 0x80, 0x80):
      .space
    case (0xE2, 0x80, 0x99), (0xE2, 0x80, 0x9D), (0xE2, 0x80, 0xBA): .closing
    default: .other
    }
  }
}
