import EmethKit
import EmethNetwork
import Foundation

extension VerificationReport {
  /// Checks a finished job from its folder's files alone.
  ///
  /// - Throws: `CommandFailure` with exit code 1 and every problem when something does not hold, with 3 when a file of
  ///   the folder is missing that everything needs, or can't be read.
  init(jobFolder path: String, _ terms: VerificationTerms) throws {
    try DocumentKind.refuseLeaves(terms)
    let folder = JobFolder(URL(filePath: path))
    guard folder.hasRecords else {
      throw CommandFailure(
        .badInput, code: "verify.noRecords",
        "\(path) is not the folder of a finished job: job/records.json is missing",
        hint: "`emeth run` and `emeth fetch-result` leave such folders")
    }
    let checks: [JobFolder.Check]
    do {
      checks = try folder.check()
    } catch {
      switch error {
      case .malformed(let what, let reason):
        throw CommandFailure(
          .no, code: "verify.jobFolder", "\(path) does not verify: \(what) can't be read: \(reason)",
          details: ["kind": "job folder"])
      case .fileFailed(let file, let operation, let reason):
        throw CommandFailure(
          .badInput, code: "verify.jobFolder",
          "\(path) is not the whole folder of a finished job: can't \(operation) \(file): \(reason)",
          hint: "fetch it again, or take it from whoever has all of it", details: ["kind": "job folder"])
      default: throw error
      }
    }
    let problems = checks.compactMap { check in check.problem.map { "\(check.what): \($0)" } }
    guard problems.isEmpty else {
      throw CommandFailure(
        .no, code: "verify.jobFolder", "\(path) does not verify: \(problems.joined(separator: "; "))",
        details: ["kind": "job folder"])
    }
    let records = try JSONInput.decode(
      PublicRecords.self, from: try InputFile("\(path)/job/records.json").text(),
      named: "\(path)/job/records.json")
    var found: SignerSchedule?
    do throws(TicketError) {
      if records.signerChanges != nil { found = try records.signers }
    } catch {
      throw Self.failure("finished job", error, in: path)
    }
    let terms = try found.map { try terms.adding($0, of: path) } ?? terms
    var signers: [Address: Int] = [:]
    do throws(TicketError) {
      for batch in records.batches { try terms.check(batch) }
      for ticket in records.tickets { try terms.check(ticket) }
    } catch {
      throw Self.failure("finished job", error, in: path)
    }
    for signer in records.batches.map(\.signer) + records.tickets.map(\.signer) {
      signers[signer, default: 0] += 1
    }
    self.init(
      kind: "finished job",
      checks: checks.map(\.what) + Self.notComputed(records.job.programID)
        + [terms.trustLine(signers.keys.sorted().map { ($0, nil) })],
      signers: Dictionary(uniqueKeysWithValues: signers.map { ($0.key.description, $0.value) }),
      trusted: terms.signers != nil)
  }

  /// What a folder can't show: it holds the word of those who computed again, not what they were opened.
  private static func notComputed(_ program: ProgramID) -> [String] {
    let rests = "rests on the word of the verifiers who did that"
    return switch program {
    case .languageModelTraining: ["no segment was computed again: that the work was done \(rests)"]
    case .proofOfWork: []
    default: ["no part was computed again: that outputs are right \(rests)"]
    }
  }
}
