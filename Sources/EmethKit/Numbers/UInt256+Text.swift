extension UInt256: CustomStringConvertible, LosslessStringConvertible {
  /// The largest power of ten in 64 bits: text is made and read in chunks of 19 digits.
  private static let chunk: UInt64 = 10_000_000_000_000_000_000
  private static let chunkDigits = 19

  /// The decimal digits.
  public var description: String {
    var rest = self
    var digits: [UInt8] = []
    digits.reserveCapacity(78)
    // Least significant digit first, turned round at the end.
    repeat {
      var chunk = rest.divide(by: Self.chunk)
      let wanted = rest == 0 ? 1 : Self.chunkDigits
      var written = 0
      while written < wanted || chunk > 0 {
        digits.append(UInt8(ascii: "0") + UInt8(chunk % 10))
        chunk /= 10
        written += 1
      }
    } while rest != 0
    return String(decoding: digits.reversed(), as: UTF8.self)
  }

  /// The number of text in a radix from 2 to 36: digits and letters of either case, nothing else.
  ///
  /// Neither sign nor space is read, and nil is given for the empty text and for numbers above 2^256 − 1.
  public init?(_ text: some StringProtocol, radix: Int = 10) {
    precondition((2...36).contains(radix), "radix must be from 2 to 36")
    guard !text.isEmpty else { return nil }
    self = .zero
    // Digits gather in a machine word as long as they fit, then go into the number at once.
    var gathered: UInt64 = 0
    var scale: UInt64 = 1
    let limit = UInt64.max / 36
    for character in text.utf8 {
      guard let digit = Self.digitValue(character), digit < radix else { return nil }
      gathered = gathered * UInt64(radix) + UInt64(digit)
      scale *= UInt64(radix)
      if scale > limit {
        guard append(gathered, scale: scale) else { return nil }
        gathered = 0
        scale = 1
      }
    }
    if scale > 1 {
      guard append(gathered, scale: scale) else { return nil }
    }
  }

  /// The number of decimal text; see ``init(_:radix:)``.
  public init?(_ description: String) {
    self.init(description, radix: 10)
  }

  /// Makes the number x `scale` + `addend` of this one, or says false when that is too large.
  private mutating func append(_ addend: UInt64, scale: UInt64) -> Bool {
    let (product, productOverflow) = multipliedReportingOverflow(by: UInt256(scale))
    let (sum, sumOverflow) = product.addingReportingOverflow(UInt256(addend))
    self = sum
    return !productOverflow && !sumOverflow
  }

  private static func digitValue(_ character: UInt8) -> Int? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
