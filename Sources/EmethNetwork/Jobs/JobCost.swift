import EmethKit

/// What a training job costs, computed before anyone pays (PROTOCOL 3).
public struct JobCost: Codable, Sendable, Hashable {
  /// Fuel of one SubJob by the formula.
  public var subJobFuel: Fuel
  /// Fuel of the whole job: that of rounds × parts SubJobs.
  public var fuelLimit: Fuel
  /// The money of the whole job.
  public var terms: JobTerms
  /// The money of one SubJob, whose deposit a node locks.
  public var subJobTerms: JobTerms

  /// The cost of `request` by its rule set.
  public init(_ request: TrainingRequest) throws(NetworkError) {
    try self.init(
      manifest: request.manifest, parallel: request.parallel, fuelPrice: request.fuelPrice,
      ruleSet: request.ruleSet)
  }

  /// The cost of `request` by its rule set.
  public init(_ request: JobRequest) throws(NetworkError) {
    switch request {
    case .training(let request): try self.init(request)
    case .computed(let request):
      let manifest = request.manifest
      guard request.parallel > 0 else {
        throw .badSetting(name: "parallel", found: "0", allowed: "1 and above")
      }
      self = try Self.computed(
        fuel: manifest.partFuel(parts: request.parallel), rounds: 1, parallel: request.parallel,
        fuelPrice: request.fuelPrice, ruleSet: request.ruleSet, verifiers: manifest.paidVerifiers)
    }
  }

  /// The cost of training `manifest` on `parallel` parts.
  public init(
    manifest: TrainingManifest, parallel: UInt32, fuelPrice: FuelPrice, ruleSet: String
  ) throws(NetworkError) {
    guard (1...UInt32(Aggregator.maximumParts)).contains(parallel) else {
      throw .badSetting(name: "parallel", found: "\(parallel)", allowed: "1 to \(Aggregator.maximumParts)")
    }
    self = try Self.computed(
      fuel: asNetworkError { try FuelFormula.training(manifest) }, rounds: manifest.rounds,
      parallel: parallel, fuelPrice: fuelPrice, ruleSet: ruleSet, verifiers: 1)
  }

  /// - Parameters:
  ///   - fuel: Fuel of one SubJob.
  ///   - verifiers: for how many V is.
  private static func computed(
    fuel: Fuel, rounds: UInt32, parallel: UInt32, fuelPrice: FuelPrice, ruleSet: String,
    verifiers: UInt32
  ) throws(NetworkError) -> JobCost {
    let rules = try Self.ruleSet(named: ruleSet)
    return try asNetworkError {
      let limit = try ParentBudget.fuelLimit(covering: fuel, rounds: rounds, parts: parallel)
      let terms = try rules.terms(fuelLimit: limit, fuelPrice: fuelPrice, verifiers: verifiers)
      let budget = try ParentBudget(
        fuelLimit: limit, verifierFee: terms.verifierFee, rounds: rounds, parts: parallel)
      try budget.check(computedFuel: fuel)
      let share = budget.share(round: 0, part: 0)
      return JobCost(
        subJobFuel: fuel, fuelLimit: limit, terms: terms,
        subJobTerms: try rules.terms(
          fuelLimit: share.fuelLimit, fuelPrice: fuelPrice, verifierFee: share.verifierFee))
    }
  }

  private init(subJobFuel: Fuel, fuelLimit: Fuel, terms: JobTerms, subJobTerms: JobTerms) {
    self.subJobFuel = subJobFuel
    self.fuelLimit = fuelLimit
    self.terms = terms
    self.subJobTerms = subJobTerms
  }

  /// The rule set of this name.
  static func ruleSet(named name: String) throws(NetworkError) -> RuleSet {
    try asNetworkError { try RuleSet.named(name) }
  }
}
