import EmethKit
import Testing

/// Evidence that proves itself.
@Suite struct ConflictTests {
  private let scene: TicketScene
  private let stranger = PrivateKey(seed: .zero, label: "stranger", index: 0)

  init() throws {
    var generator = SeededGenerator()
    scene = try TicketScene(epochs: 6, accounts: 4, using: &generator)
  }

  @Test func twoBatchesOfOneEpoch() throws {
    let honest = scene.batches[3].batch
    let lie = scene.changed(3, burned: 99)
    let evidence = BatchConflict(honest, lie)
    #expect(evidence == BatchConflict(lie, honest), "the same evidence in either order")
    #expect(try evidence.check(signers: scene.signers, in: scene.domain) == .sameEpoch(4))
    #expect(try evidence.check() == .sameEpoch(4))
    #expect(try fromJSON(BatchConflict.self, jsonText(evidence)) == evidence)
    #expect(try evidence.check().description == "two batches of epoch 4")
  }

  @Test func brokenChainsAndFallenTotals() throws {
    let honest = scene.batches[3].batch
    func breach(_ later: SignedBatch) -> BatchConflict.Breach? {
      try? BatchConflict(later, honest).check(signers: scene.signers)
    }
    #expect(breach(scene.changed(4, previous: .zero)) == .brokenChain(epoch: 5))
    #expect(breach(scene.changed(4, burned: 3)) == .totalFell(field: "totalBurned", epoch: 5))
    #expect(breach(scene.changed(5, deposits: 3)) == .totalFell(field: "depositsSeen", epoch: 6))
    let rich = scene.changed(3, payout: .max)
    #expect(
      try BatchConflict(rich, scene.batches[5].batch).check() == .totalFell(field: "totalPayout", epoch: 6))
    // Epochs further apart have no digest to compare.
    #expect(breach(scene.changed(5, previous: .zero)) == nil)
  }

  @Test func whatIsNoEvidenceIsRefused() throws {
    let honest = scene.batches[3].batch
    func refusal(_ one: SignedBatch, _ other: SignedBatch, signers: TrustedSigners? = nil) -> String {
      code { () throws(TicketError) in _ = try BatchConflict(one, other).check(signers: signers) }
    }
    for other in scene.batches.map(\.batch) { #expect(refusal(honest, other) == "ticket.noConflict") }
    let lie = scene.changed(3, burned: 99)
    // A stranger's batch is no lie of the Signer.
    let foreign = SignedBatch(signing: lie.batch, in: scene.domain, with: stranger)
    #expect(refusal(honest, foreign) == "ticket.signerMismatch")
    #expect(refusal(honest, foreign, signers: scene.signers) == "ticket.signerMismatch")
    #expect(refusal(honest, lie, signers: TrustedSigners(stranger.address)) == "ticket.signerMismatch")
    let elsewhere = SignedBatch(signing: lie.batch, in: .embedded, with: scene.key)
    #expect(refusal(honest, elsewhere) == "ticket.wrongDomain")
    let text = try jsonText(BatchConflict(honest, lie))
    let forged = text.replacing(#""totalBurned":"99""#, with: #""totalBurned":"98""#)
    #expect(text != forged)
    #expect(throws: TicketError.self) { try fromJSON(BatchConflict.self, forged).check() }
    let one = try jsonText(honest)
    for batches in ["[]", "[\(one)]", "[\(one),\(one),\(one)]", "{}", "null"] {
      #expect(throws: DecodingError.self) {
        try fromJSON(BatchConflict.self, #"{"conflictingBatches":\#(batches)}"#)
      }
    }
  }

  @Test func aPayoutThatFell() throws {
    func ticket(epoch: UInt64, payout: UInt256, account: UInt8 = 1) -> Ticket {
      Ticket(
        account: Cast.account(account), epoch: epoch, cumulativePayout: TokenAmount(holon: payout),
        unspent: .zero, locked: .zero, jobsRoot: .zero)
    }
    func proven(_ ticket: Ticket, batch epoch: UInt64, key: PrivateKey? = nil) throws -> ProvenTicket {
      let batch = Batch(
        epoch: epoch, previousBatch: .zero, accountsRoot: TicketTrees.accountsRoot(of: [ticket]),
        totalPayout: ticket.cumulativePayout, totalBurned: .zero, depositsSeen: 0, dataHash: .zero,
        fromTime: 0, toTime: 0)
      return try ProvenTicket(
        account: ticket.account, leaves: [ticket],
        batch: SignedBatch(signing: batch, in: scene.domain, with: key ?? scene.key))
    }
    let before = try proven(ticket(epoch: 3, payout: 10), batch: 3)
    let after = try proven(ticket(epoch: 5, payout: 9), batch: 5)
    let evidence = PayoutConflict(earlier: before, later: after)
    try evidence.check(signers: scene.signers, in: scene.domain)
    try evidence.check()
    #expect(try fromJSON(PayoutConflict.self, jsonText(evidence)) == evidence)
    func refusal(_ earlier: ProvenTicket, _ later: ProvenTicket) -> String {
      code { () throws(TicketError) in try PayoutConflict(earlier: earlier, later: later).check() }
    }
    #expect(refusal(after, before) == "ticket.noConflict", "in the wrong order")
    #expect(refusal(before, before) == "ticket.noConflict")
    #expect(refusal(before, try proven(ticket(epoch: 5, payout: 10), batch: 5)) == "ticket.noConflict")
    #expect(
      refusal(before, try proven(ticket(epoch: 5, payout: 9, account: 2), batch: 5))
        == "ticket.accountMismatch")
    #expect(
      refusal(before, try proven(ticket(epoch: 5, payout: 9), batch: 5, key: stranger))
        == "ticket.signerMismatch")
    let unproven = ProvenTicket(batch: after.batch, ticket: ticket(epoch: 5, payout: 1), proof: after.proof)
    #expect(refusal(before, unproven) == "ticket.proofMismatch")
    #expect(throws: DecodingError.self) { try fromJSON(PayoutConflict.self, #"{"conflictingTickets":[]}"#) }
  }
}
