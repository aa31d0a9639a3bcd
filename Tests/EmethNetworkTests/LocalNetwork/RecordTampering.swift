import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// One way to alter a finished job's folder, and which checks must then fail.
struct RecordTampering: Sendable, CustomTestStringConvertible {
  /// The checks in their order.
  enum Check: String, Sendable {
    case files, split, subJobs, draws, settlements, batches, tickets, model, cohorts, sums, other

    init(of check: JobFolder.Check) {
      let names: [(String, Check)] = [
        ("every file", .files), ("the split", .split), (" SubJobs: ", .subJobs),
        (" draws: ", .draws), ("settlements", .settlements),
        (" batches: ", .batches), (" tickets: ", .tickets), (" cohorts: ", .cohorts), (" sums: ", .sums),
        ("the model", .model),
      ]
      self = names.first { check.what.contains($0.0) }?.1 ?? .other
    }
  }

  let name: String
  let checks: [Check]
  /// A piece of what the checks must say; empty where that depends on the altered bytes.
  let problem: String
  private let body: @Sendable (URL) throws -> Void

  var testDescription: String { name }

  func apply(to model: URL) throws { try body(model) }

  private init(
    files name: String, _ checks: [Check], _ problem: String, _ body: @escaping @Sendable (URL) throws -> Void
  ) {
    self.name = name
    self.checks = checks
    self.problem = problem
    self.body = body
  }

  /// A change of records.json; `records` is what it said before.
  init(
    _ name: String, _ checks: [Check], _ problem: String,
    _ body: @escaping @Sendable (_ document: inout RecordDocument, _ records: PublicRecords) throws -> Void
  ) {
    self.init(files: name, checks, problem) { model in
      var document = try RecordDocument(in: model)
      try body(&document, document.records())
      try document.write(to: model)
    }
  }

  static let all = subJobs + draws + settlements + batchesAndTickets + job + files + sums

  // MARK: - SubJobs

  static func failed(_ records: PublicRecords) throws -> RecordDocument.Step {
    .element(try #require(records.subJobs.firstIndex { $0.machine.status == .failed }))
  }

  static func verified(_ records: PublicRecords) throws -> RecordDocument.Step {
    .element(try #require(records.subJobs.firstIndex { $0.machine.status == .verified }))
  }

  private static let subJobs = [
    RecordTampering("a submission's signature", [.subJobs], "") { document, records in
      try document.change(["subJobs", verified(records), "submission", "signature"]) {
        .text(try $0.otherDigit())
      }
    },
    RecordTampering("a submission's finalRoot", [.subJobs], "digest is") { document, records in
      try document.change(["subJobs", verified(records), "submission", "submission", "finalRoot"]) {
        .text(try $0.otherDigit())
      }
    },
    RecordTampering("a submission signed by somebody else", [.subJobs], "signed by") { document, records in
      let subJob = try #require(records.subJobs.first { $0.machine.status == .verified })
      try document.set(
        ["subJobs", verified(records), "submission"],
        encoding: SignedSubmission(
          signing: #require(subJob.submission).submission, in: records.domain,
          with: TestNetwork.key("thief", 0)))
    },
    RecordTampering(
      "a submission made by another node, with its account", [.subJobs], "another SubJob or node"
    ) {
      document, records in
      let thief = TestNetwork.key("thief", 0)
      let subJob = try #require(records.subJobs.first { $0.machine.status == .verified })
      try document.set(
        ["subJobs", verified(records), "submission"],
        encoding: SignedSubmission(
          signing: #require(subJob.submission).submission.changed(node: thief.address), in: records.domain,
          with: thief))
    },
    RecordTampering("a submission taken away", [.subJobs], "VERIFIED without a submission") {
      document, records in
      try document.set(["subJobs", verified(records), "submission"], nil)
    },
    RecordTampering("an opened boundary's root", [.subJobs], "does not lead to the trace root") {
      document, records in
      try document.change(["subJobs", verified(records), "trace", 1, "stateRoot"]) {
        .text(try $0.otherDigit())
      }
    },
    RecordTampering("an opened boundary's path", [.subJobs], "does not lead to the trace root") {
      document, records in
      try document.set(["subJobs", verified(records), "trace", 1, "proof", 0], nil)
    },
    RecordTampering("a verdict flipped to no", [.subJobs], "digest is") { document, records in
      try document.set(["subJobs", verified(records), "verdicts", 0, "verdict", "accepted"], .flag(false))
    },
    RecordTampering("a verdict flipped to yes", [.subJobs], "digest is") { document, records in
      try document.set(["subJobs", failed(records), "verdicts", 1, "verdict", "accepted"], .flag(true))
    },
    RecordTampering("verdicts taken away", [.subJobs], "VERIFIED without an accepting verdict") {
      document, records in
      try document.set(["subJobs", verified(records), "verdicts"], .tree([Any]()))
    },
    RecordTampering("another acceptance stands", [.subJobs], "the acceptance that stands for it is not there")
    {
      document, records in
      try document.set(
        ["subJobs", verified(records), "machine", "verdict", "digest"],
        .text("\(SHA256.hash(Array("another".utf8)))"))
    },
    RecordTampering("rejections taken away", [.subJobs], "FAILED without a rejecting verdict") {
      document, records in
      try document.set(["subJobs", failed(records), "verdicts"], .tree([Any]()))
    },
    RecordTampering("one of two rejections taken away", [.subJobs], "on the word of 1 verifiers") {
      document, records in
      try document.set(["subJobs", failed(records), "verdicts", 0], nil)
    },
    RecordTampering("a rejection's fee for somebody else", [.subJobs], "is not that of one who found it") {
      document, records in
      let node = try #require(records.subJobs.first?.machine.node)
      try document.set(["subJobs", failed(records), "machine", "verifier"], .text("\(node)"))
    },
    RecordTampering("other evidence settled", [.subJobs], "names other evidence than was settled") {
      document, records in
      try document.change(["subJobs", failed(records), "machine", "draws", 0, "dispute"]) {
        .text(try $0.otherDigit())
      }
    },
    RecordTampering("a verdict on another submission", [.subJobs], "the verdict is on submission") {
      document, records in
      let other = try #require(records.subJobs.last { $0.machine.status == .verified })
      try document.set(["subJobs", verified(records), "verdicts"], encoding: other.verdicts)
    },
    RecordTampering("a verdict of somebody who was not drawn", [.subJobs], "without being drawn") {
      document, records in
      let thief = TestNetwork.key("thief", 0)
      let subJob = try #require(records.subJobs.first { $0.machine.status == .verified })
      let found = try #require(subJob.verdicts.first).verdict
      let verdict = Verdict(
        jobID: found.jobID, submission: found.submission, verifier: thief.address, accepted: true,
        seed: found.seed,
        step: found.step, stepRoot: found.stepRoot, evidence: .zero)
      try document.set(
        ["subJobs", verified(records), "verdicts", 0],
        encoding: SignedVerdict(signing: verdict, in: records.domain, with: thief))
    },
    RecordTampering("a failed SubJob called verified", [.subJobs], "VERIFIED without an accepting verdict") {
      document, records in
      try document.set(
        ["subJobs", failed(records), "machine", "status"], .number(Int(JobStatus.verified.rawValue)))
    },
    RecordTampering("a verified SubJob called running", [.subJobs], "has not ended") { document, records in
      try document.set(
        ["subJobs", verified(records), "machine", "status"], .number(Int(JobStatus.processing.rawValue)))
    },
    RecordTampering("a verified SubJob dropped", [.subJobs], "is verified 0 times") { document, records in
      let last = try #require(records.subJobs.lastIndex { $0.machine.status == .verified })
      try document.set(["subJobs", .element(last)], nil)
    },
    RecordTampering("a failed SubJob dropped", [.subJobs], "attempt 0 at part") { document, records in
      try document.set(["subJobs", failed(records)], nil)
    },
    RecordTampering("a SubJob twice", [.subJobs], "one is there twice") { document, records in
      try document.set(["subJobs", failed(records)], encoding: #require(records.subJobs.last))
    },
  ]

  // MARK: - The job

  private static let job = [
    RecordTampering("another program", [.subJobs], "another program than the job's") { document, _ in
      try document.change(["job", "parameters"]) { value in
        guard case .text(let text) = value else { return value }
        #expect(text.contains(#""0.01""#))
        return .text(text.replacing(#""0.01""#, with: #""0.02""#))
      }
    },
    RecordTampering("fewer parts", [.split, .settlements], "parts") { document, _ in
      try document.set(["job", "numParallel"], .number(2))
    },
    RecordTampering("fewer rounds", [.subJobs, .settlements, .model], "rounds") { document, _ in
      try document.set(["job", "numEpoch"], .number(1))
    },
    RecordTampering("another rule set", [.settlements], "not those of the rule set core-2023-initial") {
      document, _ in
      try document.set(["ruleSet"], .text("core-2023-initial"))
    },
    RecordTampering("called failed", [.subJobs], "FAILED") { document, _ in
      try document.set(["status"], .number(Int(JobStatus.failed.rawValue)))
    },
    RecordTampering("a round's beginning", [.subJobs], "another starting model than the round's") {
      document, _ in
      try document.change(["rounds", 1, "initRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("the result's root", [.model], "the model's state root is") { document, _ in
      try document.change(["rounds", 2, "initRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("the result dropped", [.model], "the result is that of round 1") { document, _ in
      try document.set(["rounds", 2], nil)
    },
    RecordTampering("the plan's root", [.split], "the records of the data set give root") { document, _ in
      try document.change(["plan", "recordsRoot"]) { .text(try $0.otherDigit()) }
    },
    RecordTampering("a part's root", [.split, .subJobs], "the records of part 1 give root") { document, _ in
      try document.change(["plan", "parts", 1, "root"]) { .text(try $0.otherDigit()) }
    },
  ]

  // MARK: - Other files

  private static let files = [
    RecordTampering(files: "a leaf altered", [.split], "give root") { model in
      try alter(model.appending(path: "job/leaves.bin")) { $0[40] ^= 1 }
    },
    RecordTampering(files: "a leaf cut off", [.split], "records, the plan has") { model in
      try alter(model.appending(path: "job/leaves.bin")) { $0.removeLast(32) }
    },
    RecordTampering(files: "half a leaf", [.split], "no whole number of hashes") { model in
      try alter(model.appending(path: "job/leaves.bin")) { $0.removeLast(16) }
    },
    RecordTampering(files: "leaves exchanged", [.split], "give root") { model in
      try alter(model.appending(path: "job/leaves.bin")) { $0 = $0[32..<64] + $0[0..<32] + $0[64...] }
    },
    RecordTampering(files: "one bit of the weights", [.model], "the model's state root is") { model in
      try alter(model.appending(path: "model.safetensors")) { $0[$0.count - 4] ^= 1 }
    },
    RecordTampering(files: "weights cut off", [.model], "model.safetensors") { model in
      try alter(model.appending(path: "model.safetensors")) { $0.removeLast(4) }
    },
    RecordTampering(files: "weights missing", [.model], "model.safetensors") { model in
      try FileManager.default.removeItem(at: model.appending(path: "model.safetensors"))
    },
    RecordTampering(files: "configuration missing", [.model], "config.json") { model in
      try FileManager.default.removeItem(at: model.appending(path: "config.json"))
    },
  ]

  private static func alter(_ file: URL, _ body: (inout Data) -> Void) throws {
    var data = try Data(contentsOf: file)
    body(&data)
    try data.write(to: file)
  }
}
