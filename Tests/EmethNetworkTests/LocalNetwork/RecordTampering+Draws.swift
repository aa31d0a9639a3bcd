import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What was drawn, said to be something else.
extension RecordTampering {
  static let draws = [
    RecordTampering("another verifier's secret", [.draws], "and the secret") { document, records in
      try document.change(["subJobs", verified(records), "draw", "secret"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("another batch as beacon", [.draws], "is not the one after its submission's") {
      document, records in
      let drawn = try drawn(records)
      try document.set(
        ["subJobs", .element(drawn.place), "draw", "beaconEpoch"], .number(Int(drawn.draw.beaconEpoch + 1)))
    },
    RecordTampering("other segments drawn", [.draws], "are not drawn from its seed") { document, records in
      let drawn = try drawn(records)
      try document.set(
        ["subJobs", .element(drawn.place), "draw", "segments"],
        .tree(drawn.draw.segments == [0, 4] ? [1, 4] : [0, 4]))
    },
    RecordTampering("more segments than were opened", [.draws], "of its trace were opened") {
      document, records in
      try document.set(["subJobs", .element(drawn(records).place), "draw", "segments"], nil)
    },
    RecordTampering("a leaf of a drawn segment taken away", [.draws], "of its trace were opened") {
      document, records in
      try document.set(["subJobs", .element(drawn(records).place), "trace", 1], nil)
    },
    RecordTampering("a verdict by another seed", [.draws], "judged by seed") { document, records in
      try sayAgain(in: &document, records) { ($0.step, SHA256.hash($0.seed.bytes)) }
    },
    RecordTampering("a verdict on another step", [.draws], "its seed draws") { document, records in
      try sayAgain(in: &document, records) { ($0.step + 1, $0.seed) }
    },
  ]

  /// A verified SubJob of which one segment and the last were drawn.
  private static func drawn(_ records: PublicRecords) throws -> (place: Int, draw: PublicRecords.Draw) {
    let place = try #require(
      records.subJobs.firstIndex { $0.machine.status == .verified && $0.draw?.segments?.count == 2 })
    return (place, try #require(records.subJobs[place].draw))
  }

  /// The verifier whose word stands signs another one, and that stands.
  private static func sayAgain(
    in document: inout RecordDocument, _ records: PublicRecords,
    _ change: (Verdict) -> (step: UInt32, seed: Bytes32)
  ) throws {
    let place = try drawn(records).place
    let subJob = records.subJobs[place]
    let digest = try #require(subJob.machine.verdict).digest
    let spoken = try #require(subJob.verdicts.firstIndex { $0.digest == digest })
    let old = subJob.verdicts[spoken].verdict
    let key = try #require(
      (0..<8).map { TestNetwork.key("verifier", $0) }.first { $0.address == old.verifier })
    let (step, seed) = change(old)
    let new = SignedVerdict(
      signing: Verdict(
        jobID: old.jobID, submission: old.submission, verifier: old.verifier, accepted: old.accepted,
        seed: seed, step: step, stepRoot: old.stepRoot, evidence: old.evidence),
      in: records.domain, with: key)
    try document.set(["subJobs", .element(place), "verdicts", .element(spoken)], encoding: new)
    try document.set(
      ["subJobs", .element(place), "machine", "verdict", "digest"], .text("\(new.digest)"))
  }
}
