import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A finished job's folder as a third party gets it. Node 2 cheats once, so that there is a FAILED SubJob too.
@Suite struct JobFolderTests {
  /// The exported folder of one run, for all tests; each changes a copy.
  private static let exported = Task {
    let folder = try place.get()
    let fault = FaultPlan(fault: .swappedFinal, node: 2)
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 3, check: .all, fault: fault))
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    return folder
  }

  /// Where it lies: what is shared is never freed, so its folder goes with the process.
  private static let place: Result<TemporaryFolder, any Error> = Result {
    let folder = try TemporaryFolder()
    atexit { try? FileManager.default.removeItem(at: JobFolderTests.place.get().url) }
    return folder
  }

  private func copy() async throws -> (TemporaryFolder, JobFolder) {
    let folder = try TemporaryFolder()
    let source = try await Self.exported.value.url
    for item in try FileManager.default.contentsOfDirectory(atPath: source.path) {
      try FileManager.default.copyItem(at: source.appending(path: item), to: folder.url.appending(path: item))
    }
    return (folder, JobFolder(folder.url))
  }

  @Test func aFinishedRunChecks() async throws {
    let (folder, jobFolder) = try await copy()
    #expect(jobFolder.hasRecords)
    let checks = try jobFolder.check()
    #expect(checks.count == 6)
    for check in checks { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
    #expect(Set(checks.map { RecordTampering.Check(of: $0) }).count == 6)
    withExtendedLifetime(folder) {}
  }

  @Test(arguments: RecordTampering.all)
  func whatWasTamperedWithIsFound(tampering: RecordTampering) async throws {
    let (folder, jobFolder) = try await copy()
    try tampering.apply(to: folder.url)
    let failed = try jobFolder.check().filter { !$0.holds }
    #expect(!failed.isEmpty && failed.map { RecordTampering.Check(of: $0) } == tampering.checks, "\(failed)")
    let problems = failed.compactMap(\.problem).joined(separator: "; ")
    #expect(tampering.problem.isEmpty || problems.contains(tampering.problem), "\(problems)")
  }

  @Test func amountsThatDoNotAddUpAreNoRecord() async throws {
    let (folder, jobFolder) = try await copy()
    var records = try RecordDocument(in: folder.url)
    try records.change(["subJobs", 0, "machine", "settlement", "verifier"]) { .text(try $0.plusOne()) }
    try records.write(to: folder.url)
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.malformed(let what, let reason) = error else { return false }
      return what.hasSuffix("records.json") && reason.contains("subJobs")
    }
  }

  @Test(arguments: ["", "{}", "[1, 2", "null"])
  func recordsThatCannotBeReadAreNamed(text: String) async throws {
    let (folder, jobFolder) = try await copy()
    try Data(text.utf8).write(to: folder.url.appending(path: "job/records.json"))
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.malformed(let what, let reason) = error else { return false }
      return what.hasSuffix("job/records.json") && !reason.isEmpty
    }
  }

  @Test(arguments: ["job/records.json", "job/leaves.bin"])
  func aMissingFileIsNamed(name: String) async throws {
    let (folder, jobFolder) = try await copy()
    try FileManager.default.removeItem(at: folder.url.appending(path: name))
    #expect(jobFolder.hasRecords == (name != "job/records.json"))
    #expect {
      try jobFolder.check()
    } throws: { error in
      guard case NetworkError.fileFailed(let path, "read", _) = error else { return false }
      return path.hasSuffix(name)
    }
  }

  @Test func aFailedJobsRecordsCheckButForTheModelItDoesNotHave() async throws {
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 1, fault: FaultPlan(fault: .stall, node: 1)), parallel: 1, attempts: 1)
    let folder = try TemporaryFolder()
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    let failed = try JobFolder(folder.url).check().filter { !$0.holds }
    #expect(failed.map(\.problem) == ["no round was completed"])
  }
}
