import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Rounds whose updates are added masked, and what happens when somebody is lost or lies.
@Suite struct MaskedRoundTests {
  private func run(_ fault: FaultPlan? = nil, nodes: Int = 4, parallel: UInt32 = 4) async throws
    -> TestNetwork.Finished
  {
    try await TestNetwork.run(settings: NetworkSettings(nodes: nodes, fault: fault), parallel: parallel)
  }

  private func files(under folder: URL) throws -> [URL] {
    let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [.isRegularFileKey])
    return (all?.compactMap { $0 as? URL } ?? []).filter {
      (try? $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true
    }
  }

  @Test func anHonestRoundIsAddedMasked() async throws {
    let finished = try await run()
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.aggregation.nodes == 8 && report.aggregation.dropped == 0)
    #expect(report.aggregation.cohorts == [4, 4])
    let size = try ModelConfiguration(try TestNetwork.manifest().model).parameterCount * 4
    #expect(report.aggregation.bytes == 8 * size)
    // What is added plainly gives the same model.
    let plain = try await run(nodes: 2)
    #expect(plain.report.stateRoot == report.stateRoot)
    #expect(plain.report.aggregation.nodes == 0 && plain.report.aggregation.cohorts.isEmpty)
    // Nothing is left that only nodes and verifiers may know.
    for name in ["nodes", "verifiers"] {
      let left = try files(under: finished.folder.url.appending(path: name)).map(\.lastPathComponent)
      #expect(left.allSatisfy { $0 == "memory" }, "\(left)")
    }
  }

  @Test(arguments: [NodeFault.dropBeforeKeys, .dropBeforeMask])
  func aLostNodeIsReplacedAndTheCohortFormsAgain(fault: NodeFault) async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: fault, node: 2))
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot, "the model never depends on who was lost")
    let lost = report.subJobs.filter { $0.status == "TIMEOUT" }
    #expect(lost.map(\.node) == [2])
    #expect(lost.first?.reason.contains("masked vector") == true)
    #expect(report.subJobs.filter { $0.attempt == 1 }.map(\.status) == ["VERIFIED"])
    #expect(report.subJobs.first { $0.attempt == 1 }?.node != 2)
    #expect(report.aggregation.nodes == 8 && report.aggregation.dropped == 1)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    let attempts = try finished.network.database.read { db in
      try CohortStore.cohorts(of: finished.job, in: db).map { cohort in
        try cohort.standing(in: .embedded).collector.plan.attempt
      }
    }
    #expect(attempts.sorted() == [0, 1])
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    #expect(report.conservation.burned == cost.subJobTerms.timeoutPenalty)
  }

  @Test func aNodeThatIsLostAfterItPostedIsNotNeeded() async throws {
    let honest = try await run().report
    let report = try await run(FaultPlan(fault: .dropAfterMask, node: 2)).report
    #expect(report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 })
    #expect(report.aggregation.dropped == 0)
  }

  @Test func whoMasksAnotherUpdateIsFoundAndReplaced() async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: .poisonedUpdate, node: 3))
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot)
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.map(\.node) == [3])
    #expect(failed.first?.reason.contains("masked another update") == true)
    #expect(report.subJobs.filter { $0.attempt == 1 }.map(\.status) == ["VERIFIED"])
    #expect(report.aggregation.dropped == 1)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.accounts.filter { $0.penalty != .zero }.map(\.number) == [3])
  }

  @Test func anAggregatorThatAddsWronglyIsNamed() async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: .wrongSum, node: 1))
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 })
    let aggregator = finished.network.keys.aggregator.address
    #expect(report.reason.contains("the Aggregator \(aggregator) added cohort 1 of round 1 wrongly"))
    #expect(!honest.reason.contains("Aggregator"))
  }

  @Test func threeNodesAreEnoughAfterALoss() async throws {
    let honest = try await run(nodes: 3, parallel: 3).report
    let report = try await run(FaultPlan(fault: .dropBeforeMask, node: 2), nodes: 3, parallel: 3).report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot)
    // Elsewhere it would have left two accounts, of which neither hides the other.
    #expect(report.subJobs.filter { $0.attempt == 1 }.map(\.node) == [2])
  }

  @Test func manyPartsMakeSeveralCohorts() async throws {
    let report = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 5, check: .drawn(1)),
      manifest: TestNetwork.manifest(rounds: 1, steps: 2),
      parallel: 18
    ).report
    #expect(report.status == "VERIFIED")
    #expect(report.aggregation.cohorts == [9, 9])
  }

  @Test func aJobThatFailsPaysWhatWasAccepted() async throws {
    // The part's only attempt is lost in its cohort; the others were accepted.
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 4, fault: FaultPlan(fault: .dropBeforeMask, node: 1)), parallel: 4,
      attempts: 1)
    let report = finished.report
    #expect(report.status == "FAILED")
    #expect(report.subJobs.map(\.status).sorted() == ["TIMEOUT", "VERIFIED", "VERIFIED", "VERIFIED"])
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }

  // MARK: - The folder of a finished job

  @Test(arguments: [
    nil, FaultPlan(fault: .poisonedUpdate, node: 1), FaultPlan(fault: .dropBeforeKeys, node: 1),
    FaultPlan(fault: .wrongSum, node: 1),
  ])
  func aFolderShowsThatItsSumsHold(fault: FaultPlan?) async throws {
    let finished = try await run(fault)
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let checks = try JobFolder(folder.url).check()
    #expect(checks.count == 9)
    for check in checks { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
    #expect(checks.contains { $0.what.contains("the model follows from them") })

    // What fails is found without the manifest of all files, too.
    func failing() throws -> [JobFolder.Check] {
      try JobFolder(folder.url).check().filter { !$0.holds && !$0.what.contains("every file") }
    }
    let sums = try FileManager.default.contentsOfDirectory(
      atPath: folder.url.appending(path: "job/sums").path)
    #expect(sums.count == 2)
    let file = folder.url.appending(path: "job/sums/\(sums[0])")
    var bytes = try Data(contentsOf: file)
    bytes[9] ^= 1
    try bytes.write(to: file)
    #expect(try failing().count == 1)
    try FileManager.default.removeItem(at: file)
    #expect(try failing().count == 1, "one of two is missing")
    try FileManager.default.removeItem(at: folder.url.appending(path: "job/sums"))
    let without = try JobFolder(folder.url).check()
    #expect(try failing().isEmpty && without.contains { $0.what.contains("not checked") })
  }
}
