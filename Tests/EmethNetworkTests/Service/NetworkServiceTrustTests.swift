import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What verifiers and others may try at the expense of honest nodes, verifiers and requesters of a served network.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct NetworkServiceTrustTests {
  /// Commitments that are put off are younger than any submission.
  private static let long: Int64 = 1_000_000_000

  private static func putOffOthers(
    than verifier: Address, by seconds: Int64, in service: NetworkService
  ) throws {
    try service.database.write { db in
      try db.execute(
        sql: "UPDATE commitment SET postedAt = postedAt + ? WHERE verifier <> ?",
        arguments: [seconds, "\(verifier)"])
    }
  }

  /// A key that ends before a node must have opened would make the node look silent.
  @Test func aBindingIsNotTakenBack() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let service = try scene.server.service()
      let key = ServiceScene.verifier(0)
      let verifier = Verifier(key: key, store: service.store, domain: .embedded)
      let now = secondsNow()
      let bond = try TokenAmount(emeth: "1")
      // An EMETH at least, however little SubJobs pay.
      let small = #expect(throws: NetworkError.self) {
        try service.postBond(
          upTo: bond.subtracting(TokenAmount(holon: 1)), binding: verifier.binding(expiry: now + 86_400),
          by: key.address)
      }
      #expect(small?.code == "verifier.bondTooSmall")
      func bind(until expiry: UInt64) throws(NetworkError) {
        try service.postBond(
          upTo: bond, binding: verifier.binding(expiry: expiry), by: key.address)
      }
      func isRefused(until expiry: UInt64) -> Bool {
        do throws(NetworkError) {
          try bind(until: expiry)
          return false
        } catch {
          return error.message.contains("expiry of the binding")
        }
      }
      // It reveals, the node opens, it judges: 20 + 60 + 60 seconds.
      #expect(isRefused(until: now + 130))
      try bind(until: now + 86_400)
      #expect(isRefused(until: now + 86_399) && isRefused(until: now + 1_000))
      #expect(try service.verifier(key.address).bindingExpiry == now + 86_400)
      try bind(until: now + 86_500)
      #expect(try service.verifier(key.address).bindingExpiry == now + 86_500)
    }
  }

  /// Where a drawn verifier's key has run out all the same, another one is drawn, and its node is held to nothing.
  @Test func whoseKeyHasRunOutIsPassedOver() async throws {
    var settings = try ServiceScene.settings()
    settings.revealSeconds = 1
    settings.periods.openingSeconds = 15
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      for index in 5..<8 { try scene.bindSilentVerifier(ServiceScene.verifier(index)) }
      let service = try scene.server.service()
      for index in 5..<8 {
        let key = ServiceScene.verifier(index)
        let short = Verifier(key: key, store: service.store, domain: .embedded).binding(
          expiry: secondsNow() + 1)
        let text = try short.wireText()
        try service.database.write { db in
          try db.execute(
            sql: "UPDATE bond SET binding = ? WHERE verifier = ?", arguments: [text, "\(key.address)"])
        }
      }
      try scene.startVerifier(0)
      try await scene.verifiersStand(4)
      for index in 0..<2 { try scene.startNode(index) }
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 2))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED", "VERIFIED"], "no node was held to such a key")
      for index in 0..<2 {
        #expect(try service.work(of: ServiceScene.node(index).address, newest: 10).lost == .zero)
      }
    }
  }

  /// Who reads the job's folder draws the step again: an acceptance that names another one is no answer.
  @Test func aVerdictNamesTheStepThatItsSeedDraws() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startNode(0)
      for index in 0..<2 {
        try scene.startVerifier(index) { _, body in
          guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body) else { return nil }
          let said = report.judgement.verdict.verdict
          report.judgement.verdict = SignedVerdict(
            signing: Verdict(
              jobID: said.jobID, submission: said.submission, verifier: said.verifier,
              accepted: said.accepted, seed: said.seed, step: said.step + 1, stepRoot: said.stepRoot,
              evidence: said.evidence),
            in: .embedded, with: ServiceScene.verifier(index))
          return try WireFormat.encoder.encode(report)
        }
      }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let refused = scene.events.withLock { $0.filter { $0.contains("the verdict names step") } }
      #expect(!refused.isEmpty)
      for index in 0..<2 {
        #expect(try !scene.server.service().verifier(ServiceScene.verifier(index).address).isStruck)
      }
    }
  }

  /// A second verdict that comes after the first is refused, and costs the bond as one that comes with it.
  @Test func twoVerdictsInTurnCostTheBond() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startNode(0)
      let liar = ServiceScene.verifier(0)
      for index in 0..<3 {
        try scene.startVerifier(index) { _, body in
          guard index == 0, var report = try? JSONDecoder().decode(JudgementReport.self, from: body) else {
            return nil
          }
          let said = report.judgement.verdict.verdict
          report.update = nil
          report.judgement.mismatch = Finding(.result, "a lie")
          report.judgement.verdict = SignedVerdict(
            signing: Verdict(
              jobID: said.jobID, submission: said.submission, verifier: said.verifier, accepted: false,
              seed: said.seed, step: said.step, stepRoot: said.stepRoot, evidence: SHA256.hash([1])),
            in: .embedded, with: liar)
          return try WireFormat.encoder.encode(report)
        }
      }
      try await scene.verifiersStand(3)
      let service = try scene.server.service()
      try Self.putOffOthers(than: liar.address, by: Self.long, in: service)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let limit = ContinuousClock.now + .seconds(120)
      while try service.database.read({ db in
        try !JobStore.subJobs(of: job, in: db).contains { !$0.notes.draws.isEmpty }
      }) {
        try #require(ContinuousClock.now < limit, "nobody was drawn")
        try await Task.sleep(for: .milliseconds(5))
      }
      try Self.putOffOthers(than: liar.address, by: -Self.long, in: service)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED"])
      for index in 0..<3 {
        #expect(try service.verifier(ServiceScene.verifier(index).address).isStruck == (index == 0))
      }
      let refused = scene.events.withLock { $0.filter { $0.contains("two on one submission") } }
      #expect(!refused.isEmpty)
    }
  }

  /// Of two processes with one key the one that comes after the other's word says nothing, whatever it has found.
  @Test func theSecondProcessOfAKeyDoesNotContradictTheFirst() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let job = Mutex<JobID?>(nil)
      // It has the errand in hand when the other one answers, and would reject.
      try scene.startVerifier(
        0, fault: .rejectingVerifier, folder: "verifier-0-again",
        fetching: { () async throws(NetworkError) in
          while !Task.isCancelled {
            let isJudged = try scene.server.service().database.read { db in
              guard let job = job.withLock({ $0 }) else { return false }
              return try JobStore.subJobs(of: job, in: db).contains { !$0.notes.judgements.isEmpty }
            }
            if isJudged { return }
            await pause(0.02)
          }
        })
      try scene.startNode(0)
      try await scene.verifiersStand(1)
      let submitted = try scene.submit(
        scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      job.withLock { $0 = submitted }
      let service = try scene.server.service()
      let limit = ContinuousClock.now + .seconds(120)
      while try service.database.read({ db in
        try JobStore.subJobs(of: submitted, in: db).allSatisfy { $0.notes.draws.isEmpty }
      }) {
        try #require(ContinuousClock.now < limit, "nobody was drawn")
        try await Task.sleep(for: .milliseconds(20))
      }
      // Its secret is revealed by then.
      try await Task.sleep(for: .milliseconds(500))
      try scene.startVerifier(0)
      let report = try await scene.end(of: submitted)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      func isSilenced() -> Bool {
        scene.events.withLock { $0.contains { $0.contains("is not open any more") } }
      }
      while !isSilenced(), ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(50)) }
      #expect(isSilenced(), "\(scene.events.withLock { $0.suffix(10) })")
      #expect(try !service.verifier(ServiceScene.verifier(0).address).isStruck)
    }
  }

  /// What a verifier says that a node opened goes into the job's records: only what the node has signed for, and no more.
  @Test func whatNoNodeHasOpenedIsRefused() async throws {
    var settings = try ServiceScene.settings()
    // Both are asked about each SubJob.
    settings.auditShare = 1
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0)
      for index in 0..<2 {
        try scene.startVerifier(index) { _, body in
          guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body),
            let first = report.boundaries.first
          else { return nil }
          if index == 0 {
            report.boundaries.append(
              BoundaryOpening(
                boundary: first.boundary, salt: first.salt, stateRoot: SHA256.hash([1]), proof: first.proof))
          } else {
            report.boundaries = Array(repeating: first, count: 100)
          }
          return try WireFormat.encoder.encode(report)
        }
      }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let refused = scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } }
      #expect(refused.contains { $0.contains("a boundary is not the node's") }, "\(refused)")
      #expect(refused.contains { $0.contains("it names 100 boundaries") }, "\(refused)")
      let records = try scene.server.service().records(of: job)
      #expect(records.subJobs.allSatisfy { !$0.trace.isEmpty && $0.trace.count < 20 })
    }
  }
}
