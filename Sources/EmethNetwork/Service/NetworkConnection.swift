import EmethKit
import Foundation

/// What a node or a verifier needs of the network that it works for, over whatever transport. Every call
/// speaks for one account.
///
/// Calls that change something may be repeated: what was done already is answered as before. Errors of the
/// network itself come as ``NetworkError/refused(code:message:hint:)``; every other error means that it
/// could not be reached.
public protocol NetworkConnection: Sendable {
  /// Who speaks.
  var account: Address { get }

  /// What everybody may know.
  func facts() async throws(NetworkError) -> NetworkFacts
  /// The account's money.
  func balances() async throws(NetworkError) -> Balances

  /// SubJobs that wait for a node and that this account may take. Waits up to `seconds` for the first.
  func openSubJobs(
    _ filter: SubJobFilter, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [SubJobOffer]
  /// Takes a SubJob: locks the deposit. Who has it already is answered as before.
  func process(_ subJob: JobID, binding: SignedKeyBinding) async throws(NetworkError) -> Assignment
  /// Says that it still computes.
  func renew(_ subJob: JobID) async throws(NetworkError)
  /// Gives a SubJob up.
  func decline(_ subJob: JobID, reason: String) async throws(NetworkError)
  /// Hands a result in.
  func submit(_ result: NodeResult) async throws(NetworkError)
  /// How a SubJob stands.
  func state(of subJob: JobID) async throws(NetworkError) -> SubJobState

  /// The account's open errands of some kinds, oldest first. Waits up to `seconds` for one that is not among `known`.
  func errands(
    of kinds: Set<Errand.Kind>, except known: Set<String>, waitingUpTo seconds: Double
  ) async throws(NetworkError) -> [Errand]
  /// Answers an errand: JSON of the type that its kind names.
  func answer(_ errand: String, _ body: Data) async throws(NetworkError)

  /// Locks a verifier's bond, up to `amount` in all, posts the key that openings are sealed to, and says by which modules
  /// it can compute.
  func postBond(
    upTo amount: TokenAmount, binding: SignedKeyBinding, modules: [Bytes32]
  ) async throws(NetworkError)
  /// Posts commitments whose numbers begin with `first`; those that are there already must be the same.
  func postCommitments(_ commitments: [Bytes32], from first: UInt32) async throws(NetworkError)
  /// How the account stands as a verifier.
  func verifier() async throws(NetworkError) -> VerifierAccount

  /// The models whose text the network sells; none where it sells none.
  func liveModels() async throws(NetworkError) -> [LiveModel]
  /// One turn of live work: says what was drawn, and how much more this account would take.
  func take(_ turn: LiveTurn) async throws(NetworkError) -> LiveWork
  /// Some of the account's receipts of live texts behind the first `count`, oldest first; none where there are no more.
  func receipts(after count: UInt64) async throws(NetworkError) -> [SignedReceipt]

  /// Fetches an object into a store, where it is not there already.
  func fetch(object hash: Bytes32, into store: ContentStore) async throws(NetworkError)
  /// Gives an object of a store to the network.
  func give(object hash: Bytes32, from store: ContentStore) async throws(NetworkError)
  /// Gives a masked vector of a store to the network.
  func give(vector root: Bytes32, from store: ContentStore) async throws(NetworkError)
}

/// A network that sells no text.
extension NetworkConnection {
  /// None.
  public func liveModels() async throws(NetworkError) -> [LiveModel] { [] }
  /// Nothing to do.
  public func take(_ turn: LiveTurn) async throws(NetworkError) -> LiveWork { LiveWork() }
  /// None.
  public func receipts(after count: UInt64) async throws(NetworkError) -> [SignedReceipt] { [] }
}
