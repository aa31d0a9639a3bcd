extension UInt256: FixedWidthInteger, UnsignedInteger {
  /// 256.
  @inlinable public static var bitWidth: Int { 256 }

  /// The type itself.
  public typealias Magnitude = UInt256

  /// The number modulo 2^256 of any integer, in two's complement when it is negative.
  @inlinable public init<Source: BinaryInteger>(truncatingIfNeeded source: Source) {
    if let number = source as? UInt256 {
      self = number
      return
    }
    let fill: UInt = source < 0 ? .max : 0
    var limbs = (UInt64(fill), UInt64(fill), UInt64(fill), UInt64(fill))
    for (index, word) in source.words.enumerated() {
      switch index {
      case 0: limbs.0 = UInt64(word)
      case 1: limbs.1 = UInt64(word)
      case 2: limbs.2 = UInt64(word)
      case 3: limbs.3 = UInt64(word)
      default: break
      }
    }
    self.init(limbs: limbs)
  }

  /// The number of one machine word; the standard library's generic code starts from it.
  @inlinable public init(_truncatingBits bits: UInt) {
    self.init(high: 0, low: UInt128(bits))
  }

  /// The machine words of the number, least significant first.
  @inlinable public var words: Words { Words(number: self) }

  /// The machine words of a ``UInt256``: four of 64 bits.
  @frozen public struct Words: RandomAccessCollection, Sendable {
    @usableFromInline let number: UInt256

    @inlinable init(number: UInt256) {
      self.number = number
    }

    /// 0.
    @inlinable public var startIndex: Int { 0 }
    /// 4.
    @inlinable public var endIndex: Int { 4 }

    /// The word at a position, 0 the least significant.
    @inlinable public subscript(position: Int) -> UInt {
      precondition(indices.contains(position), "word index out of range")
      let half = position < 2 ? number.low : number.high
      return UInt(truncatingIfNeeded: position & 1 == 0 ? half : half >> 64)
    }
  }

  /// The number of ones among the bits.
  @inlinable public var nonzeroBitCount: Int { high.nonzeroBitCount + low.nonzeroBitCount }

  /// The number of zero bits above the highest one; 256 for zero.
  @inlinable public var leadingZeroBitCount: Int {
    high == 0 ? 128 + low.leadingZeroBitCount : high.leadingZeroBitCount
  }

  /// The number of zero bits below the lowest one; 256 for zero.
  @inlinable public var trailingZeroBitCount: Int {
    low == 0 ? 128 + high.trailingZeroBitCount : low.trailingZeroBitCount
  }

  /// The number with its 32 bytes in reverse order.
  @inlinable public var byteSwapped: UInt256 { UInt256(high: low.byteSwapped, low: high.byteSwapped) }
}

extension UInt256 {
  /// Bitwise and.
  @inlinable public static func &= (left: inout UInt256, right: UInt256) {
    left.high &= right.high
    left.low &= right.low
  }

  /// Bitwise or.
  @inlinable public static func |= (left: inout UInt256, right: UInt256) {
    left.high |= right.high
    left.low |= right.low
  }

  /// Bitwise exclusive or.
  @inlinable public static func ^= (left: inout UInt256, right: UInt256) {
    left.high ^= right.high
    left.low ^= right.low
  }

  /// Every bit inverted.
  @inlinable public static prefix func ~ (number: UInt256) -> UInt256 {
    UInt256(high: ~number.high, low: ~number.low)
  }

  /// Shifts to the left by the lowest 8 bits of `right` (masking shift); the smart `<<` builds on it.
  @inlinable public static func &<<= (left: inout UInt256, right: UInt256) {
    let count = Int(truncatingIfNeeded: right.low & 255)
    if count >= 128 {
      left = UInt256(high: left.low &<< UInt128(count - 128), low: 0)
    } else if count > 0 {
      left.high = left.high &<< UInt128(count) | left.low &>> UInt128(128 - count)
      left.low = left.low &<< UInt128(count)
    }
  }

  /// Shifts to the right by the lowest 8 bits of `right` (masking shift); the smart `>>` builds on it.
  @inlinable public static func &>>= (left: inout UInt256, right: UInt256) {
    let count = Int(truncatingIfNeeded: right.low & 255)
    if count >= 128 {
      left = UInt256(high: 0, low: left.high &>> UInt128(count - 128))
    } else if count > 0 {
      left.low = left.low &>> UInt128(count) | left.high &<< UInt128(128 - count)
      left.high = left.high &>> UInt128(count)
    }
  }
}
