import EmethKit
import Foundation

/// A network that settles on a chain: deposits come in, batches go out, whoever leaves is let go.
extension NetworkService {
  /// What one of the processes that serve the network does at a time.
  private static let chainLease = "chain"

  /// How the network stands with its chain; nil where settlement is embedded.
  public var chainStanding: ChainStanding? { chain == nil ? nil : standing.withLock { $0 } }

  /// Looks whether the chain's settlement takes what this network signs, and whether what it took is this network's: one
  /// that was restored from an old copy would sign its epochs once more, which costs the operator's bond.
  ///
  /// - Throws: ``ChainError/otherSigner(settlement:found:expected:)``, ``ChainError/contradiction(method:what:found:expected:)``.
  public func checkSigner() async throws(ChainError) {
    guard let chain else { return }
    let signer = try asChainError { try facts().signer }
    try await chain.checkSigner(signer)
    _ = try await posted(on: chain)
  }

  /// A network has one settlement for life: its tickets are signed for it.
  static func checkSettlement(
    _ domain: EIP712Domain, _ folder: URL, _ database: NetworkDatabase
  ) throws(NetworkError) {
    var known = try database.read { db in try Setting.domain(in: db) }
    if known == .embedded, domain != .embedded {
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
    guard let events else { return }
    let contracts = chain.contracts
    let follower = EventFollower(
      client: chain.client, store: events, contracts: [contracts.core, contracts.settlement],
      firstBlock: chain.settings.firstBlock)
    await regularly(chain, \.readingError, onError) { () async throws(ChainError) in
      let step = try await follower.advance()
      let before = self.standing.withLock { standing in
        defer { (standing.head, standing.read) = (step.head, step.last) }
        return standing.read
      }
      try self.takeIn(chain, events)
      // A node that lags or is of two minds is asked again after a while.
      return step.isAtHead || step.last == before
    }
  }

  /// Carries over what was read: credits deposits, notes who leaves.
  func takeIn(_ chain: SettlementChain, _ events: EventStore) throws(ChainError) {
    let (settlement, confirmations) = (chain.contracts.settlement, chain.settings.confirmations)
    try asChainError {
      let logged = try database.read { db in
        let logged = try LeavingAccounts.logged(confirmations: confirmations, of: settlement, in: db)
        return try logged == LeavingAccounts.all(in: db) ? nil : logged
      }
      if logged != nil { try database.write { db in try self.release(settlement, confirmations, in: db) } }
    }
    _ = try events.creditDeposits(confirmations: confirmations, of: settlement) { deposit, db in
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

  /// All that who leaves could spend here goes to its payouts.
  private func release(_ settlement: Address, _ confirmations: UInt64, in db: SQLSession) throws {
    let logged = try LeavingAccounts.logged(confirmations: confirmations, of: settlement, in: db)
    for account in try LeavingAccounts.update(to: logged, in: db) {
      let unspent = try Ledger.balance(of: account, pot: .unspent, in: db)
      try Ledger.transfer(
        unspent, from: (account, .unspent), to: (account, .payout), reason: "exit", job: nil,
        at: try seconds(in: db), in: db)
    }
  }

  // MARK: - Posting

  /// Posts batches and serves exits until the task is cancelled.
  func settle(on chain: SettlementChain, _ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    await regularly(chain, \.postingError, onError) { () async throws(ChainError) in
      try await self.settleOnce(on: chain)
      return true
    }
  }

  /// The newest batch on the chain, which is this network's; nil before the first.
  private func posted(on chain: SettlementChain) async throws(ChainError) -> EmethCore.PostedBatch? {
    let (client, settlement) = (chain.client, chain.contracts.settlement)
    guard let digest = try await client.call(EmethCore.latestBatch(), at: settlement),
      let posted = try await client.call(EmethCore.batch(digest), at: settlement)
    else { return nil }
    try check(digest, posted.epoch)
    return posted
  }

  /// So many exits are shown in one go: whoever leaves must not keep the next batch waiting.
  private static let exitsAtOnce = 32

  /// Posts the newest batch when one is due, and shows of who leaves that nothing is left.
  func settleOnce(on chain: SettlementChain) async throws(ChainError) {
    let (client, settlement) = (chain.client, chain.contracts.settlement)
    if try await client.call(EmethCore.frozen(), at: settlement) != nil {
      throw .frozen(settlement: settlement)
    }
    guard let head = try await client.block(.latest) else { return }
    let posted = try await posted(on: chain)
    var epoch = posted?.epoch
    let before = epoch
    standing.withLock { $0.postedEpoch = before }
    // The batch comes first: after 48 hours without one anybody may freeze the network.
    if let batch = try await batch(after: posted, at: head.timestamp, chain) {
      _ = try await chain.sender.submit(
        EmethCore.postBatch(batch), to: settlement, under: "postBatch \(batch.digest)")
      epoch = batch.batch.epoch
      standing.withLock { $0.postedEpoch = batch.batch.epoch }
    }
    guard let epoch else { return }
    // All are sent before one is waited for.
    var sent: [NonceJournal.Entry] = []
    for exit in try exits(provenBy: epoch) where sent.count < Self.exitsAtOnce {
      let account = exit.ticket.account
      guard let asked = try await client.call(EmethCore.exit(of: account), at: settlement),
        asked.epoch < epoch
      else { continue }
      sent.append(
        try await chain.sender.send(
          EmethCore.serveExit(exit), to: settlement,
          under: "serveExit \(account) \(asked.requestedAt) by \(epoch)"))
    }
    for entry in sent { _ = try await chain.sender.confirm(entry) }
  }

  /// What lies on the chain must be this network's.
  private func check(_ digest: Bytes32, _ epoch: UInt64) throws(ChainError) {
    let own = try asChainError { try self.batch(epoch: epoch)?.digest }
    guard own == digest else {
      throw .contradiction(
        method: "latestBatch", what: "the batch of epoch \(epoch)", found: "\(digest)",
        expected: own.map { "\($0)" } ?? "none")
    }
  }

  /// The batch that is to be posted now; nil while none is due.
  private func batch(
    after posted: EmethCore.PostedBatch?, at now: UInt64, _ chain: SettlementChain
  ) async throws(ChainError) -> SignedBatch? {
    let newest = try asChainError { try latestBatch() }
    guard let posted else {
      // The contract's 48 hours run from the first deposit on, credited or not.
      let settlement = chain.contracts.settlement
      if newest == nil, try await chain.client.call(EmethCore.depositCount(), at: settlement) > 0 {
        try close(through: 1)
      }
      return newest
    }
    guard let newest else { return nil }
    let since = now > posted.postedAt ? now - posted.postedAt : 0
    guard newest.batch.epoch > posted.epoch else {
      if since >= SettlementChain.longestSilenceSeconds { try close(through: posted.epoch + 1) }
      return nil
    }
    let wanted =
      try canShowAnExit(notProvenBy: posted.epoch)
      ? 0 : min(chain.settings.postingSeconds, SettlementChain.longestSilenceSeconds)
    // What counts is how old the newest batch is that the chain has, not when it was posted: everybody can post old
    // ones, and would keep the newest away.
    let closed = try asChainError { try self.batch(epoch: posted.epoch)?.batch.toTime } ?? posted.postedAt
    let age = now > closed ? now - closed : 0
    return since >= SettlementChain.leastPostingSeconds && age >= wanted ? newest : nil
  }

  private func close(through epoch: UInt64) throws(ChainError) {
    do throws(NetworkError) {
      try closeEpochs(through: epoch) { _ in }
    } catch {
      throw .store(error)
    }
  }

  /// Whether the newest batch has nothing unspent of somebody who leaves and of whom the posted one has something.
  private func canShowAnExit(notProvenBy epoch: UInt64) throws(ChainError) -> Bool {
    let proven = Set(try exits(provenBy: epoch).map(\.ticket.account))
    return try asChainError {
      try database.read { db in try LeavingAccounts.all(in: db).keys.map { $0 } }
        .contains { account in try !proven.contains(account) && ticket(of: account)?.ticket.unspent == .zero }
    }
  }

  /// Of each account that leaves, the leaf with nothing unspent in the batch of an epoch; nothing of those that have none.
  private func exits(provenBy epoch: UInt64) throws(ChainError) -> [ProvenTicket] {
    try asChainError {
      try database.read { db in
        let leaving = try LeavingAccounts.all(in: db).filter { $0.value < epoch }
        guard !leaving.isEmpty else { return [] }
        let leaves = try Signer.tickets(asOf: epoch, in: db)
        let batch = try Signer.batch(epoch: epoch, in: db)
        return try leaves.filter { leaving[$0.account] != nil && $0.unspent == .zero }
          .map { try ProvenTicket(account: $0.account, leaves: leaves, batch: batch) }
      }
    }
  }

  // MARK: - Again and again

  /// Does something while this process is the one that looks after the chain. What fails is told once, until something
  /// else happens, and tried again; jobs go on meanwhile.
  ///
  /// - Parameter body: tells whether all is done for now.
  private func regularly(
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
