import EmethKit
import Testing

@Suite struct BatchChainTests {
  @Test func anHonestRunOfAnyLengthIsTakenIn() throws {
    var generator = SeededGenerator()
    let scene = try TicketScene(epochs: 12, accounts: 5, using: &generator)
    for start in [0, 1, 7] {
      var chain = BatchChain(domain: scene.domain, signers: scene.signers)
      for (batch, leaves) in scene.batches[start...] {
        // Leaves may be missing now and then.
        try chain.append(batch, leaves: Bool.random(using: &generator) ? leaves : nil)
      }
      #expect(chain.newest == scene.batches.last?.batch)
      #expect(chain.count == scene.batches.count - start)
    }
    var open = BatchChain(domain: scene.domain)
    try open.append(scene.batches[0].batch)
    #expect(open.signers == nil && open.count == 1)
  }

  /// Each lie alone, and the run stays as it was.
  @Test func everyBreachHasItsName() throws {
    var generator = SeededGenerator()
    let scene = try TicketScene(epochs: 6, accounts: 4, using: &generator)
    var chain = BatchChain(domain: scene.domain, signers: scene.signers)
    for (batch, leaves) in scene.batches.prefix(3) { try chain.append(batch, leaves: leaves) }
    func refusal(_ batch: SignedBatch, leaves: [Ticket]? = nil) -> String {
      var copy = chain
      let code = code { () throws(TicketError) in try copy.append(batch, leaves: leaves) }
      #expect(code == "none" || (copy.count == chain.count && copy.newest == chain.newest))
      return code
    }
    let (next, leaves) = scene.batches[3]
    #expect(refusal(next, leaves: leaves) == "none")
    #expect(refusal(scene.batches[4].batch) == "ticket.wrongEpoch")
    #expect(refusal(scene.batches[2].batch) == "ticket.wrongEpoch")
    #expect(refusal(scene.changed(3, previous: .zero)) == "ticket.brokenChain")
    #expect(refusal(scene.changed(3, burned: 0)) == "ticket.totalFell")
    #expect(refusal(scene.changed(3, deposits: 0)) == "ticket.totalFell")
    #expect(refusal(scene.changed(3, payout: 0)) == "ticket.totalFell")
    #expect(refusal(scene.changed(3, from: 0)) == "ticket.wrongTime")
    #expect(refusal(scene.changed(3, to: 0)) == "ticket.wrongTime")
    #expect(refusal(next, leaves: Array(leaves.dropLast())) == "ticket.accountsRootMismatch")
    let stranger = PrivateKey(seed: .zero, label: "stranger", index: 0)
    #expect(
      refusal(SignedBatch(signing: next.batch, in: scene.domain, with: stranger)) == "ticket.signerMismatch")
    #expect(
      refusal(SignedBatch(signing: next.batch, in: .embedded, with: scene.key)) == "ticket.wrongDomain")
    #expect(chain.count == 3)
  }

  /// A batch whose root, file and totals are right, over leaves of which one fell.
  @Test func anAccountsPayoutMayNotFall() throws {
    let key = PrivateKey(seed: .zero, label: "chain", index: 0)
    func ticket(_ account: UInt8, epoch: UInt64, payout: UInt256) -> Ticket {
      Ticket(
        account: Cast.account(account), epoch: epoch, cumulativePayout: TokenAmount(holon: payout),
        unspent: .zero, locked: .zero, jobsRoot: .zero)
    }
    func batch(after previous: SignedBatch?, _ leaves: [Ticket]) throws -> SignedBatch {
      SignedBatch(
        signing: try Batch(
          after: previous, leaves: leaves, totalBurned: .zero, depositsSeen: 0, fromTime: 0, toTime: 0),
        in: .embedded, with: key)
    }
    let before = [ticket(1, epoch: 1, payout: 10), ticket(2, epoch: 1, payout: 5)]
    let first = try batch(after: nil, before)
    func refusal(_ leaves: [Ticket]) throws -> String {
      var chain = BatchChain(domain: .embedded)
      try chain.append(first, leaves: before)
      let next = try batch(after: first, leaves)
      return code { () throws(TicketError) in try chain.append(next, leaves: leaves) }
    }
    #expect(
      try refusal([ticket(1, epoch: 2, payout: 9), ticket(2, epoch: 2, payout: 6)]) == "ticket.payoutFell")
    #expect(try refusal([ticket(1, epoch: 2, payout: 15)]) == "ticket.leafMissing")
    #expect(try refusal([ticket(1, epoch: 1, payout: 11), before[1]]) == "ticket.wrongEpoch")
    #expect(try refusal([ticket(1, epoch: 2, payout: 10), before[1]]) == "none")
  }

  @Test func epochsCountFromOne() throws {
    let key = PrivateKey(seed: .zero, label: "chain", index: 0)
    func batch(_ epoch: UInt64, previous: Bytes32) -> SignedBatch {
      SignedBatch(
        signing: Batch(
          epoch: epoch, previousBatch: previous, accountsRoot: .zero, totalPayout: .zero, totalBurned: .zero,
          depositsSeen: 0, dataHash: .zero, fromTime: 0, toTime: 0), in: .embedded, with: key)
    }
    func refusal(_ batch: SignedBatch) -> String {
      var chain = BatchChain(domain: .embedded)
      return code { () throws(TicketError) in try chain.append(batch) }
    }
    #expect(refusal(batch(0, previous: .zero)) == "ticket.wrongEpoch")
    #expect(refusal(batch(1, previous: key.sign(.zero).r)) == "ticket.brokenChain")
    #expect(refusal(batch(1, previous: .zero)) == "none")
    #expect(refusal(batch(.max, previous: .zero)) == "none")
  }
}
