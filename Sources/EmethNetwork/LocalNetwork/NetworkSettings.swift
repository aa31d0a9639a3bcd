import EmethKit

/// How a local network is made up. It follows from these and its seed alone who gets which SubJob.
public struct NetworkSettings: Codable, Sendable, Hashable {
  /// How many nodes compute, 1 … 64.
  public var nodes: Int
  /// How many verifiers stand ready, 2 … 16: one is drawn, a second where it rejects or its verdict is to be
  /// replayed, a third where those two differ.
  public var verifiers: Int
  /// How many segments of a SubJob are replayed where its request does not say.
  public var check: SegmentCheck
  /// A fault that one of them shows.
  public var fault: FaultPlan?
  /// Faults that others of them show; `nil` is none.
  var furtherFaults: [FaultPlan]?
  /// One accepting verdict in so many is replayed by another verifier; `nil` is one in 20.
  var auditOneIn: UInt32?

  /// One accepting verdict in so many is replayed by another verifier.
  public var auditShare: UInt32 { max(1, auditOneIn ?? 20) }

  /// Settings within their limits.
  public init(nodes: Int = 4, verifiers: Int = 3, check: SegmentCheck = .drawn(2), fault: FaultPlan? = nil)
    throws(NetworkError)
  {
    guard (1...64).contains(nodes) else {
      throw .badSetting(name: "nodes", found: "\(nodes)", allowed: "1 to 64")
    }
    guard (2...16).contains(verifiers) else {
      throw .badSetting(name: "verifiers", found: "\(verifiers)", allowed: "2 to 16")
    }
    if case .drawn(let count) = check, count < 1 {
      throw .badSetting(name: "segments to check", found: "\(count)", allowed: "1 or more, or all")
    }
    if let fault {
      let role = fault.fault.role
      let count =
        switch role {
        case .node: nodes
        case .verifier: verifiers
        case .aggregator: 1
        }
      guard (1...count).contains(fault.node) else {
        throw .badSetting(name: "fault", found: "\(role.rawValue) \(fault.node)", allowed: "1 to \(count)")
      }
      // Where one of two verifiers lies, nobody could say which.
      guard role != .verifier || verifiers >= 3 else {
        throw .badSetting(
          name: "verifiers", found: "\(verifiers)", allowed: "3 to 16 where one of them cheats")
      }
    }
    self.nodes = nodes
    self.verifiers = verifiers
    self.check = check
    self.fault = fault
  }

  /// Whether the updates of a job with so many parts are masked, so that nobody in the middle reads them: three
  /// parts on three nodes at least.
  public func hidesUpdates(parts: UInt32) -> Bool {
    parts >= Cohort.minimumAccounts && nodes >= Cohort.minimumAccounts
  }
}

/// A training job as a requester asks for it.
public struct TrainingRequest: Codable, Sendable, Hashable {
  /// What is trained, and how.
  public var manifest: TrainingManifest
  /// Name of the data set, for people.
  public var dataSetName: String
  /// Object: the data set's bytes.
  public var dataSet: Bytes32
  /// Folder of the tokenizer inside the network folder; `nil` for bytes.
  public var tokenizer: String?
  /// Object: the parameters to start from; `nil` when they follow from the seed.
  public var initialParameters: Bytes32?
  /// NumParallel: into how many parts the data set is divided.
  public var parallel: UInt32
  /// What a unit of fuel costs.
  public var fuelPrice: FuelPrice
  /// The rule set that fees, deposits and penalties follow.
  public var ruleSet: String
  /// Seconds from the request to the deadline, on the network's clock.
  public var timeLimitSeconds: UInt64
  /// How often and after which delay a SubJob that ended without a result is tried again.
  public var retry: RetryPolicy
  /// How many segments of a SubJob are to be replayed; `nil` as the network does.
  public var check: SegmentCheck?

  /// A request; whether it is possible is checked when it is submitted.
  public init(
    manifest: TrainingManifest, dataSetName: String, dataSet: Bytes32, tokenizer: String? = nil,
    initialParameters: Bytes32? = nil, parallel: UInt32, fuelPrice: FuelPrice, ruleSet: String = "standard",
    timeLimitSeconds: UInt64, retry: RetryPolicy = .standard, check: SegmentCheck? = nil
  ) {
    self.manifest = manifest
    self.dataSetName = dataSetName
    self.dataSet = dataSet
    self.tokenizer = tokenizer
    self.initialParameters = initialParameters
    self.parallel = parallel
    self.fuelPrice = fuelPrice
    self.ruleSet = ruleSet
    self.timeLimitSeconds = timeLimitSeconds
    self.retry = retry
    self.check = check
  }
}
