import EmethKit
import Synchronization

/// In which batch a ticket is proven.
public enum ProvenBatch: Sendable, Hashable {
  /// That of the epoch that was closed last.
  case newest
  /// The newest that the chain has, as far as it was read.
  case posted
  /// That of an epoch.
  case epoch(UInt64)

  /// Reads `newest`, `posted` or an epoch.
  public init?(_ text: String) {
    switch text {
    case "newest": self = .newest
    case "posted": self = .posted
    default:
      guard let epoch = UInt64(decimal: text), (1..<UInt64(Int64.max)).contains(epoch) else { return nil }
      self = .epoch(epoch)
    }
  }

  /// What ``init(_:)`` reads.
  public var text: String {
    switch self {
    case .newest: "newest"
    case .posted: "posted"
    case .epoch(let epoch): "\(epoch)"
    }
  }
}

/// A closed epoch's batch with the tree of its leaves: the newest ticket that each account had then, and the proof of each.
struct BatchTree: Sendable {
  let batch: SignedBatch
  private let leaves: [Ticket]
  private let places: [Address: Int]
  private let tree: StandardMerkleTree

  /// The tree of an epoch's batch; it needs all of its leaves, once.
  ///
  /// - Throws: ``NetworkError/inconsistent(what:)`` where they are not those that were signed.
  init(epoch: UInt64, in db: SQLSession) throws {
    batch = try Signer.batch(epoch: epoch, in: db)
    leaves = try Signer.tickets(asOf: epoch, in: db)
    places = Dictionary(leaves.enumerated().map { ($0.element.account, $0.offset) }) { first, _ in first }
    tree = StandardMerkleTree(leaves: leaves.map(\.abiValues))
    guard tree.root == batch.batch.accountsRoot else {
      throw NetworkError.inconsistent(what: "the leaves of batch \(epoch) are not those that were signed")
    }
  }

  /// An account's ticket with its proof; nil when the batch has none of it.
  func ticket(of account: Address) -> ProvenTicket? {
    guard let place = places[account] else { return nil }
    return ProvenTicket(batch: batch, ticket: leaves[place], proof: tree.proof(of: place))
  }

  /// The tickets with their proofs that have something about them.
  func tickets(where isWanted: (Ticket) -> Bool) -> [ProvenTicket] {
    leaves.indices.filter { isWanted(leaves[$0]) }.map {
      ProvenTicket(batch: batch, ticket: leaves[$0], proof: tree.proof(of: $0))
    }
  }
}

/// The trees that were asked for last: who asks for one account's proof has many others ask for theirs.
///
/// A tree costs as much as there are accounts. One is built at a time, and nobody waits for it: requests would fill all of a
/// server's threads.
final class BatchTrees: Sendable {
  /// How who asks while another tree is built is sent away.
  static let busy = NetworkError.refused(
    code: "batch.busy", message: "proofs of another batch are being made", hint: "ask again in a second")

  private struct State {
    /// The one that was asked for last comes last.
    var kept: [BatchTree] = []
    var isBuilding = false
  }

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: so many are kept.
  init(limit: Int) { self.limit = limit }

  /// The tree of a closed epoch.
  ///
  /// - Throws: ``busy`` while another one is built and this one is not there.
  func tree(of epoch: UInt64, in database: NetworkDatabase) throws(NetworkError) -> BatchTree {
    try tree(of: epoch) { () throws(NetworkError) in
      try database.read { db in try BatchTree(epoch: epoch, in: db) }
    }
  }

  /// The same, built by `build` when it is not there.
  func tree(
    of epoch: UInt64, _ build: () throws(NetworkError) -> BatchTree
  ) throws(NetworkError) -> BatchTree {
    let kept = try state.withLock { state throws(NetworkError) -> BatchTree? in
      if let place = state.kept.firstIndex(where: { $0.batch.batch.epoch == epoch }) {
        let tree = state.kept.remove(at: place)
        state.kept.append(tree)
        return tree
      }
      guard !state.isBuilding else { throw Self.busy }
      state.isBuilding = true
      return nil
    }
    if let kept { return kept }
    defer { state.withLock { $0.isBuilding = false } }
    let tree = try build()
    state.withLock { $0.kept = $0.kept.suffix(limit - 1) + [tree] }
    return tree
  }
}
