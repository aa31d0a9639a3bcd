import EmethKit
import Foundation

/// What came of a question to somebody.
enum Reply<Value> {
  /// There is still time.
  case pending
  /// The time is over.
  case silent
  case given(Value)
}

extension Reply: Sendable where Value: Sendable {}

/// A SubJob's update and a verifier that has recomputed it.
final class VouchedUpdate: Sendable {
  let subJob: SubJobRecord
  let verifier: Address

  init(of subJob: SubJobRecord, by verifier: Address) {
    self.subJob = subJob
    self.verifier = verifier
  }
}

/// What a verifier says to a vector that a node posted.
struct MaskAnswer: Sendable {
  /// Its word, encoded; nil where it has lost the update.
  var word: Data?
  /// Whether the node has opened something to it.
  var isOpened: Bool
}

/// The nodes and verifiers of one job, as its steps reach them.
protocol Parties: Sendable {
  /// How a node or a verifier is called, counted from 1.
  func nodeNumber(_ address: Address?) -> Int?
  func verifierNumber(_ address: Address) -> Int?

  // MARK: Money

  /// Binds what a job needs before it begins, and gives it back when it has ended.
  func lockBonds(at time: UInt64, in db: SQLSession) throws
  func releaseBonds(at time: UInt64, in db: SQLSession) throws
  /// What a verifier has bound.
  func bond(of verifier: Address, in db: SQLSession) throws -> TokenAmount

  // MARK: Computing

  /// Lets nodes take and compute what waits, where that is done here; returns the SubJobs from which
  /// nothing comes any more.
  func compute(_ round: UInt32) async throws(NetworkError) -> [SubJobRecord]

  // MARK: Verification

  /// Whether there is anybody who can be drawn to check what is submitted from now on.
  func canBeChecked(in db: SQLSession) throws -> Bool
  /// Who may be drawn to check a SubJob, but for those who are excluded by what they did in the job.
  func candidates(for record: SubJobRecord, in db: SQLSession) throws -> [Address]
  /// The secret behind a drawn verifier's commitment.
  func secret(
    of verifier: Address, commitment: UInt32, for record: SubJobRecord, in db: SQLSession
  ) throws -> Reply<Bytes32>
  /// Whether openings are there as soon as they are asked for.
  var opensAtOnce: Bool { get }
  /// Lets the verifiers that were drawn last judge; returns what has come of it.
  func judge(
    _ drawn: [SubJobRecord], parent: JobRecord
  ) async throws(NetworkError) -> [(subJob: JobID, outcome: JobWorker.Outcome)]
  /// Whether the verifier that gave a verdict can vouch for the update in a sum.
  func holdsUpdate(ofVerdict digest: Bytes32, on record: SubJobRecord) throws(NetworkError) -> Bool
  /// The update that an accepted SubJob's verifier recomputed, for rounds in which nobody is hidden.
  func update(of record: SubJobRecord) async throws(NetworkError) -> Data

  // MARK: Sums

  /// Sends a cohort's message to the node of each of these SubJobs; encoded answers.
  func ask(
    _ members: [(subJob: JobID, node: Address)], _ message: Data, due: UInt64
  ) throws(NetworkError) -> [(subJob: JobID, reply: Reply<Data>)]
  /// A verifier's share of a sum, encoded.
  func share(
    of update: VouchedUpdate, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<Data>
  /// Lets a node open its round secret to a verifier of its submission; what that one says to the vector that the node
  /// posted.
  func examine(
    _ update: VouchedUpdate, masked: SignedMasked, roster: Roster
  ) async throws(NetworkError) -> Reply<MaskAnswer>

  /// Lets the verifier of a posted vector's update hand what the node opened to it to another one, to which the node has
  /// opened nothing; that one's word, encoded. Silent where nothing comes of it.
  func handOver(_ posted: PostedVector, to reader: Address) async throws(NetworkError) -> Reply<Data>

  // MARK: Afterwards

  /// Deletes what a SubJob's node and verifiers keep here.
  func forget(_ record: SubJobRecord) throws(NetworkError)
  /// Deletes what is left of the job's parties here.
  func finish() throws(NetworkError)
}
