/// Strict UTF-8 checking of bytes that arrive in buffers: whole characters are given on, the beginning of a
/// cut one is kept for the next buffer.
///
/// Well-formed is what Unicode's table 3-7 allows: no surrogates, no overlong forms, nothing above U+10FFFF.
struct UTF8Stream: Sendable {
  /// What was found in a buffer.
  struct Step {
    /// Whether the character that the buffers before had begun is whole now: see ``takeCarried()``.
    var completesCarried = false
    /// The whole characters that lie in the buffer.
    var wellFormed = 0..<0
    /// How many bytes of the buffer are dealt with; the rest is to be given again.
    var taken = 0
    /// Whether a byte behind the whole characters begins no character or breaks one.
    var isBroken = false
  }

  private var carried = CarriedCharacter()

  /// Whether the bytes so far end inside a character.
  var isInsideCharacter: Bool { carried.count > 0 }

  /// Takes in bytes up to the end of the buffer, the end of a carried character or the first fault.
  mutating func take(_ bytes: UnsafeRawBufferPointer) -> Step {
    guard isInsideCharacter else { return takeWhole(bytes) }
    for (index, byte) in bytes.enumerated() {
      carried.append(byte)
      let character = carried.withUnsafeBytes { Self.character(at: 0, of: $0) }
      switch character {
      case .whole: return Step(completesCarried: true, wellFormed: 0..<0, taken: index + 1)
      case .broken: return Step(isBroken: true)
      case .cut: continue
      }
    }
    return Step(taken: bytes.count)
  }

  /// The character that is whole now; it is forgotten here.
  mutating func takeCarried() -> CarriedCharacter {
    defer { carried = CarriedCharacter() }
    return carried
  }

  private mutating func takeWhole(_ bytes: UnsafeRawBufferPointer) -> Step {
    var index = 0
    while true {
      index = ByteSearch.firstNonASCII(in: bytes, from: index)
      guard index < bytes.count else { return Step(wellFormed: 0..<index, taken: index) }
      while index < bytes.count, bytes[index] >= 0x80 {
        switch Self.character(at: index, of: bytes) {
        case .whole(let length):
          index += length
        case .broken:
          return Step(wellFormed: 0..<index, taken: index, isBroken: true)
        case .cut:
          for byte in bytes[index...] { carried.append(byte) }
          return Step(wellFormed: 0..<index, taken: bytes.count)
        }
      }
    }
  }

  private enum Character {
    case whole(length: Int)
    /// Right as far as the bytes go.
    case cut
    case broken
  }

  /// What the bytes from a lead byte above 0x7F on are.
  @inline(__always)
  private static func character(at index: Int, of bytes: UnsafeRawBufferPointer) -> Character {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[index] {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return .broken
    }
    let available = min(length, bytes.count - index)
    guard available > 1 else { return .cut }
    guard second.contains(bytes[index + 1]) else { return .broken }
    for offset in 2..<max(2, available) where bytes[index + offset] & 0xC0 != 0x80 { return .broken }
    return available == length ? .whole(length: length) : .cut
  }
}

/// The first bytes of a character, four at most.
struct CarriedCharacter: Sendable {
  private var bytes: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
  private(set) var count = 0

  mutating func append(_ byte: UInt8) {
    Swift.withUnsafeMutableBytes(of: &bytes) { $0[count] = byte }
    count += 1
  }

  func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try Swift.withUnsafeBytes(of: bytes) { (bytes) throws(E) in
      try body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
  }
}
