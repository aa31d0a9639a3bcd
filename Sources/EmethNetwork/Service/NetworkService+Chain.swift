import EmethKit
import Foundation

/// A network that settles on a chain: deposits come in, batches go out, whoever leaves is let go.
extension NetworkService {
  /// What one of the processes that serve the network does at a time.
  private static let chainLease = "chain"

  /// How the network stands with its chain; nil where settlement is embedded.
  public var chainStanding: ChainStanding? { chain == nil ? nil : standing.withLock { $0 } }

  /// Looks whether the chain's settlement takes what this network signs, and whether what it took is this network's: one
  /// that was restored from an old copy would sign its epochs once more, which costs the operator's bond. Where the chain
  /// takes what another key of this network's signs, that one becomes the Signer.
  ///
  /// - Throws: ``ChainError/otherSigner(settlement:found:expected:)``,
  ///   ``ChainError/signerNotStarted(settlement:current:account:startsAt:)``,
  ///   ``ChainError/signerSet(contract:account:reason:)``, ``ChainError/contradiction(method:what:found:expected:)``,
  ///   ``ChainError/epochsLost(found:signed:file:)``.
  public func checkSigner() async throws(ChainError) {
    guard let chain else { return }
    try checkEpochs()
    try await followSigner(of: chain)
    for node in chain.nodes { _ = try await posted(on: chain, says: node) }
  }

  /// A database that was replaced by an older copy does not know all that was signed.
  private func checkEpochs() throws(ChainError) {
    let newest = try asChainError { try latestBatch()?.batch.epoch ?? 0 }
    try SignedEpochMark(folder: folder).check(newest)
  }

  /// A network has one settlement for life: its tickets are signed for it. The first start names it, since a node that lies
  /// could make up contracts that agree with each other.
  static func checkSettlement(
    _ chain: SettlementChain?, _ folder: URL, _ database: NetworkDatabase
  ) throws(NetworkError) {
    let domain = chain?.contracts.domain ?? .embedded
    var known = try database.read { db in try Setting.domain(in: db) }
    if known == .embedded, let chain {
      let wanted = chain.client.settings
      guard wanted.expectedChainID != nil, wanted.expectedSettlement != nil else {
        throw NetworkError(
          ChainError.unnamedSettlement(
            chainID: chain.contracts.chainID, settlement: chain.contracts.settlement))
      }
      known = try database.write { db in
        if try Setting.settlement.text(in: db) == nil,
          try Int.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM transfer)") != 1,
          try Signer.latestBatch(in: db) == nil
        {
          try Setting.settlement.set(Setting.text(of: domain), in: db)
        }
        return try Setting.domain(in: db)
      }
    }
    guard known == domain else {
      throw .otherRun(
        path: folder.path, what: "its settlement", found: Setting.text(of: known),
        wanted: Setting.text(of: domain))
    }
  }

  /// The chain's events in the network's database.
  static func events(
    of chain: SettlementChain, in database: NetworkDatabase
  ) throws(NetworkError) -> EventStore {
    let contracts = chain.contracts
    return try asNetworkError {
      try EventStore(
        database: database, chainID: contracts.chainID, contracts: [contracts.core, contracts.settlement])
    }
  }

  // MARK: - Reading

  /// Reads the chain, credits deposits and lets those go who asked for it, until the task is cancelled.
  func follow(_ chain: SettlementChain, _ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    guard let follower = follower(of: chain) else { return }
    await regularly(chain, \.readingError, onError) { () async throws(ChainError) in
      try await self.readOnce(chain, follower)
    }
  }

  /// What reads the chain into the network's database.
  func follower(of chain: SettlementChain) -> EventFollower? {
    events.map {
      EventFollower(
        client: chain.client, witness: chain.settings.witness, store: $0,
        contracts: [chain.contracts.core, chain.contracts.settlement], firstBlock: chain.settings.firstBlock)
    }
  }

  /// Reads a step on and carries over what was read.
  ///
  /// - Returns: whether all is done for now. A node that lags or is of two minds is asked again after a while.
  func readOnce(_ chain: SettlementChain, _ follower: EventFollower) async throws(ChainError) -> Bool {
    let step = try await follower.advance()
    let before = standing.withLock { standing in
      defer { (standing.head, standing.read) = (step.head, step.last) }
      return standing.read
    }
    // Whom nobody lets go could freeze the network when it waits for seven days: that waits for no other node.
    let disputed = try await letGo(chain)
    // Nothing is credited while the node leaves something out.
    if step.isAtHead {
      try await follower.lookAgain()
      try await follower.checkDeposits(of: chain.contracts.settlement)
    }
    try await credit(chain, follower.store)
    if let disputed { throw disputed }
    return step.isAtHead || step.last == before
  }

  /// Lets those go who asked for it, as logs say, and of the contract one node at least: what that moves is theirs. Where
  /// another node says otherwise, it waits until the request lies twice as deep.
  ///
  /// Where all say otherwise it was served by now, most likely, which logs tell in a few blocks.
  ///
  /// - Returns: what two nodes differ about, or what all of them say otherwise than logs for so long; nil where nothing is.
  private func letGo(_ chain: SettlementChain) async throws(ChainError) -> ChainError? {
    let (settlement, depth) = (chain.contracts.settlement, 2 * chain.settings.confirmations)
    guard let votes = try await leaving(chain) else { return nil }
    let (count, settled) = try asChainError {
      try database.write { db in
        let settled = try LeavingAccounts.logged(confirmations: depth, of: settlement, in: db)
        let begun = votes.filter { $0.value.said > 0 && ($0.value.denied == 0 || settled[$0.key] != nil) }
        try self.release(chain, Set(begun.keys), in: db)
        return (try LeavingAccounts.all(in: db).count, settled)
      }
    }
    standing.withLock { $0.leaving = count }
    let disputed = votes.first { account, found in
      found.denied > 0 && (found.said > 0 || settled[account] != nil)
    }
    guard let (account, found) = disputed else { return nil }
    return .contradiction(
      method: "eth_call", what: "the request of \(account) for its way out",
      found: "at \(found.said) of \(found.said + found.denied) nodes", expected: "at all, as it was logged")
  }

  /// Credits deposits. What logs say of them is asked of the contract, too, at each node.
  private func credit(_ chain: SettlementChain, _ events: EventStore) async throws(ChainError) {
    let (settlement, confirmations) = (chain.contracts.settlement, chain.settings.confirmations)
    let due = try events.dueDeposits(confirmations: confirmations, of: settlement)
    let checked = Array(due.prefix(Self.depositsAtOnce))
    try await chain.check(checked)
    _ = try events.creditDeposits(confirmations: confirmations, of: settlement, checked: checked) {
      deposit, db in
      try self.note(deposit.account, as: Self.holder, in: db)
      try Ledger.transfer(
        deposit.amount, from: (Ledger.outside, .granted), to: (deposit.account, .unspent),
        reason: "deposit \(deposit.number)", job: nil, at: try self.seconds(in: db), in: db)
    }
    try asChainError {
      let (deposits, leaving) = try database.read { db in
        (try ChainCredit.count(in: db), try LeavingAccounts.all(in: db).count)
      }
      standing.withLock { ($0.deposits, $0.leaving) = (deposits, leaving) }
    }
  }

  /// So many deposits are asked for in one go.
  private static let depositsAtOnce = 200

  /// Who begins to leave, as logs say, and what nodes say of the contract; nil where nothing has changed.
  private func leaving(
    _ chain: SettlementChain
  ) async throws(ChainError) -> [Address: SettlementChain.ExitVotes]? {
    let (settlement, confirmations) = (chain.contracts.settlement, chain.settings.confirmations)
    let (logged, known) = try asChainError {
      try database.read { db in
        (
          try LeavingAccounts.logged(confirmations: confirmations, of: settlement, in: db),
          try LeavingAccounts.all(in: db)
        )
      }
    }
    if logged == known { return nil }
    return try await chain.leaving(logged.keys.filter { known[$0] == nil }.sorted())
  }

  /// All that who leaves could spend here goes to its payouts.
  private func release(_ chain: SettlementChain, _ begun: Set<Address>, in db: SQLSession) throws {
    let known = try LeavingAccounts.all(in: db)
    let logged = try LeavingAccounts.logged(
      confirmations: chain.settings.confirmations, of: chain.contracts.settlement, in: db
    ).filter { known[$0.key] != nil || begun.contains($0.key) }
    for account in try LeavingAccounts.update(to: logged, in: db) {
      let unspent = try Ledger.balance(of: account, pot: .unspent, in: db)
      try Ledger.transfer(
        unspent, from: (account, .unspent), to: (account, .payout), reason: "exit", job: nil,
        at: try seconds(in: db), in: db)
    }
  }

  // MARK: - What the chain has

  /// The epoch of the newest batch that the chain has, as far as it was read; nil before the first, and where settlement is
  /// embedded.
  func postedEpoch() throws(NetworkError) -> UInt64? {
    guard let chain else { return nil }
    return try database.read { db in
      guard
        let log = try EventStore.newest(
          EmethCore.batchPostedTopic, of: chain.contracts.settlement, in: db),
        case .batchPosted(_, let epoch, _, _) = try EmethCore.Event(topics: log.topics, data: log.data)
      else { return nil }
      return epoch
    }
  }

  /// Refuses what would begin on a settlement that is frozen: nobody is paid for it.
  func refuseIfFrozen(in db: SQLSession) throws {
    guard let settlement = chain?.contracts.settlement,
      try EventStore.newest(EmethCore.frozenTopic, of: settlement, in: db) != nil
    else { return }
    throw NetworkError(ChainError.frozen(settlement: settlement))
  }

  // MARK: - Again and again

  /// Does something while this process is the one that looks after the chain. What fails is told once, until something
  /// else happens, and tried again; jobs go on meanwhile.
  ///
  /// - Parameter body: tells whether all is done for now.
  func regularly(
    _ chain: SettlementChain, _ fault: any WritableKeyPath<ChainStanding, String?> & Sendable,
    _ onError: @Sendable (JobID?, NetworkError) -> Void,
    _ body: @Sendable () async throws(ChainError) -> Bool
  ) async {
    while !Task.isCancelled {
      var isDone = true
      let isMine = database.leases?.take([Self.chainLease]).isEmpty != true
      standing.withLock { $0.isFollowed = isMine }
      if isMine {
        do throws(ChainError) {
          isDone = try await body()
          standing.withLock { $0[keyPath: fault] = nil }
        } catch {
          if Task.isCancelled || error == .interrupted { return }
          let isNew = standing.withLock { standing in
            defer { standing[keyPath: fault] = error.message }
            return standing[keyPath: fault] != error.message
          }
          if isNew { onError(nil, NetworkError(error)) }
        }
      }
      if isDone { try? await Task.sleep(for: .seconds(chain.settings.pollSeconds)) }
    }
  }
}

extension EmethCore {
  /// The topic of batches that were posted.
  static let batchPostedTopic = Keccak256.hash("BatchPosted(bytes32,uint64,bytes32,bytes32)".utf8)
  /// The topic of the freeze.
  static let frozenTopic = Keccak256.hash("Frozen(bytes32,bool)".utf8)
}

extension Setting {
  /// The domain of all that a network signs.
  static func domain(in db: SQLSession) throws -> EIP712Domain {
    guard let text = try settlement.text(in: db) else { return .embedded }
    let words = text.split(separator: " ")
    guard words.count == 2, let chain = UInt256(words[0]), let contract = try? Address(String(words[1]))
    else {
      throw NetworkError.inconsistent(what: "the settlement \"\(text)\" is none")
    }
    return EIP712Domain(chainId: chain, verifyingContract: contract)
  }

  /// A settlement in words: the chain's number and the contract, or that it is embedded.
  static func text(of domain: EIP712Domain) -> String {
    domain == .embedded ? "embedded" : "\(domain.chainId) \(domain.verifyingContract)"
  }
}
