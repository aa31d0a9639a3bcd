/// The rewards of a day of computing (PROTOCOL 3), as pure functions of the slot and what was computed in it.
///
/// A slot is a UTC day. Its reward is shared among nodes by the fuel that counts.
///
/// ```swift
/// let rewards = SlotRewards(startSlot: 19_700)
/// rewards.reward(ofSlot: 19_700 + 365)   // 273600 EMETH
/// ```
public struct SlotRewards: Hashable, Codable, Sendable {
  /// The seconds of a slot.
  public static let slotSeconds: UInt64 = 86_400

  /// The first slot with a reward.
  @DecimalText public var startSlot: UInt64
  /// The reward of a slot in the first year.
  public let initialReward: TokenAmount
  /// By how much it falls every year.
  public let yearlyStep: TokenAmount
  /// The most fuel of one node that counts in a slot; nil: no cap.
  public let nodeFuelCap: Fuel?

  /// Rewards from a slot on: 288,000 EMETH a slot, 14,400 less after every full 365 days.
  public init(
    startSlot: UInt64, initialReward: TokenAmount = TokenAmount(holon: 288_000_000_000_000_000_000_000),
    yearlyStep: TokenAmount = TokenAmount(holon: 14_400_000_000_000_000_000_000), nodeFuelCap: Fuel? = nil
  ) {
    _startSlot = DecimalText(wrappedValue: startSlot)
    self.initialReward = initialReward
    self.yearlyStep = yearlyStep
    self.nodeFuelCap = nodeFuelCap
  }

  /// The slot of a time in unix seconds.
  public static func slot(at unixSeconds: UInt64) -> UInt64 {
    unixSeconds / slotSeconds
  }

  /// The whole reward of a slot: zero before the start slot, and after twenty years.
  public func reward(ofSlot slot: UInt64) -> TokenAmount {
    guard slot >= startSlot else { return .zero }
    let years = UInt256((slot - startSlot) / 365)
    let (fall, overflow) = yearlyStep.holon.multipliedReportingOverflow(by: years)
    guard !overflow, fall < initialReward.holon else { return .zero }
    return TokenAmount(holon: initialReward.holon - fall)
  }

  /// How much of a job's fuel counts, given what already counted of its node in the slot.
  public func countedFuel(_ fuel: Fuel, afterNodeTotal total: Fuel) -> Fuel {
    guard let cap = nodeFuelCap else { return fuel }
    guard total < cap else { return .zero }
    return min(fuel, cap - total)
  }

  /// Whether a job's fuel counts at all: computed by formula, ended by a drawn verifier's accepting verdict,
  /// and not below the program's minimum price.
  public static func counts(_ entry: ProgramEntry, acceptedByVerifier: Bool, fuelPrice: FuelPrice) -> Bool {
    entry.fuelByFormula && acceptedByVerifier && fuelPrice >= entry.minimumFuelPrice
  }

  /// A node's share of a reward: reward x its fuel / all fuel, rounded down; zero when no fuel counted.
  ///
  /// - Throws: ``EconomicsError/fuelAboveLimit(found:allowed:)`` when the node has more fuel than all nodes
  ///   together.
  public static func share(
    of reward: TokenAmount, nodeFuel: Fuel, totalFuel: Fuel
  ) throws(EconomicsError) -> TokenAmount {
    guard nodeFuel <= totalFuel else { throw .fuelAboveLimit(found: nodeFuel, allowed: totalFuel) }
    guard totalFuel > .zero else { return .zero }
    // Whole reward = quotient x total + rest, so that neither product leaves 256 bits:
    // quotient x node <= reward, rest x node < 2^128.
    let (quotient, rest) = reward.holon.quotientAndRemainder(dividingBy: UInt256(totalFuel.units))
    let node = UInt256(nodeFuel.units)
    return TokenAmount(holon: quotient * node + rest * node / UInt256(totalFuel.units))
  }

  /// A node's reward under a rule set: at most the verifier fees paid on its jobs in the slot x the cap rate.
  ///
  /// - Throws: ``EconomicsError/number(_:)`` when the cap does not fit 256 bits.
  public static func capped(
    _ share: TokenAmount, verifierFeesPaid: TokenAmount, rules: RuleSet
  ) throws(EconomicsError) -> TokenAmount {
    guard let rate = rules.rewardCapRate else { return share }
    let cap = try economically { () throws(NumberError) in try rate.of(verifierFeesPaid) }
    return min(share, cap)
  }
}
