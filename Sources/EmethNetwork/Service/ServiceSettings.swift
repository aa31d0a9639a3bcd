import EmethKit

/// How a served network works: what its operator decides.
///
/// ```swift
/// var settings = ServiceSettings()
/// settings.epochMilliseconds = 60_000
/// settings.grants[requester] = try TokenAmount(emeth: "100")
/// ```
public struct ServiceSettings: Sendable, Hashable {
  /// How often epochs are closed while something changes, milliseconds.
  public var epochMilliseconds: UInt32 = 60_000
  /// How many segments of a SubJob are replayed where its request does not say.
  public var check: SegmentCheck = .drawn(2)
  /// One accepting verdict in so many is replayed by another verifier.
  public var auditShare: UInt32 = 20
  /// Periods of SubJobs that are registered from now on: leases, openings, verdicts.
  public var periods = JobParameters.standard
  /// How long cohorts wait for their members' keys, seconds.
  public var keySeconds: UInt64 = 60
  /// How long they wait for the masked vectors after that, seconds.
  public var maskSeconds: UInt64 = 540
  /// How long a drawn verifier has to reveal the secret behind its commitment, seconds.
  public var revealSeconds: UInt64 = 300
  /// Money that is there from the beginning, possible only where settlement is embedded: up to so much is
  /// granted to each account, once.
  public var grants: [Address: TokenAmount] = [:]
  /// The largest model that is trained, parameters.
  public var maximumParameters = 2_000_000_000
  /// The most records that a data set may have: for each a hash is kept.
  public var maximumRecords: UInt64 = 1 << 26
  /// The most memory that dividing data sets and making first models may take at once, bytes; `nil` is what the system has
  /// available.
  public var preparationBytes: UInt64?
  /// The most bytes of states that a node has to open of a SubJob of a training, where its request asks for more to be
  /// checked than the network does.
  public var maximumOpeningBytes: UInt64 = 16 << 30
  /// The least that a verifier gets for a SubJob, where one is needed; always more than nothing.
  public var minimumVerifierFee = TokenAmount(holon: 1)
  /// The largest result of a job that is no training: its parts' outputs together, bytes. Outputs count from when they
  /// are accepted.
  public var maximumResultBytes: UInt64 = 16 << 30
  /// How many jobs that no node works on are looked after at once; where more have something due, they take turns.
  public var waitingJobs = 64
  /// The bucket of an S3-compatible store in which objects lie; `nil`: they lie in the network's folder.
  public var storage: S3Address?
  /// How long results are kept after a job's end, seconds; `nil` is for ever.
  public var resultSeconds: UInt64? = 30 * 86_400
  /// How long what an account has given waits for a job that names it, seconds.
  public var uploadSeconds: UInt64 = 86_400
  /// How old an object that nobody holds must be to be deleted, seconds.
  public var graceSeconds: UInt64 = 3_600
  /// How often objects that nobody holds are looked for, seconds.
  public var collectionSeconds: UInt64 = 3_600
  /// Models whose text is sold over the gateway; with none there is no gateway.
  public var gatewayModels: [GatewayModel] = []
  /// Accounts whose nodes may draw it; with none everybody's.
  public var gatewayNodes: Set<Address> = []
  /// What its desk allows.
  var gatewayLimits = LiveDesk.Limits()
  /// CPU threads for what the Execution Layer itself computes: dividing, adding, validating.
  public var threads = 2

  /// The protocol's periods.
  public init() {}

  /// How long it takes at most from a verifier's draw to its verdict, seconds: it reveals, the node opens, it judges.
  func verdictSeconds(_ periods: JobParameters) -> UInt64 {
    revealSeconds + UInt64(periods.openingSeconds) + UInt64(periods.verificationSeconds)
  }
}
