import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Tampering with who was added with whom, and with what came out.
extension RecordTampering {
  private static let cohort: [RecordDocument.Step] = ["aggregation", "cohorts", 0]

  static let sums = [
    RecordTampering("a masked update's signature", [.cohorts, .sums], "") { document, _ in
      try document.change(cohort + ["masked", 0, "signature"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a masked update's root", [.cohorts, .sums], "digest is") { document, _ in
      try document.change(cohort + ["masked", 0, "masked", "maskedRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a masked update taken away", [.cohorts, .sums], "has posted no masked vector") {
      document, _ in
      try document.set(cohort + ["masked", 1], nil)
    },
    RecordTampering("a member's result", [.cohorts, .sums], "roster entry of") { document, _ in
      try document.change(cohort + ["roster", "entries", 0, "resultRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a member's key", [.cohorts, .sums], "roster entry of") { document, _ in
      try document.change(cohort + ["roster", "entries", 0, "roundKey"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("another Aggregator named", [.cohorts, .sums], "signed by") { document, _ in
      try document.set(["aggregation", "aggregator"], .text("\(TestNetwork.key("thief", 0).address)"))
    },
    RecordTampering("another sum, signed by somebody else", [.cohorts, .sums], "signed by") {
      document, records in
      let sum = try #require(records.aggregation?.cohorts.first).sum.content
      let other = CohortSum(
        round: sum.round, attempt: sum.attempt, rosterHash: sum.rosterHash,
        maskedRootsHash: sum.maskedRootsHash, sumRoot: sum.sumRoot)
      try document.set(
        cohort + ["sum"],
        encoding: SignedCohortSum(signing: other, in: records.domain, with: TestNetwork.key("thief", 0)))
    },
    RecordTampering("a share's value", [.sums], "digest is") { document, _ in
      try document.change(cohort + ["shares", 0, "sumShare", "value"]) { .text(try $0.plusOne(-1)) }
    },
    RecordTampering("a share of somebody else", [.sums], "signed by") { document, records in
      let share = try #require(records.aggregation?.cohorts.first?.shares.first).content
      try document.set(
        cohort + ["shares", 0],
        encoding: SignedSumShare(signing: share, in: records.domain, with: TestNetwork.key("thief", 0)))
    },
    RecordTampering("another beacon of the shares", [.sums], "beacon is") { document, records in
      let epoch = try #require(records.aggregation?.cohorts.first).beaconEpoch
      try document.set(cohort + ["beaconEpoch"], .number(Int(epoch) - 1))
    },
    RecordTampering("a beacon that is not there", [.cohorts], "a beacon, is not there") { document, _ in
      try document.set(cohort + ["drawEpoch"], .number(9_999))
    },
    RecordTampering("another draw", [.cohorts], "was drawn with a result that nobody accepted") {
      document, _ in
      try document.change(cohort + ["drawn", 0, "resultRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a cohort taken away", [.cohorts, .sums], "has no cohort") { document, _ in
      try document.set(cohort, nil)
    },
    RecordTampering("all cohorts taken away", [.other], "the records of masked sums are not there") {
      document, _ in
      try document.set(["aggregation"], nil)
    },
  ]
}
