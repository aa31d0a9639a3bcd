import EmethKit
import Foundation

// The way out of L2 that needs nobody: Contracts/README.md, "Out, with the operator gone".
extension ChainAccount {
  /// Asks for all that the account has unspent on L2, by its ticket in a signed batch; the batch is posted first, when
  /// it is not.
  ///
  /// - Throws: ``ChainError/ticket(_:)`` for one that its batch does not prove, or of another account or contract.
  public func requestExit(_ ticket: ProvenTicket, isDryRun: Bool = false) async throws(ChainError)
    -> ChainReport
  {
    try check(ticket)
    var report = report(nil, isDryRun)
    if try await client.call(EmethCore.exit(of: address), at: contracts.settlement) != nil {
      report.notes.append("the exit was requested before, and is not served yet")
      return await closed(report)
    }
    let request = EmethCore.requestExit(ticket)
    if isDryRun { report.amount = ticket.ticket.unspent }
    guard try await post(ticket.batch, &report) else {
      report.steps.append(ChainReport.Step(function: request.function.name, contract: contracts.settlement))
      return await closed(report)
    }
    let (step, receipt) = try await step(request, contracts.settlement, isDryRun)
    report.steps.append(step)
    for log in receipt?.logs ?? [] where log.address == contracts.settlement {
      if case .exitRequested(address, _, let unspent)? = try? EmethCore.Event(
        topics: log.topics, data: log.data)
      {
        report.amount = unspent
      }
    }
    report.notes.append(
      "served within seven days by a batch with nothing unspent; else `emeth exit-frozen` freezes L2")
    return await closed(report)
  }

  /// Does what can be done now to get the account's money out without the operator: freezes L2 when its time has come,
  /// claims what the ticket says, takes what is due of the claim, and deposits that L2 never credited. What has to be
  /// waited for stands in the notes.
  ///
  /// - Parameter ticket: the account's newest in a posted batch; nil for deposits alone.
  public func exitFrozen(_ ticket: ProvenTicket?, isDryRun: Bool = false) async throws(ChainError)
    -> ChainReport
  {
    if let ticket { try check(ticket) }
    var report = report(.zero, isDryRun)
    guard let frozen = try await frozen(ticket, &report) else { return await closed(report) }
    if let ticket { try await claim(ticket, frozen, &report) }
    try await payClaim(&report)
    try await reclaim(frozen, &report)
    return await closed(report)
  }

  private func check(_ ticket: ProvenTicket) throws(ChainError) {
    do throws(TicketError) {
      try ticket.check(in: contracts.domain)
      guard ticket.ticket.account == address else {
        throw .accountMismatch(found: ticket.ticket.account, expected: address)
      }
    } catch {
      throw .ticket(error)
    }
  }

  /// Posts a batch that is not on the chain; false when a dry run leaves it away.
  private func post(_ batch: SignedBatch, _ report: inout ChainReport) async throws(ChainError) -> Bool {
    if try await client.call(EmethCore.batch(batch.digest), at: contracts.settlement) != nil { return true }
    report.steps.append(
      try await step(EmethCore.postBatch(batch), contracts.settlement, report.isDryRun).step)
    return !report.isDryRun
  }

  /// Since when L2 is frozen, and at which batch, after freezing it; nil where something has to come first.
  private func frozen(
    _ ticket: ProvenTicket?, _ report: inout ChainReport
  ) async throws(ChainError) -> EmethCore.Scheduled<Bytes32>? {
    let settlement = contracts.settlement
    if let frozen = try await client.call(EmethCore.frozen(), at: settlement) { return frozen }
    let exit = try await client.call(EmethCore.exit(of: address), at: settlement)
    let now = try await time()
    let isUnserved = exit.map { now > $0.requestedAt && now - $0.requestedAt > Self.exitSeconds } ?? false
    if let ticket, try await mayBeFollowed(ticket.batch, isUnserved: isUnserved, at: now, &report) {
      return nil
    }
    let freeze = EmethCore.freeze(unservedExitOf: isUnserved ? address : nil)
    report.steps.append(try await step(freeze, settlement, report.isDryRun).step)
    if report.isDryRun {
      report.notes.append("what can be claimed and taken back is known once L2 is frozen")
      return nil
    }
    return try await client.call(EmethCore.frozen(), at: settlement)
  }

  /// So long holders of newer batches have to post them after a batch was posted, seconds. The contract would let L2 be
  /// frozen at once where the batch is old; who holds a leaf of a newer one alone would then have nothing.
  static let followingSeconds: UInt64 = 86_400

  /// Posts the batch of a ticket where that has to be; whether others may still post newer ones, so that L2 is not frozen
  /// now. An exit that was not served waits for nobody.
  private func mayBeFollowed(
    _ batch: SignedBatch, isUnserved: Bool, at now: UInt64, _ report: inout ChainReport
  ) async throws(ChainError) -> Bool {
    let isPosted = try await postIfPossible(batch, &report)
    if isUnserved { return isPosted && report.isDryRun }
    let posted = try await client.call(EmethCore.batch(batch.digest), at: contracts.settlement)
    guard isPosted || posted != nil else { return false }
    let first = (posted?.postedAt ?? now) + Self.followingSeconds
    guard now < first else { return false }
    report.notes.append(
      "the ticket's batch \(report.isDryRun && isPosted ? "would be" : "is") posted: holders of newer ones can post "
        + "theirs until L2 is frozen; repeat the command after \(Self.date(first))")
    return true
  }

  /// Posts a batch that is not on the chain, without which nothing can be redeemed or claimed by it; behind a freeze it
  /// can't be posted any more. One that the contract refuses is left out with a note; true when it was posted now.
  func postIfPossible(
    _ batch: SignedBatch, _ report: inout ChainReport
  ) async throws(ChainError) -> Bool {
    let settlement = contracts.settlement
    guard try await client.call(EmethCore.batch(batch.digest), at: settlement) == nil else { return false }
    do throws(ChainError) {
      report.steps.append(try await step(EmethCore.postBatch(batch), settlement, report.isDryRun).step)
      return true
    } catch {
      guard case .reverted(_, let reason) = error else { throw error }
      report.notes.append("the ticket's batch can't be posted: \(reason)")
      return false
    }
  }

  private func claim(
    _ ticket: ProvenTicket, _ frozen: EmethCore.Scheduled<Bytes32>, _ report: inout ChainReport
  ) async throws(ChainError) {
    let settlement = contracts.settlement
    guard let batch = try await client.call(EmethCore.batch(ticket.batch.digest), at: settlement) else {
      report.notes.append(
        "the ticket's batch \(ticket.batch.digest) was never posted: nothing is claimed by it")
      return
    }
    let counting = try await client.call(EmethCore.batch(frozen.value), at: settlement)?.epoch ?? 0
    let held = try await client.call(EmethCore.claim(of: address), at: settlement)
    // A challenge may have undone the batch of an older claim.
    if let held, held.epoch >= batch.epoch, held.epoch <= counting { return }
    report.steps.append(
      try await step(EmethCore.claim(ticket), settlement, report.isDryRun).step)
  }

  private func payClaim(_ report: inout ChainReport) async throws(ChainError) {
    let settlement = contracts.settlement
    guard let claim = try await client.call(EmethCore.claim(of: address), at: settlement) else { return }
    if claim.isPaid {
      report.notes.append("the account's claim was paid")
      return
    }
    guard try await time() >= claim.maturesAt else {
      report.notes.append(
        "\(claim.amount) are claimed: repeat the command after \(Self.date(claim.maturesAt)) to be paid")
      return
    }
    let (step, receipt) = try await step(EmethCore.payClaim(of: address), settlement, report.isDryRun)
    report.steps.append(step)
    if report.isDryRun { report.amount = try sum(report.amount ?? .zero, claim.amount, "eth_call") }
    for log in receipt?.logs ?? [] where log.address == settlement {
      if case .claimPaid(_, let paid)? = try? EmethCore.Event(topics: log.topics, data: log.data) {
        report.amount = try sum(report.amount ?? .zero, paid, "eth_getTransactionReceipt")
      }
    }
  }

  /// Takes back the account's deposits that the batch which counts has not seen.
  private func reclaim(
    _ frozen: EmethCore.Scheduled<Bytes32>, _ report: inout ChainReport
  ) async throws(ChainError) {
    let settlement = contracts.settlement
    let seen = try await client.call(EmethCore.batch(frozen.value), at: settlement)?.depositsSeen ?? 0
    let count = try await client.call(EmethCore.depositCount(), at: settlement)
    var next = seen
    while next < count {
      let numbers = Array(next..<next + min(count - next, 100))
      next += UInt64(numbers.count)
      let calls = numbers.map { EmethCore.depositRecord(number: $0) }
      let results = try await client.batch(calls.map { ChainClient.ethCall($0, settlement) })
      for (index, number) in numbers.enumerated() {
        let record = try await client.output(of: calls[index], at: settlement, results[index])
        guard let record, record.depositor == address, !record.isReclaimed else { continue }
        let call = EmethCore.reclaimDeposit(number: number)
        let (step, receipt) = try await step(call, settlement, report.isDryRun)
        report.steps.append(step)
        if report.isDryRun { report.amount = try sum(report.amount ?? .zero, record.amount, "eth_call") }
        for log in receipt?.logs ?? [] where log.address == settlement {
          if case .depositReclaimed(_, _, let paid)? = try? EmethCore.Event(
            topics: log.topics, data: log.data)
          {
            report.amount = try sum(report.amount ?? .zero, paid, "eth_getTransactionReceipt")
          }
        }
      }
    }
  }

  /// After so many seconds an exit that nobody served freezes L2.
  private static let exitSeconds: UInt64 = 7 * 86_400

  /// A time of the chain as notes say it, up to the year 9999.
  public static func date(_ time: UInt64) -> String {
    Date(timeIntervalSince1970: Double(min(time, 253_402_300_799))).formatted(.iso8601)
  }

  /// The newest block's time.
  func time() async throws(ChainError) -> UInt64 {
    guard let block = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    return block.timestamp
  }
}
