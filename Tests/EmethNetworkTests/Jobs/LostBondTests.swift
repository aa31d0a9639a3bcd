import EmethKit
import Testing

@testable import EmethNetwork

/// What a decision against a submission costs who had accepted it, before anything is added.
@Suite struct LostBondTests {
  /// A verifier that accepts without looking loses its bond where two others find the work itself wrong, and keeps it where
  /// all that speaks against the work is what those two were opened: the node can open what is right to one alone.
  @Test(arguments: [
    (NodeFault.swappedFinal, Finding.Kind.result), (.frozenWeights, .replay), (.changedSalts, .opening),
    (.alteredOpening, .opening),
  ])
  func whoAcceptedPaysForTheWorkNotForWhatOthersWereOpened(
    fault: NodeFault, kind: Finding.Kind
  ) async throws {
    func run(stamping number: Int?) async throws -> (TestNetwork.Finished, SubJobRecord) {
      var settings = try NetworkSettings(nodes: 2, verifiers: 3, check: .all)
      settings.furtherFaults = (1...2).map { FaultPlan(fault: fault, node: $0) }
      if let number {
        settings.furtherFaults?.append(FaultPlan(fault: .stampingVerifier, node: number))
      }
      // Every acceptance is replayed.
      settings.auditOneIn = 1
      let finished = try await TestNetwork.run(
        settings: settings, manifest: TestNetwork.manifest(rounds: 1), parallel: 1)
      let record = try finished.network.database.read { db in
        try JobStore.subJobs(of: finished.job, in: db).first
      }
      return (finished, try #require(record))
    }
    // Chance draws the same verifier for the same submission, whatever that one says then.
    let (caught, first) = try await run(stamping: nil)
    let stamping = try #require(first.notes.draws.first?.verifier)
    let number = try #require(caught.network.keys.verifiers.firstIndex { $0.address == stamping }) + 1
    let (finished, record) = try await run(stamping: number)
    let said = record.notes.judgements
    #expect(said.map(\.verdict.verdict.accepted) == [true, false, false])
    #expect(said.first?.verdict.verdict.verifier == stamping)
    #expect(said.dropFirst().allSatisfy { $0.mismatch?.kind == kind }, "\(said.map(\.finding))")
    #expect(record.status == .failed)
    let lost = try finished.network.database.read { db in
      try String.fetchAll(
        db, sql: "SELECT verifier FROM forfeit WHERE subJob = ?", arguments: ["\(record.id)"])
    }
    #expect(lost == (kind == .opening ? [] : ["\(stamping)"]))
  }
}
