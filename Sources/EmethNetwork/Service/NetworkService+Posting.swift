import EmethKit
import Foundation

/// A network's batches on their way to its chain, and the exits that they show.
extension NetworkService {
  /// Posts batches and serves exits until the task is cancelled.
  func settle(on chain: SettlementChain, _ onError: @Sendable (JobID?, NetworkError) -> Void) async {
    await regularly(chain, \.postingError, onError) { () async throws(ChainError) in
      let apart = self.chainStanding?.clocksApart
      defer {
        if apart == nil, let error = self.chainStanding?.clocksApart { onError(nil, NetworkError(error)) }
      }
      try await self.settleOnce(on: chain)
      return true
    }
  }

  /// The newest batch that a node says to be on the chain, which is this network's; nil before the first.
  func posted(
    on chain: SettlementChain, says node: ChainClient
  ) async throws(ChainError) -> EmethCore.PostedBatch? {
    let settlement = chain.contracts.settlement
    guard let digest = try await node.call(EmethCore.latestBatch(), at: settlement),
      let posted = try await node.call(EmethCore.batch(digest), at: settlement)
    else { return nil }
    try check(digest, posted.epoch)
    return posted
  }

  /// Posts the newest batch when one is due, and shows of who leaves that nothing is left: for each node that is asked by
  /// what that one says, and through it. So one that lies, or is away, keeps nothing back that another one takes; what has
  /// arrived by then a second one is not sent again.
  func settleOnce(on chain: SettlementChain) async throws(ChainError) {
    var failure: ChainError?
    do throws(ChainError) {
      try await followSigner(of: chain)
    } catch {
      if error == .interrupted { throw error }
      failure = error
    }
    var epochs: [UInt64] = []
    for index in chain.senders.indices {
      do throws(ChainError) {
        epochs.append(try await settle(on: chain, through: index) ?? 0)
      } catch {
        if error == .interrupted { throw error }
        failure = failure ?? error
      }
    }
    // What one of them alone calls posted may not be.
    if let least = epochs.min() { standing.withLock { $0.postedEpoch = least == 0 ? nil : least } }
    if let failure { throw failure }
    try await chain.comparePosted()
  }

  /// The same for one of the nodes; the epoch of the newest batch that it then calls posted.
  private func settle(on chain: SettlementChain, through index: Int) async throws(ChainError) -> UInt64? {
    let (sender, settlement) = (chain.senders[index], chain.contracts.settlement)
    let client = sender.client
    if try await client.call(EmethCore.frozen(), at: settlement) != nil {
      throw .frozen(settlement: settlement)
    }
    guard let head = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    // The first node is the operator's own: what witnesses say of the time is theirs.
    if index == 0 {
      let ahead = Int64(clamping: clock.milliseconds / 1_000) - Int64(clamping: head.timestamp)
      standing.withLock { $0.clockAheadSeconds = ahead }
    }
    let posted = try await posted(on: chain, says: client)
    var epoch = posted?.epoch
    // The contract's 48 hours run from the first deposit on, credited or not.
    if posted == nil, try asChainError({ try latestBatch() }) == nil,
      try await client.call(EmethCore.depositCount(), at: settlement) > 0
    {
      try close(through: 1)
    }
    // The batch comes first: when the newest one is of 48 hours ago anybody may freeze the network.
    if let newest = try batch(after: posted, at: head.timestamp, chain) {
      let batch = try await signed(newest.batch.epoch, after: posted?.epoch ?? 0, on: chain, says: client)
      let (call, name) = (EmethCore.postBatch(batch), "postBatch \(batch.digest)")
      do throws(ChainError) {
        _ = try await sender.submit(call, to: settlement, under: name)
      } catch {
        // With a nonce that another node has made up it never comes in: then it is sent once more, through this one.
        guard case .unconfirmed = error, chain.senders.count > 1 else { throw error }
        _ = try await sender.submit(call, to: settlement, under: "\(name) by node \(index + 1)")
      }
      epoch = batch.batch.epoch
    }
    if let epoch { try await serveExits(by: epoch, on: chain, through: index) }
    return epoch
  }

  /// Shows of those who leave, as one of the nodes says, that nothing is left, and sends it through that node.
  private func serveExits(
    by epoch: UInt64, on chain: SettlementChain, through index: Int
  ) async throws(ChainError) {
    let (sender, settlement) = (chain.senders[index], chain.contracts.settlement)
    // No word of the node is in the name: one that makes up requests has none served twice.
    var sent: [(exit: ProvenTicket, name: String, entry: NonceJournal.Entry)] = []
    // All are sent before one is waited for.
    for exit in try exits(provenBy: epoch) where sent.count < chain.settings.exitsAtOnce {
      let account = exit.ticket.account
      guard let asked = try await sender.client.call(EmethCore.exit(of: account), at: settlement),
        asked.epoch < epoch
      else { continue }
      let name = "serveExit \(account) by \(epoch)"
      sent.append((exit, name, try await sender.send(EmethCore.serveExit(exit), to: settlement, under: name)))
    }
    // As with batches: what another node's nonce keeps out is sent once more, through this one.
    var again: [NonceJournal.Entry] = []
    var isLate = false
    for (exit, name, entry) in sent {
      do throws(ChainError) {
        // Once one was waited for in vain, those behind it have had as much time.
        var isWorthWaiting = !isLate
        if isLate { isWorthWaiting = try await sender.place(of: entry) != nil }
        if isWorthWaiting {
          _ = try await sender.confirm(entry)
          continue
        }
      } catch {
        guard case .unconfirmed = error, chain.senders.count > 1 else { throw error }
        isLate = true
      }
      do throws(ChainError) {
        let own = "\(name) by node \(index + 1)"
        again.append(try await sender.send(EmethCore.serveExit(exit), to: settlement, under: own))
      } catch {
        // It has come in meanwhile.
        guard case .reverted = error else { throw error }
      }
    }
    for entry in again { _ = try await sender.confirm(entry) }
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
  ///
  /// What counts is how old the newest batch is that the chain has. To the contract it is of the time that it states, or, where
  /// that is later, of when it was posted (``EmethCore/freeze(_:)``): everybody can post old ones, which keep the newest away
  /// for no time, and a time that was stated ahead keeps it away no longer.
  private func batch(
    after posted: EmethCore.PostedBatch?, at now: UInt64, _ chain: SettlementChain
  ) throws(ChainError) -> SignedBatch? {
    if let first = try epochOfNewSigner() {
      // What a former Signer has signed the chain takes no more.
      try close(through: first)
      return nil
    }
    let newest = try asChainError { try latestBatch() }
    guard let posted else { return newest }
    guard let newest else { return nil }
    let closed = try asChainError { try self.batch(epoch: posted.epoch)?.batch.toTime } ?? posted.postedAt
    func seconds(from first: UInt64, to last: UInt64) -> UInt64 { last > first ? last - first : 0 }
    guard newest.batch.epoch > posted.epoch else {
      // Each clock is compared with itself: where one is behind the other, closing one more epoch would not help.
      let silence = max(
        seconds(from: closed, to: clock.milliseconds / 1_000), seconds(from: posted.postedAt, to: now))
      if silence >= SettlementChain.longestSilenceSeconds { try close(through: posted.epoch + 1) }
      return nil
    }
    var wanted = min(chain.settings.postingSeconds, SettlementChain.longestSilenceSeconds)
    if try canShowAnExit(notProvenBy: posted.epoch) { wanted = min(wanted, SettlementChain.exitSeconds) }
    // By how much it is behind the newest one counts too: both may state times that are ahead.
    let age = max(
      seconds(from: min(closed, posted.postedAt), to: now), seconds(from: closed, to: newest.batch.toTime))
    return age >= wanted ? newest : nil
  }

  /// The batch with the signatures that count: of one key its own; of a set of which several sign, the batch that its members
  /// were asked for, which stays the same until it is posted.
  ///
  /// - Parameters:
  ///   - newest: the epoch whose batch is due.
  ///   - posted: the newest epoch that is posted.
  /// - Throws: ``ChainError/signaturesMissing(contract:epoch:found:needed:)`` while not enough have signed.
  private func signed(
    _ newest: UInt64, after posted: UInt64, on chain: SettlementChain, says client: ChainClient
  ) async throws(ChainError) -> SignedBatch {
    let signer = try await ChainSigner.read(of: chain.contracts.settlement, from: client)
    let own = try asChainError { try database.read { db in try Signer.batch(epoch: newest, in: db) } }
    let alone = own.keepingCosignatures(of: [])
    if own.signer == signer.current { return alone }
    if try await !client.code(at: signer.current).isEmpty {
      // A wallet of another kind (ERC-1271) may take one signature, and has no threshold to ask for.
      do throws(ChainError) {
        let call = EmethSigners.accepts(alone.digest, alone.signatureBytes)
        if try await client.call(call, at: signer.current) { return alone }
      } catch {
        switch error {
        case .reverted, .contract: break
        default: throw error
        }
      }
    }
    guard let needed = try await signer.threshold(with: client) else { return alone }
    let asked = try asChainError { try askMembers(for: own, after: posted) }
    var members: Set<Address> = []
    // What a stranger adds the contract would refuse, and all of it with that.
    for cosignature in asked.cosignatures
    where try await client.call(EmethSigners.isMember(cosignature.signer), at: signer.current) {
      members.insert(cosignature.signer)
    }
    let batch = asked.keepingCosignatures(of: members)
    let call = EmethSigners.accepts(batch.digest, batch.signatureBytes)
    guard try await client.call(call, at: signer.current) else {
      throw .signaturesMissing(
        contract: signer.current, epoch: batch.batch.epoch, found: batch.allSigners.count, needed: needed)
    }
    return batch
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
      let leaving = try database.read { db in try LeavingAccounts.all(in: db) }.filter { $0.value < epoch }
      guard !leaving.isEmpty else { return [] }
      return try exitTrees.tree(of: epoch, in: database).tickets {
        leaving[$0.account] != nil && $0.unspent == .zero
      }
    }
  }
}
