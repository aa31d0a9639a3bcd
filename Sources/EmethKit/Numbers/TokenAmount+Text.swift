extension TokenAmount {
  /// A unit in which people write amounts.
  public enum Unit: String, CaseIterable, Sendable {
    /// The smallest unit, of which there is no part.
    case holon
    /// 10^9 holon, in which prices of fuel are usual.
    case gholon
    /// 10^18 holon.
    case emeth

    /// The number of digits that an amount in this unit may have after the point.
    public var decimals: Int {
      switch self {
      case .holon: 0
      case .gholon: 9
      case .emeth: 18
      }
    }
  }

  /// An amount as people and scripts write it: `1.5emeth`, `120gholon`, `7holon`; an integer without a unit
  /// is holon, as everywhere in JSON.
  ///
  /// The unit may be of either case and may stand after one space, so that what ``description`` prints is
  /// read too. Nothing is rounded: an amount that is no whole number of holon is refused, and so is a
  /// number with a point that names no unit.
  ///
  /// ```swift
  /// try TokenAmount("0.5gholon") == TokenAmount("500000000")    // true
  /// ```
  /// - Throws: ``NumberError/malformed(found:allowed:)``,
  ///   ``NumberError/tooPrecise(found:allowedDecimals:)``, ``NumberError/overflow(operation:)`` above 2^256
  ///   − 1 holon.
  public init(_ text: String) throws(NumberError) {
    let form = NumberError.malformed(found: text, allowed: Self.textForm)
    let number = text.utf8.prefix { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    var rest = text.utf8.dropFirst(number.count)
    let unit: Unit
    if rest.isEmpty {
      guard !number.contains(UInt8(ascii: ".")) else { throw form }
      unit = .holon
    } else {
      if rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
      // ASCII letters differ from their lower case by one bit; what is no letter can't become one.
      let name = String(decoding: rest.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
      guard let named = Unit(rawValue: name) else { throw form }
      unit = named
    }
    let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first, !whole.isEmpty, parts.last?.isEmpty == false else {
      throw form
    }
    var fraction = parts.count == 2 ? Array(parts[1]) : []
    while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    guard fraction.count <= unit.decimals else {
      throw .tooPrecise(found: text, allowedDecimals: unit.decimals)
    }
    let padding = [UInt8](repeating: UInt8(ascii: "0"), count: unit.decimals - fraction.count)
    guard let holon = UInt256(String(decoding: Array(whole) + fraction + padding, as: UTF8.self), radix: 10)
    else { throw .overflow(operation: "\(quoted(text)) in holon") }
    self.holon = holon
  }

  /// How an amount is written, in words for error messages and help.
  public static let textForm = "1.5emeth, 120gholon, 7holon, or an integer of holon"
}

extension FuelPrice {
  /// A price of one fuel as people and scripts write it: `120gholon`, or an integer of holon; see
  /// ``TokenAmount/init(_:)``.
  ///
  /// - Throws: ``NumberError/malformed(found:allowed:)``,
  ///   ``NumberError/tooPrecise(found:allowedDecimals:)``, ``NumberError/overflow(operation:)``.
  public init(_ text: String) throws(NumberError) {
    holonPerFuel = try TokenAmount(text).holon
  }
}
