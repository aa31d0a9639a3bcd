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

  /// The cost of training `manifest` on `parallel` parts.
  public init(
    manifest: TrainingManifest, parallel: UInt32, fuelPrice: FuelPrice, ruleSet: String
  ) throws(NetworkError) {
    guard (1...UInt32(Aggregator.maximumParts)).contains(parallel) else {
      throw .badSetting(name: "parallel", found: "\(parallel)", allowed: "1 to \(Aggregator.maximumParts)")
    }
    let rules = try Self.ruleSet(named: ruleSet)
    self = try asNetworkError {
      let fuel = try FuelFormula.training(manifest)
      let limit = try ParentBudget.fuelLimit(covering: fuel, rounds: manifest.rounds, parts: parallel)
      let terms = try rules.terms(fuelLimit: limit, fuelPrice: fuelPrice)
      let budget = try ParentBudget(
        fuelLimit: limit, verifierFee: terms.verifierFee, rounds: manifest.rounds, parts: parallel)
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
