import EmethKit
import Foundation
import Testing

/// The fast readers and writers against Codable, and against hostile text.
@Suite struct TicketJSONTests {
  private let key = PrivateKey(seed: .zero, label: "json", index: 0)

  /// Tickets with zero, the largest and random values in every member.
  static func tickets(_ count: Int, using generator: inout SeededGenerator) -> [Ticket] {
    func amount() -> TokenAmount {
      let bits = [0, 1, 64, 80, 128, 255, 256].randomElement(using: &generator) ?? 0
      let all = UInt256(
        high: UInt128.random(in: 0...UInt128.max, using: &generator),
        low: UInt128.random(in: 0...UInt128.max, using: &generator))
      return TokenAmount(holon: bits == 0 ? 0 : bits == 1 ? .max : all >> (256 - bits))
    }
    return (0..<count).map { _ in
      let root = Keccak256.hash(generator.next().bigEndianBytes)
      return Ticket(
        account: Address(bytes: root.bytes.suffix(20)) ?? .zero,
        epoch: [0, 1, .max, generator.next()].randomElement(using: &generator) ?? 0,
        cumulativePayout: amount(), unspent: amount(), locked: amount(),
        jobsRoot: Bool.random(using: &generator) ? root : .zero)
    }
  }

  @Test func agreesWithCodable() throws {
    var generator = SeededGenerator()
    for ticket in Self.tickets(scaled(100), using: &generator) {
      let domain =
        Bool.random(using: &generator)
        ? .embedded
        : EIP712Domain(
          name: "a \"name\"\u{1}\n/é", version: "", chainId: .max, verifyingContract: ticket.account)
      var signed = SignedTicket(signing: ticket, in: domain, with: key)
      if Bool.random(using: &generator) {
        signed = try signed.cosigned(with: PrivateKey(seed: .zero, label: "json", index: 1))
      }
      let text = signed.canonicalJSON
      #expect(text == (try JSONValue(parsing: jsonText(signed)).canonical))
      #expect(ticket.canonicalJSON == (try JSONValue(parsing: jsonText(ticket)).canonical))
      #expect(try fromJSON(SignedTicket.self, text) == signed)
      let json = try JSONValue(parsing: text)
      #expect(try SignedTicket(json: json) == signed)
      #expect(try SignedTicket(json: json, knownDomain: .embedded) == signed)
      #expect(try SignedTicket(json: json, knownDomain: domain) == signed)
      #expect(try UnsignedTicket(json: json) == UnsignedTicket(domain: domain, ticket: ticket))
      try signed.check(signer: key.address, in: domain)
      // The digest, computed the long way.
      let words = Keccak256.hash(Ticket.eip712Type.utf8).bytes + ABI.encode(ticket.abiValues)
      let message = [0x19, 0x01] + domain.separator.bytes + Keccak256.hash(words).bytes
      #expect(signed.digest.bytes == NaiveKeccak.hash256(message))
    }
  }

  @Test func nameAndVersionMayBeLeftOutAndNumbersStandBare() throws {
    let text = """
      {"more": [1], "domain": {"verifyingContract": "\(Address.zero)", "chainId": 0, "salt": "x"},
       "ticket": {"account": "\(key.address)", "epoch": 3, "cumulativePayout": 4, "unspent": "5",
                  "locked": 0, "jobsRoot": "\(Bytes32.zero)", "note": null}}
      """
    let unsigned = try UnsignedTicket(json: JSONValue(parsing: text))
    #expect(unsigned == (try fromJSON(UnsignedTicket.self, text)))
    #expect(unsigned.domain == .embedded && unsigned.ticket.cumulativePayout == TokenAmount(holon: 4))
  }

  /// Each line breaks one member; the place and the reason are told.
  @Test(arguments: [
    (#""epoch":"7""#, #""epoch":"-7""#, "ticket.epoch", "format.jsonNumber"),
    (#""epoch":"7""#, #""epoch":"07""#, "ticket.epoch", "format.jsonNumber"),
    (#""epoch":"7""#, #""epoch":"18446744073709551616""#, "ticket.epoch", "format.jsonNumber"),
    (#""epoch":"7""#, #""epoch":7.0"#, "ticket.epoch", "format.jsonNumber"),
    (#""epoch":"7""#, #""epoch":null"#, "ticket.epoch", "format.jsonKind"),
    (#""epoch":"7","#, "", "ticket.epoch", "format.jsonMissing"),
    (#""locked":"1""#, #""locked":"1\#(UInt256.max)""#, "ticket.locked", "format.jsonNumber"),
    (#""unspent":"2""#, #""unspent":["2"]"#, "ticket.unspent", "format.jsonKind"),
    (#""jobsRoot":"0x"#, #""jobsRoot":"0x00"#, "ticket.jobsRoot", "format.byteCount"),
    (#""jobsRoot":"0x0"#, #""jobsRoot":"0xg"#, "ticket.jobsRoot", "format.hexCharacter"),
    (#""account":"0x"#, #""account":"0X"#, "ticket.account", "address.malformed"),
    (#""chainId":"0""#, #""chainId":"0x0""#, "domain.chainId", "format.jsonNumber"),
    (#""name":"EMETH""#, #""name":7"#, "domain.name", "format.jsonKind"),
    (
      #""verifyingContract":"0x0"#, #""verifyingContract":"0x"#, "domain.verifyingContract",
      "address.malformed"
    ),
    (#""domain":{"#, #""domain":[],"d":{"#, "domain.chainId", "format.jsonKind"),
    (#""ticket":{"#, #""tickets":{"#, "ticket", "format.jsonMissing"),
    (#""digest":"0x"#, #""digest":"0x0"#, "digest", "format.hexOddLength"),
    (#""signature":"0x"#, #""signature":"0x00"#, "signature", "signature.length"),
    (#""signer":"0x"#, #""signer":"0y"#, "signer", "address.malformed"),
    (#"{"digest""#, #"{"cosignatures":7,"digest""#, "cosignatures", "format.jsonKind"),
    (#"{"digest""#, #"{"cosignatures":[{}],"digest""#, "cosignatures[0].signature", "format.jsonMissing"),
  ])
  func whatIsWrongIsTold(from: String, to: String, place: String, code: String) throws {
    let ticket = Ticket(
      account: key.address, epoch: 7, cumulativePayout: TokenAmount(holon: 3), unspent: TokenAmount(holon: 2),
      locked: TokenAmount(holon: 1), jobsRoot: .zero)
    let text = SignedTicket(signing: ticket, in: .embedded, with: key).canonicalJSON
    let changed = text.replacing(from, with: to, maxReplacements: 1)
    #expect(text != changed)
    let json = try JSONValue(parsing: changed)
    do throws(TicketError) {
      _ = try SignedTicket(json: json)
      Issue.record("accepted \(to)")
    } catch {
      guard case .malformed(let at, let cause) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(at == place && cause.error.code == code && error.code == code)
      #expect(error.message.hasPrefix(place + ": "))
    }
  }

  /// Every byte of a signed ticket's text, replaced: what still checks has the same content.
  @Test func noChangedByteIsAccepted() throws {
    var generator = SeededGenerator()
    let signers = TrustedSigners(key.address)
    var accepted = 0
    for ticket in Self.tickets(scaled(2), using: &generator) {
      let signed = SignedTicket(signing: ticket, in: .embedded, with: key)
      let bytes = Array(signed.canonicalJSON.utf8)
      for index in bytes.indices {
        for _ in 0..<2 {
          var changed = bytes
          changed[index] = UInt8.random(in: 0x20...0x7E, using: &generator)
          guard changed[index] != bytes[index],
            let json = try? JSONValue(parsing: String(decoding: changed, as: UTF8.self)),
            let read = try? SignedTicket(json: json),
            (try? read.check(signers: signers, in: .embedded)) != nil
          else { continue }
          accepted += 1
          #expect(read == signed, "byte \(index) as \(changed[index])")
        }
      }
      // Cut anywhere it is no document.
      for end in stride(from: 0, to: bytes.count, by: 7) {
        #expect((try? JSONValue(parsing: String(decoding: bytes[..<end], as: UTF8.self))) == nil)
      }
    }
    print("changes that mean the same: \(accepted)")
  }

  /// Every bit of signature, digest, content and domain, flipped in the value itself.
  @Test func noFlippedBitIsAccepted() throws {
    var generator = SeededGenerator()
    let signers = TrustedSigners(key.address)
    for ticket in Self.tickets(scaled(1), using: &generator) {
      let signed = SignedTicket(signing: ticket, in: .embedded, with: key)
      for bit in 0..<65 * 8 {
        var bytes = signed.signature.bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        guard let signature = try? Signature(bytes: bytes) else { continue }
        let changed = SignedTicket(
          domain: .embedded, content: ticket, digest: signed.digest, signature: signature, signer: key.address
        )
        #expect((try? changed.check(signers: signers)) == nil, "signature bit \(bit)")
      }
      for bit in 0..<256 {
        let flipped = UInt256(1) << bit
        func amount(_ amount: TokenAmount) -> TokenAmount { TokenAmount(holon: amount.holon ^ flipped) }
        func word(_ word: Bytes32) -> Bytes32 { Bytes32(UInt256(word) ^ flipped) }
        let address = Address(bytes: word(Bytes32(ticket.account)).bytes.suffix(20)) ?? .zero
        let others = [
          Ticket(
            account: address, epoch: ticket.epoch, cumulativePayout: ticket.cumulativePayout,
            unspent: ticket.unspent, locked: ticket.locked, jobsRoot: ticket.jobsRoot),
          Ticket(
            account: ticket.account, epoch: ticket.epoch ^ (bit < 64 ? 1 << UInt64(bit) : 0),
            cumulativePayout: ticket.cumulativePayout, unspent: ticket.unspent, locked: ticket.locked,
            jobsRoot: ticket.jobsRoot),
          Ticket(
            account: ticket.account, epoch: ticket.epoch, cumulativePayout: amount(ticket.cumulativePayout),
            unspent: ticket.unspent, locked: ticket.locked, jobsRoot: ticket.jobsRoot),
          Ticket(
            account: ticket.account, epoch: ticket.epoch, cumulativePayout: ticket.cumulativePayout,
            unspent: amount(ticket.unspent), locked: ticket.locked, jobsRoot: ticket.jobsRoot),
          Ticket(
            account: ticket.account, epoch: ticket.epoch, cumulativePayout: ticket.cumulativePayout,
            unspent: ticket.unspent, locked: amount(ticket.locked), jobsRoot: ticket.jobsRoot),
          Ticket(
            account: ticket.account, epoch: ticket.epoch, cumulativePayout: ticket.cumulativePayout,
            unspent: ticket.unspent, locked: ticket.locked, jobsRoot: word(ticket.jobsRoot)),
        ]
        for other in others where other != ticket {
          // With the old digest, and with the digest that the changed content has.
          for digest in [signed.digest, other.digest(in: .embedded)] {
            let changed = SignedTicket(
              domain: .embedded, content: other, digest: digest, signature: signed.signature,
              signer: key.address)
            #expect((try? changed.check(signers: signers)) == nil, "bit \(bit)")
          }
        }
        let elsewhere = EIP712Domain(chainId: flipped, verifyingContract: .zero)
        let moved = SignedTicket(
          domain: elsewhere, content: ticket, digest: ticket.digest(in: elsewhere),
          signature: signed.signature, signer: key.address)
        #expect((try? moved.check(signers: signers)) == nil)
      }
    }
  }
}

extension Bytes32 {
  /// An address at the right of a word.
  fileprivate init(_ address: Address) {
    self = Bytes32([UInt8](repeating: 0, count: 12) + address.bytes) ?? .zero
  }
}
