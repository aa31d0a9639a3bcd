/// A real number as exact decimal text, such as a learning rate of `0.0006`.
///
/// Reals travel as decimal strings, so that a manifest's hash never depends on how a language prints binary
/// fractions; who calculates with one rounds it once. Kept in its shortest plain form, so that equal
/// numbers have equal text.
///
/// ```swift
/// let rate = try DecimalNumber("6.0e-4")
/// print(rate)                              // 0.0006
/// ```
/// In JSON a string.
public struct DecimalNumber: Hashable, Sendable {
  /// The shortest plain form: no exponent, no zeros at the end, `0.5` rather than `.5`, never `-0`.
  public let text: String

  /// The most digits that a number may have, before and behind the point together.
  public static let maximumDigitCount = 64

  /// Zero.
  public static let zero = DecimalNumber(canonical: "0")

  /// The number of text: an optional minus, digits, optionally a point and digits, optionally e or E and an
  /// exponent, as JSON writes numbers.
  ///
  /// - Throws: ``FormatError/decimal(found:)``, also when the plain form would have more than
  ///   ``maximumDigitCount`` digits.
  public init(_ text: String) throws(FormatError) {
    guard text.utf8.count <= 2 * Self.maximumDigitCount, let plain = Self.plainForm(Array(text.utf8)) else {
      throw .decimal(found: text)
    }
    self.init(canonical: plain)
  }

  private init(canonical: String) {
    text = canonical
  }

  /// Whether the number is below zero.
  public var isNegative: Bool { text.utf8.first == UInt8(ascii: "-") }

  private static func plainForm(_ bytes: [UInt8]) -> String? {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    let isNegative = bytes.first == UInt8(ascii: "-")
    let unsigned = bytes.dropFirst(isNegative ? 1 : 0)
    let mantissa = unsigned.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
    let parts = mantissa.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first,
      parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(digits.contains) }),
      whole.count == 1 || whole.first != UInt8(ascii: "0")
    else { return nil }

    var exponent = 0
    if mantissa.endIndex < unsigned.endIndex {
      let shown = unsigned[(mantissa.endIndex + 1)...]
      let sign = shown.first
      let magnitude = shown.dropFirst(sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") ? 1 : 0)
      guard (1...3).contains(magnitude.count), magnitude.allSatisfy(digits.contains),
        let number = Int(String(decoding: magnitude, as: UTF8.self))
      else { return nil }
      exponent = sign == UInt8(ascii: "-") ? -number : number
    }

    // The number is `significant` x 10^-scale; zeros at either end say nothing.
    let fraction = parts.count == 2 ? parts[1] : []
    var significant = Array(whole + fraction)
    var scale = fraction.count - exponent
    while significant.last == UInt8(ascii: "0") {
      significant.removeLast()
      scale -= 1
    }
    significant = Array(significant.drop { $0 == UInt8(ascii: "0") })
    guard !significant.isEmpty else { return "0" }

    let zero = UInt8(ascii: "0")
    let plain: [UInt8]
    if scale <= 0 {
      guard significant.count - scale <= maximumDigitCount else { return nil }
      plain = significant + [UInt8](repeating: zero, count: -scale)
    } else {
      guard max(scale + 1, significant.count) <= maximumDigitCount else { return nil }
      let padded = [UInt8](repeating: zero, count: max(0, scale + 1 - significant.count)) + significant
      plain = padded.dropLast(scale) + [UInt8(ascii: ".")] + padded.suffix(scale)
    }
    return String(decoding: (isNegative ? [UInt8(ascii: "-")] : []) + plain, as: UTF8.self)
  }
}

extension DecimalNumber: Comparable {
  /// Whether the left number is smaller, exactly.
  public static func < (left: DecimalNumber, right: DecimalNumber) -> Bool {
    switch (left.isNegative, right.isNegative) {
    case (true, false): true
    case (false, true): false
    case (false, false): left.magnitudePrecedes(right)
    case (true, true): right.magnitudePrecedes(left)
    }
  }

  private func magnitudePrecedes(_ other: DecimalNumber) -> Bool {
    let (left, right) = (wholeAndFraction, other.wholeAndFraction)
    if left.whole.count != right.whole.count { return left.whole.count < right.whole.count }
    if left.whole != right.whole { return left.whole.lexicographicallyPrecedes(right.whole) }
    return left.fraction.lexicographicallyPrecedes(right.fraction)
  }

  private var wholeAndFraction: (whole: [UInt8], fraction: [UInt8]) {
    let unsigned = Array(text.utf8.drop { $0 == UInt8(ascii: "-") })
    let whole = unsigned.prefix { $0 != UInt8(ascii: ".") }
    return (Array(whole), Array(unsigned.dropFirst(whole.count + 1)))
  }
}

extension DecimalNumber: CustomStringConvertible, Codable {
  /// The shortest plain form.
  public var description: String { text }

  /// Reads a decimal string.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(FormatError) in try DecimalNumber(text) }
  }

  /// Writes the shortest plain form as a string.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(text)
  }
}
