import EmethKit
import Foundation

/// What `emeth verify` says about a split: its manifest, the parts beside it, and the data set itself.
struct SplitVerification: Sendable {
  private static let kind = "split"

  /// Where the parts lie; nil for a manifest from standard input.
  let folder: SplitFolder?
  let manifest: SplitManifest
  /// The data set that was split; nil when only parts are at hand.
  let dataSet: String?
  let context: CommandContext

  /// Checks the manifest and all that lies beside it.
  ///
  /// - Throws: `CommandFailure` with exit code 1 for what does not hold, 4 when a secret is missing.
  func report() throws -> VerificationReport {
    let plan = manifest.plan
    var checks = [
      "plan: \(NumberText.grouped(plan.recordCount)) records (\(manifest.kind)) in \(plan.parts.count) parts, "
        + "each in exactly one, sizes differ by one at most",
      "manifest hash: \(manifest.hash)",
    ]
    checks += try partChecks()
    if let dataSet { checks.append(try dataSetCheck(dataSet)) }
    return VerificationReport(kind: Self.kind, checks: checks)
  }

  private func partChecks() throws -> [String] {
    var builder = try SplitPlanBuilder(
      recordCount: manifest.plan.recordCount, parts: UInt32(manifest.plan.parts.count))
    let present = folder?.presentParts(of: manifest) ?? []
    guard let folder, !present.isEmpty else {
      return ["parts: none is here, so only the manifest is checked"]
    }
    let reader = SplitPartReader(folder: folder, manifest: manifest, context: context)
    let isComplete = present.count == manifest.plan.parts.count
    for index in present {
      let secret = try requiredSecret(index)
      try answering {
        let planned = try manifest.plan.part(index)
        let run = try reader.hash(
          reader.open(planned, secret: secret), into: PartRun(planned)
        ).run
        guard run.inPart.root == planned.root else {
          throw SplittingError.rootMismatch(part: index, found: run.inPart.root, expected: planned.root)
        }
        if isComplete { try builder.append(run) }
      }
    }
    guard isComplete else {
      return [
        "parts \(Self.listed(present)): their records give the roots in the manifest",
        "records root: not checked, as the other parts are not here",
      ]
    }
    try answering { try check(builder.plan()) }
    return [
      "parts: the records of all \(present.count) give the roots in the manifest",
      "records root: \(manifest.plan.recordsRoot), given by all parts together",
    ]
  }

  /// Numbers in runs, such as `0, 3-7`, and no more of them than a line holds.
  private static func listed(_ parts: [UInt32]) -> String {
    var runs: [ClosedRange<UInt32>] = []
    for part in parts {
      if let last = runs.last, last.upperBound + 1 == part {
        runs[runs.count - 1] = last.lowerBound...part
      } else {
        runs.append(part...part)
      }
    }
    let shown = runs.prefix(8).map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }
    let rest = runs.dropFirst(8).reduce(0) { $0 + $1.count }
    return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  /// Splits the data set again, without writing anything, and compares.
  private func dataSetCheck(_ path: String) throws -> String {
    let secrets = try manifest.plan.parts.map { try requiredSecret($0.index) }
    let file = try DataSetFile(path, spoolFolder: NSTemporaryDirectory())
    try answering {
      let index = try RecordIndex(reading: file, kind: manifest.kind, cancellation: context.cancellation)
      guard index.recordCount == manifest.plan.recordCount else {
        throw SplittingError.recordCount(found: index.recordCount, expected: manifest.plan.recordCount)
      }
      let builder = try SplitPlanBuilder(recordCount: index.recordCount, parts: UInt32(secrets.count))
      let hashing = RecordHashing(
        file: file, kind: manifest.kind, partSecret: { secrets[Int($0)] }, context: context,
        title: "checking \(file.name)")
      try check(hashing.run(index.sections(of: builder, in: file), into: builder).plan())
    }
    return "data set: the records of \(file.name) are those of the manifest"
  }

  private func check(_ plan: SplitPlan) throws(SplittingError) {
    for (found, expected) in zip(plan.parts, manifest.plan.parts) where found.root != expected.root {
      throw .rootMismatch(part: found.index, found: found.root, expected: expected.root)
    }
    guard plan.recordsRoot == manifest.plan.recordsRoot else {
      throw .rootMismatch(part: nil, found: plan.recordsRoot, expected: manifest.plan.recordsRoot)
    }
  }

  private func requiredSecret(_ part: UInt32) throws -> Bytes32 {
    guard let secret = try folder?.partSecret(part, in: manifest) else {
      let own = SplitManifest.secretName(part: part, of: UInt32(manifest.plan.parts.count))
      throw CommandFailure(
        .unavailable, code: "verify.noSecret",
        "part \(part) can't be checked: neither \(SplitFolder.secretName) nor \(own) lies beside the manifest",
        hint: "the requester has the split's secret, and the node that computes a part has that part's")
    }
    return secret
  }

  /// Turns what is wrong with the data into the answer no.
  private func answering(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as SplittingError {
      throw VerificationReport.failure(Self.kind, error, in: folder?.manifestPath ?? "standard input")
    } catch let error as any ReportableError where error.report.exitCode == .badInput {
      var report = error.report
      report.exitCode = .no
      report.message = "\(Self.kind) does not verify: \(report.message)"
      report.details["kind"] = Self.kind
      throw CommandFailure(report)
    }
  }
}

/// Joins the runs of one part.
private struct PartRun: RecordRunConsumer {
  private(set) var run: RecordRun

  init(_ part: SplitPlan.Part) {
    run = RecordRun(part: part.index, partStart: part.firstRecord, firstRecord: part.firstRecord)
  }

  mutating func append(_ next: RecordRun) throws(SplittingError) {
    run.append(next)
  }
}
