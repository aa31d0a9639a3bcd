/// What a requester asks for, fixed when it is registered and never changed after.
///
/// A SubJob is a job with a ``position`` under its parent. A value of this type is consistent: its id belongs
/// to its position, its terms to its fuel limit and price.
///
/// ```swift
/// let terms = try RuleSet.standard.terms(fuelLimit: fuel, fuelPrice: price)
/// let job = try Job(
///   id: JobID(requester: address, salt: salt), requester: address, programID: .languageModelTraining,
///   numParallel: 4, numEpoch: 3, dataset: "0x…", parameters: manifest.canonicalJSON,
///   fuelLimit: fuel, fuelPrice: price, requestedAt: now, deadline: now + 3600, terms: terms)
/// ```
public struct Job: Hashable, Sendable {
  /// The largest number of bytes of a data set's name.
  public static let maximumDatasetBytes = 4_096
  /// The largest number of bytes of the parameters.
  public static let maximumParametersBytes = 65_536

  /// The job's id.
  public let id: JobID
  /// The place under its parent; nil for a requester's own job.
  public let position: SubJobPosition?
  /// Who pays and gets the result.
  public let requester: Address
  /// The program to run.
  public let programID: ProgramID
  /// Into how many parts it may be divided; more than 1 is the permission to split.
  public let numParallel: UInt32
  /// The number of rounds.
  public let numEpoch: UInt32
  /// The data set: a name or a content hash in storage.
  public let dataset: String
  /// The program's parameters; for language-model training the manifest's canonical JSON.
  public let parameters: String
  /// The most fuel that is paid.
  public let fuelLimit: Fuel
  /// The price of one fuel.
  public let fuelPrice: FuelPrice
  /// When it was registered, in unix seconds.
  public let requestedAt: UInt64
  /// When it must be submitted, in unix seconds, before outages (``JobMachine/deadline``).
  public let deadline: UInt64
  /// The money, as agreed at registration.
  public let terms: JobTerms

  /// A consistent job.
  ///
  /// - Throws: ``JobError/idMismatch(found:expected:)``, ``JobError/termsMismatch(found:expected:)``,
  ///   ``JobError/deadlineNotAfterRequest(deadline:requestedAt:)``, ``JobError/noParts``,
  ///   ``JobError/noRounds``, ``JobError/textTooLong(field:found:allowed:)``,
  ///   ``JobError/subJobDivided(found:)``, ``JobError/money(cause:)`` when L does not fit 256 bits.
  public init(
    id: JobID, position: SubJobPosition? = nil, requester: Address, programID: ProgramID,
    numParallel: UInt32 = 1, numEpoch: UInt32 = 1, dataset: String, parameters: String = "",
    fuelLimit: Fuel, fuelPrice: FuelPrice, requestedAt: UInt64, deadline: UInt64, terms: JobTerms
  ) throws(JobError) {
    if let position {
      guard id == position.id else { throw .idMismatch(found: id, expected: position.id) }
      guard numParallel == 1 else { throw .subJobDivided(found: numParallel) }
    }
    guard numParallel > 0 else { throw .noParts }
    guard numEpoch > 0 else { throw .noRounds }
    guard deadline > requestedAt else {
      throw .deadlineNotAfterRequest(deadline: deadline, requestedAt: requestedAt)
    }
    guard dataset.utf8.count <= Job.maximumDatasetBytes else {
      throw .textTooLong(field: "dataset", found: dataset.utf8.count, allowed: Job.maximumDatasetBytes)
    }
    guard parameters.utf8.count <= Job.maximumParametersBytes else {
      throw .textTooLong(
        field: "parameters", found: parameters.utf8.count, allowed: Job.maximumParametersBytes)
    }
    let feeLimit: TokenAmount
    do throws(NumberError) {
      feeLimit = try fuelPrice.fee(for: fuelLimit)
    } catch {
      throw .money(cause: .number(error))
    }
    guard terms.feeLimit == feeLimit else { throw .termsMismatch(found: terms.feeLimit, expected: feeLimit) }
    self.id = id
    self.position = position
    self.requester = requester
    self.programID = programID
    self.numParallel = numParallel
    self.numEpoch = numEpoch
    self.dataset = dataset
    self.parameters = parameters
    self.fuelLimit = fuelLimit
    self.fuelPrice = fuelPrice
    self.requestedAt = requestedAt
    self.deadline = deadline
    self.terms = terms
  }
}

/// Where a SubJob stands: which part of which round of which job, and which attempt at it.
public struct SubJobPosition: Hashable, Sendable {
  /// The job that it is a part of.
  public let parent: JobID
  /// The round, from 0.
  public let round: UInt32
  /// The part, from 0.
  public let part: UInt32
  /// The attempt, from 0; each has an id of its own.
  public let attempt: UInt32

  /// A place under a parent.
  public init(parent: JobID, round: UInt32, part: UInt32, attempt: UInt32) {
    self.parent = parent
    self.round = round
    self.part = part
    self.attempt = attempt
  }

  /// The id of the SubJob at this place.
  public var id: JobID {
    JobID(parent: parent, round: round, part: part, attempt: attempt)
  }
}
