import EmethKit

extension ValueType where Value == DecimalNumber {
  /// An exact decimal number between two others, kept as it was typed: it goes into manifests as text.
  static func decimal(above lower: String, upTo upper: String) -> Self {
    let allowed = "a decimal number above \(lower), at most \(upper)"
    return Self(name: "X", allowed: allowed) { text throws(ValueRefusal) in
      guard let number = try? DecimalNumber(text) else { throw ValueRefusal(allowed: allowed) }
      guard let lower = try? DecimalNumber(lower), let upper = try? DecimalNumber(upper),
        lower < number, number <= upper
      else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return number
    }
  }
}

extension ValueType where Value == Fuel {
  /// An amount of fuel.
  static var fuel: Self {
    let allowed = "an integer from 0 to \(UInt64.max)"
    return Self(name: "FUEL", allowed: allowed) { text throws(ValueRefusal) in
      guard let units = UInt64(text), !text.hasPrefix("+") else { throw ValueRefusal(allowed: allowed) }
      return Fuel(units: units)
    }
  }
}

extension ValueType where Value == FuelPrice {
  /// A price per fuel in Gholon with up to nine decimals; `holon` behind an integer says holon.
  static var fuelPrice: Self {
    let allowed = "Gholon per fuel such as 120 or 0.5, or an integer and holon such as 120000000000holon"
    return Self(name: "PRICE", allowed: allowed) { text throws(ValueRefusal) in
      var digits = text
      var decimals = 9
      if text.hasSuffix("Gholon") {
        digits.removeLast(6)
      } else if text.hasSuffix("holon") {
        digits.removeLast(5)
        decimals = 0
      }
      guard let holon = UInt256(decimalText: digits, shiftedBy: decimals) else {
        throw ValueRefusal(allowed: allowed)
      }
      return FuelPrice(holonPerFuel: holon)
    }
  }
}

extension ValueType where Value == TokenAmount {
  /// An amount of EMETH with up to 18 decimals; `holon` behind an integer says holon.
  static var tokenAmount: Self {
    let allowed = "EMETH such as 1 or 0.0144, or an integer and holon such as 14400000000000000holon"
    return Self(name: "AMOUNT", allowed: allowed) { text throws(ValueRefusal) in
      let isHolon = text.hasSuffix("holon")
      let digits = isHolon ? String(text.dropLast(5)) : text
      guard let holon = UInt256(decimalText: digits, shiftedBy: isHolon ? 0 : 18) else {
        throw ValueRefusal(allowed: allowed)
      }
      return TokenAmount(holon: holon)
    }
  }
}

extension UInt256 {
  /// The number that decimal text times 10^decimals stands for, or nil when it is none, no integer or too
  /// large.
  fileprivate init?(decimalText text: String, shiftedBy decimals: Int) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let isDigits = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    guard parts.count <= 2, isDigits, (parts.count == 1 ? 0 : parts[1].count) <= decimals else { return nil }
    let fraction = parts.count == 2 ? String(parts[1]) : ""
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    self.init(String(parts[0]) + fraction + zeros, radix: 10)
  }
}

extension ValueType where Value == UInt256 {
  /// A 256-bit integer, decimal or with `0x` hexadecimal.
  static var uint256: Self {
    let allowed = "an integer from 0 to 2^256 - 1, decimal or 0x hexadecimal"
    return Self(name: "N", allowed: allowed) { text throws(ValueRefusal) in
      let isHex = text.hasPrefix("0x")
      let digits = isHex ? String(text.dropFirst(2)) : text
      guard !digits.hasPrefix("+"), !digits.hasPrefix("-"),
        let number = UInt256(digits, radix: isHex ? 16 : 10)
      else { throw ValueRefusal(allowed: allowed) }
      return number
    }
  }
}

extension ValueType where Value == Address {
  /// An account or contract address.
  static var address: Self {
    let allowed = "0x and 40 hexadecimal digits, with a right checksum when in mixed case"
    return Self(name: "ADDRESS", allowed: allowed) { text throws(ValueRefusal) in
      guard let address = try? Address(text) else { throw ValueRefusal(allowed: allowed) }
      return address
    }
  }
}

extension ValueType where Value == Bytes32 {
  /// Thirty-two bytes in hexadecimal.
  static var bytes32: Self {
    let allowed = "0x and 64 hexadecimal digits"
    return Self(name: "BYTES32", allowed: allowed) { text throws(ValueRefusal) in
      guard let bytes = try? Bytes32(hex: text) else { throw ValueRefusal(allowed: allowed) }
      return bytes
    }
  }
}

extension ValueType where Value == Duration {
  /// A time span: an integer with s, m, h or d behind it.
  static var duration: Self {
    let allowed = "a time span such as 90s, 30m, 2h or 7d, at most 3650d"
    return Self(name: "SPAN", allowed: allowed) { text throws(ValueRefusal) in
      let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
      guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), count > 0,
        text.first != "+"
      else { throw ValueRefusal(allowed: allowed) }
      let (seconds, isTooLarge) = count.multipliedReportingOverflow(by: unit)
      guard !isTooLarge, seconds <= 3650 * 86_400 else {
        throw ValueRefusal(allowed: allowed, isOutOfRange: true)
      }
      return .seconds(seconds)
    }
  }
}

extension ValueType where Value == RuleSet {
  /// One of the protocol's rule sets by name.
  static var ruleSet: Self {
    let names = RuleSet.all.map(\.name)
    let allowed = names.joined(separator: ", ")
    return Self(name: "NAME", allowed: allowed, completion: .choices(names)) { text throws(ValueRefusal) in
      guard let rules = RuleSet.all.first(where: { $0.name == text }) else {
        throw ValueRefusal(allowed: allowed, nearest: Suggestion.nearest(to: text, among: names).first)
      }
      return rules
    }
  }
}
