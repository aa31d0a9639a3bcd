import Foundation

/// Numbers as people read them.
public enum NumberText {
  /// An integer in groups of three: `1,234,567`.
  public static func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return (number < 0 ? "-" : "") + text
  }

  /// A number with so many decimals, the same in every locale.
  public static func fixed(_ number: Double, decimals: Int) -> String {
    guard number.isFinite else { return number.isNaN ? "NaN" : number < 0 ? "-infinite" : "infinite" }
    let sign = number < 0 ? "-" : ""
    guard abs(number) < 1e15 else { return "\(number)" }
    let scale = (0..<decimals).reduce(UInt64(1)) { value, _ in value * 10 }
    let scaled = (abs(number) * Double(scale)).rounded()
    guard scaled < 1.8e19 else { return "\(number)" }
    let whole = UInt64(scaled)
    guard decimals > 0 else { return sign + String(whole) }
    let fraction = String(whole % scale)
    return sign + String(whole / scale) + "." + String(repeating: "0", count: decimals - fraction.count)
      + fraction
  }

  /// A count of bytes: `512 B`, `1.3 MB` (powers of 1000).
  public static func bytes(_ count: some BinaryInteger) -> String {
    scaled(Double(count), units: ["B", "kB", "MB", "GB", "TB", "PB"])
  }

  /// A count with a unit letter: `950`, `10.7 M`, `1.2 G`.
  public static func count(_ count: some BinaryInteger) -> String {
    scaled(Double(count), units: ["", "k", "M", "G", "T", "P"])
  }

  private static func scaled(_ number: Double, units: [String]) -> String {
    var value = number
    var unit = 0
    // 999.95 would be rounded to "1000.0".
    while abs(value) >= (unit == 0 ? 1000 : 999.95), unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    let text = unit == 0 ? fixed(value, decimals: 0) : fixed(value, decimals: 1)
    return units[unit].isEmpty ? text : "\(text) \(units[unit])"
  }

  /// A time span: `0.4 s`, `52 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
  public static func duration(_ duration: Duration) -> String {
    let seconds = max(0, duration / .seconds(1))
    if seconds < 9.95 { return fixed(seconds, decimals: 1) + " s" }
    guard seconds < 1e12 else { return "very long" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return "\(whole / 60) min \(whole % 60) s"
    case ..<86_400: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86_400) d \(whole % 86_400 / 3600) h"
    }
  }
}
