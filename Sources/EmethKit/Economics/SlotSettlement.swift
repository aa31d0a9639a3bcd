/// How the reward of a closed slot is shared among the nodes that computed in it (PROTOCOL 3).
///
/// Each node's share follows its fuel that counts; under rules with a cap it is at most the verifier fees
/// paid on its jobs. What rounding and the cap leave over is ``undistributed``: it is nobody's, and no share
/// grows by it.
///
/// ```swift
/// let slot = try SlotSettlement(slot: 19_700, rewards: rewards, rules: .core2023, work: work)
/// // always:
/// slot.reward == slot.shares.map(\.reward).reduce(slot.undistributed, +)
/// ```
public struct SlotSettlement: Hashable, Sendable {
  /// What one node did in the slot.
  public struct Work: Hashable, Sendable {
    /// The node.
    public let account: Address
    /// The fuel of its jobs that count (``SlotRewards/counts(_:acceptedByVerifier:fuelPrice:)``).
    public let fuel: Fuel
    /// The verifier fees that were paid on these jobs.
    public let verifierFeesPaid: TokenAmount

    /// The work of one node.
    public init(account: Address, fuel: Fuel, verifierFeesPaid: TokenAmount) {
      self.account = account
      self.fuel = fuel
      self.verifierFeesPaid = verifierFeesPaid
    }
  }

  /// What one node gets.
  public struct Share: Hashable, Sendable {
    /// The node.
    public let account: Address
    /// Its fuel as far as it counts under the cap of fuel per node.
    public let countedFuel: Fuel
    /// Its reward.
    public let reward: TokenAmount
  }

  /// The slot.
  public let slot: UInt64
  /// The whole reward of the slot.
  public let reward: TokenAmount
  /// The nodes' shares in ascending order of their addresses, zero ones too.
  public let shares: [Share]
  /// What is left of the reward.
  public let undistributed: TokenAmount

  /// Shares out the reward of a slot.
  ///
  /// - Parameters:
  ///   - slot: The slot, which nobody computes in any more.
  ///   - rewards: The schedule.
  ///   - rules: The rules, for their cap.
  ///   - work: One entry for each node, in any order.
  /// - Throws: ``EconomicsError/duplicateAccount(_:)``; ``EconomicsError/number(_:)`` when all fuel together
  ///   is more than 2^64 − 1 or a cap does not fit 256 bits.
  public init(slot: UInt64, rewards: SlotRewards, rules: RuleSet, work: [Work]) throws(EconomicsError) {
    let sorted = work.sorted { $0.account < $1.account }
    var total = Fuel.zero
    for (index, entry) in sorted.enumerated() {
      guard index == 0 || sorted[index - 1].account != entry.account else {
        throw .duplicateAccount(entry.account)
      }
      let counted = rewards.countedFuel(entry.fuel, afterNodeTotal: .zero)
      total = try economically { () throws(NumberError) in try total.adding(counted) }
    }
    let reward = rewards.reward(ofSlot: slot)
    var shares: [Share] = []
    var left = reward
    for entry in sorted {
      let counted = rewards.countedFuel(entry.fuel, afterNodeTotal: .zero)
      let share = try SlotRewards.capped(
        SlotRewards.share(of: reward, nodeFuel: counted, totalFuel: total),
        verifierFeesPaid: entry.verifierFeesPaid, rules: rules)
      left = try economically { () throws(NumberError) in try left.subtracting(share) }
      shares.append(Share(account: entry.account, countedFuel: counted, reward: share))
    }
    self.slot = slot
    self.reward = reward
    self.shares = shares
    undistributed = left
  }
}
