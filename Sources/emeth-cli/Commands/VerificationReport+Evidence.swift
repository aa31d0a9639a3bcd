import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// What an evidence file shows, for scripts.
struct EvidenceSummary: Encodable, Equatable, Sendable {
  /// What verdicts name it by.
  var hash: Bytes32
  /// Who cheated.
  var node: Address
  /// The SubJob, and its place.
  var jobId: JobID
  var round: UInt32
  var part: UInt32
  var attempt: UInt32
  /// The submission's digest.
  var submission: Bytes32
  /// What is found against it.
  var finding: Finding
  /// The first step and operator where the node's account and the replay part.
  var divergence: Divergence?
  /// Who has judged the submission.
  var verdicts: [SignedVerdict]
}

extension VerificationReport {
  /// Judges evidence against a node from its file alone.
  ///
  /// - Throws: `CommandFailure` with exit code 1 when it does not hold, 3 when it can't be read.
  init(
    evidence path: String, _ terms: VerificationTerms, bisects: Bool, threads: Int,
    cancellation: Cancellation
  ) throws {
    try DocumentKind.refuseLeaves(terms)
    let stop = StopFlag()
    cancellation.onRequest { stop.raise() }
    let file = try EvidenceFile(URL(filePath: path))
    let judgement = try file.judge(on: Device.cpu(threads: threads), bisects: bisects, stop: stop)
    let message = file.header.submission.submission
    guard let finding = judgement.mismatch else {
      throw CommandFailure(
        .no, code: "verify.evidence",
        "\(path): the evidence against node \(message.node) does not hold: \(judgement.checks.last ?? "")",
        details: ["kind": "evidence against a node"])
    }
    do throws(VerificationError) {
      try terms.check(file.header.submission)
    } catch {
      throw Self.failure("evidence against a node", error, in: path)
    }
    let position = file.header.facts.position
    self.init(
      kind: "evidence that node \(message.node) cheated", checks: judgement.checks,
      evidence: EvidenceSummary(
        hash: file.hash, node: message.node, jobId: message.jobID, round: position.round, part: position.part,
        attempt: position.attempt, submission: file.header.submission.digest, finding: finding,
        divergence: judgement.divergence, verdicts: file.trailer.verdicts))
  }
}
