import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Every way to cheat that is known, one row each: how it is found, by which proof, and where bisection leads. A
/// fault without a row fails.
@Suite struct AttackTableTests {
  /// What must become of a node's fault.
  struct Row: Sendable {
    /// What proves it.
    let kind: Finding.Kind
    /// A piece of the finding.
    let finding: String
    /// Where the node's account parts from the replay: the segment's step, counted from 0, and a piece of the
    /// operator's name. Nil where no segment ends differently.
    var divergence: (step: Int, operator: String)?
  }

  /// Five steps in segments of two: 0 and 1, 2 and 3, 4.
  static func row(of fault: NodeFault) -> Row? {
    let replay = "segment 0: replay ends in state"
    switch fault {
    // Only the first of two steps is trained.
    case .skipSteps: return Row(kind: .replay, finding: replay, divergence: (1, "did not compute"))
    case .frozenWeights: return Row(kind: .replay, finding: replay, divergence: (0, "did not compute"))
    case .otherData, .otherOrder, .truncatedShard:
      return Row(kind: .replay, finding: replay, divergence: (0, "sequences"))
    // The gradient is right, what is made of it is not.
    case .otherLearningRate: return Row(kind: .replay, finding: replay, divergence: (0, "AdamW"))
    case .smallNoise:
      return Row(kind: .replay, finding: replay, divergence: (1, "behind its last operator"))
    // Honest work of another round or part: its account can't lead to what it committed to.
    case .replayedTrace: return Row(kind: .replay, finding: replay)
    case .copiedTrace: return Row(kind: .opening, finding: "does not lead to the trace root")
    case .swappedFinal: return Row(kind: .result, finding: "does not have resultRoot")
    case .shorterRun: return Row(kind: .submission, finding: "segments is 1, the job's is 3")
    case .wrongInit: return Row(kind: .opening, finding: "boundary 0 has state root")
    case .changedSalts: return Row(kind: .opening, finding: "boundary 0 does not lead to the trace root")
    case .alteredOpening: return Row(kind: .opening, finding: "does not have the committed root")
    default: return nil
    }
  }

  static let cheats = NodeFault.allCases.filter { $0.role == .node && !$0.isOfSums && $0 != .stall }

  static func terms(parallel: UInt32 = 3) throws -> JobTerms {
    try JobCost(
      manifest: try TestNetwork.manifest(), parallel: parallel, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard"
    ).subJobTerms
  }

  @Test(arguments: cheats) func aNodeThatCheatsIsCaughtPenalisedAndReplaced(fault: NodeFault) async throws {
    let row = try #require(Self.row(of: fault), "a fault without a row")
    let honest = try await TestNetwork.run(settings: NetworkSettings(nodes: 4, check: .all), parallel: 4)
      .report
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 4, check: .all, fault: FaultPlan(fault: fault, node: 2)), parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED")
    #expect(report.stateRoot == honest.stateRoot, "the model never depends on who cheated")

    let failed = report.subJobs.filter { $0.status == "FAILED" }
    let cheat = try #require(failed.first)
    #expect(failed.count == 1 && cheat.node == 2)
    #expect(cheat.reason.contains(row.finding), "\(cheat.reason)")
    let retried = report.subJobs.filter { $0.attempt == 1 }
    #expect(retried.count == 1 && retried.first?.status == "VERIFIED" && retried.first?.node != 2)
    #expect(report.subJobs.filter { $0.status == "VERIFIED" }.count == 8)

    // 25 % of L burned, V to the verifier that found it: exactly, and nobody else loses anything.
    let terms = try Self.terms(parallel: 4)
    #expect(report.conservation.burned == terms.failedPenalty)
    let account = try #require(report.accounts.first { $0.role == "node" && $0.number == 2 })
    #expect(account.penalty == terms.failedPenalty + terms.verifierFee)
    #expect(report.accounts.filter { $0.address != account.address }.allSatisfy { $0.penalty == .zero })
    #expect(report.conservation.holds && report.conservation.locked == .zero)

    // The evidence is left, and holds for somebody who has nothing else.
    let folder = finished.folder.url.appending(path: "evidence")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["\(cheat.jobId).evidence"])
    let copy = try TemporaryFolder()
    let file = copy.url.appending(path: "evidence")
    try FileManager.default.copyItem(at: folder.appending(path: "\(cheat.jobId).evidence"), to: file)
    let evidence = try EvidenceFile(file)
    #expect(evidence.header.submission.submission.node == account.address)
    #expect(evidence.trailer.verdicts.count == 2)
    #expect(evidence.trailer.verdicts.allSatisfy { $0.verdict.evidence == evidence.hash })
    let judgement = try evidence.judge(on: Device.cpu(threads: 1), bisects: true)
    #expect(judgement.mismatch == evidence.header.finding)
    #expect(judgement.mismatch?.kind == row.kind)
    if let divergence = row.divergence {
      #expect(judgement.divergence?.segment == 0 && judgement.divergence?.step == divergence.step)
      #expect(judgement.divergence?.operator.contains(divergence.operator) ?? false, "\(judgement)")
      #expect(cheat.reason.contains("they part at step \(divergence.step), "))
    } else if row.kind != .replay {
      #expect(judgement.divergence == nil)
    }
  }

  // MARK: - Verifiers

  private func settings(_ fault: NodeFault, auditOneIn share: UInt32 = 1) throws -> NetworkSettings {
    var settings = try NetworkSettings(
      nodes: 3, verifiers: 3, check: .drawn(1), fault: FaultPlan(fault: fault, node: 2))
    settings.auditOneIn = share
    return settings
  }

  /// What holds whatever a verifier does: the model's bits, the nodes' pay, the sum of all money.
  private func checkUnhurt(_ report: JobReport) async throws {
    let honest = try await TestNetwork.run(settings: NetworkSettings(nodes: 3, check: .drawn(1))).report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.count == 6 && report.subJobs.allSatisfy { $0.status == "VERIFIED" })
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.conservation.burned == .zero)
    for node in report.accounts where node.role == "node" {
      #expect(node.penalty == .zero)
      #expect(node.earned == honest.accounts.first { $0.address == node.address }?.earned)
    }
  }

  private func number(_ role: String, _ number: Int, in report: JobReport) throws -> JobReport.Account {
    try #require(report.accounts.first { $0.role == role && $0.number == number })
  }

  @Test(arguments: [NodeFault.stampingVerifier, .twoVerdicts])
  func aVerifierThatLiesLosesItsBondAndIsNotDrawnAgain(fault: NodeFault) async throws {
    let finished = try await TestNetwork.run(settings: settings(fault))
    let report = finished.report
    try await checkUnhurt(report)
    let terms = try Self.terms()
    let bond = TokenAmount(holon: try terms.verifierFee.holon.multiplying(by: 10))
    let liar = try number("verifier", 2, in: report)
    #expect(liar.penalty == bond)
    for honest in report.accounts where honest.role == "verifier" && honest.number != 2 {
      #expect(honest.penalty == .zero && honest.earned > .zero)
    }
    // What the bond paid for is gone from the pool, the rest is there; nothing was made or lost.
    let pool = try number("bond pool", 1, in: report)
    #expect(pool.balance <= bond)
    let notes = try finished.network.database.read { db in
      try JobStore.subJobs(of: finished.job, in: db).map(\.notes)
    }
    let places = notes.indices.filter { index in notes[index].draws.contains { $0.verifier == liar.address } }
    #expect(!places.isEmpty)
    if fault == .twoVerdicts {
      #expect(notes.compactMap(\.contradictions).joined().allSatisfy { $0.verdict.verifier == liar.address })
      #expect(liar.earned == .zero)
    }
    // A wave is drawn at once; in the next one it is not asked any more.
    let lastRound = notes.suffix(3)
    #expect(lastRound.allSatisfy { note in note.draws.allSatisfy { $0.verifier != liar.address } })
  }

  @Test func aVerifierThatRejectsHonestWorkIsOutvotedAndUnpaid() async throws {
    let finished = try await TestNetwork.run(settings: settings(.rejectingVerifier, auditOneIn: .max))
    let report = finished.report
    try await checkUnhurt(report)
    let liar = try number("verifier", 2, in: report)
    #expect(liar.earned == .zero && liar.penalty == .zero)
    let notes = try finished.network.database.read { db in
      try JobStore.subJobs(of: finished.job, in: db).map(\.notes)
    }
    #expect(notes.contains { $0.judgements.first?.verdict.verdict.verifier == liar.address })
    #expect(
      notes.allSatisfy { note in
        note.judgements.allSatisfy {
          ($0.verdict.verdict.verifier == liar.address) != $0.verdict.verdict.accepted
        }
      })
    #expect(!FileManager.default.fileExists(atPath: finished.folder.url.appending(path: "evidence").path))
  }

  @Test func everyFaultIsInOneOfTheseTables() {
    for fault in NodeFault.allCases {
      switch fault.role {
      case .node: #expect(fault == .stall || fault.isOfSums || Self.row(of: fault) != nil, "\(fault)")
      case .verifier:
        #expect(
          fault.isOfSums || [.stampingVerifier, .rejectingVerifier, .twoVerdicts].contains(fault), "\(fault)")
      case .aggregator: break
      }
    }
  }

  // MARK: - Draws

  /// Grinding: a node that tries many submissions knows neither the beacon that comes after nor the verifier's
  /// secret, and for each of them the draw of any one submission is as good as another.
  @Test func aNodeThatTriesManySubmissionsCannotSteerTheDraw() {
    let (segments, bad) = (20, 7)
    func draws(_ submission: Int, beacon: UInt8, secret: UInt8) -> Bool {
      let seed = SegmentDraw.seed(
        submission: SHA256.hash(Array("\(submission)".utf8)), beacon: SHA256.hash([beacon]),
        secret: SHA256.hash([1, secret]))
      return SegmentDraw.segments(seed: seed, count: 2, of: segments).contains(bad)
    }
    // The best of many, by a beacon that the node guessed, is caught by the real one as often as any other.
    let chosen = (0..<4_000).filter { !draws($0, beacon: 0, secret: 0) }
    for (beacon, secret) in [(1, 0), (0, 1), (1, 1)] as [(UInt8, UInt8)] {
      let caught = chosen.count { draws($0, beacon: beacon, secret: secret) }
      // One in ten, standard deviation 0.5 %.
      #expect(abs(Double(caught) / Double(chosen.count) - 0.1) < 0.025, "beacon \(beacon), secret \(secret)")
    }
  }
}
