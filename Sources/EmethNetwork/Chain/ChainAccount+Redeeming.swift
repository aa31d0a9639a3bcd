import EmethKit
import Foundation

// What L2 has granted is paid on L1: by the Signer's signature, or by a batch that was posted.
extension ChainAccount {
  /// Has tickets of any accounts paid, of each account the one that pays most; those that were paid already are left out
  /// and cost nothing. What the settlement refuses is left out with a note, so that it stands in nobody's way.
  ///
  /// A signature pays at once, and all signatures together no more than bond and daily cap cover; a proof pays any amount, a
  /// day after its batch was posted. Where an account has both, the proof pays what the signature can't, and the signature
  /// then what is left, if it can.
  ///
  /// - Parameters:
  ///   - tickets: by signature.
  ///   - proven: by proof. A batch that nobody has posted is posted when it is needed.
  /// - Throws: ``ChainError/ticket(_:)`` for one that is not signed, or for another chain or contract;
  ///   ``ChainError/reverted(function:reason:)`` when the settlement refuses all.
  public func redeem(
    _ tickets: [SignedTicket], proven: [ProvenTicket] = [], isDryRun: Bool = false
  ) async throws(ChainError) -> ChainReport {
    do throws(TicketError) {
      for ticket in tickets { try ticket.check(in: contracts.domain) }
      for ticket in proven { try ticket.check(in: contracts.domain) }
    } catch {
      throw .ticket(error)
    }
    var redemption = Redemption(report: report(.zero, isDryRun))
    let due = try await due(of: tickets.map(Way.signature) + proven.map(Way.proof), &redemption)
    try await pay(due, &redemption)
    if !isDryRun, due.contains(where: { $0.way.isProof }) {
      // What a proof has paid may have brought the rest below the cover.
      let refused = redemption.refused
      redemption.refused = refused.filter { $0.way.isProof }
      let rest = try await self.due(of: refused.map(\.way).filter { !$0.isProof }, &redemption)
      try await pay(rest, &redemption)
    }
    try await postBatches(except: Set(due.map(\.way.account)), &redemption)
    if let first = redemption.refused.first, !redemption.isAnyTaken { throw first.error }
    for (way, error) in redemption.refused {
      guard case .reverted(_, let reason) = error else { continue }
      redemption.report.notes.append("\(way) is left out: \(reason)")
    }
    return await closed(redemption.report)
  }

  /// The epoch of the newest batch by which tickets are paid: it was posted a day ago; nil while there is none.
  func payingEpoch() async throws(ChainError) -> UInt64? {
    let now = try await time()
    // In a day as many are posted as anybody likes. Their times rise: halving finds the last of a day ago.
    var unknown = try await client.call(EmethCore.postingCount(), at: contracts.settlement)
    var (number, epoch): (UInt64, UInt64?) = (0, nil)
    while unknown > 0 {
      let half = unknown / 2
      let posting = EmethCore.posting(number: number + half)
      guard let digest = try await client.call(posting, at: contracts.settlement),
        let batch = try await client.call(EmethCore.batch(digest), at: contracts.settlement)
      else { return nil }
      if now >= batch.postedAt, now - batch.postedAt >= Self.challengeSeconds {
        epoch = batch.epoch
        number += half + 1
        unknown -= half + 1
      } else {
        unknown = half
      }
    }
    return epoch
  }

  /// A batch pays so long after it was posted.
  private static let challengeSeconds: UInt64 = 86_400

  // MARK: - Ways

  /// A ticket, and by what it is paid.
  private enum Way: CustomStringConvertible {
    case signature(SignedTicket)
    case proof(ProvenTicket)

    var ticket: Ticket {
      switch self {
      case .signature(let signed): signed.ticket
      case .proof(let proven): proven.ticket
      }
    }
    var account: Address { ticket.account }
    var isProof: Bool { if case .proof = self { true } else { false } }
    /// Whether it may be paid together with others.
    var isPaidTogether: Bool {
      if case .signature(let signed) = self {
        signed.cosignatures.count < EmethCore.redeemSignatureLimit
      } else {
        false
      }
    }
    var call: ContractCall<TokenAmount> {
      switch self {
      case .signature(let signed): EmethCore.redeemTicket(signed)
      case .proof(let proven): EmethCore.redeemFromBatch(proven)
      }
    }
    var description: String {
      switch self {
      case .signature: "the signed ticket of epoch \(ticket.epoch) for \(account)"
      case .proof(let proven): "the ticket for \(account) in the batch of epoch \(proven.batch.batch.epoch)"
      }
    }
  }

  private struct Due {
    let way: Way
    let pays: TokenAmount
  }

  /// How far it came.
  private struct Redemption {
    var report: ChainReport
    var refused: [(way: Way, error: ChainError)] = []
    /// Whether the settlement takes any, even when it pays nothing more.
    var isAnyTaken = false
  }

  /// Of each account the way that pays most, as the settlement itself says of each. Who signed one can't be told
  /// from its amount: a ticket of one's own making would hide the good one.
  private func due(of ways: [Way], _ redemption: inout Redemption) async throws(ChainError) -> [Due] {
    guard !ways.isEmpty else { return [] }
    var best: [Address: Due] = [:]
    let calls = ways.map(\.call)
    let results = try await client.batch(
      calls.map { ChainClient.ethCall($0, contracts.settlement, sender.account) })
    for (index, way) in ways.enumerated() {
      let pays: TokenAmount
      do throws(ChainError) {
        pays = try await client.output(of: calls[index], at: contracts.settlement, results[index])
      } catch {
        guard case .reverted = error else { throw error }
        redemption.refused.append((way, error))
        continue
      }
      redemption.isAnyTaken = true
      if pays > best[way.account]?.pays ?? .zero { best[way.account] = Due(way: way, pays: pays) }
    }
    // The smallest first: where not all can be paid at once, most are.
    return best.values.sorted { ($0.pays, $0.way.account) < ($1.pays, $1.way.account) }
  }

  // MARK: - Paying

  private func pay(_ due: [Due], _ redemption: inout Redemption) async throws(ChainError) {
    for found in due where found.way.isProof { try await pay(together: [found], &redemption) }
    for found in due where !found.way.isProof && !found.way.isPaidTogether {
      try await pay(together: [found], &redemption)
    }
    var signed = due.filter(\.way.isPaidTogether)
    while !signed.isEmpty {
      let some = Array(signed.prefix(EmethCore.redeemLimit))
      signed.removeFirst(some.count)
      try await pay(together: some, &redemption)
    }
  }

  /// Pays in one transaction. Each of them can be paid alone: where the cover is too small for all, some are.
  private func pay(together due: [Due], _ redemption: inout Redemption) async throws(ChainError) {
    do throws(ChainError) {
      try await payAll(due, &redemption)
    } catch {
      guard case .reverted = error else { throw error }
      if due.count == 1 {
        redemption.refused.append((due[0].way, error))
        return
      }
      let half = due.count / 2
      try await pay(together: Array(due[..<half]), &redemption)
      try await pay(together: Array(due[half...]), &redemption)
    }
  }

  private func payAll(_ due: [Due], _ redemption: inout Redemption) async throws(ChainError) {
    let isDryRun = redemption.report.isDryRun
    let signed = due.compactMap { found in
      if case .signature(let ticket) = found.way { ticket } else { nil }
    }
    let call = due.count == 1 ? due[0].way.call : EmethCore.redeemTickets(signed)
    var amount = redemption.report.amount ?? .zero
    if isDryRun {
      for found in due { amount = try sum(amount, found.pays, "eth_call") }
    }
    let (step, receipt) = try await step(call, contracts.settlement, isDryRun)
    redemption.report.steps.append(step)
    for log in receipt?.logs ?? [] where log.address == contracts.settlement {
      if case .redeemed(_, _, let paid, _)? = try? EmethCore.Event(topics: log.topics, data: log.data) {
        amount = try sum(amount, paid, "eth_getTransactionReceipt")
      }
    }
    redemption.report.amount = amount
  }

  /// Posts the batches by which nothing was paid since nobody has posted them, and says when they pay.
  private func postBatches(
    except paid: Set<Address>, _ redemption: inout Redemption
  ) async throws(ChainError) {
    let refused = redemption.refused
    redemption.refused = []
    var posted: Set<Bytes32> = []
    for (way, error) in refused {
      guard case .proof(let proven) = way, !paid.contains(way.account), case .reverted(_, let reason) = error,
        reason == .message("settlement.noBatch") || reason == .message("settlement.tooEarly")
      else {
        redemption.refused.append((way, error))
        continue
      }
      let digest = proven.batch.digest
      if posted.insert(digest).inserted { _ = try await postIfPossible(proven.batch, &redemption.report) }
      guard let batch = try await client.call(EmethCore.batch(digest), at: contracts.settlement) else {
        // Of a dry run it would be.
        if redemption.report.isDryRun {
          redemption.isAnyTaken = true
        } else {
          redemption.refused.append((way, error))
        }
        continue
      }
      redemption.isAnyTaken = true
      let (from, overflows) = batch.postedAt.addingReportingOverflow(Self.challengeSeconds)
      redemption.report.notes.append(
        "\(way) is paid a day after that batch was posted: repeat the command after "
          + Self.date(overflows ? .max : from))
    }
  }
}
