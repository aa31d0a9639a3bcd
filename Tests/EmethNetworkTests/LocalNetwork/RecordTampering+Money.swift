import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Tampering with what was paid and with what the Signer said of it.
extension RecordTampering {
  // MARK: - Money

  static let settlements = [
    RecordTampering("a holon of a fee given to the requester", [.settlements], "was not settled by its terms")
    {
      document, records in
      let settlement: [RecordDocument.Step] = ["subJobs", try verified(records), "machine", "settlement"]
      for field in ["node", "nodeFee"] as [RecordDocument.Step] {
        try document.change(settlement + [field]) { .text(try $0.plusOne(-1)) }
      }
      try document.change(settlement + ["requester"]) { .text(try $0.plusOne()) }
    },
    RecordTampering(
      "a holon of a penalty given to the verifier", [.settlements], "was not settled by its terms"
    ) {
      document, records in
      let settlement: [RecordDocument.Step] = ["subJobs", try failed(records), "machine", "settlement"]
      try document.change(settlement + ["burned"]) { .text(try $0.plusOne(-1)) }
      try document.change(settlement + ["verifier"]) { .text(try $0.plusOne()) }
    },
    RecordTampering("a settlement taken away", [.settlements], "was not settled") { document, records in
      try document.set(["subJobs", verified(records), "machine", "settlement"], nil)
    },
    RecordTampering("another reason of the end", [.settlements], "was not settled by its terms") {
      document, records in
      let subJob = try #require(records.subJobs.first { $0.machine.status == .verified })
      #expect(subJob.machine.endReason == .accepted)
      let reason = try JSONSerialization.jsonObject(
        with: JSONEncoder().encode(JobEndReason.verifiersSilent), options: .fragmentsAllowed)
      try document.set(["subJobs", verified(records), "machine", "endReason"], .tree(reason))
    },
    RecordTampering("less fuel, and paid for that", [.subJobs], "another amount of fuel") {
      document, records in
      // Everything about the settlement fits the smaller amount; only the node's signature says otherwise.
      let machine = try #require(records.subJobs.first { $0.machine.status == .verified }).machine
      let fuel = try #require(machine.fuelUsed).subtracting(Fuel(units: 1))
      let place = try verified(records)
      try document.set(["subJobs", place, "machine", "fuelUsed"], .text("\(fuel.units)"))
      try document.set(
        ["subJobs", place, "machine", "settlement"],
        encoding: Settlement(
          end: .verified(fuelUsed: fuel), terms: machine.job.terms, fuelPrice: machine.job.fuelPrice))
    },
  ]

  // MARK: - Batches and tickets

  static let batchesAndTickets = [
    RecordTampering("a batch's total", [.batches], "digest is") { document, _ in
      try document.change(["batches", 1, "batch", "totalPayout"]) { .text(try $0.plusOne()) }
    },
    RecordTampering("the newest batch's total", [.batches, .tickets], "the newest batch's total is") {
      document, records in
      try document.change(["batches", .element(records.batches.count - 1), "batch", "totalPayout"]) {
        .text(try $0.plusOne())
      }
    },
    RecordTampering("a batch's signature", [.batches], "") { document, _ in
      try document.change(["batches", 0, "signature"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a batch signed by somebody else", [.batches], "signed by") { document, records in
      try document.set(
        ["batches", 0],
        encoding: SignedBatch(
          signing: records.batches[0].batch, in: records.domain, with: TestNetwork.key("thief", 0)))
    },
    RecordTampering("the first batch dropped", [.batches], "does not begin with epoch 1") { document, _ in
      try document.set(["batches", 0], nil)
    },
    RecordTampering("a batch dropped", [.batches], "epoch is") { document, _ in
      try document.set(["batches", 2], nil)
    },
    RecordTampering("the newest batch dropped", [.tickets], "newest batch is not over these tickets") {
      document, records in
      try document.set(["batches", .element(records.batches.count - 1)], nil)
    },
    RecordTampering("all batches dropped", [.batches, .tickets], "there is no batch") { document, _ in
      try document.set(["batches"], .tree([Any]()))
    },
    RecordTampering("a ticket's payout", [.tickets], "digest is") { document, _ in
      try document.change(["tickets", 1, "ticket", "cumulativePayout"]) { .text(try $0.plusOne()) }
    },
    RecordTampering("a ticket's locked amount", [.tickets], "digest is") { document, _ in
      try document.change(["tickets", 1, "ticket", "locked"]) { .text(try $0.plusOne()) }
    },
    RecordTampering("a ticket signed by somebody else", [.tickets], "signed by") { document, records in
      try document.set(
        ["tickets", 0],
        encoding: SignedTicket(
          signing: records.tickets[0].ticket, in: records.domain, with: TestNetwork.key("thief", 0)))
    },
    RecordTampering("a ticket dropped", [.tickets], "newest batch is not over these tickets") { document, _ in
      try document.set(["tickets", 0], nil)
    },
    RecordTampering("a ticket twice", [.tickets], "newest batch is not over these tickets") {
      document, records in
      try document.set(["tickets"], encoding: records.tickets + [records.tickets[0]])
    },
    RecordTampering("a settled job's payout", [.tickets], "has other jobs than were settled") {
      document, records in
      let place = try #require(
        records.leaves.firstIndex { leaf in
          records.tickets.contains { $0.ticket.account == leaf.account && $0.ticket.epoch == leaf.epoch }
        })
      try document.change(["leaves", .element(place), "leaf", "payout"]) { .text(try $0.plusOne()) }
    },
    RecordTampering("another signer named", [.batches, .tickets], "signed by") { document, _ in
      try document.set(["signer"], .text("\(TestNetwork.key("thief", 0).address)"))
    },
    RecordTampering("another domain named", [.subJobs, .batches, .tickets], "signed for") { document, _ in
      try document.set(["domain"], encoding: EIP712Domain(chainId: 1, verifyingContract: .zero))
    },
  ]
}
