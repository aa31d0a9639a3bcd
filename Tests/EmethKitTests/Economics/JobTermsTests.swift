import EmethKit
import Testing

@Suite struct JobTermsTests {
  private func make(
    feeLimit: UInt256 = 100, verifierFee: UInt256 = 5, escrow: UInt256 = 105, deposit: UInt256 = 105,
    fromEscrow: UInt256 = 5, fromFee: UInt256 = 0, penalty: UInt256 = 25, flatFee: Bool = false
  ) throws -> JobTerms {
    try JobTerms(
      feeLimit: TokenAmount(holon: feeLimit), verifierFee: TokenAmount(holon: verifierFee),
      escrow: TokenAmount(holon: escrow), deposit: TokenAmount(holon: deposit),
      verifierFeeFromEscrow: TokenAmount(holon: fromEscrow), verifierFeeFromFee: TokenAmount(holon: fromFee),
      timeoutPenalty: TokenAmount(holon: penalty), declinePenalty: TokenAmount(holon: penalty),
      failedPenalty: TokenAmount(holon: penalty), flatFee: flatFee)
  }

  @Test func untrustedTermsThatCanNotBeSettledAreRefused() throws {
    func amount(_ holon: UInt256) -> TokenAmount { TokenAmount(holon: holon) }
    #expect(throws: EconomicsError.verifierFeeParts(found: amount(4), expected: amount(5))) {
      try make(fromEscrow: 4)
    }
    #expect(throws: EconomicsError.escrowBelowFees(escrow: amount(104), required: amount(105))) {
      try make(escrow: 104)
    }
    #expect(throws: EconomicsError.verifierFeeFromOpenFee(found: amount(5))) {
      try make(fromEscrow: 0, fromFee: 5)
    }
    #expect(throws: EconomicsError.feeBelowVerifierFee(fee: amount(4), verifierFee: amount(5))) {
      try make(feeLimit: 4, fromEscrow: 0, fromFee: 5, flatFee: true)
    }
    #expect(throws: EconomicsError.depositBelowVerifierFee(deposit: amount(4), verifierFee: amount(5))) {
      try make(deposit: 4)
    }
    #expect(throws: EconomicsError.self) { try make(escrow: .max, deposit: 5) }
    #expect(throws: EconomicsError.self) { try make(verifierFee: 0, fromEscrow: .max, fromFee: 1) }
    #expect(throws: EconomicsError.self) { try make(feeLimit: .max, escrow: .max) }
    #expect(throws: Never.self) { try make(feeLimit: 5, fromEscrow: 0, fromFee: 5, flatFee: true) }
  }

  /// Whatever terms are accepted, every end of them settles, whatever their penalties are.
  @Test func acceptedTermsAlwaysSettle() throws {
    var generator = SeededGenerator()
    func small() -> UInt256 { UInt256(UInt64.random(in: 0...12, using: &generator)) }
    var accepted = 0
    for _ in 0..<scaled(20_000) {
      let (fromEscrow, fromFee) = (small(), Bool.random(using: &generator) ? 0 : small())
      guard
        let terms = try? make(
          feeLimit: small(), verifierFee: fromEscrow + fromFee, escrow: 2 * small(), deposit: 2 * small(),
          fromEscrow: fromEscrow, fromFee: fromFee, penalty: small() * small(),
          flatFee: Bool.random(using: &generator))
      else { continue }
      accepted += 1
      let used = Fuel(units: UInt64.random(in: 0...UInt64(terms.feeLimit.holon), using: &generator))
      let ends: [JobEnd] = [
        .verified(fuelUsed: used), .verifiedByExpiry(fuelUsed: used), .canceled, .canceledByParent,
        .unchecked, .timeoutUntaken, .timeoutByNode, .declined(atFault: true), .declined(atFault: false),
        .failed,
      ]
      for end in ends {
        let settlement = try Settlement(end: end, terms: terms, fuelPrice: FuelPrice(holonPerFuel: 1))
        #expect(settlement.burned <= terms.deposit)
        #expect(settlement.nodeDeposit <= settlement.depositReleased)
      }
    }
    #expect(accepted > scaled(500))
  }

  @Test func jsonIsRefusedLikeTheRest() throws {
    let terms = try make()
    let text = try jsonText(terms)
    #expect(text.contains(#""feeLimit":"100""#))
    #expect(text.contains(#""flatFee":false"#))
    #expect(try fromJSON(JobTerms.self, text) == terms)
    #expect(throws: DecodingError.self) {
      try fromJSON(JobTerms.self, text.replacing(#""deposit":"105""#, with: #""deposit":"4""#))
    }
  }
}
