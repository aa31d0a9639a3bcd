import EmethKit

/// Random jobs and rules whose numbers are of every size, with the edges more often than chance.
struct RandomMoney {
  var generator: SeededGenerator

  init(_ generator: SeededGenerator) { self.generator = generator }

  /// A number below 2^`bits`, for a random number of bits.
  mutating func number(bits: Int = 256) -> UInt256 {
    let width = Int.random(in: 0...bits, using: &generator)
    switch UInt8.random(in: 0..<8, using: &generator) {
    case 0: return width == 256 ? .max : (1 << UInt256(width)) - 1
    case 1: return width == 256 ? .max : 1 << UInt256(width)
    default:
      let all = UInt256(
        high: UInt128.random(in: 0...UInt128.max, using: &generator),
        low: UInt128.random(in: 0...UInt128.max, using: &generator))
      return width == 0 ? 0 : all >> UInt256(256 - width)
    }
  }

  mutating func amount() -> TokenAmount { TokenAmount(holon: number()) }

  mutating func fuel() -> Fuel { Fuel(units: UInt64(number(bits: 64) & UInt256(UInt64.max))) }

  /// Fuel up to a limit: none, all or anything between.
  mutating func fuel(upTo limit: Fuel) -> Fuel {
    switch UInt8.random(in: 0..<6, using: &generator) {
    case 0: .zero
    case 1: limit
    default: Fuel(units: UInt64.random(in: 0...limit.units, using: &generator))
    }
  }

  mutating func price() -> FuelPrice { FuelPrice(holonPerFuel: number()) }

  /// A price at which a job's fee lies close to an amount.
  mutating func price(near fee: TokenAmount, for fuel: Fuel) -> FuelPrice {
    let price = fee.holon / UInt256(max(fuel.units, 1))
    let step = UInt256(UInt64.random(in: 0...2, using: &generator))
    return FuelPrice(holonPerFuel: Bool.random(using: &generator) ? price + step : price - min(step, price))
  }

  mutating func rate() -> Rate {
    let edges: [UInt32] = [0, 1, 5_000, 25_000, 99_999, 100_000, 100_001, 300_000, .max]
    if Bool.random(using: &generator), let edge = edges.randomElement(using: &generator) {
      return Rate(per100000: edge)
    }
    return Rate(per100000: UInt32.random(in: 0...120_000, using: &generator))
  }

  /// Rules of a user's own, drawn until they are good ones.
  mutating func rules() -> RuleSet {
    while true {
      let fee: RuleSet.VerifierFee =
        Bool.random(using: &generator) ? .rate(rate()) : .flat(TokenAmount(holon: number(bits: 80)))
      let rules = try? RuleSet(
        name: "own", verifierFee: fee, verifierFeeSource: Bool.random(using: &generator) ? .fee : .escrow,
        depositRate: rate(), depositIncludesVerifierFee: Bool.random(using: &generator),
        penaltyBase: Bool.random(using: &generator) ? .feeLimit : .deposit, timeoutPenaltyRate: rate(),
        declinePenaltyRate: rate(), failedPenaltyRate: rate(), flatFee: Bool.random(using: &generator),
        rewardCapRate: Bool.random(using: &generator) ? rate() : nil)
      if let rules { return rules }
    }
  }
}
