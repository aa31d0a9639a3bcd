import EmethKit

/// A job as a requester sends it to a served network. What it names by hash was uploaded before.
public struct JobSubmission: Codable, Sendable, Hashable {
  /// With the requester's address it gives the job's id: sent twice, it is one job.
  public var salt: Bytes32
  /// What is trained, and how: canonical JSON.
  public var manifest: String
  /// Name of the data set, for people.
  public var dataSetName: String
  /// Object: the data set's bytes.
  public var dataSet: Bytes32
  /// The tokenizer's files by name; `nil` for bytes.
  public var tokenizer: [String: Bytes32]?
  /// Object: the parameters to start from, as the manifest names them; `nil` when they follow from the seed.
  public var initialParameters: Bytes32?
  /// Into how many parts the data set is divided.
  public var parallel: UInt32
  /// The most fuel that is paid; `nil` is what the formula gives.
  public var fuelLimit: Fuel?
  /// What a unit of fuel costs.
  public var fuelPrice: FuelPrice
  /// The rule set that fees, deposits and penalties follow.
  public var ruleSet: String
  /// Seconds from the request to the deadline.
  public var timeLimitSeconds: UInt64
  /// How often and after which delay a SubJob that ended without a result is tried again; `nil` is the
  /// standard.
  public var retry: RetryPolicy?
  /// How many segments of a SubJob are to be replayed; `nil` as the network does.
  public var check: SegmentCheck?
  /// The program of a job that is no training; `nil` is a training.
  public var program: ProgramID?
  /// The requester's word on the key that evidence against nodes of its job is sealed to, and the result when the job has
  /// ended. ``ServerClient/submit(_:)`` makes it; with `nil`, as from clients of earlier versions, the result stays as it is.
  public var requesterKey: SignedKeyBinding?

  /// A submission; whether it is possible is checked when it arrives.
  public init(
    salt: Bytes32, manifest: TrainingManifest, dataSetName: String, dataSet: Bytes32,
    tokenizer: [String: Bytes32]? = nil, initialParameters: Bytes32? = nil, parallel: UInt32,
    fuelLimit: Fuel? = nil, fuelPrice: FuelPrice, ruleSet: String = "standard", timeLimitSeconds: UInt64,
    retry: RetryPolicy? = nil, check: SegmentCheck? = nil
  ) {
    self.salt = salt
    self.manifest = manifest.canonicalJSON
    self.dataSetName = dataSetName
    self.dataSet = dataSet
    self.tokenizer = tokenizer
    self.initialParameters = initialParameters
    self.parallel = parallel
    self.fuelLimit = fuelLimit
    self.fuelPrice = fuelPrice
    self.ruleSet = ruleSet
    self.timeLimitSeconds = timeLimitSeconds
    self.retry = retry
    self.check = check
  }

  /// A submission of a job that is no training; whether it is possible is checked when it arrives.
  public init(salt: Bytes32, computed request: ComputedRequest) {
    self.salt = salt
    manifest = request.manifest.canonicalJSON
    dataSetName = request.dataSetName
    dataSet = request.dataSet
    parallel = request.parallel
    fuelPrice = request.fuelPrice
    ruleSet = request.ruleSet
    timeLimitSeconds = request.timeLimitSeconds
    retry = request.retry
    program = request.manifest.program
  }
}

/// One job of a served network, for lists and pages.
public struct JobView: Codable, Sendable, Hashable {
  /// Counted from 1 in the order of registration; where a page goes on.
  public var number: UInt32
  /// What it is and how far it is.
  public var summary: JobSummary
  /// Who pays.
  public var requester: Address
  /// The program.
  public var programId: ProgramID
  /// When it was registered, unix seconds.
  public var requestedAt: UInt64
  /// When its last round must have checked, unix seconds.
  public var deadline: UInt64
  /// The most fuel that is paid.
  public var fuelLimit: Fuel
  /// What a unit of fuel costs.
  public var fuelPrice: FuelPrice
  /// How many of its SubJobs stand where, by the status's name.
  public var subJobs: [String: Int]
}

extension JobView {
  /// What a record says; number and counts are those of the database.
  init(_ record: JobRecord) {
    self.init(
      number: 0, summary: JobSummary(record), requester: record.job.requester,
      programId: record.job.programID, requestedAt: record.job.requestedAt, deadline: record.machine.deadline,
      fuelLimit: record.job.fuelLimit, fuelPrice: record.job.fuelPrice, subJobs: [:])
  }
}

/// Which jobs a list shows, newest first.
public struct JobFilter: Codable, Sendable, Hashable {
  /// Only these; empty is all.
  public var statuses: Set<JobStatus> = []
  /// Only this requester's.
  public var requester: Address?
  /// Only jobs before this number.
  public var before: UInt32?
  /// At most so many, 1 to 1,000.
  public var limit = 50

  /// All jobs, the newest fifty.
  public init() {}

  /// How many jobs a page has at most.
  var pageLength: Int { min(1_000, max(1, limit)) }
}

/// A page of a list of jobs.
public struct JobPage: Codable, Sendable, Hashable {
  /// The jobs, newest first.
  public var jobs: [JobView]
  /// What to ask for as `before` to see more; `nil` at the end.
  public var next: UInt32?
  /// Jobs of this page whose records can't be read; `nil` is none.
  public var unreadable: [JobID]?
}

/// What a job has led to: the objects of which a model folder is made.
public struct JobResult: Codable, Sendable, Hashable {
  /// The job.
  public var jobId: JobID
  /// How it ended, or that it has not.
  public var status: JobStatus
  /// Rounds that are complete.
  public var rounds: UInt32
  /// The manifest, canonical JSON.
  public var manifest: String
  /// Object: the parameters after the last complete round; zero for a job that is no training.
  public var parameters: Bytes32
  /// State root of these parameters.
  public var stateRoot: Bytes32
  /// The tokenizer's files by name; `nil` for bytes.
  public var tokenizer: [String: Bytes32]?
  /// The key of the relabelling of a masked vocabulary, by which the requester relabels the rows back;
  /// `nil` without.
  public var vocabularyMaskKey: Bytes32?
  /// Object: what the parts' outputs were joined to; `nil` for a training.
  public var output: Bytes32?
  /// Where these objects lie, sealed; `nil` where they lie as they are.
  public var sealed: SealedResult?
}

/// What a job has led to, sealed to its requester: age files, which any age tool opens (PROTOCOL 5).
public struct SealedResult: Codable, Sendable, Hashable {
  /// The requester's key.
  public var sealingKey: Bytes32
  /// Which of its keys it is.
  @DecimalText public var epoch: UInt64
  /// Objects: the sealed files, by the name of what is in them: an object's hash, or a sum's root.
  public var objects: [String: Bytes32]

  /// The sealed file of an object, or of a sum.
  public func object(_ name: Bytes32) -> Bytes32? { objects["\(name)"] }
}
