import EmethKit
import Testing

/// What holds for every job, every rule set and every end. Tens of thousands of cases, millions at scale 100.
@Suite struct MoneyPropertyTests {
  private func settle(
    _ end: Quote.End, _ terms: JobTerms, _ price: FuelPrice, used: Fuel
  ) throws -> Settlement {
    try Settlement(end: end.jobEnd(fuelUsed: used), terms: terms, fuelPrice: price)
  }

  /// The sum of amounts, or nil above 256 bits: without the library's own addition of amounts.
  private func sum(_ amounts: TokenAmount...) -> UInt256? {
    var total: UInt256 = 0
    for amount in amounts {
      let (next, overflow) = total.addingReportingOverflow(amount.holon)
      guard !overflow else { return nil }
      total = next
    }
    return total
  }

  @Test func conservationAndWhoMayLoseWhat() throws {
    var random = RandomMoney(SeededGenerator())
    var settled = 0
    for number in 0..<scaled(20_000) {
      let rules = number % 8 < 4 ? RuleSet.all[number % 4] : random.rules()
      let (limit, price) = (random.fuel(), random.price())
      let terms: JobTerms
      do throws(EconomicsError) {
        terms = try rules.terms(fuelLimit: limit, fuelPrice: price)
      } catch {
        continue
      }
      let used = random.fuel(upTo: limit)
      for end in Quote.End.allCases {
        let settlement = try settle(end, terms, price, used: used)
        let locked = end.locksDeposit ? sum(terms.escrow, terms.deposit) : terms.escrow.holon
        let paid = sum(settlement.requester, settlement.node, settlement.verifier, settlement.burned)
        #expect(paid != nil && paid == locked)
        // Nobody gets more than is there for it.
        #expect(settlement.requester <= terms.escrow && settlement.burned <= terms.deposit)
        #expect(settlement.verifier == .zero || settlement.verifier == terms.verifierFee)
        switch end {
        case .verified, .expired:
          // Who computed never loses, and nothing is burned.
          #expect(settlement.nodeDeposit == terms.deposit && settlement.burned == .zero)
        case .timeout, .declined, .failed:
          // No result, no payment: the requester has its whole escrow again, the node gains nothing.
          #expect(settlement.requester == terms.escrow && settlement.nodeFee == .zero)
          #expect(settlement.node <= terms.deposit)
        case .canceled, .unclaimed:
          #expect(settlement.requester == terms.escrow && settlement.node == .zero)
        }
        settled += 1
      }
      // A silent verifier gives the requester V and takes nothing from the node.
      let verified = try settle(.verified, terms, price, used: used)
      let expired = try settle(.expired, terms, price, used: used)
      #expect(expired.node == verified.node)
      #expect(expired.requester.holon == verified.requester.holon + terms.verifierFee.holon)
    }
    #expect(settled > scaled(20_000))
  }

  /// With more fuel used, all else equal, the node has never less and the requester never more; verifier and
  /// burned amount stay.
  @Test func monotoneInTheFuelUsed() throws {
    var random = RandomMoney(SeededGenerator())
    var compared = 0
    for _ in 0..<scaled(10_000) {
      let rules = random.rules()
      let (limit, price) = (random.fuel(), random.price())
      guard let terms = try? rules.terms(fuelLimit: limit, fuelPrice: price) else { continue }
      let (one, other) = (random.fuel(upTo: limit), random.fuel(upTo: limit))
      for end in Quote.End.allCases {
        let less = try settle(end, terms, price, used: min(one, other))
        let more = try settle(end, terms, price, used: max(one, other))
        #expect(less.node <= more.node && less.requester >= more.requester)
        #expect(less.verifier == more.verifier && less.burned == more.burned)
        compared += 1
      }
    }
    #expect(compared > scaled(10_000))
  }

  /// With a higher fuel limit or price, all else equal, L, V, E, D and the penalties of timeout and decline
  /// never fall. The penalty at FAILED is also limited by D − V, which under a deposit without V may fall by
  /// one holon where V rounds up to its next holon before D does; where the deposit includes V or V is flat
  /// it never falls either.
  @Test func monotoneInTheFeeLimit() throws {
    var random = RandomMoney(SeededGenerator())
    var compared = 0
    for _ in 0..<scaled(20_000) {
      let rules = random.rules()
      let (fuels, prices) = (
        [random.fuel(), random.fuel()].sorted(), [random.price(), random.price()].sorted()
      )
      guard let low = try? rules.terms(fuelLimit: fuels[0], fuelPrice: prices[0]),
        let high = try? rules.terms(fuelLimit: fuels[1], fuelPrice: prices[1])
      else { continue }
      #expect(low.feeLimit <= high.feeLimit && low.verifierFee <= high.verifierFee)
      #expect(low.escrow <= high.escrow && low.deposit <= high.deposit)
      #expect(low.timeoutPenalty <= high.timeoutPenalty && low.declinePenalty <= high.declinePenalty)
      let isFlat =
        switch rules.verifierFee {
        case .flat: true
        case .rate: false
        }
      let slack: UInt256 = rules.depositIncludesVerifierFee || isFlat ? 0 : 1
      #expect(low.failedPenalty.holon <= high.failedPenalty.holon + slack, "\(rules)")
      compared += 1
    }
    #expect(compared > scaled(2_000))
  }

  /// Terms, prices and fuel from strangers, of any size: a settlement that is conserved, or an error of this
  /// domain, and never a trap.
  @Test func untrustedNumbersGiveTypedErrors() throws {
    var random = RandomMoney(SeededGenerator())
    var (settled, refused) = (0, 0)
    for number in 0..<scaled(20_000) {
      let fee = random.amount()
      let fromEscrow = Bool.random(using: &random.generator)
      do throws(EconomicsError) {
        let terms = try JobTerms(
          feeLimit: random.amount(), verifierFee: fee, escrow: random.amount(), deposit: random.amount(),
          verifierFeeFromEscrow: fromEscrow ? fee : .zero, verifierFeeFromFee: fromEscrow ? .zero : fee,
          timeoutPenalty: random.amount(), declinePenalty: random.amount(), failedPenalty: random.amount(),
          flatFee: Bool.random(using: &random.generator))
        for end in Quote.End.allCases {
          let settlement = try Settlement(
            end: end.jobEnd(fuelUsed: random.fuel()), terms: terms, fuelPrice: random.price())
          let locked = sum(settlement.escrowReleased, settlement.depositReleased)
          #expect(
            sum(settlement.requester, settlement.node, settlement.verifier, settlement.burned) == locked)
          settled += 1
        }
      } catch {
        #expect(!error.code.isEmpty && error.code != "economics.notConserved", "case \(number): \(error)")
        refused += 1
      }
    }
    #expect(settled > scaled(1_000) && refused > scaled(1_000), "\(settled) settled, \(refused) refused")
  }
}
