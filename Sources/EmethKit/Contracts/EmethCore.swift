/// The EMETH Core contract: its functions, what they take and return, and its events.
///
/// ```swift
/// let call = EmethCore.request(
///   jobID: id, program: .languageModelTraining, parallel: 4, dataset: "dataset.zip", parameters: "{}",
///   fuelLimit: Fuel(units: 120_000), fuelPrice: FuelPrice(gholon: 120), deadline: now + 3_600)
/// send(to: core, data: call.data)
/// let job = try EmethCore.job(id).result(returned)      // an EmethCore.Job, or nil when there is none
/// ```
/// ``functions`` and ``events`` are all that it has: those of the contract of 2023, and those that add
/// deposits, tickets and exits (PROTOCOL 9, Docs/Decisions/0006).
public enum EmethCore {
  /// A number that the owner can set, by the hash of its name.
  public enum Parameter: String, Hashable, Sendable, CaseIterable {
    /// The verifier's fee as a share of the job's fee.
    case verifierFeeRate = "VERIFIER_FEE_RATE"
    /// What a node loses when it is late, as a share.
    case timeoutPenaltyRate = "TIMEOUT_PENALTY_RATE"
    /// What a node loses when it gives up, as a share.
    case declinePenaltyRate = "DECLINE_PENALTY_RATE"
    /// What a node loses when its result is rejected, as a share.
    case failedPenaltyRate = "FAILED_PENALTY_RATE"
    /// What a node locks, as a share of the job's fee.
    case depositRate = "DEPOSIT_RATE"
    /// How a slot's reward is bounded by the deposit.
    case slotRewardCapRate = "SLOT_REWARD_CAP_RATE"
    /// The most fuel of one node that counts in a slot.
    case maxSlotFuelPerNode = "MAX_SLOT_FUEL_PER_NODE"
    /// Declared by the contract of 2023 and never used.
    case challengeSigner = "CHALLENGE_SIGNER"
    /// The most that tickets pay by their signature alone until a batch that covers them is a day old.
    case ticketDailyCap = "TICKET_DAILY_CAP"
    /// The verifier's fee of every job, out of what its node earns; zero: the share counts.
    case verifierFeeFlat = "VERIFIER_FEE_FLAT"
    /// The least fee of a verifier: less is refused when a job is requested.
    case leastVerifierFee = "LEAST_VERIFIER_FEE"

    /// The key: the Keccak-256 of the name.
    public var key: Bytes32 { Keccak256.hash(rawValue.utf8) }
  }

  /// A job as the contract stores it.
  public struct Job: Hashable, Sendable {
    /// The job.
    public let jobID: JobID
    /// The job that it is a part of, when it is one.
    public let parentJob: JobID?
    /// Who requested and pays for it.
    public let owner: Address
    /// Until when it must be done, unix seconds.
    public let deadline: UInt64
    /// The most fuel that is paid for.
    public let fuelLimit: Fuel
    /// The price of one fuel.
    public let fuelPrice: FuelPrice
    /// Where it stands.
    public let status: JobStatus
    /// When it was requested, unix seconds.
    public let requestedAt: UInt64
  }

  /// What a job computes, and its result.
  public struct JobDetail: Hashable, Sendable {
    /// The program.
    public let programID: ProgramID
    /// Into how many parts it may be divided; 1: not at all.
    public let numParallel: UInt32
    /// How many rounds it takes.
    public let numEpoch: UInt32
    /// The program's parameters, as the requester wrote them.
    public let parameters: String
    /// Where the data is.
    public let dataset: String
    /// Where the result is; empty before there is one.
    public let result: String
  }

  /// Who computes a job.
  public struct JobAssign: Hashable, Sendable {
    /// The node.
    public let node: Address
    /// What it has locked.
    public let deposit: TokenAmount
    /// The fuel that it says it used; zero before it has submitted.
    public let fuelUsed: Fuel
    /// When it took the job, unix seconds.
    public let startedAt: UInt64
    /// When it submitted, unix seconds.
    public let submittedAt: UInt64?
    /// When the result was verified, unix seconds.
    public let verifiedAt: UInt64?
    /// The slot in which the fuel counts.
    public let slot: UInt64?
  }

  /// How jobs of a program come to an end.
  public enum ProgramMode: UInt64, Hashable, Sendable {
    /// Requested, processed, submitted, verified.
    case normal = 0
    /// Done in one call whose result proves itself.
    case direct = 1
  }

  /// A program as the contract knows it.
  public struct Program: Hashable, Sendable {
    /// Its number.
    public let programID: ProgramID
    /// Its name.
    public let name: String
    /// How its jobs come to an end.
    public let mode: ProgramMode
    /// The lowest price of one fuel.
    public let minFuelPrice: FuelPrice
    /// How long a node waits between two jobs of the program, in seconds.
    public let cooldownSeconds: UInt64
    /// The fuel limit of direct jobs.
    public let defaultFuelLimit: Fuel
    /// The price of one fuel of direct jobs.
    public let defaultFuelPrice: FuelPrice
    /// What the hash of a proof of work must not exceed; zero when there is none.
    public let minTarget: UInt256

    /// A program of these values.
    public init(
      programID: ProgramID, name: String, mode: ProgramMode, minFuelPrice: FuelPrice, cooldownSeconds: UInt64,
      defaultFuelLimit: Fuel, defaultFuelPrice: FuelPrice, minTarget: UInt256
    ) {
      self.programID = programID
      self.name = name
      self.mode = mode
      self.minFuelPrice = minFuelPrice
      self.cooldownSeconds = cooldownSeconds
      self.defaultFuelLimit = defaultFuelLimit
      self.defaultFuelPrice = defaultFuelPrice
      self.minTarget = minTarget
    }
  }

  /// What all nodes did in a slot.
  public struct Slot: Hashable, Sendable {
    /// The fuel that counts.
    public let totalFuel: Fuel
    /// What is shared among the nodes.
    public let totalReward: TokenAmount
  }

  /// What one node did in a slot.
  public struct SlotShare: Hashable, Sendable {
    /// Its fuel that counts.
    public let fuel: Fuel
    /// The part of it that is not paid yet.
    public let balance: Fuel
    /// What it gets for that part.
    public let reward: TokenAmount
  }
}
