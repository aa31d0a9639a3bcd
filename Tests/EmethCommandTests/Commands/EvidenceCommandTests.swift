import Foundation
import Testing

/// Evidence against a node: `emeth run` leaves it, `emeth verify` judges it with nothing else.
@Suite struct EvidenceCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
  }

  private func run(_ words: String) throws -> ProgramResult {
    try Program.run(executable: Program.url, SmallJob.words(words), in: scratch.url)
  }

  /// A finished run in which node 2 cheated; returns its evidence file's path.
  private func cheated(_ fault: String, more: String = "") throws -> (run: ProgramResult, file: String) {
    let result = try run(
      "run text.txt --nodes 3 --check-segments all --fault \(fault) --out model --json \(more) "
        + SmallJob.longerFlags.joined(separator: " "))
    let folder = scratch.path("model/job/evidence")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return (result, names.first.map { "model/job/evidence/\($0)" } ?? "")
  }

  struct Report: Decodable {
    struct Evidence: Decodable {
      struct Finding: Decodable {
        var kind: String
        var segment: Int?
        var text: String
      }
      struct Divergence: Decodable {
        var segment: Int
        var step: Int
        var `operator`: String
      }
      var node: String
      var jobId: String
      var finding: Finding
      var divergence: Divergence?
    }
    var kind: String
    var verifies: Bool
    var evidence: Evidence
  }

  @Test func evidenceIsLeftAndHoldsElsewhere() throws {
    let (result, file) = try cheated("skip-steps@2")
    #expect(result.exitCode == 0, "\(result.errors)")
    let failed = try #require(result.json(RunOutput.self).subJobs.first { $0.status == "FAILED" })
    #expect(file == "model/job/evidence/\(failed.jobId).evidence")
    #expect(result.errors.contains("evidence, ") && result.errors.contains("emeth verify "))
    // Nothing but the file.
    try FileManager.default.moveItem(atPath: scratch.path(file), toPath: scratch.path("found"))
    try FileManager.default.removeItem(atPath: scratch.path("model"))
    let plain = try run("verify found")
    #expect(plain.exitCode == 0 && plain.errors.isEmpty, "\(plain.errors)")
    #expect(plain.output.contains("cheated: verifies") && plain.output.contains("replay ends in state"))
    let report = try run("verify found --bisect --json").json(Report.self)
    #expect(report.verifies && report.evidence.jobId == failed.jobId)
    #expect(report.evidence.finding.kind == "replay")
    #expect(report.evidence.divergence?.operator == "which the node did not compute")
    // The files of a run are the same whatever the threads.
    let bytes = try Data(contentsOf: scratch.url.appending(path: "found"))
    let again = try cheated("skip-steps@2", more: "--threads 1")
    #expect(try Data(contentsOf: scratch.url.appending(path: again.file)) == bytes)
  }

  @Test func aChangedFileCanNotBeReadAndALieDoesNotHold() throws {
    let (_, file) = try cheated("small-noise@2")
    var bytes = try Data(contentsOf: scratch.url.appending(path: file))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: scratch.url.appending(path: "changed"))
    try bytes.prefix(5_000).write(to: scratch.url.appending(path: "cut"))
    for name in ["changed", "cut"] {
      let result = try run("verify \(name) --json")
      #expect(result.exitCode == 3 && result.output.isEmpty)
      let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
      #expect(error.code == "wire.malformed" && error.message.contains(name), "\(result.errors)")
    }
    let other = try run(
      "verify \(file) --signer 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    #expect(other.exitCode == 1 && other.output.isEmpty)
  }

  /// One fault for each kind of finding that leaves a proof.
  @Test(arguments: [
    ("other-data", "replay"), ("swapped-final", "result"), ("shorter-run", "submission"),
    ("changed-salts", "opening"),
  ]) func everyKindOfEvidenceHoldsAndItsOppositeDoesNot(fault: String, kind: String) throws {
    let (result, file) = try cheated("\(fault)@1")
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try run("verify \(file) --json").json(Report.self)
    #expect(report.verifies && report.evidence.finding.kind == kind, "\(report.evidence.finding.text)")

    // The same file, saying something else: nothing of that is so.
    for other in ["replay", "result", "submission", "opening", "withheld"] where other != kind {
      try change(file, [(#""kind":"\#(kind)""#, #""kind":"\#(other)""#)], to: "other")
      let judged = try run("verify other")
      // What would be about a segment, and names none, is no evidence.
      let isWhole = report.evidence.finding.segment != nil || (other != "replay" && other != "result")
      #expect(judged.exitCode == (isWhole ? 1 : 3), "\(kind) as \(other): \(judged.errors)")
      #expect(judged.output.isEmpty && judged.errors.contains("other"), "\(judged.errors)")
      #expect(judged.errors.contains(isWhole ? "does not hold" : "about no segment"), "\(judged.errors)")
    }
    // A submission that the node has not signed.
    try change(file, [(#""fuelUsed":""#, #""fuelUsed":"1"#)], to: "forged")
    let forged = try run("verify forged --json")
    #expect(forged.exitCode == 1 && forged.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(forged.errors.utf8))
    #expect(error.code == "verify.evidence" && error.message.contains("does not hold"), "\(error.message)")
    // Another form of file.
    try change(file, [(#""version":1"#, #""version":2"#)], to: "later")
    let later = try run("verify later")
    #expect(later.exitCode == 3 && later.errors.contains("allowed is 1"), "\(later.errors)")
  }

  /// Writes an evidence file whose header has other words in it; lengths and sections are right.
  private func change(_ file: String, _ changes: [(String, String)], to name: String) throws {
    let data = try Data(contentsOf: scratch.url.appending(path: file))
    let length = data[8..<12].reduce(0) { $0 << 8 | Int($1) }
    var header = String(decoding: data[12..<12 + length], as: UTF8.self)
    for (old, new) in changes {
      try #require(header.contains(old), "\(old) is not in the header")
      header.replace(old, with: new)
    }
    var changed = data.prefix(8)
    withUnsafeBytes(of: UInt32(header.utf8.count).bigEndian) { changed.append(contentsOf: $0) }
    try (changed + Data(header.utf8) + data[(12 + length)...]).write(to: scratch.url.appending(path: name))
  }

  @Test func noEvidenceIsLeftWhereNoneIsWantedOrNobodyCheats() throws {
    #expect(try cheated("other-order@2", more: "--no-evidence").file.isEmpty)
    try FileManager.default.removeItem(atPath: scratch.path("model"))
    let result = try run(
      "run text.txt --nodes 3 --out model " + SmallJob.longerFlags.joined(separator: " "))
    #expect(result.exitCode == 0)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("model/job/evidence")))
    #expect(!FileManager.default.fileExists(atPath: scratch.path("model/job/verifiers")))
  }

  @Test(arguments: ["stamping-verifier@2", "rejecting-verifier@1", "two-verdicts@3", "accusing-verifier@2"])
  func aVerifierThatCheatsChangesNothingForOthers(fault: String) throws {
    let (result, file) = try cheated(fault)
    #expect(result.exitCode == 0 && file.isEmpty, "\(result.errors)")
    let report = try result.json(RunOutput.self)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" })
    #expect(report.conservation.burned == "0" && report.conservation.locked == "0")
    let verified = try run("verify model")
    #expect(verified.exitCode == 0, "\(verified.errors)")
  }

  @Test(arguments: [
    ("verify text.txt --bisect", "--bisect belongs to evidence", 3 as Int32),
    ("run text.txt --fault two-verdicts@4", "verifier 4, and there are 3", 2),
    ("run text.txt --fault stamping-verifier@0", "stamping-verifier@0", 2),
    ("run text.txt --fault stamping-verifer@1", "stamping-verifier@1", 2),
  ]) func whatIsRefused(line: String, message: String, exitCode: Int32) throws {
    let result = try run(line)
    #expect(result.exitCode == exitCode && result.output.isEmpty)
    if exitCode == 2 { #expect(result.errors.contains(message), "\(result.errors)") }
  }
}
