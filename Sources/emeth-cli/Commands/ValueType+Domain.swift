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
  /// A price per fuel: an amount with its unit, or an integer of holon.
  static var fuelPrice: Self {
    Self(name: "PRICE", allowed: TokenAmount.textForm) { text throws(ValueRefusal) in
      FuelPrice(holonPerFuel: try AmountText.read(text, likelyUnit: .gholon).holon)
    }
  }
}

extension ValueType where Value == TokenAmount {
  /// An amount with its unit, or an integer of holon.
  static var tokenAmount: Self {
    Self(name: "AMOUNT", allowed: TokenAmount.textForm) { text throws(ValueRefusal) in
      try AmountText.read(text, likelyUnit: .emeth)
    }
  }
}

/// Amounts as they stand on a command line: one rule for every flag (Docs/Decisions/0007-amounts-in-text.md).
private enum AmountText {
  /// The amount of a text; `likelyUnit` is what a number with a point and no unit was probably meant in.
  static func read(_ text: String, likelyUnit: TokenAmount.Unit) throws(ValueRefusal) -> TokenAmount {
    do throws(NumberError) {
      return try TokenAmount(text)
    } catch {
      var refusal = ValueRefusal(allowed: TokenAmount.textForm)
      switch error {
      case .overflow: refusal.isOutOfRange = true
      case .tooPrecise: refusal.allowed = "a whole number of holon, such as " + TokenAmount.textForm
      case .underflow, .divisionByZero, .malformed:
        let meant = text + likelyUnit.rawValue
        if text.utf8.last.map({ (0x30...0x39).contains($0) }) == true, (try? TokenAmount(meant)) != nil {
          refusal.nearest = meant
        }
      }
      throw refusal
    }
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

extension ValueType where Value == RuleSource {
  /// One of the protocol's rule sets by name, or a file with one of a user's own.
  static var rules: Self {
    let names = RuleSet.all.map(\.name)
    let allowed = names.joined(separator: ", ") + ", or a JSON file (./FILE, FILE.json, `-`)"
    return Self(name: "RULES", allowed: allowed, completion: .choices(names)) { text throws(ValueRefusal) in
      if let rules = RuleSet.all.first(where: { $0.name == text }) { return .named(rules) }
      if text == "-" || text.contains("/") || text.contains(".") { return .file(text) }
      throw ValueRefusal(allowed: allowed, nearest: Suggestion.nearest(to: text, among: names).first)
    }
  }
}
