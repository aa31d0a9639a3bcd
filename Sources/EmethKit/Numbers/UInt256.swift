/// An unsigned integer of 256 bits, the EVM's word.
///
/// A full `FixedWidthInteger` over two `UInt128` limbs: no allocation, operators that trap on overflow, and
/// throwing twins (``adding(_:)``, ``subtracting(_:)``, ``multiplying(by:)``) for untrusted input.
///
/// ```swift
/// let supply: UInt256 = 1_000_000_000_000_000_000_000_000_000
/// let share = try supply.multipliedFloorDividing(by: 3, dividingBy: 7)   // 512 bits in between
/// print(share)                                                           // 428571428571428571428571428
/// ```
/// In JSON a decimal string; numbers are read too.
@frozen public struct UInt256: Sendable, Hashable {
  // The lower half first: in memory the number is what a native one of 256 bits would be, so that generic
  // code that looks at the bytes of a `FixedWidthInteger` sees the right ones.
  /// The lower 128 bits.
  public var low: UInt128
  /// The upper 128 bits.
  public var high: UInt128

  /// The number `high` x 2^128 + `low`.
  @inlinable public init(high: UInt128, low: UInt128) {
    self.high = high
    self.low = low
  }

  /// The number of a 64-bit one. As the next, written out since the generic conversion is some ten times slower.
  @inlinable public init(_ value: UInt64) {
    self.init(high: 0, low: UInt128(value))
  }

  /// The number of a machine integer; traps when it is negative.
  @inlinable public init(_ value: Int) {
    self.init(high: 0, low: UInt128(value))
  }

  /// Zero.
  @inlinable public static var zero: UInt256 { UInt256(high: 0, low: 0) }
  /// 2^256 − 1.
  @inlinable public static var max: UInt256 { UInt256(high: .max, low: .max) }
  /// Zero.
  @inlinable public static var min: UInt256 { zero }

  /// The number of four 64-bit limbs, least significant first.
  @inlinable init(limbs: (UInt64, UInt64, UInt64, UInt64)) {
    high = UInt128(limbs.3) << 64 | UInt128(limbs.2)
    low = UInt128(limbs.1) << 64 | UInt128(limbs.0)
  }

  /// Four 64-bit limbs, least significant first.
  @inlinable var limbs: (UInt64, UInt64, UInt64, UInt64) {
    (
      UInt64(truncatingIfNeeded: low), UInt64(truncatingIfNeeded: low >> 64),
      UInt64(truncatingIfNeeded: high), UInt64(truncatingIfNeeded: high >> 64)
    )
  }
}

extension UInt256: ExpressibleByIntegerLiteral {
  /// A literal of up to 256 bits; one that is negative or too large traps.
  @inlinable public init(integerLiteral value: StaticBigInt) {
    precondition(value.signum() >= 0 && value.bitWidth <= 257, "literal is not a UInt256")
    self.init(limbs: (UInt64(value[0]), UInt64(value[1]), UInt64(value[2]), UInt64(value[3])))
  }
}

extension UInt256: Comparable {
  // Written out: without it `==` resolves to that of Strideable, which traps for numbers far apart.
  /// Whether both numbers are equal.
  @inlinable public static func == (left: UInt256, right: UInt256) -> Bool {
    left.low == right.low && left.high == right.high
  }

  /// Whether the left number is smaller.
  @inlinable public static func < (left: UInt256, right: UInt256) -> Bool {
    left.high < right.high || (left.high == right.high && left.low < right.low)
  }
}

extension UInt256: Codable {
  /// Reads a decimal string (digits only) or a number below 2^64.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeDecimal(UInt256.self)
  }

  /// Writes a decimal string.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
