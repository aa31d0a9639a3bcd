/// A number of bytes as it is typed: an integer with B, kB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB behind it.
struct ByteCount: Equatable, Sendable, CustomStringConvertible {
  let bytes: UInt64
  let description: String

  private static let units: [(String, UInt64)] = [
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1_000), ("MB", 1_000_000),
    ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
  ]

  /// So many times 10^9 bytes.
  init(gigabytes: UInt32) {
    bytes = UInt64(gigabytes) * 1_000_000_000
    description = "\(gigabytes)GB"
  }

  /// Reads such a text; nil for everything else, and for more than 2^63 bytes.
  init?(_ text: String) {
    guard let (name, size) = Self.units.first(where: { text.hasSuffix($0.0) }),
      text.first?.isNumber ?? false, let count = UInt64(text.dropLast(name.count))
    else { return nil }
    let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: size)
    guard !isTooLarge, bytes < 1 << 63 else { return nil }
    self.bytes = bytes
    description = text
  }
}

extension ValueType where Value == ByteCount {
  /// A size such as 20GB.
  static var byteCount: Self {
    let allowed = "a size such as 500MB, 20GB or 4GiB"
    return Self(name: "SIZE", allowed: allowed) { text throws(ValueRefusal) in
      guard let count = ByteCount(text) else { throw ValueRefusal(allowed: allowed) }
      return count
    }
  }
}
