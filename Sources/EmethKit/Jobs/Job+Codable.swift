extension Job: Codable {
  private enum CodingKeys: String, CodingKey {
    case id, position, requester
    case programID = "programId"
    case numParallel, numEpoch, dataset, parameters, fuelLimit, fuelPrice, requestedAt, deadline, terms
  }

  /// Reads a job and refuses an inconsistent one.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let id = try container.decode(JobID.self, forKey: .id)
    let position = try container.decodeIfPresent(SubJobPosition.self, forKey: .position)
    let requester = try container.decode(Address.self, forKey: .requester)
    let programID = try container.decode(ProgramID.self, forKey: .programID)
    let numParallel = try container.decodeNumber(UInt32.self, forKey: .numParallel)
    let numEpoch = try container.decodeNumber(UInt32.self, forKey: .numEpoch)
    let dataset = try container.decode(String.self, forKey: .dataset)
    let parameters = try container.decode(String.self, forKey: .parameters)
    let fuelLimit = try container.decode(Fuel.self, forKey: .fuelLimit)
    let fuelPrice = try container.decode(FuelPrice.self, forKey: .fuelPrice)
    let requestedAt = try container.decodeNumber(UInt64.self, forKey: .requestedAt)
    let deadline = try container.decodeNumber(UInt64.self, forKey: .deadline)
    let terms = try container.decode(JobTerms.self, forKey: .terms)
    self = try decoder.validating { () throws(JobError) in
      try Job(
        id: id, position: position, requester: requester, programID: programID, numParallel: numParallel,
        numEpoch: numEpoch, dataset: dataset, parameters: parameters, fuelLimit: fuelLimit,
        fuelPrice: fuelPrice, requestedAt: requestedAt, deadline: deadline, terms: terms)
    }
  }

  /// Writes an object; amounts and fuel as decimal strings, times and small numbers as numbers.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encodeIfPresent(position, forKey: .position)
    try container.encode(requester, forKey: .requester)
    try container.encode(programID, forKey: .programID)
    try container.encode(numParallel, forKey: .numParallel)
    try container.encode(numEpoch, forKey: .numEpoch)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(parameters, forKey: .parameters)
    try container.encode(fuelLimit, forKey: .fuelLimit)
    try container.encode(fuelPrice, forKey: .fuelPrice)
    try container.encode(requestedAt, forKey: .requestedAt)
    try container.encode(deadline, forKey: .deadline)
    try container.encode(terms, forKey: .terms)
  }
}

extension SubJobPosition: Codable {
  private enum CodingKeys: String, CodingKey {
    case parent, round, part, attempt
  }

  /// Reads an object.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      parent: try container.decode(JobID.self, forKey: .parent),
      round: try container.decodeNumber(forKey: .round),
      part: try container.decodeNumber(forKey: .part),
      attempt: try container.decodeNumber(forKey: .attempt))
  }

  /// Writes an object.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(parent, forKey: .parent)
    try container.encode(round, forKey: .round)
    try container.encode(part, forKey: .part)
    try container.encode(attempt, forKey: .attempt)
  }
}
