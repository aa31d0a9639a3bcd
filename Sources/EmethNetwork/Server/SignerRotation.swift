import EmethKit
import Foundation

/// Gives the role of a network's Signer to another key, also while the network is served.
///
/// ```swift
/// let change = try SignerRotation(folder: folder).handOver(to: newKey)
/// print(change.content.epoch)   // the first epoch that the new key signs
/// ```
/// The epoch that is open now is still signed by the old key, the next one by the new key; whoever closes it looks in the
/// database. What was signed before stays good (``SignerSchedule``). Where a network settles on a chain its contract says
/// whose signatures count, and ``prepare(_:asking:)`` goes by it.
public struct SignerRotation: Sendable {
  private let folder: URL
  private let database: DatabaseLocation?

  /// A rotation in the network of a folder, or of the one whose state is in a database elsewhere.
  public init(folder: URL, database: DatabaseLocation? = nil) {
    self.folder = folder
    self.database = database
  }

  /// What came of a key for a network that settles on a chain.
  public enum Outcome: Sendable {
    /// Its signatures count: it signs from an epoch on.
    case changed(SignedSignerChange)
    /// They count later, unix seconds: servers hand over then.
    case prepared(startsAt: UInt64)
  }

  /// What the network settles on; embedded where there is no chain.
  public func domain() throws(NetworkError) -> EIP712Domain {
    let network = try self.network()
    return try network.read { db in try Setting.domain(in: db) }
  }

  /// Notes the change and keeps the key in the network's folder, where all servers find it.
  ///
  /// - Returns: the change, signed by both.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``: `signer.pending` while the last change has not come about,
  ///   `signer.returns` for a key that was Signer before, `signer.otherRole` for one that has another role or money,
  ///   `signer.onChain` where a chain's contract says whose signatures count;
  ///   ``NetworkError/fileFailed(path:operation:reason:)`` when there is no network;
  ///   ``NetworkError/otherRun(path:what:found:wanted:)`` when the folder is not the database's; ``NetworkError/databaseFailed(_:)``.
  public func handOver(to key: PrivateKey) throws(NetworkError) -> SignedSignerChange {
    let network = try self.network()
    let domain = try network.read { db in try Setting.domain(in: db) }
    guard domain == .embedded else {
      throw .refused(
        code: "signer.onChain",
        message: "whose signatures count for this network the settlement says: \(Setting.text(of: domain))",
        hint: "name a node of that chain")
    }
    return try Self.handOver(to: key, folder, network)
  }

  /// The same for a network that settles on a chain: what its contract would not take is refused, and a key whose time has
  /// not come is kept, until servers see that it has.
  ///
  /// - Parameter nodes: nodes of the chain, which must all say that the key's signatures count.
  /// - Throws: ``ChainError/otherSigner(settlement:found:expected:)``,
  ///   ``ChainError/signerSet(contract:account:reason:)``, ``ChainError/wrongChain(found:expected:)``, and with
  ///   ``ChainError/store(_:)`` what ``handOver(to:)`` throws.
  public func prepare(_ key: PrivateKey, asking nodes: [ChainClient]) async throws(ChainError) -> Outcome {
    let network = try asChainError { try self.network() }
    let domain = try asChainError { try self.domain() }
    var startsAt: UInt64?
    for node in nodes {
      let chainID = try await node.chainID()
      guard domain.chainId == UInt256(chainID) else {
        throw .wrongChain(found: chainID, expected: UInt64(clamping: domain.chainId))
      }
      let signer = try await ChainSigner.read(of: domain.verifyingContract, from: node)
      guard let refusal = try await signer.refusal(of: key, with: node) else { continue }
      guard case .signerNotStarted(_, _, _, let time) = refusal else { throw refusal }
      startsAt = max(startsAt ?? 0, time)
    }
    let time = startsAt
    return try asChainError {
      guard let time else { return .changed(try Self.handOver(to: key, folder, network)) }
      let parts = try Self.parts(folder, network)
      _ = try network.read { db in try Self.change(to: key, parts.signer, parts.operators, folder, in: db) }
      try parts.signer.keys.keep(key)
      return .prepared(startsAt: time)
    }
  }

  private func network() throws(NetworkError) -> NetworkDatabase {
    let file = folder.appending(path: "network.sqlite")
    for needed in [folder.appending(path: "seed")] + (database == nil ? [file] : [])
    where !FileManager.default.fileExists(atPath: needed.path) {
      throw .fileFailed(path: needed.path, operation: "read", reason: "no network is there")
    }
    return try NetworkDatabase(database ?? .file(file))
  }

  private static func parts(
    _ folder: URL, _ network: NetworkDatabase
  ) throws(NetworkError) -> (signer: Signer, operators: OperatorKeys) {
    let operators = OperatorKeys(seed: try LocalNetwork.seed(in: folder, wanted: nil))
    let domain = try network.read { db in try Setting.domain(in: db) }
    return (Signer(keys: SignerKeys(first: operators.signer, network: folder), domain: domain), operators)
  }

  /// Notes the change.
  ///
  /// - Parameter isDecided: whether the chain's contract takes this key's word already and no other's: then nothing that
  ///   the key's account is or does keeps the change away.
  static func handOver(
    to key: PrivateKey, _ folder: URL, _ network: NetworkDatabase, isDecided: Bool = false
  ) throws(NetworkError) -> SignedSignerChange {
    let (signer, operators) = try parts(folder, network)
    // What is refused leaves no key behind; what is noted has its key.
    _ = try network.read { db in
      try change(to: key, signer, operators, folder, isDecided: isDecided, in: db)
    }
    try signer.keys.keep(key)
    return try network.write { db in
      let change = try change(to: key, signer, operators, folder, isDecided: isDecided, in: db)
      let changes = try signer.schedule(in: db).changes + [change]
      try Setting.signerChanges.set(changes.wireText(), in: db)
      return change
    }
  }

  /// The change that may be made now.
  private static func change(
    to key: PrivateKey, _ signer: Signer, _ operators: OperatorKeys, _ folder: URL, isDecided: Bool = false,
    in db: SQLSession
  ) throws -> SignedSignerChange {
    let known = try Setting.signer.text(in: db)
    guard known == "\(operators.signer.address)" else {
      throw NetworkError.otherRun(
        path: folder.path, what: "the Signer of its seed", found: "\(operators.signer.address)",
        wanted: known ?? "that of a network which was served")
    }
    var schedule = try signer.schedule(in: db)
    let open = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
    if let last = schedule.changes.last?.content, last.epoch > open {
      throw NetworkError.refused(
        code: "signer.pending",
        message: "epoch \(open) is open, and \(last.next) takes over with epoch \(last.epoch)",
        hint: "one change at a time: repeat the command when epoch \(open) is closed")
    }
    guard !schedule.contains(key.address) else {
      throw NetworkError.refused(
        code: "signer.returns", message: "\(key.address) is or was this network's Signer",
        hint: "make a new key: emeth new-key --out FILE")
    }
    if !isDecided, let role = try otherRole(of: key.address, operators, in: db) {
      throw NetworkError.refused(
        code: "signer.otherRole", message: "\(key.address) is this network's \(role)",
        hint: "make a new key: emeth new-key --out FILE")
    }
    let change = try SignedSignerChange(
      signing: SignerChange(epoch: open + 1, previous: schedule.newest, next: key.address), in: signer.domain,
      with: signer.keys.key(of: schedule.newest)
    ).cosigned(with: key)
    try schedule.append(change)
    return change
  }

  private static func otherRole(
    of account: Address, _ operators: OperatorKeys, in db: SQLSession
  ) throws -> String? {
    if account == operators.splitter.address { return "Splitter" }
    if account == operators.aggregator.address { return "Aggregator" }
    let role = try String.fetchOne(
      db, sql: "SELECT role FROM account WHERE address = ?", arguments: ["\(account)"])
    guard role == NetworkService.holder else { return role }
    // On a chain anybody makes any account a holder, by a deposit to it.
    return try Setting.domain(in: db) == .embedded ? "holder of money" : nil
  }
}
