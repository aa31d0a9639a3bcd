import EmethKit
import Foundation
import Testing

@Suite struct SignerScheduleTests {
  private let keys = (0..<4).map { PrivateKey(seed: .zero, label: "signer", index: $0) }
  private let domain = EIP712Domain.embedded

  private func change(
    _ epoch: UInt64, from previous: Int, to next: Int, in domain: EIP712Domain = .embedded
  ) throws -> SignedSignerChange {
    try SignedSignerChange(
      signing: SignerChange(epoch: epoch, previous: keys[previous].address, next: keys[next].address),
      in: domain, with: keys[previous]
    ).cosigned(with: keys[next])
  }

  @Test func everyEpochHasItsSigner() throws {
    let changes = [
      try change(3, from: 0, to: 1), try change(4, from: 1, to: 2), try change(9, from: 2, to: 3),
    ]
    let schedule = try SignerSchedule(first: keys[0].address, changes: changes, domain: domain)
    let found = (1...11).map { epoch in keys.firstIndex { $0.address == schedule.signer(of: UInt64(epoch)) } }
    #expect(found == [0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3])
    #expect(schedule.signer(of: .max) == keys[3].address && schedule.newest == keys[3].address)
    #expect(schedule.accounts == keys.map(\.address))
    #expect(try SignerSchedule(changes: changes) == schedule)
    #expect(try SignerSchedule(changes: []) == nil)
    let still = SignerSchedule(first: keys[0].address, domain: domain)
    #expect(still.signer(of: 1) == keys[0].address && still.newest == keys[0].address)
  }

  /// A ticket counts by the key of its epoch, and by no other.
  @Test func aTicketOfALaterEpochDoesNotCountByTheOldKey() throws {
    let schedule = try SignerSchedule(
      first: keys[0].address, changes: [change(3, from: 0, to: 1)], domain: domain)
    for (epoch, signer, counts) in [(2, 0, true), (3, 1, true), (3, 0, false), (2, 1, false), (3, 2, false)] {
      let ticket = Ticket(
        account: Cast.account(7), epoch: UInt64(epoch), cumulativePayout: .zero, unspent: .zero,
        locked: .zero,
        jobsRoot: .zero)
      let signed = SignedTicket(signing: ticket, in: domain, with: keys[signer])
      let found = code { () throws(TicketError) in
        try signed.check(signer: schedule.signer(of: ticket.epoch), in: domain)
      }
      #expect(found == (counts ? "none" : "ticket.signerMismatch"), "epoch \(epoch), key \(signer)")
    }
  }

  @Test func everyBreachHasItsName() throws {
    let schedule = try SignerSchedule(
      first: keys[0].address, changes: [change(5, from: 0, to: 1)], domain: domain)
    func refusal(_ change: SignedSignerChange, after schedule: SignerSchedule) -> String {
      var copy = schedule
      let found = code { () throws(TicketError) in try copy.append(change) }
      #expect(found == "none" || copy == schedule)
      return found
    }
    #expect(refusal(try change(6, from: 1, to: 2), after: schedule) == "none")
    // Not before the change before, nor with it; the first epoch is the first signer's.
    #expect(refusal(try change(5, from: 1, to: 2), after: schedule) == "ticket.wrongEpoch")
    #expect(refusal(try change(2, from: 1, to: 2), after: schedule) == "ticket.wrongEpoch")
    let empty = SignerSchedule(first: keys[0].address, domain: domain)
    #expect(refusal(try change(1, from: 0, to: 1), after: empty) == "ticket.wrongEpoch")
    #expect(refusal(try change(2, from: 0, to: 1), after: empty) == "none")
    // Only the newest hands on, and only to somebody new.
    #expect(refusal(try change(6, from: 0, to: 2), after: schedule) == "ticket.signerMismatch")
    #expect(refusal(try change(6, from: 3, to: 2), after: schedule) == "ticket.signerMismatch")
    #expect(refusal(try change(6, from: 1, to: 0), after: schedule) == "ticket.signerReturns")
    let toItself = SignerChange(epoch: 6, previous: keys[1].address, next: keys[1].address)
    #expect(
      refusal(SignedSignerChange(signing: toItself, in: domain, with: keys[1]), after: schedule)
        == "ticket.signerReturns")
    // Both have signed, for this domain, and these words.
    let content = SignerChange(epoch: 6, previous: keys[1].address, next: keys[2].address)
    let alone = SignedSignerChange(signing: content, in: domain, with: keys[1])
    #expect(refusal(alone, after: schedule) == "ticket.tooFewSigners")
    #expect(refusal(try alone.cosigned(with: keys[3]), after: schedule) == "ticket.tooFewSigners")
    let byTheNext = SignedSignerChange(signing: content, in: domain, with: keys[2])
    #expect(refusal(byTheNext, after: schedule) == "ticket.signerMismatch")
    let elsewhere = EIP712Domain(chainId: 7, verifyingContract: keys[0].address)
    #expect(refusal(try change(6, from: 1, to: 2, in: elsewhere), after: schedule) == "ticket.wrongDomain")
    let honest = try change(6, from: 1, to: 2)
    let altered = SignedSignerChange(
      domain: domain, content: SignerChange(epoch: 7, previous: content.previous, next: content.next),
      digest: honest.digest, signature: honest.signature, signer: honest.signer,
      cosignatures: honest.cosignatures)
    #expect(refusal(altered, after: schedule) == "ticket.digestMismatch")
  }

  @Test func itTravelsAsJSON() throws {
    let signed = try change(1 << 60, from: 0, to: 1)
    let text = try JSONEncoder().encode(signed)
    #expect(try JSONDecoder().decode(SignedSignerChange.self, from: text) == signed)
    let tree = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
    let content = try #require(tree["signerChange"] as? [String: String])
    #expect(
      content == [
        "epoch": "1152921504606846976", "previous": "\(keys[0].address)", "next": "\(keys[1].address)",
      ])
    #expect((tree["cosignatures"] as? [Any])?.count == 1)
  }
}
