import EmethKit
import Testing

@Suite struct TicketBookTests {
  /// What is given to a book.
  private enum Document {
    case ticket(SignedTicket)
    case batch(SignedBatch, leaves: [Ticket]?)
    case proven(ProvenTicket)
  }

  private func add(_ document: Document, to book: inout TicketBook) throws(TicketError) {
    switch document {
    case .ticket(let ticket): try book.add(ticket)
    case .batch(let batch, let leaves): try book.add(batch, leaves: leaves)
    case .proven(let proven): try book.add(proven)
    }
  }

  private func documents(of scene: TicketScene) throws -> [Document] {
    var documents = scene.tickets.map { Document.ticket($0) }
    for (index, (batch, leaves)) in scene.batches.enumerated() {
      documents.append(.batch(batch, leaves: index.isMultiple(of: 2) ? leaves : nil))
      let account = leaves[index % leaves.count].account
      documents.append(.proven(try ProvenTicket(account: account, leaves: leaves, batch: batch)))
    }
    return documents
  }

  /// Any part of an honest history, in any order, some of it twice: all is taken in, and the answer is the
  /// newest ticket of each account less what was redeemed.
  @Test func theOrderPlaysNoPart() throws {
    var generator = SeededGenerator()
    for _ in 0..<scaled(6) {
      let scene = try TicketScene(epochs: 8, accounts: 5, using: &generator)
      let all = try documents(of: scene)
      let some = all.filter { _ in UInt8.random(in: 0..<4, using: &generator) > 0 }
      var answers: Set<[Answer]> = []
      for _ in 0..<3 {
        var book = TicketBook(domain: scene.domain, signers: scene.signers)
        for document in (some + some.prefix(5)).shuffled(using: &generator) { try add(document, to: &book) }
        #expect(book.conflicts.isEmpty)
        answers.insert(book.accounts.compactMap { book.redeemable(by: $0) }.map(Answer.init))
        try compareWithModel(book, some, redeemed: .zero)
      }
      #expect(answers.count == 1)
    }
  }

  /// An answer without its route, which may differ between two that prove the same ticket.
  private struct Answer: Hashable {
    let ticket: Ticket
    let amount: TokenAmount

    init(_ redeemable: Redeemable) {
      ticket = redeemable.ticket
      amount = redeemable.amount
    }
  }

  private func compareWithModel(_ book: TicketBook, _ documents: [Document], redeemed: TokenAmount) throws {
    var newest: [Address: Ticket] = [:]
    func take(_ ticket: Ticket) {
      if ticket.epoch >= newest[ticket.account]?.epoch ?? 0 { newest[ticket.account] = ticket }
    }
    var epochs: Set<UInt64> = []
    for document in documents {
      switch document {
      case .ticket(let ticket): take(ticket.ticket)
      case .batch(let batch, let leaves):
        leaves?.forEach(take)
        epochs.insert(batch.batch.epoch)
      case .proven(let proven):
        take(proven.ticket)
        epochs.insert(proven.batch.batch.epoch)
      }
    }
    #expect(Set(book.accounts) == Set(newest.keys))
    for (account, ticket) in newest {
      let answer = try #require(book.redeemable(by: account))
      #expect(answer.ticket == ticket)
      #expect(answer.amount.holon == ticket.cumulativePayout.holon - redeemed.holon)
      switch answer.route {
      case .signature(let signed): #expect(signed.ticket == ticket)
      case .proof(let batch):
        let proven = try book.provenTicket(of: account)
        #expect(proven.ticket == ticket && batch.batch.epoch <= proven.batch.batch.epoch)
        try proven.check(signers: book.signers, in: book.domain)
      }
    }
    #expect(book.newestBatch?.batch.epoch == epochs.max())
    #expect(
      book.gaps.flatMap { Array($0) } == Set(1...(epochs.max() ?? 1)).subtracting(epochs).sorted()
        || epochs.isEmpty)
    for epoch in epochs { #expect(book.batch(of: epoch)?.batch.epoch == epoch) }
  }

  @Test func additionsSayWhatTheyDid() throws {
    var generator = SeededGenerator()
    let scene = try TicketScene(epochs: 4, accounts: 1, using: &generator)
    var book = TicketBook(domain: scene.domain, signers: scene.signers)
    let tickets = scene.tickets
    let last = try #require(tickets.last)
    #expect(try book.add(last) == .newest)
    #expect(try book.add(last) == .known)
    if tickets.count > 1 { #expect(try book.add(tickets[0]) == .older) }
    #expect(book.newestTicket(of: last.ticket.account) == last)
    #expect(try book.add(scene.batches[2].batch) == .newest)
    #expect(try book.add(scene.batches[0].batch) == .older)
    #expect(try book.add(scene.batches[0].batch) == .known)
    #expect(book.gaps == [2...2])
    #expect(try book.add(scene.batches[3].batch, leaves: scene.batches[3].leaves) == .newest)
  }

  @Test func whatWasRedeemedIsTakenOff() throws {
    let key = PrivateKey(seed: .zero, label: "book", index: 0)
    let account = Cast.account(1)
    func ticket(_ epoch: UInt64, _ payout: UInt256) -> SignedTicket {
      SignedTicket(
        signing: Ticket(
          account: account, epoch: epoch, cumulativePayout: TokenAmount(holon: payout), unspent: .zero,
          locked: .zero, jobsRoot: .zero), in: .embedded, with: key)
    }
    var book = TicketBook(domain: .embedded, signers: TrustedSigners(key.address))
    #expect(book.redeemable(by: account) == nil && book.redeemables.isEmpty && book.accounts.isEmpty)
    book.recordRedeemed(TokenAmount(holon: 4), by: account)
    #expect(book.redeemable(by: account) == nil, "no ticket is known")
    try book.add(ticket(1, 10))
    #expect(book.redeemable(by: account)?.amount == TokenAmount(holon: 6))
    #expect(book.redeemable(by: account)?.route == .signature(ticket(1, 10)))
    book.recordRedeemed(TokenAmount(holon: 3), by: account)
    #expect(book.redeemable(by: account)?.redeemed == TokenAmount(holon: 4), "it only rises")
    book.recordRedeemed(TokenAmount(holon: 11), by: account)
    #expect(book.redeemable(by: account)?.amount == .zero, "more than this book knows was granted")
    #expect(book.redeemables.isEmpty)
    try book.add(ticket(.max, .max))
    #expect(book.redeemables.map(\.amount.holon) == [.max - 11])
    #expect(throws: TicketError.leafMissing(account: account)) { try book.provenTicket(of: account) }
  }

  @Test func foreignAndForgedOnesAreRefused() throws {
    var generator = SeededGenerator()
    let scene = try TicketScene(epochs: 3, accounts: 3, using: &generator)
    let stranger = PrivateKey(seed: .zero, label: "stranger", index: 0)
    var book = TicketBook(domain: scene.domain, signers: scene.signers)
    let ticket = scene.tickets[0]
    let batch = scene.batches[0].batch
    func refusal(_ document: Document) -> String {
      code { () throws(TicketError) in try add(document, to: &book) }
    }
    let domain = scene.domain
    #expect(
      refusal(.ticket(SignedTicket(signing: ticket.ticket, in: domain, with: stranger)))
        == "ticket.signerMismatch")
    #expect(
      refusal(.ticket(SignedTicket(signing: ticket.ticket, in: .embedded, with: scene.key)))
        == "ticket.wrongDomain")
    #expect(
      refusal(.batch(SignedBatch(signing: batch.batch, in: domain, with: stranger), leaves: nil))
        == "ticket.signerMismatch")
    #expect(
      refusal(.batch(SignedBatch(signing: batch.batch, in: .embedded, with: scene.key), leaves: nil))
        == "ticket.wrongDomain")
    let rich = Ticket(
      account: ticket.ticket.account, epoch: 9, cumulativePayout: TokenAmount(holon: .max), unspent: .zero,
      locked: .zero, jobsRoot: .zero)
    let forged = SignedTicket(
      domain: domain, content: rich, digest: ticket.digest, signature: ticket.signature,
      signer: ticket.signer)
    #expect(refusal(.ticket(forged)) == "ticket.digestMismatch")
    let forgedDigest = SignedTicket(
      domain: domain, content: rich, digest: rich.digest(in: domain), signature: ticket.signature,
      signer: ticket.signer)
    #expect(["ticket.signerMismatch", "signature.unrecoverable"].contains(refusal(.ticket(forgedDigest))))
    #expect(
      refusal(.proven(ProvenTicket(batch: scene.batches[2].batch, ticket: ticket.ticket, proof: [])))
        == "ticket.proofMismatch")
    #expect(
      refusal(.batch(batch, leaves: [rich])) == "ticket.wrongEpoch", "leaves that are not the batch's")
    #expect(book.accounts.isEmpty && book.newestBatch == nil && book.conflicts.isEmpty)
  }

  @Test func contradictoryTicketsAreRefused() throws {
    let key = PrivateKey(seed: .zero, label: "book", index: 0)
    func ticket(_ epoch: UInt64, _ payout: UInt256, unspent: UInt256 = 0, account: UInt8 = 1) -> Ticket {
      Ticket(
        account: Cast.account(account), epoch: epoch, cumulativePayout: TokenAmount(holon: payout),
        unspent: TokenAmount(holon: unspent), locked: .zero, jobsRoot: .zero)
    }
    func signed(_ ticket: Ticket) -> SignedTicket { SignedTicket(signing: ticket, in: .embedded, with: key) }
    func batch(_ epoch: UInt64, _ leaves: [Ticket]) throws -> SignedBatch {
      SignedBatch(
        signing: Batch(
          epoch: epoch, previousBatch: epoch == 1 ? .zero : key.sign(.zero).r,
          accountsRoot: TicketTrees.accountsRoot(of: leaves),
          totalPayout: leaves.reduce(.zero) { $0 + $1.cumulativePayout }, totalBurned: .zero,
          depositsSeen: 0, dataHash: SHA256.hash(TicketTrees.leavesFile(leaves)), fromTime: 0, toTime: 0),
        in: .embedded, with: key)
    }
    var book = TicketBook(domain: .embedded, signers: TrustedSigners(key.address))
    try book.add(signed(ticket(5, 10)))
    func refusal(_ document: Document) -> String {
      var copy = book
      return code { () throws(TicketError) in try add(document, to: &copy) }
    }
    #expect(refusal(.ticket(signed(ticket(5, 10, unspent: 1)))) == "ticket.ticketConflict")
    #expect(refusal(.ticket(signed(ticket(6, 9)))) == "ticket.payoutFell")
    #expect(refusal(.ticket(signed(ticket(4, 11)))) == "ticket.payoutFell")
    #expect(refusal(.ticket(signed(ticket(6, 10)))) == "none")
    // A batch of epoch 7 that has the account's ticket of epoch 3 says that 5 was never signed.
    let old = [ticket(3, 8)]
    #expect(refusal(.batch(try batch(7, old), leaves: old)) == "ticket.wrongEpoch")
    #expect(
      refusal(.proven(try ProvenTicket(account: Cast.account(1), leaves: old, batch: batch(7, old))))
        == "ticket.wrongEpoch")
    #expect(refusal(.batch(try batch(4, old), leaves: old)) == "none")
    let missing = [ticket(3, 8, account: 2)]
    #expect(refusal(.batch(try batch(7, missing), leaves: missing)) == "ticket.leafMissing")
    #expect(refusal(.batch(try batch(4, missing), leaves: missing)) == "none")
    let fallen = [ticket(6, 9)]
    #expect(refusal(.batch(try batch(7, fallen), leaves: fallen)) == "ticket.payoutFell")
    let other = [ticket(5, 10, unspent: 2)]
    #expect(refusal(.batch(try batch(7, other), leaves: other)) == "ticket.ticketConflict")

    // The other way round: the leaves first.
    let leaves = [ticket(5, 10), ticket(6, 3, account: 2)]
    try book.add(try batch(8, leaves), leaves: leaves)
    #expect(refusal(.ticket(signed(ticket(8, 12)))) == "ticket.wrongEpoch", "5 was the newest until 8")
    #expect(refusal(.ticket(signed(ticket(9, 12)))) == "none")
    #expect(refusal(.ticket(signed(ticket(8, 1, account: 3)))) == "ticket.leafMissing")
    #expect(refusal(.ticket(signed(ticket(9, 1, account: 3)))) == "none")
    let fewer = [ticket(5, 10)]
    #expect(refusal(.batch(try batch(10, fewer), leaves: fewer)) == "ticket.totalFell")
    let richer = [ticket(5, 100)]
    #expect(refusal(.batch(try batch(10, richer), leaves: richer)) == "ticket.ticketConflict")
    let alone = [ticket(9, 100)]
    #expect(refusal(.batch(try batch(10, alone), leaves: alone)) == "ticket.leafMissing", "account 2")
    #expect(refusal(.batch(try batch(6, fewer), leaves: fewer)) == "ticket.leafMissing", "account 2 at 6")
  }

  @Test func twoBatchesOfOneEpochAreKeptAsEvidence() throws {
    var generator = SeededGenerator()
    let scene = try TicketScene(epochs: 5, accounts: 3, using: &generator)
    var book = TicketBook(domain: scene.domain, signers: scene.signers)
    for (batch, _) in scene.batches { try book.add(batch) }
    func refusal(_ batch: SignedBatch) -> String {
      code { () throws(TicketError) in try book.add(batch) }
    }
    let lie = scene.changed(2, burned: 50)
    #expect(refusal(lie) == "ticket.equivocation")
    #expect(refusal(lie) == "ticket.equivocation")
    #expect(book.conflicts == [BatchConflict(scene.batches[2].batch, lie)])
    #expect(try book.conflicts[0].check(signers: scene.signers) == .sameEpoch(3))
    #expect(book.batch(of: 3) == scene.batches[2].batch, "the first one stays")

    // Lies about what lies between, in a book with gaps.
    var gappy = TicketBook(domain: scene.domain, signers: scene.signers)
    try gappy.add(scene.batches[1].batch)
    try gappy.add(scene.batches[3].batch)
    func gappyRefusal(_ batch: SignedBatch) -> String {
      code { () throws(TicketError) in try gappy.add(batch) }
    }
    #expect(gappyRefusal(scene.changed(2, previous: .zero)) == "ticket.brokenChain")
    #expect(gappyRefusal(scene.changed(2, burned: 1)) == "ticket.totalFell")
    #expect(gappyRefusal(scene.changed(2, burned: 5)) == "ticket.brokenChain", "4 does not follow it")
    #expect(gappyRefusal(scene.changed(4, burned: 1)) == "ticket.totalFell")
    #expect(gappyRefusal(scene.changed(0, deposits: 9)) == "ticket.brokenChain")
    let before = gappy.conflicts.count
    #expect(gappyRefusal(scene.changed(4, from: 0)) == "ticket.wrongTime")
    #expect(gappy.conflicts.count == before, "times out of order are no evidence")
    for conflict in gappy.conflicts { _ = try conflict.check(signers: scene.signers, in: scene.domain) }
    try gappy.add(scene.batches[2].batch)
    #expect(gappy.gaps == [1...1])
    #expect(gappyRefusal(scene.changed(2, epoch: 0)) == "ticket.wrongEpoch")
    // However many lies there are, only some are kept.
    for burned in 100..<200 { _ = gappyRefusal(scene.changed(2, burned: UInt256(burned))) }
    #expect(gappy.conflicts.count == TicketBook.conflictLimit)
  }
}
