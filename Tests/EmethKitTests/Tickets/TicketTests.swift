import EmethKit
import Testing

@Suite struct TicketTests {
  private let key: PrivateKey
  private let domain: EIP712Domain
  private let ticket: Ticket

  init() throws {
    key = try PrivateKey(hex: String(repeating: "11", count: 32))
    domain = EIP712Domain(chainId: 137, verifyingContract: Cast.account(0x22))
    ticket = Ticket(
      account: key.address, epoch: 7, cumulativePayout: try TokenAmount(emeth: "0.0144"),
      unspent: TokenAmount(holon: 5), locked: TokenAmount(holon: 1 << 255),
      jobsRoot: try #require(Bytes32([UInt8](repeating: 0x33, count: 32))))
  }

  /// Digest and signature made with another implementation (Python's eth-account).
  @Test func digestAndSignature() throws {
    let signed = SignedTicket(signing: ticket, in: domain, with: key)
    #expect(signed.signer.description == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A")
    #expect(signed.digest.description == "0xb1e375a101f1c5f41c58f1aaeb69bacf0a61d4efddab821af17eacd69307fa62")
    #expect(
      signed.signature.description
        == "0x0ce01238eee9cd9ca77bfd57aca59e72a2bb54e011a612febf3099fd0a697b2a5fde0d8c74b92c4a85ad2c213d5c"
        + "e001a7adf282b337487ce4bfb8d8e14a6c0f1c")
    try signed.check()
    try signed.check(signer: key.address, in: domain)
  }

  @Test func jsonIsAsTheToolPrintsIt() throws {
    let signed = SignedTicket(signing: ticket, in: domain, with: key)
    let text = try jsonText(signed)
    #expect(
      text == #"{"digest":"\#(signed.digest)","domain":{"chainId":"137","name":"EMETH","#
        + #""verifyingContract":"0x2222222222222222222222222222222222222222","version":"1"},"#
        + #""signature":"\#(signed.signature)","signer":"0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A","#
        + #""ticket":{"account":"0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A","#
        + #""cumulativePayout":"14400000000000000","epoch":"7","#
        + #""jobsRoot":"0x3333333333333333333333333333333333333333333333333333333333333333","#
        + #""locked":"57896044618658097711785492504343953926634992332820282019728792003956564819968","#
        + #""unspent":"5"}}"#
    )
    #expect(try fromJSON(SignedTicket.self, text) == signed)
  }

  @Test func signTicketReadsTheShortForm() throws {
    let short =
      #"{"domain":{"chainId":137,"verifyingContract":"0x2222222222222222222222222222222222222222"},"#
      + #""ticket":\#(try jsonText(ticket)),"more":1}"#
    let unsigned = try fromJSON(UnsignedTicket.self, short)
    #expect(unsigned.signed(with: key) == SignedTicket(signing: ticket, in: domain, with: key))
    // Numbers are read in both forms.
    let numbers = short.replacing(#""epoch":"7""#, with: #""epoch":7"#)
      .replacing(#""unspent":"5""#, with: #""unspent":5"#)
    #expect(try fromJSON(UnsignedTicket.self, numbers) == unsigned)
  }

  @Test func everyChangeIsFoundAndNamed() throws {
    let text = try jsonText(SignedTicket(signing: ticket, in: domain, with: key))
    func fault(_ found: String, _ put: String) throws -> String {
      let changed = text.replacing(found, with: put)
      #expect(changed != text)
      let signed = try fromJSON(SignedTicket.self, changed)
      do throws(TicketError) {
        try signed.check()
        return "accepted"
      } catch {
        return error.code
      }
    }
    #expect(try fault(#""epoch":"7""#, #""epoch":"8""#) == "ticket.digestMismatch")
    #expect(try fault(#""unspent":"5""#, #""unspent":"6""#) == "ticket.digestMismatch")
    #expect(try fault("14400000000000000", "14400000000000001") == "ticket.digestMismatch")
    #expect(try fault(#""locked":"5"#, #""locked":"4"#) == "ticket.digestMismatch")
    #expect(try fault(#""jobsRoot":"0x33"#, #""jobsRoot":"0x34"#) == "ticket.digestMismatch")
    #expect(try fault(#""chainId":"137""#, #""chainId":"1""#) == "ticket.digestMismatch")
    #expect(try fault(#""version":"1""#, #""version":"2""#) == "ticket.digestMismatch")
    #expect(try fault(#""digest":"0xb1"#, #""digest":"0xb2"#) == "ticket.digestMismatch")
    #expect(
      try fault(#""account":"\#(key.address)""#, #""account":"\#(Address.zero)""#) == "ticket.digestMismatch")
    #expect(
      try fault(#""signer":"\#(key.address)""#, #""signer":"\#(Address.zero)""#) == "ticket.signerMismatch")
  }

  @Test func theSignerAndTheDomainMustBeTheExpectedOnes() throws {
    let signed = SignedTicket(signing: ticket, in: domain, with: key)
    let other = try PrivateKey(hex: String(repeating: "12", count: 32))
    #expect(throws: TicketError.signed(.signerMismatch(found: key.address, expected: other.address))) {
      try signed.check(signer: other.address)
    }
    #expect(throws: TicketError.signed(.wrongDomain(found: domain, expected: .embedded))) {
      try signed.check(signer: key.address, in: .embedded)
    }
    // A stranger who claims to be the Signer.
    let forged = SignedTicket(signing: ticket, in: domain, with: other)
    let claimed = try fromJSON(
      SignedTicket.self,
      jsonText(forged).replacing(#""signer":"\#(other.address)""#, with: #""signer":"\#(key.address)""#))
    #expect(throws: TicketError.signed(.signerMismatch(found: other.address, expected: key.address))) {
      try claimed.check()
    }
  }

  /// The other s of the same signature recovers the same key, and is refused all the same.
  @Test func theHighSTwinIsRefused() throws {
    let signed = SignedTicket(signing: ticket, in: domain, with: key)
    let order: UInt256 = 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141
    let high = order - UInt256(signed.signature.s)
    let twin = signed.signature.r.bytes + high.bigEndianBytes + [signed.signature.v == 27 ? 28 : 27]
    let text = try jsonText(signed).replacing(signed.signature.description, with: Hex.encode(twin))
    #expect(throws: DecodingError.self) { try fromJSON(SignedTicket.self, text) }
    #expect(throws: CryptoError.self) { try Signature(bytes: twin) }
  }

  @Test func aNewerTicketReplacesAnOlderOne() throws {
    func next(epoch: UInt64 = 8, payout: String = "0.0144", account: Address? = nil) throws -> Ticket {
      Ticket(
        account: account ?? ticket.account, epoch: epoch, cumulativePayout: try TokenAmount(emeth: payout),
        unspent: .zero, locked: .zero, jobsRoot: .zero)
    }
    try next().check(after: ticket)
    try next(payout: "1").check(after: ticket)
    #expect(throws: TicketError.wrongEpoch(found: 7, allowed: "above 7")) {
      try next(epoch: 7).check(after: ticket)
    }
    let lower = try TokenAmount(emeth: "0.0143")
    #expect(
      throws: TicketError.payoutFell(account: ticket.account, found: lower, before: ticket.cumulativePayout)
    ) { try next(payout: "0.0143").check(after: ticket) }
    #expect(throws: TicketError.accountMismatch(found: .zero, expected: ticket.account)) {
      try next(account: .zero).check(after: ticket)
    }
  }
}
