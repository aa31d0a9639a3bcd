import EmethKit

/// What a job costs under every named rule set, and what its parties have at each end: EmethKit alone.
@main struct QuoteJob {
  static func main() throws {
    let fuelLimit = Fuel(units: 120_000)
    let price = FuelPrice(gholon: 120)
    for rules in RuleSet.all {
      do throws(EconomicsError) {
        let quote = try Quote(
          by: rules, fuelLimit: fuelLimit, fuelPrice: price, fuelUsed: Fuel(units: 100_000), end: .failed)
        print(
          "\(rules.name): escrow \(quote.escrow), deposit \(quote.deposit); if it fails the node has "
            + "\(quote.node), burned \(quote.burned)")
      } catch {
        // `round3-2` has a flat verifier fee of 10 EMETH, more than this whole job.
        print("\(rules.name): \(error.message)")
      }
    }
  }
}
