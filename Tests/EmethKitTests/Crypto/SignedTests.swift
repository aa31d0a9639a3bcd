import EmethKit
import Testing

/// Signatures of one and of several accounts.
@Suite struct SignedTests {
  private let keys = (0..<4).map { PrivateKey(seed: .zero, label: "signed", index: UInt32($0)) }
  private let ticket: Ticket
  private let domain: EIP712Domain

  init() {
    ticket = Ticket(
      account: keys[0].address, epoch: 7, cumulativePayout: TokenAmount(holon: 5), unspent: .zero,
      locked: .zero, jobsRoot: .zero)
    domain = EIP712Domain(chainId: 1, verifyingContract: keys[1].address)
  }

  private func signed(by signers: Int...) throws -> SignedTicket {
    var signed = SignedTicket(signing: ticket, in: domain, with: keys[signers[0]])
    for index in signers.dropFirst() { signed = try signed.cosigned(with: keys[index]) }
    return signed
  }

  private func trusted(_ threshold: Int, of indices: Int...) throws -> TrustedSigners {
    try TrustedSigners(threshold: threshold, of: indices.map { keys[$0].address })
  }

  @Test func soManyOfSomeAccounts() throws {
    let two = try signed(by: 0, 2)
    try two.check()
    try two.check(signers: trusted(1, of: 0))
    try two.check(signers: trusted(1, of: 2))
    try two.check(signers: trusted(2, of: 0, 1, 2), in: domain)
    try two.check(signer: keys[2].address)
    func code(_ signed: SignedTicket, _ signers: TrustedSigners) -> String {
      EmethKitTests.code { () throws(TicketError) in try signed.check(signers: signers) }
    }
    #expect(code(two, try trusted(3, of: 0, 1, 2)) == "ticket.tooFewSigners")
    #expect(code(two, try trusted(2, of: 0, 1)) == "ticket.tooFewSigners")
    #expect(code(two, try trusted(1, of: 3)) == "ticket.tooFewSigners")
    #expect(code(try signed(by: 0), try trusted(2, of: 0, 1)) == "ticket.tooFewSigners")
    #expect(code(try signed(by: 0), try trusted(1, of: 1)) == "ticket.signerMismatch")
    #expect(code(try signed(by: 3, 0, 1), try trusted(2, of: 0, 1)) == "none", "a stranger signed first")
  }

  @Test func aSecondSignatureOfTheSameAccountAddsNothing() throws {
    let one = try signed(by: 0)
    #expect(try one.cosigned(with: keys[0]) == one)
    let two = try signed(by: 0, 1)
    #expect(try two.cosigned(with: keys[1]) == two)
    // Claimed twice, it is refused rather than counted twice.
    let own = Cosignature(signature: one.signature, signer: one.signer)
    let other = two.cosignatures[0]
    for cosignatures in [[own], [other, own], [other, other]] {
      let twice = SignedTicket(
        domain: domain, content: ticket, digest: one.digest, signature: one.signature, signer: one.signer,
        cosignatures: cosignatures)
      #expect(throws: TicketError.signed(.repeatedSigner(cosignatures.last?.signer ?? .zero))) {
        try twice.check()
      }
      #expect(throws: TicketError.self) { try twice.cosigned(with: keys[3]) }
    }
  }

  @Test func whatWasSignedElsewhereIsAdded() throws {
    let one = try signed(by: 0)
    let added = Cosignature(signature: keys[1].sign(one.digest), signer: keys[1].address)
    let two = try one.cosigned(by: added)
    #expect(try two == signed(by: 0, 1))
    #expect(try two.cosigned(by: added) == two)
    let stolen = Cosignature(signature: added.signature, signer: keys[2].address)
    let foreign = Cosignature(signature: keys[2].sign(.zero), signer: keys[2].address)
    for bad in [stolen, foreign] {
      #expect(throws: TicketError.self) { try two.cosigned(by: bad) }
    }
    let three = try two.cosigned(with: keys[2])
    #expect(try three.keepingCosignatures(of: [keys[2].address, keys[3].address]) == signed(by: 0, 2))
    #expect(three.keepingCosignatures(of: []) == one)
  }

  @Test func everyCosignatureIsChecked() throws {
    let two = try signed(by: 0, 1)
    let text = try jsonText(two)
    #expect(try fromJSON(SignedTicket.self, text) == two)
    let honest = two.cosignatures[0].signature
    #expect(
      throws: TicketError.signed(.signerMismatch(found: keys[1].address, expected: keys[2].address))
    ) {
      try fromJSON(
        SignedTicket.self, text.replacing("\(keys[1].address)\"}],", with: "\(keys[2].address)\"}],")
      ).check()
    }
    // The signature of another ticket.
    let foreign = keys[1].sign(Keccak256.hash("another".utf8))
    #expect(throws: TicketError.self) {
      try fromJSON(SignedTicket.self, text.replacing("\(honest)", with: "\(foreign)")).check()
    }
    #expect(throws: DecodingError.self) {
      try fromJSON(SignedTicket.self, text.replacing("\(honest)", with: "0x00"))
    }
  }

  @Test func signaturesForAContractAreInAscendingOrder() throws {
    #expect(try signed(by: 0).signatureBytes == signed(by: 0).signature.bytes)
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
      var all = SignedTicket(signing: ticket, in: domain, with: keys[order[0]])
      for index in order.dropFirst() { all = try all.cosigned(with: keys[index]) }
      #expect(all.allSigners == keys.map(\.address).sorted())
      let bytes = all.signatureBytes
      #expect(bytes.count == 4 * 65)
      for (index, address) in all.allSigners.enumerated() {
        let signature = try Signature(bytes: bytes[65 * index..<65 * (index + 1)])
        #expect(try signature.recoverAddress(from: all.digest) == address)
      }
    }
  }

  @Test func thereIsALimitToCosignatures() throws {
    let one = try signed(by: 0)
    let limit = SignedTicket.cosignatureLimit
    var many = one
    for index in 0..<limit {
      many = SignedTicket(
        domain: domain, content: ticket, digest: one.digest, signature: one.signature, signer: one.signer,
        cosignatures: many.cosignatures + [
          Cosignature(
            signature: PrivateKey(seed: .zero, label: "many", index: UInt32(index)).sign(one.digest),
            signer: PrivateKey(seed: .zero, label: "many", index: UInt32(index)).address)
        ])
    }
    try many.check()
    #expect(throws: TicketError.signed(.cosignatures(found: limit + 1, allowed: limit))) {
      try many.cosigned(with: keys[1])
    }
    let text = many.canonicalJSON
    #expect(try fromJSON(SignedTicket.self, text) == many)
    let first = #"{"signature":"\#(many.cosignatures[0].signature)""#
    let over = text.replacing(
      first, with: #"{"signature":"\#(one.signature)","signer":"\#(one.signer)"},"# + first)
    #expect(throws: DecodingError.self) { try fromJSON(SignedTicket.self, over) }
    #expect(throws: TicketError.signed(.cosignatures(found: limit + 1, allowed: limit))) {
      try SignedTicket(json: JSONValue(parsing: over))
    }
  }

  @Test func contentThatNamesItsSignerIsSignedByNobodyElse() throws {
    let submission = Submission(
      jobID: JobID(requester: keys[0].address, salt: .zero), round: 0, node: keys[0].address,
      programHash: .zero, dataRoot: .zero, initRoot: .zero, traceRoot: .zero, finalRoot: .zero,
      resultRoot: .zero, segments: 1, fuelUsed: 1)
    let own = SignedSubmission(signing: submission, in: domain, with: keys[0])
    try own.check(signers: TrustedSigners(keys[0].address))
    let foreign = SignedSubmission(signing: submission, in: domain, with: keys[1])
    let mismatch = VerificationError.signed(
      .signerMismatch(found: keys[1].address, expected: keys[0].address))
    #expect(throws: mismatch) { try foreign.check() }
    #expect(throws: mismatch) { try foreign.check(signers: TrustedSigners(keys[1].address)) }
    #expect(
      throws: VerificationError.signed(.signerMismatch(found: keys[0].address, expected: keys[1].address))
    ) {
      try own.check(signer: keys[1].address)
    }
  }

  @Test func manyAtOnceAreTheSameAsOneByOne() async throws {
    var generator = SeededGenerator()
    for count in [0, 1, 63, 64, 65, 200] {
      let tickets = (0..<count).map { index in
        Ticket(
          account: Cast.account(UInt8(index)), epoch: generator.next(), cumulativePayout: .zero,
          unspent: .zero, locked: .zero, jobsRoot: .zero)
      }
      let signed = try await SignedTicket.signing(tickets, in: domain, with: keys[0])
      #expect(signed == tickets.map { SignedTicket(signing: $0, in: domain, with: keys[0]) })
      var mixed = signed
      for index in mixed.indices where index % 7 == 3 {
        mixed[index] = SignedTicket(signing: tickets[index], in: domain, with: keys[1])
      }
      let faults = try await SignedTicket.faults(
        of: mixed, signers: TrustedSigners(keys[0].address), in: domain)
      #expect(faults.count == count)
      for (index, fault) in faults.enumerated() {
        #expect((fault != nil) == (index % 7 == 3))
      }
    }
    let task = Task { () throws -> Int in
      while !Task.isCancelled { await Task.yield() }
      return try await SignedTicket.signing([ticket, ticket], in: domain, with: keys[0]).count
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
