import EmethKit
import Foundation

/// The network that a job is worked on in: where its records and objects lie, what time it is, who is asked.
///
/// There are two. In ``LocalNetwork`` everybody is in one process, answers at once, and events advance the
/// clock. In ``NetworkService`` nodes and verifiers are elsewhere, the clock is the real one, and whoever
/// waits for it comes back later. The steps of a job (``JobWorker``) are the same.
protocol Surroundings: Sendable {
  var folder: URL { get }
  var database: NetworkDatabase { get }
  /// What roles share, by hash.
  var store: ContentStore { get }
  /// What the Splitter keeps to itself.
  var splitterStore: ContentStore { get }
  /// The two, what is put into them being held for a job, where objects that nobody holds are deleted.
  func stores(for job: JobID, _ purpose: HoldPurpose) -> (objects: ContentStore, splitter: ContentStore)
  var domain: EIP712Domain { get }
  /// The keys of the operator's own roles.
  var operatorKeys: OperatorKeys { get }
  /// Something that the Aggregator does wrong once, to be caught.
  var aggregatorFault: NodeFault? { get }
  /// How many segments of a SubJob are replayed where its request does not say.
  var check: SegmentCheck { get }
  /// One accepting verdict in so many is replayed by another verifier.
  var auditShare: UInt32 { get }
  /// Periods of SubJobs, but for how their results are added.
  var periods: JobParameters { get }
  /// How long cohorts wait for keys and vectors; `nil` as ``CohortRecord`` says.
  var cohortPeriods: CohortRecord.Periods? { get }
  /// Whether time passes by itself, so that what is due is waited for.
  var isLive: Bool { get }

  /// The most bytes of a result that is joined from outputs.
  var maximumResultBytes: UInt64 { get }

  /// Takes memory for preparing a job until ``giveRoom(of:)``.
  ///
  /// - Throws: `NetworkError.compute` with `ComputeError.insufficientMemory` while there is not so much.
  func takeRoom(_ byteCount: UInt64, for job: JobID) throws(NetworkError)
  /// Gives back what was taken for a job.
  func giveRoom(of job: JobID)

  /// Whether the updates of a job with so many parts are masked.
  func hidesUpdates(parts: UInt32) -> Bool

  /// The time in milliseconds.
  func milliseconds(in db: SQLSession) throws -> UInt64
  /// Sets a clock that events advance forward to `milliseconds`, never back; returns the time in seconds.
  @discardableResult
  func advance(to milliseconds: UInt64, in db: SQLSession) throws -> UInt64
  /// The time when it is `seconds` or later; `nil` when that has to be waited for.
  func reach(_ seconds: UInt64, in db: SQLSession) throws -> UInt64?
  /// Brings the batch of an epoch about, or asks for it.
  func closeEpochs(through epoch: UInt64, _ progress: (WorkProgress) -> Void) throws(NetworkError)
  /// Closes an epoch with a round that has ended, where that is done at once, and looks over the ledger
  /// when the job has ended with it.
  func closeEpochAtEnd(ofJob: Bool, in db: SQLSession) throws
  /// Waits until something that concerns a job has changed since `mark`, or something is due; returns at once where
  /// nothing changes by itself.
  func rest(since mark: UInt64, of job: JobID) async throws(NetworkError)

  /// Has those of the objects deleted that nobody holds, where others may hold them.
  func discard(_ objects: [ObjectName]) throws(NetworkError)

  /// The nodes and verifiers of a job.
  func parties(for worker: JobWorker) -> any Parties
  /// All accounts that have a role.
  func accounts(in db: SQLSession) throws -> [LocalNetwork.Account]
}

/// The keys of the roles that the operator of a network holds.
struct OperatorKeys: Sendable {
  let splitter: PrivateKey
  /// The first Signer's; ``SignerKeys`` has those that took over from it.
  let signer: PrivateKey
  let aggregator: PrivateKey

  init(seed: Bytes32) {
    splitter = PrivateKey(seed: seed, label: "splitter", index: 0)
    signer = PrivateKey(seed: seed, label: "signer", index: 0)
    aggregator = PrivateKey(seed: seed, label: "aggregator", index: 0)
  }
}

extension Surroundings {
  var splitter: Splitter { Splitter(key: operatorKeys.splitter) }
  var signer: Signer {
    Signer(keys: SignerKeys(first: operatorKeys.signer, network: folder), domain: domain)
  }

  /// The time in seconds.
  func seconds(in db: SQLSession) throws -> UInt64 { try milliseconds(in: db) / 1_000 }

  /// Advances a clock of events by one second and returns the time in seconds.
  @discardableResult
  func tick(in db: SQLSession) throws -> UInt64 { try advance(to: milliseconds(in: db) + 1_000, in: db) }
}
