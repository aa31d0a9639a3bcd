import EmethKit

/// The quotes of one job at one or all of its ends, as they are printed.
struct EndQuotes: Sendable {
  let fuelLimit: Fuel
  let fuelUsed: Fuel
  let fuelPrice: FuelPrice
  /// In the order in which they are shown.
  let quotes: [(end: Quote.End, quote: Quote)]

  /// - Throws: `UsageError.valueRefused` when more fuel is used than the limit; `EconomicsError` when the
  ///   rules have no such job.
  init(
    rules: RuleSet, fuelLimit: Fuel, fuelPrice: FuelPrice, fuelUsed: Fuel?, ends: [Quote.End]
  ) throws {
    self.fuelLimit = fuelLimit
    self.fuelUsed = fuelUsed ?? fuelLimit
    self.fuelPrice = fuelPrice
    guard self.fuelUsed <= fuelLimit else {
      let allowed = "at most the --fuel-limit of \(fuelLimit.units)"
      throw UsageError.valueRefused(
        place: "--fuel-used", found: "\(self.fuelUsed.units)",
        refusal: ValueRefusal(allowed: allowed, isOutOfRange: true), command: "quote")
    }
    quotes = try ends.map { end in
      let quote = try Quote(
        by: rules, fuelLimit: fuelLimit, fuelPrice: fuelPrice, fuelUsed: fuelUsed, end: end)
      return (end, quote)
    }
  }

  /// One quote as an object; several as an object of such objects under the names of their ends.
  var json: String {
    guard quotes.count > 1 else { return quotes.map { JSONText.pretty($0.quote) }.joined() }
    return JSONText.pretty(Dictionary(uniqueKeysWithValues: quotes.map { ($0.end.rawValue, $0.quote) }))
  }

  /// What holds at every end, and a row for each.
  var text: String {
    guard let first = quotes.first?.quote else { return "" }
    let head = LabelledLines.text([
      ("rules", first.rules),
      ("fuel limit", NumberText.grouped(fuelLimit.units)),
      ("fuel used", NumberText.grouped(fuelUsed.units)),
      ("price of one fuel", "\(TokenAmount(holon: fuelPrice.holonPerFuel))"),
      ("fee (at most)", "\(first.feeLimit)"), ("verifier fee", "\(first.verifierFee)"),
      ("escrow", "\(first.escrow)"), ("deposit of the node", "\(first.deposit)"),
    ])
    var table = TextTable(
      [.init("end")]
        + ["requester", "node", "verifier", "burned"].map { .init($0, .right) })
    for (end, quote) in quotes {
      table.add(
        [end.rawValue]
          + [quote.requester, quote.node, quote.verifier, quote.burned].map(\.emethText))
    }
    return head + "\nwhat everybody has at the end, in EMETH:\n" + table.text()
  }
}
