import EmethKit

/// A job as a requester asks for it: a training, or a data set whose parts a program computes.
public enum JobRequest: Sendable, Hashable {
  /// Rounds of training whose updates are added (program 1).
  case training(TrainingRequest)
  /// Parts that are computed once and joined (programs 84, 999, and 10000 and up).
  case computed(ComputedRequest)

  /// The training that is asked for.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` for a job of another program.
  var training: TrainingRequest {
    get throws(NetworkError) {
      switch self {
      case .training(let request): return request
      case .computed(let request):
        throw .refused(
          code: "job.noTraining",
          message: "the job is of program \(request.manifest.program), it has no model", hint: nil)
      }
    }
  }

  /// Whether it is a training.
  var isTraining: Bool {
    switch self {
    case .training: true
    case .computed: false
    }
  }

  /// The program.
  public var program: ProgramID {
    switch self {
    case .training: .languageModelTraining
    case .computed(let request): request.manifest.program
    }
  }

  /// The program that SubJobs run.
  var subJobProgram: ProgramID {
    get throws(ProgramError) {
      switch self {
      case .training: try ProgramCatalogue.standard.subJobProgram(of: .languageModelTraining)
      case .computed(let request): request.manifest.partProgram
      }
    }
  }

  /// Hash of the module that the parts are computed by; `nil` for built-in programs.
  var module: Bytes32? {
    switch self {
    case .training: nil
    case .computed(let request): request.manifest.module
    }
  }

  /// Objects of the model that a requester has given with it.
  var models: [Bytes32] {
    switch self {
    case .training(let request): request.initialParameters.map { [$0] } ?? []
    case .computed(let request): request.manifest.generation?.model.objects ?? []
    }
  }

  /// What its manifest says of the program; `nil` for a training.
  var programTerms: ProgramTerms? {
    switch self {
    case .training: nil
    case .computed(let request): request.manifest.terms
    }
  }

  /// Whether outputs are checked without computing them again.
  var provesItself: Bool {
    switch self {
    case .training: false
    case .computed(let request): request.manifest.provesItself
    }
  }

  /// Whether segments are drawn, and with a verifier's secret: a part that is computed in one piece is checked whole.
  var drawsSegments: Bool { isTraining }

  /// How many must have come to the same output, the node among them.
  var agreement: Int {
    switch self {
    case .training: 2
    case .computed(let request): Int(request.manifest.agreement)
    }
  }

  /// For how many verifiers of a SubJob the requester pays.
  var paidVerifiers: UInt32 {
    switch self {
    case .training: 1
    case .computed(let request): request.manifest.paidVerifiers
    }
  }

  /// The manifest, canonical JSON.
  var parameters: String {
    switch self {
    case .training(let request): request.manifest.canonicalJSON
    case .computed(let request): request.manifest.canonicalJSON
    }
  }

  /// SHA-256 of the manifest.
  var programHash: Bytes32 {
    switch self {
    case .training(let request): request.manifest.programHash
    case .computed(let request): request.manifest.hash
    }
  }

  /// What choices that nobody cares about follow from.
  var seed: Bytes32 {
    switch self {
    case .training(let request): request.manifest.seed
    case .computed(let request): request.manifest.hash
    }
  }

  /// How often the parts are computed.
  public var rounds: UInt32 {
    switch self {
    case .training(let request): request.manifest.rounds
    case .computed: 1
    }
  }

  /// The segments of a SubJob: a part that is computed in one piece is one.
  var segmentCount: Int {
    switch self {
    case .training(let request): Int(request.manifest.segmentCount)
    case .computed: 1
    }
  }

  /// How many segments of a SubJob are to be replayed; `nil` as the network does.
  var check: SegmentCheck? {
    switch self {
    case .training(let request): request.check
    case .computed: .all
    }
  }

  /// Whether every accepting verdict is checked by another verifier.
  var isAlwaysRepeated: Bool {
    switch self {
    case .training: false
    case .computed(let request): request.manifest.agreement > 2
    }
  }

  /// Name of the data set, for people.
  public var dataSetName: String {
    switch self {
    case .training(let request): request.dataSetName
    case .computed(let request): request.dataSetName
    }
  }

  /// Object: the data set's bytes.
  public var dataSet: Bytes32 {
    switch self {
    case .training(let request): request.dataSet
    case .computed(let request): request.dataSet
    }
  }

  /// NumParallel: into how many parts the data set is divided.
  public var parallel: UInt32 {
    switch self {
    case .training(let request): request.parallel
    case .computed(let request): request.parallel
    }
  }

  /// What a unit of fuel costs.
  var fuelPrice: FuelPrice {
    switch self {
    case .training(let request): request.fuelPrice
    case .computed(let request): request.fuelPrice
    }
  }

  /// The rule set that fees, deposits and penalties follow.
  var ruleSet: String {
    switch self {
    case .training(let request): request.ruleSet
    case .computed(let request): request.ruleSet
    }
  }

  /// Seconds from the request to the deadline, on the network's clock.
  var timeLimitSeconds: UInt64 {
    switch self {
    case .training(let request): request.timeLimitSeconds
    case .computed(let request): request.timeLimitSeconds
    }
  }

  /// How often and after which delay a SubJob that ended without a result is tried again.
  var retry: RetryPolicy {
    switch self {
    case .training(let request): request.retry
    case .computed(let request): request.retry
    }
  }
}

extension JobRequest: Codable {
  private enum CodingKeys: String, CodingKey {
    case computed
  }

  /// Reads a training as it always was, or `{"computed"}`.
  public init(from decoder: any Decoder) throws {
    let computed = try decoder.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(ComputedRequest.self, forKey: .computed)
    self = try computed.map(Self.computed) ?? .training(TrainingRequest(from: decoder))
  }

  /// Writes what `init(from:)` reads.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .training(let request): try request.encode(to: encoder)
    case .computed(let request):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(request, forKey: .computed)
    }
  }
}

/// A job whose parts are computed by a program, each once, and joined.
public struct ComputedRequest: Codable, Sendable, Hashable {
  /// What is computed, and how it is checked.
  public var manifest: ComputedManifest
  /// Name of the data set, for people.
  public var dataSetName: String
  /// Object: the data set's bytes.
  public var dataSet: Bytes32
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

  /// A request; whether it is possible is checked when it is submitted.
  public init(
    manifest: ComputedManifest, dataSetName: String, dataSet: Bytes32, parallel: UInt32, fuelPrice: FuelPrice,
    ruleSet: String = "standard", timeLimitSeconds: UInt64, retry: RetryPolicy = .standard
  ) {
    self.manifest = manifest
    self.dataSetName = dataSetName
    self.dataSet = dataSet
    self.parallel = parallel
    self.fuelPrice = fuelPrice
    self.ruleSet = ruleSet
    self.timeLimitSeconds = timeLimitSeconds
    self.retry = retry
  }
}
