/// The money of one job, stored with it at registration and never changed after (PROTOCOL 3).
///
/// A value of this type can be settled at every end: what it promises is covered by what it locks. Penalties
/// are stored as they would be taken, that is already capped by the deposit.
public struct JobTerms: Hashable, Sendable {
  /// L, the most that is paid for the computing: fuel limit x fuel price.
  public let feeLimit: TokenAmount
  /// V, what a verifier gets.
  public let verifierFee: TokenAmount
  /// E, what the requester pays at registration.
  public let escrow: TokenAmount
  /// D, what a node locks when it takes the job.
  public let deposit: TokenAmount
  /// Vr, the part of V inside the escrow.
  public let verifierFeeFromEscrow: TokenAmount
  /// Vn, the part of V taken out of the node's fee.
  public let verifierFeeFromFee: TokenAmount
  /// What is burned of the deposit at a timeout by the node.
  public let timeoutPenalty: TokenAmount
  /// What is burned of the deposit when the node declines.
  public let declinePenalty: TokenAmount
  /// What is burned of the deposit when the result fails, beside V.
  public let failedPenalty: TokenAmount
  /// Whether U = L whatever fuel was used.
  public let flatFee: Bool

  /// Terms that can be settled at every end.
  ///
  /// - Throws: ``EconomicsError/verifierFeeParts(found:expected:)`` unless Vr + Vn = V;
  ///   ``EconomicsError/escrowBelowFees(escrow:required:)`` unless E >= L + Vr;
  ///   ``EconomicsError/verifierFeeFromOpenFee(found:)`` when Vn > 0 without a flat fee;
  ///   ``EconomicsError/feeBelowVerifierFee(fee:verifierFee:)`` unless L >= Vn;
  ///   ``EconomicsError/depositBelowVerifierFee(deposit:verifierFee:)`` unless D >= V;
  ///   ``EconomicsError/number(_:)`` when E + D does not fit 256 bits.
  public init(
    feeLimit: TokenAmount, verifierFee: TokenAmount, escrow: TokenAmount, deposit: TokenAmount,
    verifierFeeFromEscrow: TokenAmount, verifierFeeFromFee: TokenAmount, timeoutPenalty: TokenAmount,
    declinePenalty: TokenAmount, failedPenalty: TokenAmount, flatFee: Bool
  ) throws(EconomicsError) {
    let parts = try economically { () throws(NumberError) in
      try verifierFeeFromEscrow.adding(verifierFeeFromFee)
    }
    guard parts == verifierFee else { throw .verifierFeeParts(found: parts, expected: verifierFee) }
    let required = try economically { () throws(NumberError) in try feeLimit.adding(verifierFeeFromEscrow) }
    guard escrow >= required else { throw .escrowBelowFees(escrow: escrow, required: required) }
    guard flatFee || verifierFeeFromFee == .zero else {
      throw .verifierFeeFromOpenFee(found: verifierFeeFromFee)
    }
    guard feeLimit >= verifierFeeFromFee else {
      throw .feeBelowVerifierFee(fee: feeLimit, verifierFee: verifierFeeFromFee)
    }
    guard deposit >= verifierFee else {
      throw .depositBelowVerifierFee(deposit: deposit, verifierFee: verifierFee)
    }
    _ = try economically { () throws(NumberError) in try escrow.adding(deposit) }
    self.feeLimit = feeLimit
    self.verifierFee = verifierFee
    self.escrow = escrow
    self.deposit = deposit
    self.verifierFeeFromEscrow = verifierFeeFromEscrow
    self.verifierFeeFromFee = verifierFeeFromFee
    self.timeoutPenalty = timeoutPenalty
    self.declinePenalty = declinePenalty
    self.failedPenalty = failedPenalty
    self.flatFee = flatFee
  }
}

extension JobTerms: Codable {
  private enum CodingKeys: String, CodingKey {
    case feeLimit, verifierFee, escrow, deposit, verifierFeeFromEscrow, verifierFeeFromFee, timeoutPenalty
    case declinePenalty, failedPenalty, flatFee
  }

  /// Reads an object and refuses terms that can't be settled.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let feeLimit = try container.decode(TokenAmount.self, forKey: .feeLimit)
    let verifierFee = try container.decode(TokenAmount.self, forKey: .verifierFee)
    let escrow = try container.decode(TokenAmount.self, forKey: .escrow)
    let deposit = try container.decode(TokenAmount.self, forKey: .deposit)
    let fromEscrow = try container.decode(TokenAmount.self, forKey: .verifierFeeFromEscrow)
    let fromFee = try container.decode(TokenAmount.self, forKey: .verifierFeeFromFee)
    let timeoutPenalty = try container.decode(TokenAmount.self, forKey: .timeoutPenalty)
    let declinePenalty = try container.decode(TokenAmount.self, forKey: .declinePenalty)
    let failedPenalty = try container.decode(TokenAmount.self, forKey: .failedPenalty)
    let flatFee = try container.decode(Bool.self, forKey: .flatFee)
    self = try decoder.validating { () throws(EconomicsError) in
      try JobTerms(
        feeLimit: feeLimit, verifierFee: verifierFee, escrow: escrow, deposit: deposit,
        verifierFeeFromEscrow: fromEscrow, verifierFeeFromFee: fromFee, timeoutPenalty: timeoutPenalty,
        declinePenalty: declinePenalty, failedPenalty: failedPenalty, flatFee: flatFee)
    }
  }
}
