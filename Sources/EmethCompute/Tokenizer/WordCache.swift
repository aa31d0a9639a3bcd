/// The tokens of short words seen before: 2^16 slots of 64 bytes, a newer word takes the place of an older.
final class WordCache {
  /// The longest word that is kept, in bytes.
  static let longestWord = 31
  private static let slotBits = 16
  private static let tokenLimit = 8

  /// A word's bytes and zeros, its length in the last byte: different for different words.
  struct Key {
    var a: UInt64 = 0
    var b: UInt64 = 0
    var c: UInt64 = 0
    var d: UInt64 = 0
  }

  private struct Slot {
    var key: Key
    var tokens: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)
  }

  /// No token: what follows a word's last one. No vocabulary is that large.
  private static let none = UInt32.max

  private let slots: UnsafeMutablePointer<Slot>

  /// An empty cache of 4 MiB.
  init() {
    slots = .allocate(capacity: 1 << Self.slotBits)
    let none = Self.none
    // A key of length 0 is no word's.
    let empty = Slot(key: Key(), tokens: (none, none, none, none, none, none, none, none))
    slots.initialize(repeating: empty, count: 1 << Self.slotBits)
  }

  deinit { slots.deallocate() }

  /// The key of a word of 1 to ``longestWord`` bytes.
  @inline(__always)
  static func key(of word: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Key {
    var key = Key()
    let count = word.count
    if word.lowerBound + 32 <= text.count {
      // Reads 32 bytes and clears those behind the word.
      let raw = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[word.lowerBound...])
      @inline(__always) func load(_ offset: Int) -> UInt64 {
        let bytes = count - offset
        guard bytes > 0 else { return 0 }
        let value = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        return bytes >= 8 ? value : value & (1 << UInt64(8 * bytes) &- 1)
      }
      key = Key(a: load(0), b: load(8), c: load(16), d: load(24))
    } else {
      withUnsafeMutableBytes(of: &key) { bytes in
        for offset in 0..<count { bytes[offset] = text[word.lowerBound + offset] }
      }
      key = Key(
        a: UInt64(littleEndian: key.a), b: UInt64(littleEndian: key.b), c: UInt64(littleEndian: key.c),
        d: UInt64(littleEndian: key.d))
    }
    key.d |= UInt64(count) << 56
    return key
  }

  /// Appends the word's tokens; false when it is not known.
  @inline(__always)
  func append(_ key: Key, to output: inout [UInt32]) -> Bool {
    let slot = slots + Self.place(of: key)
    let found = slot.pointee.key
    guard found.a == key.a, found.b == key.b, found.c == key.c, found.d == key.d else { return false }
    return withUnsafeBytes(of: &slot.pointee.tokens) { bytes in
      let tokens = bytes.bindMemory(to: UInt32.self)
      output.append(tokens[0])
      var index = 1
      while index < Self.tokenLimit, tokens[index] != Self.none {
        output.append(tokens[index])
        index += 1
      }
      return true
    }
  }

  /// Remembers the word's tokens, unless there are many.
  func store(_ key: Key, tokens: ArraySlice<UInt32>) {
    guard tokens.count <= Self.tokenLimit else { return }
    let slot = slots + Self.place(of: key)
    slot.pointee.key = key
    withUnsafeMutableBytes(of: &slot.pointee.tokens) { bytes in
      let kept = bytes.bindMemory(to: UInt32.self)
      for index in 0..<Self.tokenLimit {
        kept[index] = index < tokens.count ? tokens[tokens.startIndex + index] : Self.none
      }
    }
  }

  @inline(__always)
  private static func place(of key: Key) -> Int {
    var hash = (key.a ^ key.d &* 0x9E37_79B9_7F4A_7C15) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ hash >> 32 ^ key.b) &* 0xC4CE_B9FE_1A85_EC53
    hash = (hash ^ hash >> 29 ^ key.c) &* 0x9FB2_1C65_1E98_DF25
    return Int(truncatingIfNeeded: hash >> UInt64(64 - slotBits))
  }
}
