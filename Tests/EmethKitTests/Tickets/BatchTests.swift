import EmethKit
import Testing

@Suite struct BatchTests {
  private let key: PrivateKey
  private let leaves = TicketTreesTests.tickets

  init() throws {
    key = try PrivateKey(hex: String(repeating: "11", count: 32))
  }

  /// Digest and signature made with another implementation (Python's eth-account).
  @Test func digestAndSignature() throws {
    func word(_ byte: UInt8) throws -> Bytes32 { try #require(Bytes32([UInt8](repeating: byte, count: 32))) }
    let batch = Batch(
      epoch: 8, previousBatch: try word(1), accountsRoot: try word(2), totalPayout: TokenAmount(holon: 3),
      totalBurned: TokenAmount(holon: 4), depositsSeen: 5, dataHash: try word(6), fromTime: 1_700_000_000,
      toTime: 1_700_000_060)
    let signed = SignedBatch(signing: batch, in: .embedded, with: key)
    #expect(signed.digest.description == "0x307cefcbc9a14ff295205e34544db68efe7cb339a28abd9f9b15d20362abcbb8")
    #expect(
      signed.signature.description
        == "0xe5b46f818ee0ff1dd76da1b8d2b7c87715b2170fd015d56ee3cbc620153bdc9a5bcbc8b894eb7c39db9d68"
        + "361c8e35690ad659e02d08ccec34702b0fed89eba01b")
    try signed.check(signer: key.address, in: .embedded)
    let text = try jsonText(signed)
    #expect(text.contains(#""epoch":"8""#))
    #expect(text.contains(#""depositsSeen":"5""#))
    #expect(text.contains(#""fromTime":1700000000,"#))
    #expect(try fromJSON(SignedBatch.self, text) == signed)
    for (found, put) in [
      (#""toTime":1700000060"#, #""toTime":1700000061"#), (#""epoch":"8""#, #""epoch":"9""#),
    ] {
      let changed = try fromJSON(SignedBatch.self, text.replacing(found, with: put))
      #expect(throws: TicketError.self) { try changed.check() }
    }
  }

  private func first() throws -> SignedBatch {
    SignedBatch(
      signing: try Batch(
        after: nil, leaves: Array(leaves.prefix(1)), totalBurned: TokenAmount(holon: 10), depositsSeen: 2,
        fromTime: 100, toTime: 160),
      in: .embedded, with: key)
  }

  private func next(
    after previous: SignedBatch, burned: UInt256 = 12, deposits: UInt64 = 3, from: UInt64 = 160,
    to: UInt64 = 220
  ) throws -> Batch {
    try Batch(
      after: previous, leaves: Array(leaves.prefix(3)), totalBurned: TokenAmount(holon: burned),
      depositsSeen: deposits, fromTime: from, toTime: to)
  }

  @Test func batchesFormAChain() throws {
    let first = try first()
    #expect(first.batch.epoch == 1)
    #expect(first.batch.previousBatch == .zero)
    let second = SignedBatch(signing: try next(after: first), in: .embedded, with: key)
    #expect(second.batch.epoch == 2)
    #expect(second.batch.previousBatch == first.digest)
    #expect(second.batch.totalPayout == TokenAmount(holon: 111))
    try second.check(after: first)
    try second.check(after: first, signers: TrustedSigners(key.address))
    try second.batch.check(leaves: Array(leaves.prefix(3)))
    #expect(throws: TicketError.signed(.signerMismatch(found: key.address, expected: .zero))) {
      try second.check(after: first, signers: TrustedSigners(.zero))
    }
    #expect(throws: TicketError.wrongEpoch(found: 1, allowed: "the one after 2")) {
      try first.check(after: second)
    }
    #expect(throws: TicketError.wrongEpoch(found: 1, allowed: "the one after 1")) {
      try first.check(after: first)
    }
  }

  /// Each thing that a next batch may not do, changed alone.
  @Test func everyBreachHasItsName() throws {
    let first = try first()
    let good = try next(after: first)
    func changed(
      epoch: UInt64? = nil, previous: Bytes32? = nil, payout: UInt256? = nil, burned: UInt256? = nil,
      deposits: UInt64? = nil, from: UInt64? = nil, to: UInt64? = nil
    ) -> String {
      let batch = Batch(
        epoch: epoch ?? good.epoch, previousBatch: previous ?? good.previousBatch,
        accountsRoot: good.accountsRoot,
        totalPayout: payout.map { TokenAmount(holon: $0) } ?? good.totalPayout,
        totalBurned: burned.map { TokenAmount(holon: $0) } ?? good.totalBurned,
        depositsSeen: deposits ?? good.depositsSeen, dataHash: good.dataHash, fromTime: from ?? good.fromTime,
        toTime: to ?? good.toTime)
      do throws(TicketError) {
        try SignedBatch(signing: batch, in: .embedded, with: key).check(after: first)
        return "accepted"
      } catch {
        return error.code
      }
    }
    #expect(changed() == "accepted")
    #expect(changed(epoch: 3) == "ticket.wrongEpoch")
    #expect(changed(epoch: 1) == "ticket.wrongEpoch")
    #expect(changed(previous: .zero) == "ticket.brokenChain")
    #expect(changed(payout: 0) == "ticket.totalFell")
    #expect(changed(payout: 1) == "accepted")
    #expect(changed(burned: 9) == "ticket.totalFell")
    #expect(changed(deposits: 1) == "ticket.totalFell")
    #expect(changed(from: 159) == "ticket.wrongTime")
    #expect(changed(to: 159) == "ticket.wrongTime")
    #expect(changed(from: 161, to: 161) == "accepted")
    #expect(throws: TicketError.self) { try next(after: first, burned: 9) }
    #expect(throws: TicketError.self) { try next(after: first, deposits: 1) }
    #expect(throws: TicketError.self) { try next(after: first, from: 0) }
    let elsewhere = SignedBatch(
      signing: good, in: EIP712Domain(chainId: 1, verifyingContract: .zero), with: key)
    #expect(throws: TicketError.self) { try elsewhere.check(after: first) }
    // The last epoch of all has no next one, and does not wrap to 0.
    #expect(throws: TicketError.self) {
      try Batch(
        after: SignedBatch(
          signing: Batch(
            epoch: .max, previousBatch: .zero, accountsRoot: .zero, totalPayout: .zero, totalBurned: .zero,
            depositsSeen: 0, dataHash: .zero, fromTime: 0, toTime: 0), in: .embedded, with: key),
        leaves: [], totalBurned: .zero, depositsSeen: 0, fromTime: 0, toTime: 0)
    }
  }

  @Test func leavesMustBeTheBatchs() throws {
    let second = try next(after: first())
    let own = Array(leaves.prefix(3))
    try second.check(leaves: own.reversed())
    let less = Array(leaves.prefix(2))
    let root = TicketTrees.accountsRoot(of: less)
    #expect(throws: TicketError.accountsRootMismatch(found: root, expected: second.accountsRoot)) {
      try second.check(leaves: less)
    }
    #expect(throws: TicketError.duplicateAccount(own[0].account)) { try second.check(leaves: own + [own[0]]) }
    #expect(throws: TicketError.wrongEpoch(found: 3, allowed: "at most 2")) {
      try second.check(leaves: Array(leaves.prefix(4)))
    }
    func changed(payout: TokenAmount, dataHash: Bytes32) -> Batch {
      Batch(
        epoch: second.epoch, previousBatch: second.previousBatch, accountsRoot: second.accountsRoot,
        totalPayout: payout, totalBurned: second.totalBurned, depositsSeen: 3, dataHash: dataHash,
        fromTime: 160,
        toTime: 220)
    }
    let wrong = TokenAmount(holon: 112)
    #expect(throws: TicketError.totalPayoutMismatch(found: second.totalPayout, expected: wrong)) {
      try changed(payout: wrong, dataHash: second.dataHash).check(leaves: own)
    }
    #expect(throws: TicketError.dataHashMismatch(found: second.dataHash, expected: .zero)) {
      try changed(payout: second.totalPayout, dataHash: .zero).check(leaves: own)
    }
    let huge = Ticket(
      account: .zero, epoch: 1, cumulativePayout: TokenAmount(holon: .max), unspent: .zero, locked: .zero,
      jobsRoot: .zero)
    #expect(throws: TicketError.self) {
      try Batch(
        after: nil, leaves: [huge, leaves[1]], totalBurned: .zero, depositsSeen: 0, fromTime: 0, toTime: 1)
    }
  }

  @Test func everyLeafIsProvenAndNothingElse() throws {
    let batch = SignedBatch(
      signing: try Batch(
        after: nil, leaves: Array(leaves.prefix(2)), totalBurned: .zero, depositsSeen: 0, fromTime: 0,
        toTime: 60),
      in: .embedded, with: key)
    let own = Array(leaves.prefix(2))
    for leaf in own {
      let proven = try ProvenTicket(account: leaf.account, leaves: own, batch: batch)
      try proven.check(signers: TrustedSigners(key.address), in: .embedded)
      #expect(try fromJSON(ProvenTicket.self, jsonText(proven)) == proven)
      let richer = Ticket(
        account: leaf.account, epoch: leaf.epoch, cumulativePayout: TokenAmount(holon: 1 << 100),
        unspent: leaf.unspent, locked: leaf.locked, jobsRoot: leaf.jobsRoot)
      #expect(throws: TicketError.proofMismatch(account: leaf.account)) {
        try ProvenTicket(batch: batch, ticket: richer, proof: proven.proof).check()
      }
      #expect(throws: TicketError.proofMismatch(account: leaf.account)) {
        try ProvenTicket(batch: batch, ticket: leaf, proof: proven.proof + [.zero]).check()
      }
      #expect(throws: TicketError.signed(.signerMismatch(found: key.address, expected: .zero))) {
        try proven.check(signers: TrustedSigners(.zero))
      }
    }
    #expect(throws: TicketError.leafMissing(account: .zero)) {
      try ProvenTicket(account: .zero, leaves: own, batch: batch)
    }
    #expect(throws: TicketError.wrongEpoch(found: 4, allowed: "at most the batch's 1")) {
      try ProvenTicket(batch: batch, ticket: leaves[4], proof: []).check()
    }
  }
}
