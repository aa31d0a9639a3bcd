import EmethKit
import Testing

@Suite struct SlotRewardsTests {
  private let rewards = SlotRewards(startSlot: 19_700, nodeFuelCap: Fuel(units: 1_000))

  @Test func fallsOnceAYearForTwentyYears() {
    func emeth(_ slot: UInt64) -> String { rewards.reward(ofSlot: slot).emethText }
    #expect(emeth(19_699) == "0")
    #expect(emeth(19_700) == "288000")
    #expect(emeth(19_700 + 364) == "288000")
    #expect(emeth(19_700 + 365) == "273600")
    #expect(emeth(19_700 + 19 * 365 + 364) == "14400")
    #expect(emeth(19_700 + 20 * 365) == "0")
    #expect(emeth(.max) == "0")
    // 20 years of 365 days: the sum that the schedule promises.
    let total = (0..<UInt64(20 * 365)).map { rewards.reward(ofSlot: 19_700 + $0) }.reduce(.zero, +)
    #expect(total.emethText == "1103760000")
  }

  @Test func aSlotIsAUTCDay() {
    #expect(SlotRewards.slot(at: 0) == 0)
    #expect(SlotRewards.slot(at: 86_399) == 0)
    #expect(SlotRewards.slot(at: 86_400) == 1)
    #expect(SlotRewards.slot(at: 1_700_000_000) == 19_675)
  }

  /// The white paper's example (an hour's 12,000 for 100, 70 and 30 fuel), and every small case: floors, and
  /// all shares together never exceed the reward.
  @Test func sharesFollowFuel() throws {
    let hour = TokenAmount(holon: 12_000)
    let shares = try [100, 70, 30].map {
      try SlotRewards.share(of: hour, nodeFuel: Fuel(units: $0), totalFuel: Fuel(units: 200)).holon
    }
    #expect(shares == [6_000, 4_200, 1_800])
    for reward in UInt64(0)..<30 {
      for total in UInt64(0)..<12 {
        for node in 0...total {
          let share = try SlotRewards.share(
            of: TokenAmount(holon: UInt256(reward)), nodeFuel: Fuel(units: node),
            totalFuel: Fuel(units: total))
          #expect(share.holon == (total == 0 ? 0 : UInt256(reward * node / total)))
        }
      }
    }
  }

  @Test func theLargestNumbersDoNotOverflow() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(2_000) {
      let total = UInt64.random(in: 1...(.max), using: &generator)
      let node = UInt64.random(in: 0...total, using: &generator)
      let reward = UInt256(
        high: UInt128.random(in: 0...UInt128.max, using: &generator),
        low: UInt128.random(in: 0...UInt128.max, using: &generator))
      let share = try SlotRewards.share(
        of: TokenAmount(holon: reward), nodeFuel: Fuel(units: node), totalFuel: Fuel(units: total))
      #expect(
        try share.holon == reward.multipliedFloorDividing(by: UInt256(node), dividingBy: UInt256(total)))
    }
  }

  @Test func fuelAboveTheCapDoesNotCount() {
    func counted(_ fuel: UInt64, after total: UInt64) -> UInt64 {
      rewards.countedFuel(Fuel(units: fuel), afterNodeTotal: Fuel(units: total)).units
    }
    #expect(counted(10, after: 0) == 10)
    #expect(counted(10, after: 995) == 5)
    #expect(counted(10, after: 1_000) == 0)
    // A cap that was lowered below what had counted: nothing more counts, and nothing underflows (H1.21).
    #expect(counted(10, after: 5_000) == 0)
    #expect(
      SlotRewards(startSlot: 0).countedFuel(Fuel(units: .max), afterNodeTotal: Fuel(units: .max)).units
        == .max)
  }

  @Test func farmingCostsWhatItEarns() throws {
    let share = TokenAmount(holon: 1_000)
    #expect(
      try SlotRewards.capped(share, verifierFeesPaid: TokenAmount(holon: 300), rules: .standard).holon == 300)
    #expect(
      try SlotRewards.capped(share, verifierFeesPaid: TokenAmount(holon: 3_000), rules: .standard) == share)
    #expect(try SlotRewards.capped(share, verifierFeesPaid: .zero, rules: .standard) == .zero)
    #expect(try SlotRewards.capped(share, verifierFeesPaid: .zero, rules: .core2023) == share)
  }

  @Test func onlyVerifiedFormulaFuelAtThePriceCounts() {
    let entry = ProgramEntry(
      id: .languageModelTrainingPart, name: "p", verification: .sampledReplay, fuelByFormula: true,
      minimumFuelPrice: FuelPrice(holonPerFuel: 10))
    let (low, enough) = (FuelPrice(holonPerFuel: 9), FuelPrice(holonPerFuel: 10))
    #expect(SlotRewards.counts(entry, acceptedByVerifier: true, fuelPrice: enough))
    #expect(!SlotRewards.counts(entry, acceptedByVerifier: false, fuelPrice: enough))
    #expect(!SlotRewards.counts(entry, acceptedByVerifier: true, fuelPrice: low))
    let claimed = ProgramEntry(id: .meanOfNumbers, name: "m", verification: .recomputation)
    #expect(!SlotRewards.counts(claimed, acceptedByVerifier: true, fuelPrice: enough))
  }

  @Test func jsonKeepsThem() throws {
    #expect(try fromJSON(SlotRewards.self, jsonText(rewards)) == rewards)
    #expect(try jsonText(rewards).contains(#""startSlot":"19700""#))
  }
}
