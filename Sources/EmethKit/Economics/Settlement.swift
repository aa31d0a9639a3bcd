/// Who gets what at the end of a job (PROTOCOL 3): exact, and checked to be all of it.
///
/// ```swift
/// let end = try Settlement(end: .failed, terms: terms, fuelPrice: price)
/// // always:
/// end.escrowReleased + end.depositReleased == end.requester + end.node + end.verifier + end.burned
/// ```
public struct Settlement: Hashable, Sendable {
  /// E, the escrow that ends.
  public let escrowReleased: TokenAmount
  /// D, the deposit that ends; zero when no node had locked any.
  public let depositReleased: TokenAmount
  /// What the requester (or its parent's escrow) gets back.
  public let requester: TokenAmount
  /// All that the node gets: ``nodeFee`` and ``nodeDeposit``.
  public let node: TokenAmount
  /// The part of the node's share that it earned.
  public let nodeFee: TokenAmount
  /// The part of the node's share that was its own deposit.
  public let nodeDeposit: TokenAmount
  /// What the verifier gets.
  public let verifier: TokenAmount
  /// What is destroyed.
  public let burned: TokenAmount

  /// What the node lost of its deposit: the penalty, and the verifier fee that a failing node owes.
  public var nodeLoss: TokenAmount { depositReleased - nodeDeposit }

  /// The settlement of an end.
  ///
  /// - Throws: ``EconomicsError/feeAboveLimit(found:allowed:)`` when more fuel was used than the limit pays
  ///   for; ``EconomicsError/number(_:)``; ``EconomicsError/notConserved(locked:paid:)`` never for terms of
  ///   this library.
  public init(end: JobEnd, terms: JobTerms, fuelPrice: FuelPrice) throws(EconomicsError) {
    let deposit = end.depositLocked ? terms.deposit : .zero
    switch end {
    case .verified(let fuelUsed):
      let fee = try Settlement.fee(of: fuelUsed, terms: terms, fuelPrice: fuelPrice)
      try self.init(
        terms: terms, deposit: deposit,
        requester: { () throws(NumberError) in
          try terms.escrow.subtracting(fee).subtracting(terms.verifierFeeFromEscrow)
        },
        nodeFee: { () throws(NumberError) in try fee.subtracting(terms.verifierFeeFromFee) },
        verifier: terms.verifierFee)
    case .verifiedByExpiry(let fuelUsed):
      let fee = try Settlement.fee(of: fuelUsed, terms: terms, fuelPrice: fuelPrice)
      try self.init(
        terms: terms, deposit: deposit,
        requester: { () throws(NumberError) in
          try terms.escrow.subtracting(fee).subtracting(terms.verifierFeeFromEscrow).adding(terms.verifierFee)
        },
        nodeFee: { () throws(NumberError) in try fee.subtracting(terms.verifierFeeFromFee) })
    case .canceled, .timeoutUntaken, .canceledByParent, .unchecked:
      try self.init(terms: terms, deposit: deposit)
    case .timeoutByNode:
      try self.init(terms: terms, deposit: deposit, burned: min(terms.timeoutPenalty, deposit))
    case .declined(let atFault):
      try self.init(
        terms: terms, deposit: deposit, burned: atFault ? min(terms.declinePenalty, deposit) : .zero)
    case .failed:
      let afterVerifier = try economically { () throws(NumberError) in
        try deposit.subtracting(terms.verifierFee)
      }
      try self.init(
        terms: terms, deposit: deposit, verifier: terms.verifierFee, verifierFromDeposit: terms.verifierFee,
        burned: min(terms.failedPenalty, afterVerifier))
    }
  }

  /// One row of the table; what is not given is zero, and the requester gets the whole escrow unless said
  /// otherwise.
  private init(
    terms: JobTerms, deposit: TokenAmount,
    requester: (() throws(NumberError) -> TokenAmount)? = nil,
    nodeFee: (() throws(NumberError) -> TokenAmount)? = nil,
    verifier: TokenAmount = .zero, verifierFromDeposit: TokenAmount = .zero, burned: TokenAmount = .zero
  ) throws(EconomicsError) {
    let requesterShare = try economically { () throws(NumberError) in try requester?() ?? terms.escrow }
    let fee = try economically { () throws(NumberError) in try nodeFee?() ?? .zero }
    let returned = try economically { () throws(NumberError) in
      try deposit.subtracting(burned).subtracting(verifierFromDeposit)
    }
    try self.init(
      escrowReleased: terms.escrow, depositReleased: deposit, requester: requesterShare, nodeFee: fee,
      nodeDeposit: returned, verifier: verifier, burned: burned)
  }

  /// Amounts that are checked to be conserved.
  private init(
    escrowReleased: TokenAmount, depositReleased: TokenAmount, requester: TokenAmount, nodeFee: TokenAmount,
    nodeDeposit: TokenAmount, verifier: TokenAmount, burned: TokenAmount
  ) throws(EconomicsError) {
    let node = try economically { () throws(NumberError) in try nodeFee.adding(nodeDeposit) }
    let locked = try economically { () throws(NumberError) in try escrowReleased.adding(depositReleased) }
    let paid = try economically { () throws(NumberError) in
      try requester.adding(node).adding(verifier).adding(burned)
    }
    guard locked == paid else { throw .notConserved(locked: locked, paid: paid) }
    guard nodeDeposit <= depositReleased else {
      throw .nodeShareParts(found: nodeDeposit, expected: depositReleased)
    }
    self.escrowReleased = escrowReleased
    self.depositReleased = depositReleased
    self.requester = requester
    self.node = node
    self.nodeFee = nodeFee
    self.nodeDeposit = nodeDeposit
    self.verifier = verifier
    self.burned = burned
  }

  /// U: fuel used x price, or L where the fee is flat.
  private static func fee(
    of fuelUsed: Fuel, terms: JobTerms, fuelPrice: FuelPrice
  ) throws(EconomicsError) -> TokenAmount {
    let fee = try economically { () throws(NumberError) in try fuelPrice.fee(for: fuelUsed) }
    guard fee <= terms.feeLimit else { throw .feeAboveLimit(found: fee, allowed: terms.feeLimit) }
    return terms.flatFee ? terms.feeLimit : fee
  }
}

extension Settlement: Codable {
  private enum CodingKeys: String, CodingKey {
    case escrowReleased, depositReleased, requester, node, nodeFee, nodeDeposit, verifier, burned
  }

  /// Reads an object and refuses amounts that are not conserved.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let escrow = try container.decode(TokenAmount.self, forKey: .escrowReleased)
    let deposit = try container.decode(TokenAmount.self, forKey: .depositReleased)
    let requester = try container.decode(TokenAmount.self, forKey: .requester)
    let node = try container.decode(TokenAmount.self, forKey: .node)
    let nodeFee = try container.decode(TokenAmount.self, forKey: .nodeFee)
    let nodeDeposit = try container.decode(TokenAmount.self, forKey: .nodeDeposit)
    let verifier = try container.decode(TokenAmount.self, forKey: .verifier)
    let burned = try container.decode(TokenAmount.self, forKey: .burned)
    self = try decoder.validating { () throws(EconomicsError) in
      let settlement = try Settlement(
        escrowReleased: escrow, depositReleased: deposit, requester: requester, nodeFee: nodeFee,
        nodeDeposit: nodeDeposit, verifier: verifier, burned: burned)
      guard settlement.node == node else {
        throw EconomicsError.nodeShareParts(found: settlement.node, expected: node)
      }
      return settlement
    }
  }
}
