/// How a parent's fuel limit and verifier fee are shared among its SubJobs (PROTOCOL 3).
///
/// There is one share for each part of each round, in the order round by round; remainders go to the first
/// shares, a unit each, so that the shares add up to the whole exactly.
///
/// ```swift
/// let budget = try ParentBudget(
///   fuelLimit: job.fuelLimit, verifierFee: job.terms.verifierFee, rounds: 3, parts: 4)
/// let (fuelLimit, verifierFee) = budget.share(round: 0, part: 2)
/// ```
public struct ParentBudget: Hashable, Sendable {
  /// The parent's fuel limit.
  public let fuelLimit: Fuel
  /// The parent's verifier fee.
  public let verifierFee: TokenAmount
  /// The number of rounds.
  public let rounds: UInt32
  /// The number of parts in every round.
  public let parts: UInt32

  /// A budget of at least one share.
  ///
  /// - Throws: ``EconomicsError/shareCount(rounds:parts:)``.
  public init(
    fuelLimit: Fuel, verifierFee: TokenAmount, rounds: UInt32, parts: UInt32
  ) throws(EconomicsError) {
    let (count, overflow) = rounds.multipliedReportingOverflow(by: parts)
    guard count > 0, !overflow else { throw .shareCount(rounds: rounds, parts: parts) }
    self.fuelLimit = fuelLimit
    self.verifierFee = verifierFee
    self.rounds = rounds
    self.parts = parts
  }

  /// The number of shares, rounds x parts.
  public var shareCount: UInt32 { rounds * parts }

  /// What one SubJob gets of the parent's fuel limit and verifier fee. Every attempt at it gets the same.
  ///
  /// Traps when the budget has no such round or part.
  public func share(round: UInt32, part: UInt32) -> (fuelLimit: Fuel, verifierFee: TokenAmount) {
    precondition(round < rounds && part < parts, "the budget has \(rounds) rounds of \(parts) parts")
    let index = round * parts + part
    let (fuel, extraFuel) = fuelLimit.units.quotientAndRemainder(dividingBy: UInt64(shareCount))
    let (holon, extraHolon) = verifierFee.holon.quotientAndRemainder(dividingBy: UInt256(shareCount))
    return (
      Fuel(units: fuel + (UInt64(index) < extraFuel ? 1 : 0)),
      TokenAmount(holon: holon + (UInt256(index) < extraHolon ? 1 : 0))
    )
  }

  /// Refuses a budget with a share below the fuel that every SubJob needs.
  ///
  /// - Throws: ``EconomicsError/shareBelowFuel(share:needed:)``.
  public func check(computedFuel: Fuel) throws(EconomicsError) {
    // Remainders go to the first shares, so that the last one is the smallest.
    let smallest = share(round: rounds - 1, part: parts - 1).fuelLimit
    guard smallest >= computedFuel else { throw .shareBelowFuel(share: smallest, needed: computedFuel) }
  }

  /// The least fuel limit whose shares all cover the fuel that every SubJob needs.
  ///
  /// - Throws: ``EconomicsError/number(_:)`` above 2^64 − 1.
  public static func fuelLimit(
    covering computedFuel: Fuel, rounds: UInt32, parts: UInt32
  ) throws(EconomicsError) -> Fuel {
    let (units, overflow) = computedFuel.units.multipliedReportingOverflow(by: UInt64(rounds) * UInt64(parts))
    guard !overflow else { throw .number(.overflow(operation: "fuel limit of \(rounds) x \(parts) SubJobs")) }
    return Fuel(units: units)
  }
}

extension ParentBudget {
  /// When a round's window ends: an even share of the time left for each round left (unix seconds).
  ///
  /// - Parameter roundsLeft: This round included; 0 is read as 1.
  public static func windowEnd(roundStart: UInt64, parentDeadline: UInt64, roundsLeft: UInt32) -> UInt64 {
    guard parentDeadline > roundStart else { return parentDeadline }
    return roundStart + (parentDeadline - roundStart) / UInt64(max(roundsLeft, 1))
  }

  /// When an attempt must be submitted: half of what is left of the round's window, the last attempt all of
  /// it.
  ///
  /// - Parameters:
  ///   - now: When the attempt is registered, unix seconds.
  ///   - parentDeadline: The parent's deadline, outages included.
  ///   - roundsLeft: This round included.
  ///   - attempt: From 0.
  ///   - lastAttempt: The number of the last one.
  ///   - roundStart: When the round began, which fixes its window; nil means now.
  /// - Returns: Unix seconds; not later than the window's end, and in a window that is over its end, which
  ///   has passed.
  public static func attemptDeadline(
    now: UInt64, parentDeadline: UInt64, roundsLeft: UInt32, attempt: UInt32, lastAttempt: UInt32,
    roundStart: UInt64? = nil
  ) -> UInt64 {
    let end = windowEnd(
      roundStart: min(roundStart ?? now, now), parentDeadline: parentDeadline, roundsLeft: roundsLeft)
    guard attempt < lastAttempt, end > now else { return end }
    return now + (end - now) / 2
  }
}
