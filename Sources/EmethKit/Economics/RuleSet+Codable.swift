extension RuleSet: Codable {
  private enum CodingKeys: String, CodingKey {
    case name, verifierFee, verifierFeeSource, depositRate, depositIncludesVerifierFee, penaltyBase
    case timeoutPenaltyRate, declinePenaltyRate, failedPenaltyRate, flatFee, rewardCapRate
  }

  /// Reads an object with every member, `rewardCapRate` too, and refuses rules that can't be kept.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let name = try container.decode(String.self, forKey: .name)
    let verifierFee = try container.decode(VerifierFee.self, forKey: .verifierFee)
    let source: VerifierFeeSource = try container.word(.verifierFeeSource)
    let depositRate = try container.decode(Rate.self, forKey: .depositRate)
    let includesFee = try container.decode(Bool.self, forKey: .depositIncludesVerifierFee)
    let base: PenaltyBase = try container.word(.penaltyBase)
    let timeoutRate = try container.decode(Rate.self, forKey: .timeoutPenaltyRate)
    let declineRate = try container.decode(Rate.self, forKey: .declinePenaltyRate)
    let failedRate = try container.decode(Rate.self, forKey: .failedPenaltyRate)
    let flatFee = try container.decode(Bool.self, forKey: .flatFee)
    let capRate = try container.decode(Rate?.self, forKey: .rewardCapRate)
    self = try decoder.validating { () throws(EconomicsError) in
      try RuleSet(
        name: name, verifierFee: verifierFee, verifierFeeSource: source, depositRate: depositRate,
        depositIncludesVerifierFee: includesFee, penaltyBase: base, timeoutPenaltyRate: timeoutRate,
        declinePenaltyRate: declineRate, failedPenaltyRate: failedRate, flatFee: flatFee,
        rewardCapRate: capRate)
    }
  }

  /// Writes an object with every member; no cap is null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(verifierFee, forKey: .verifierFee)
    try container.encode(verifierFeeSource.rawValue, forKey: .verifierFeeSource)
    try container.encode(depositRate, forKey: .depositRate)
    try container.encode(depositIncludesVerifierFee, forKey: .depositIncludesVerifierFee)
    try container.encode(penaltyBase.rawValue, forKey: .penaltyBase)
    try container.encode(timeoutPenaltyRate, forKey: .timeoutPenaltyRate)
    try container.encode(declinePenaltyRate, forKey: .declinePenaltyRate)
    try container.encode(failedPenaltyRate, forKey: .failedPenaltyRate)
    try container.encode(flatFee, forKey: .flatFee)
    try container.encode(rewardCapRate, forKey: .rewardCapRate)
  }
}

extension RuleSet.VerifierFee: Codable {
  private enum CodingKeys: String, CodingKey {
    case rate, flat
  }

  /// Reads `{"rate":5000}` or `{"flat":"10000000000000000000"}`, and nothing with both or neither.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let rate = try container.decodeIfPresent(Rate.self, forKey: .rate)
    let flat = try container.decodeIfPresent(TokenAmount.self, forKey: .flat)
    self = try decoder.validating { () throws(EconomicsError) in
      switch (rate, flat) {
      case (let rate?, nil): return .rate(rate)
      case (nil, let flat?): return .flat(flat)
      case (nil, nil), (.some, .some):
        throw .ruleSetInvalid(field: "verifierFee", problem: "needs either rate or flat")
      }
    }
  }

  /// Writes an object with one key.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .rate(let rate): try container.encode(rate, forKey: .rate)
    case .flat(let amount): try container.encode(amount, forKey: .flat)
    }
  }
}

extension KeyedDecodingContainer {
  /// One of the words of a closed set, refused with the words that are allowed.
  fileprivate func word<Word: RawRepresentable & CaseIterable>(_ key: Key) throws -> Word
  where Word.RawValue == String {
    let text = try decode(String.self, forKey: key)
    guard let word = Word(rawValue: text) else {
      let allowed = Word.allCases.map(\.rawValue).joined(separator: " and ")
      let error = EconomicsError.ruleSetInvalid(
        field: key.stringValue, problem: "found \(quoted(text)), allowed are \(allowed)")
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath + [key], debugDescription: error.message, underlyingError: error))
    }
    return word
  }
}
