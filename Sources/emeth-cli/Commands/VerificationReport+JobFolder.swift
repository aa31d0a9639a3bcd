import EmethKit
import EmethNetwork
import Foundation

extension VerificationReport {
  /// Checks a finished job from its folder's files alone.
  ///
  /// - Throws: `CommandFailure` with exit code 1 and every problem when something does not hold.
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
      guard case .malformed(let what, let reason) = error else { throw error }
      throw CommandFailure(
        .no, code: "verify.jobFolder", "\(path) does not verify: \(what) can't be read: \(reason)",
        details: ["kind": "job folder"])
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
    var terms = terms
    var signers: [Address: Int] = [:]
    do throws(TicketError) {
      if records.signerChanges != nil { terms.handovers = try records.signers }
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
      checks: checks.map(\.what) + [terms.trustLine(signers.keys.sorted().map { ($0, nil) })],
      signers: Dictionary(uniqueKeysWithValues: signers.map { ($0.key.description, $0.value) }),
      trusted: terms.signers != nil)
  }
}
