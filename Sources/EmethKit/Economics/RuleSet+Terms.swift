extension RuleSet {
  /// The money of one job, computed once at its registration (PROTOCOL 3).
  ///
  /// - Parameters:
  ///   - fuelLimit: The most fuel that is paid.
  ///   - fuelPrice: The price of one fuel.
  ///   - verifierFee: V when it is not to follow from the rules: a SubJob's share of its parent's
  ///     (``ParentBudget``), or zero for a program that verifies itself.
  /// - Throws: ``EconomicsError/feeBelowVerifierFee(fee:verifierFee:)`` where V comes out of the fee and L <
  ///   V; ``EconomicsError/depositBelowVerifierFee(deposit:verifierFee:)``; ``EconomicsError/number(_:)``
  ///   when an amount does not fit 256 bits.
  public func terms(
    fuelLimit: Fuel, fuelPrice: FuelPrice, verifierFee givenVerifierFee: TokenAmount? = nil
  ) throws(EconomicsError) -> JobTerms {
    let feeLimit = try economically { () throws(NumberError) in try fuelPrice.fee(for: fuelLimit) }
    let fee: TokenAmount
    if let givenVerifierFee {
      fee = givenVerifierFee
    } else {
      fee = try ruledVerifierFee(of: feeLimit)
    }
    let fromEscrow: TokenAmount
    let fromFee: TokenAmount
    switch verifierFeeSource {
    case .escrow:
      fromEscrow = fee
      fromFee = .zero
    case .fee:
      guard feeLimit >= fee else { throw .feeBelowVerifierFee(fee: feeLimit, verifierFee: fee) }
      fromEscrow = .zero
      fromFee = fee
    }
    let escrow = try economically { () throws(NumberError) in try feeLimit.adding(fromEscrow) }
    let deposit = try economically { () throws(NumberError) in
      try depositRate.of(feeLimit).adding(depositIncludesVerifierFee ? fee : .zero)
    }
    guard deposit >= fee else { throw .depositBelowVerifierFee(deposit: deposit, verifierFee: fee) }
    let base: TokenAmount
    switch penaltyBase {
    case .feeLimit: base = feeLimit
    case .deposit: base = deposit
    }
    let afterVerifier = try economically { () throws(NumberError) in try deposit.subtracting(fee) }
    return try JobTerms(
      feeLimit: feeLimit, verifierFee: fee, escrow: escrow, deposit: deposit,
      verifierFeeFromEscrow: fromEscrow, verifierFeeFromFee: fromFee,
      timeoutPenalty: Self.penalty(timeoutPenaltyRate, of: base, atMost: deposit),
      declinePenalty: Self.penalty(declinePenaltyRate, of: base, atMost: deposit),
      failedPenalty: Self.penalty(failedPenaltyRate, of: base, atMost: afterVerifier), flatFee: flatFee)
  }

  /// The money of a job of which each SubJob's fee is for so many verifiers, computed once at its registration: whoever
  /// asks for more than one pays for each what the rules say for one.
  ///
  /// - Parameter verifiers: 1, or how many are asked for; 0 for a program that verifies itself.
  /// - Throws: as ``terms(fuelLimit:fuelPrice:verifierFee:)`` does.
  public func terms(
    fuelLimit: Fuel, fuelPrice: FuelPrice, verifiers: UInt32
  ) throws(EconomicsError) -> JobTerms {
    let fee = try economically { () throws(NumberError) in try fuelPrice.fee(for: fuelLimit) }
    let one = try ruledVerifierFee(of: fee)
    let all = try economically { () throws(NumberError) in
      TokenAmount(holon: try one.holon.multiplying(by: UInt256(verifiers)))
    }
    return try terms(fuelLimit: fuelLimit, fuelPrice: fuelPrice, verifierFee: all)
  }

  private func ruledVerifierFee(of feeLimit: TokenAmount) throws(EconomicsError) -> TokenAmount {
    switch verifierFee {
    case .rate(let rate): try economically { () throws(NumberError) in try rate.of(feeLimit) }
    case .flat(let amount): amount
    }
  }

  /// P = min(rate x base, limit). A product above 256 bits is above every limit.
  private static func penalty(_ rate: Rate, of base: TokenAmount, atMost limit: TokenAmount) -> TokenAmount {
    (try? rate.of(base)).map { min($0, limit) } ?? limit
  }
}
