/// The mean of numbers, one a line: program 999 and its parts, program 9991.
///
/// Exact where a mean of binary floating point is not: numbers and means are counted in 10^-12, only a mean is
/// rounded, half to even. So all machines write the same bytes, and the means of parts, weighted by their
/// counts, give the mean of the whole to within 10^-12.
///
/// ```swift
/// let part = try MeanOfNumbers(part: Array("1\n2\nx\n4.5\n".utf8))
/// print(part.count, part.refused)               // 3 1
/// String(decoding: part.output, as: UTF8.self)   // "3,2.5\r\n"
/// ```
public struct MeanOfNumbers: Hashable, Sendable {
  /// How many numbers there were.
  public private(set) var count: UInt64 = 0
  /// How many lines were no numbers; empty lines are none of them.
  public private(set) var refused: UInt64 = 0
  /// The sum of the numbers, counted in 10^-12.
  private var sum: Int128 = 0

  /// The most digits before the point.
  public static let wholeDigits = 15
  /// The most digits behind the point, and those of a mean.
  public static let fractionDigits = 12
  private static let unit: Int128 = 1_000_000_000_000

  /// No numbers.
  public init() {}

  /// Reads a part: one number a line, decimal, white space around it; other lines are counted and left out.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)`` when the sum is beyond 128 bits.
  public init(part bytes: [UInt8]) throws(ProgramError) {
    for line in bytes.split(whereSeparator: { $0 == 0x0A }) {
      let text = line.trimmingSpace
      if text.isEmpty { continue }
      if let number = Self.scaled(text) {
        try add(sum: number, count: 1)
      } else {
        refused += 1
      }
    }
  }

  /// Reads what a part's computation wrote: `count,mean` and CRLF, or nothing.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)``.
  public init(output bytes: [UInt8]) throws(ProgramError) {
    if bytes.isEmpty { return }
    let fields = bytes.trimmingSpace.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard fields.count == 2, let count = UInt64(String(decoding: fields[0], as: UTF8.self)), count > 0,
      let mean = Self.scaled(fields[1])
    else {
      throw .fieldOutOfRange(
        field: "output of a part", found: String(decoding: bytes.prefix(80), as: UTF8.self),
        allowed: "count,mean with a count of at least 1, or nothing")
    }
    let (sum, overflow) = mean.multipliedReportingOverflow(by: Int128(count))
    guard !overflow else { throw Self.tooLarge }
    try add(sum: sum, count: count)
  }

  /// Adds another part's numbers: its mean counts as often as it has numbers.
  ///
  /// - Throws: ``ProgramError/fieldOutOfRange(field:found:allowed:)`` when the sum is beyond 128 bits.
  public mutating func add(_ other: MeanOfNumbers) throws(ProgramError) {
    try add(sum: other.sum, count: other.count)
    refused += other.refused
  }

  /// `count,mean` and CRLF; nothing where there are no numbers.
  public var output: [UInt8] { count == 0 ? [] : Array("\(count),\(mean)\r\n".utf8) }

  /// The mean in its shortest plain form, 0 where there are no numbers.
  public var mean: String {
    if count == 0 { return "0" }
    let divisor = UInt128(count)
    var (quotient, rest) = sum.magnitude.quotientAndRemainder(dividingBy: divisor)
    // The rest is below 2^64: doubling it fits.
    if rest * 2 > divisor || (rest * 2 == divisor && quotient % 2 == 1) {
      quotient += 1
      rest = 0
    }
    let (whole, fraction) = quotient.quotientAndRemainder(dividingBy: Self.unit.magnitude)
    var text = (sum < 0 && quotient > 0 ? "-" : "") + String(whole)
    if fraction > 0 {
      let digits = String(fraction)
      let padded = String(repeating: "0", count: Self.fractionDigits - digits.count) + digits
      text += "." + String(padded.reversed().drop { $0 == "0" }.reversed())
    }
    return text
  }

  private mutating func add(sum other: Int128, count otherCount: UInt64) throws(ProgramError) {
    let (sum, overflow) = sum.addingReportingOverflow(other)
    let (count, carry) = count.addingReportingOverflow(otherCount)
    guard !overflow, !carry else { throw Self.tooLarge }
    (self.sum, self.count) = (sum, count)
  }

  private static var tooLarge: ProgramError {
    .fieldOutOfRange(field: "sum of numbers", found: "more", allowed: "128 bits, counted in 10^-12")
  }

  /// A number counted in 10^-12; nil for text that is none, or has more digits than are allowed.
  private static func scaled(_ text: some Collection<UInt8>) -> Int128? {
    guard let plain = try? DecimalNumber(String(decoding: text, as: UTF8.self)).text else { return nil }
    let isNegative = plain.hasPrefix("-")
    let fields = plain.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = fields.count == 2 ? String(fields[1]) : ""
    guard fields[0].count <= wholeDigits, fraction.count <= fractionDigits else { return nil }
    let digits = fields[0] + fraction + String(repeating: "0", count: fractionDigits - fraction.count)
    guard let magnitude = Int128(digits) else { return nil }
    return isNegative ? -magnitude : magnitude
  }
}

extension Collection<UInt8> where SubSequence: BidirectionalCollection<UInt8>, Self: BidirectionalCollection {
  /// The bytes without blanks, tabs and line ends at both ends.
  fileprivate var trimmingSpace: [UInt8] {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    return Array(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
