import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// One way to alter what reaches a verifier, and what its finding must then say.
struct Tampering: Sendable, CustomTestStringConvertible {
  let name: String
  /// A piece of the finding that names what is wrong.
  let finding: String
  let apply: @Sendable (inout Evidence, SubmissionScene) throws -> Void

  init(
    _ name: String, finding: String,
    _ apply: @escaping @Sendable (inout Evidence, SubmissionScene) throws -> Void
  ) {
    self.name = name
    self.finding = finding
    self.apply = apply
  }

  var testDescription: String { name }

  static let other = SHA256.hash(Array("another".utf8))

  /// A submission that is not what the Execution Layer registered, or not the node's own.
  static let submissions = [
    Tampering("signature of another key", finding: "signed by") { evidence, _ in
      evidence.submit(evidence.submission.submission, with: SubmissionScene.otherNodeKey)
    },
    Tampering("content changed after signing", finding: "digest is") { evidence, _ in
      var json = try #require(
        try JSONSerialization.jsonObject(with: WireFormat.encoder.encode(evidence.submission))
          as? [String: Any])
      var content = try #require(json["submission"] as? [String: Any])
      content["finalRoot"] = "\(other)"
      json["submission"] = content
      evidence.submission = try JSONDecoder().decode(
        SignedSubmission.self, from: JSONSerialization.data(withJSONObject: json))
    },
    Tampering("signed for another contract", finding: "signed for") { evidence, _ in
      evidence.submission = SignedSubmission(
        signing: evidence.submission.submission,
        in: EIP712Domain(chainId: 1, verifyingContract: SubmissionScene.nodeKey.address),
        with: SubmissionScene.nodeKey)
      evidence.opening.submission = evidence.submission.digest
    },
    Tampering("other jobId", finding: "jobId is") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(jobID: JobID(requester: .zero, salt: .zero)))
    },
    Tampering("other round", finding: "round is 2, the job's is 1") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(round: 2))
    },
    Tampering("other programHash", finding: "programHash is") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(programHash: other))
    },
    Tampering("other dataRoot", finding: "dataRoot is") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(dataRoot: other))
    },
    Tampering("other initRoot", finding: "initRoot is") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(initRoot: other))
    },
    Tampering("other traceRoot", finding: "does not lead to the trace root") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(traceRoot: other))
    },
    Tampering("other finalRoot", finding: "boundary 5 has state root") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(finalRoot: other))
    },
    Tampering("other resultRoot", finding: "does not have resultRoot") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(resultRoot: other))
    },
    Tampering("more segments", finding: "segments is 6, the job's is 5") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(segments: 6))
    },
    Tampering("fewer segments", finding: "segments is 1, the job's is 5") { evidence, _ in
      evidence.submit(evidence.submission.submission.changed(segments: 1))
    },
    Tampering("more fuel", finding: "fuelUsed is") { evidence, scene in
      evidence.submit(evidence.submission.submission.changed(fuelUsed: scene.facts.fuel.units + 1))
    },
    Tampering("less fuel", finding: "fuelUsed is") { evidence, scene in
      evidence.submit(evidence.submission.submission.changed(fuelUsed: scene.facts.fuel.units - 1))
    },
    Tampering("another node's submission handed in as it is", finding: "node is") { evidence, _ in
      evidence.facts.node = SubmissionScene.otherNodeKey.address
    },
    Tampering(
      "another node's submission signed anew, salts unknown", finding: "does not lead to the trace root"
    ) {
      evidence, _ in
      let thief = SubmissionScene.otherNodeKey
      evidence.facts.node = thief.address
      evidence.submit(evidence.submission.submission.changed(node: thief.address), with: thief)
      for opened in evidence.opening.boundaries {
        try evidence.reopen(
          opened.boundary, salt: TraceTree.salt(jobSecret: other, boundary: opened.boundary))
      }
    },
    Tampering("the same work handed in for another attempt", finding: "jobId is") { evidence, scene in
      let place = scene.assignment.position
      evidence.facts.position = SubJobPosition(
        parent: place.parent, round: place.round, part: place.part, attempt: place.attempt + 1)
      evidence.facts.subJob = evidence.facts.position.id
    },
  ]

  /// An opening that does not prove what it has to.
  static let openings = [
    Tampering("not JSON", finding: "cannot be read") { evidence, _ in
      evidence.openingBytes = Data("no opening".utf8)
    },
    Tampering("nothing at all", finding: "the node opened nothing") { evidence, _ in
      evidence.openingBytes = Data()
    },
    Tampering("cut in the middle", finding: "cannot be read") { evidence, _ in
      let whole = try WireFormat.encoder.encode(evidence.opening)
      evidence.openingBytes = whole.prefix(whole.count / 2)
    },
    Tampering("opening of another submission", finding: "of another submission") { evidence, _ in
      evidence.opening.submission = other
    },
    Tampering("boundary's salt changed", finding: "boundary 1 does not lead") { evidence, _ in
      try evidence.reopen(1, salt: other)
    },
    Tampering("boundary's stateRoot changed", finding: "boundary 2 does not lead") { evidence, _ in
      try evidence.reopen(2, stateRoot: other)
    },
    Tampering("boundary's path cut", finding: "boundary 1 does not lead") { evidence, _ in
      try evidence.reopen(1, proof: evidence.opening.boundaries[evidence.place(of: 1)].proof.dropLast())
    },
    Tampering("boundary's path too long", finding: "boundary 1 does not lead") { evidence, _ in
      try evidence.reopen(1, proof: evidence.opening.boundaries[evidence.place(of: 1)].proof + [other])
    },
    Tampering("boundary beyond the trace", finding: "boundary 6 is opened") { evidence, _ in
      evidence.opening.boundaries.append(
        BoundaryOpening(boundary: 6, salt: other, stateRoot: other, proof: []))
    },
    Tampering("one boundary again and again", finding: "8 boundaries are opened, allowed are 6") {
      evidence, _ in
      let first = evidence.opening.boundaries[try evidence.place(of: 0)]
      evidence.opening.boundaries += [first, first, first]
    },
    Tampering("first boundary missing", finding: "boundary 0 is not opened") { evidence, _ in
      evidence.opening.boundaries.remove(at: try evidence.place(of: 0))
    },
    Tampering("end of a drawn segment missing", finding: "boundary 2 is not opened") { evidence, _ in
      evidence.opening.boundaries.remove(at: try evidence.place(of: 2))
    },
    Tampering("last boundary missing", finding: "boundary 5 is not opened") { evidence, _ in
      evidence.opening.boundaries.remove(at: try evidence.place(of: 5))
    },
    Tampering("drawn segment missing", finding: "segment 1 is not opened") { evidence, _ in
      evidence.opening.segments.removeFirst()
    },
    Tampering("last segment missing", finding: "segment 4 is not opened") { evidence, _ in
      evidence.opening.segments.removeLast()
    },
    Tampering("result salts missing", finding: "does not have resultRoot") { evidence, _ in
      evidence.opening.resultSalts = []
    },
    Tampering("one result salt too many", finding: "does not have resultRoot") { evidence, _ in
      evidence.opening.resultSalts.append(HexText(wrappedValue: Data(count: 16)))
    },
    Tampering("result salt altered", finding: "does not have resultRoot") { evidence, _ in
      evidence.opening.resultSalts[0].wrappedValue[0] ^= 1
    },
    Tampering("result salt cut", finding: "does not have resultRoot") { evidence, _ in
      evidence.opening.resultSalts[0].wrappedValue.removeLast()
    },
  ]

  /// Sequences that are not those which the order demands.
  static let sequences = [
    Tampering("record altered", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].record[0] ^= 1
    },
    Tampering("record cut by a token", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].record.removeLast(4)
    },
    Tampering("salt altered", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].salt[0] ^= 1
    },
    Tampering("four bytes of the record called salt", finding: "is not in the part") { evidence, _ in
      // The leaf is salt ‖ record, so its hash stays: only the lengths give it away.
      let record = evidence.opening.segments[0].sequences[0].record
      evidence.opening.segments[0].sequences[0].salt.append(record.prefix(4))
      evidence.opening.segments[0].sequences[0].record = Data(record.dropFirst(4))
    },
    Tampering("salt cut", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].salt.removeLast()
    },
    Tampering("path cut", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].proof.removeLast()
    },
    Tampering("position of another sequence", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].index += 1
    },
    Tampering("negative position", finding: "sequence -1 is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].index = -1
    },
    Tampering("position beyond the part", finding: "is not in the part") { evidence, _ in
      evidence.opening.segments[0].sequences[0].index = .max
    },
    Tampering("sequence missing", finding: "is not opened") { evidence, _ in
      evidence.opening.segments[0].sequences.removeFirst()
    },
    Tampering("sequences of the last segment missing", finding: "segment 4: sequence") { evidence, _ in
      evidence.opening.segments[1].sequences = []
    },
    Tampering("another segment's sequences", finding: "is not opened") { evidence, _ in
      evidence.opening.segments[0].sequences = evidence.opening.segments[1].sequences
    },
  ]
}
