import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Jobs in a served network: nodes and verifiers with keys and folders of their own, on the real clock.
@Suite(.serialized) struct NetworkServiceTests {
  /// The model that the local network trains of the same manifest and data.
  static func localRoot(parallel: UInt32 = 3) async throws -> Bytes32? {
    try await TestNetwork.run(settings: NetworkSettings(nodes: 3), parallel: parallel).report.stateRoot
  }

  /// Waits until a node has taken a SubJob of a job, two minutes at most.
  static func aNodeTakesPart(in job: JobID, of service: NetworkService) async throws {
    let limit = ContinuousClock.now + .seconds(120)
    while try !service.subJobs(of: job).contains(where: { $0.node != nil }) {
      try #require(ContinuousClock.now < limit, "no node has taken a SubJob of \(job)")
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// What must be true at every end: the money adds up, nothing is bound but the verifiers' bonds, tickets
  /// check.
  static func checkMoney(_ scene: ServiceScene) async throws {
    let service = try scene.server.service()
    let wanted = service.changeMark
    _ = await service.change(after: wanted, waitingUpTo: 0.3)
    try service.closeEpochIfNeeded()
    let conservation = try service.audit()
    #expect(conservation.holds)
    if scene.server.chain == nil {
      let given = scene.server.settings.grants.values.reduce(TokenAmount.zero) { $0 + $1 }
      #expect(conservation.in == given, "no money but the operator's grants")
    }
    var bonds = TokenAmount.zero
    for index in 0..<8 { bonds += try service.verifier(ServiceScene.verifier(index).address).bond }
    #expect(conservation.locked == bonds)
    let batch = try #require(try service.latestBatch())
    try batch.check(signers: TrustedSigners(service.signerAddress), in: service.domain)
    let tickets = try service.tickets()
    try batch.batch.check(leaves: tickets.map(\.ticket))
    for ticket in tickets {
      try ticket.check(signers: TrustedSigners(service.signerAddress), in: service.domain)
      let balances = try service.balances(of: ticket.ticket.account)
      #expect(ticket.ticket.cumulativePayout == balances.payout && ticket.ticket.unspent == balances.unspent)
    }
  }

  @Test(arguments: TestDatabase.all)
  func aWholeJobEndsWithTheLocalNetworksModel(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let submission = try scene.submission(manifest: TestNetwork.manifest())
      let job = try scene.submit(submission)
      #expect(try scene.submit(submission) == job, "sent twice, it is one job")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      #expect(report.aggregation.nodes == 6 && report.aggregation.dropped == 0)
      try await Self.checkMoney(scene)
      let service = try scene.server.service()
      let result = try service.result(of: job, for: ServiceScene.requester.address)
      #expect(try result.stateRoot == local && service.store.contains(result.parameters))
      #expect(throws: NetworkError.self) { try service.result(of: job, for: ServiceScene.node(0).address) }
      let earned = try (0..<3).reduce(TokenAmount.zero) { sum, index in
        try sum.adding(service.work(of: ServiceScene.node(index).address, newest: 10).earned)
      }
      #expect(
        earned
          == (try JobCost(
            manifest: TestNetwork.manifest(), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
            ruleSet: "standard"
          ).terms.feeLimit))
      #expect(try service.records(of: job).subJobs.count == 6)
    }
  }

  @Test(arguments: TestDatabase.all)
  func withTwoPartsUpdatesAreAddedPlainly(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot(parallel: 2)
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(), parallel: 2))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      try await Self.checkMoney(scene)
    }
  }

  /// A verifier can't put an update of its own into the sum: the node has signed for its.
  @Test func anotherUpdateThanTheNodesIsRefused() async throws {
    let local = try await Self.localRoot(parallel: 2)
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      try scene.startVerifier(0) { service, body in
        guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body),
          let update = report.update
        else { return nil }
        var other = try service.output(update)
        other[other.startIndex] ^= 1
        report.update = try service.seal(output: other)
        return try WireFormat.encoder.encode(report)
      }
      try scene.startVerifier(1) { _, body in
        guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body), report.update != nil
        else { return nil }
        report.resultSalts = nil
        return try WireFormat.encoder.encode(report)
      }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(), parallel: 2))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      let refused = scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } }
      #expect(!refused.isEmpty && refused.allSatisfy { $0.contains("resultRoot") }, "\(refused)")
      try await Self.checkMoney(scene)
    }
  }

  @Test(arguments: TestDatabase.all)
  func aDeadNodesSubJobIsBackWithinItsLease(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      // It takes the first SubJob that it sees and is never heard of again.
      try scene.startVerifier(0)
      try scene.startVerifier(1)
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let service = try scene.server.service()
      let dead = ServiceScene.node(7)
      var taken: JobID?
      while taken == nil {
        taken = try service.openSubJobs(SubJobFilter(), for: dead.address).first?.id
        try await Task.sleep(for: .milliseconds(20))
      }
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: dead, expiry: secondsNow() + 3_600), in: .embedded, with: dead)
      let subJob = try #require(taken)
      _ = try service.process(subJob, by: dead.address, binding: binding)
      let lease = try #require(try service.state(of: subJob).leaseExpiresAt)
      for index in 0..<3 { try scene.startNode(index) }
      while try !service.state(of: subJob).status.isFinal { try await Task.sleep(for: .milliseconds(20)) }
      #expect(secondsNow() <= lease + 2, "it is back within its lease")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      #expect(report.subJobs.first { $0.jobId == subJob }?.status == "TIMEOUT")
      #expect(try service.work(of: dead.address, newest: 1).lost > .zero)
      try await Self.checkMoney(scene)
    }
  }

  @Test(arguments: TestDatabase.all)
  func ofTwoThatClaimOneSubJobOneHasIt(on kind: TestDatabase) async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      try scene.bindSilentVerifiers()
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let service = try scene.server.service()
      // Before all are there, nobody may take one: too few would be added together.
      while try service.subJobs(of: job).count < 3 { try await Task.sleep(for: .milliseconds(20)) }
      let subJob = try #require(try service.subJobs(of: job).first).id
      let results = await withTaskGroup(of: Result<Assignment, any Error>.self) { group in
        for index in 0..<6 {
          group.addTask {
            let key = ServiceScene.node(index)
            let binding = SignedKeyBinding(
              signing: KeyBinding(of: key, expiry: secondsNow() + 3_600), in: .embedded, with: key)
            return Result { try service.process(subJob, by: key.address, binding: binding) }
          }
        }
        return await group.reduce(into: [Result<Assignment, any Error>]()) { $0.append($1) }
      }
      let won = results.filter { if case .success = $0 { true } else { false } }
      #expect(won.count == 1)
      for case .failure(let error) in results {
        let error = try #require(error as? NetworkError)
        #expect(["job.eventNotAllowed", "subJob.contended"].contains(error.code), "\(error)")
      }
      let locked = try (0..<6).map { try service.balances(of: ServiceScene.node($0).address).locked }
      #expect(locked.count { $0 > .zero } == 1, "only who has it has a deposit bound")
      #expect(try service.audit().holds)
    }
  }

  @Test(arguments: TestDatabase.all, [NodeFault.skipSteps, .swappedFinal, .poisonedUpdate])
  func aCheatFailsAndTheModelIsTheSame(on kind: TestDatabase, fault: NodeFault) async throws {
    let local = try await Self.localRoot()
    var settings = try ServiceScene.settings()
    settings.check = .all
    try await ServiceScene.with(settings, on: kind) { scene in
      // Alone at first, so that it surely takes a part.
      try scene.startNode(0, fault: fault)
      for index in 0..<3 { try scene.startVerifier(index) }
      try await scene.verifiersStand(3)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let service = try scene.server.service()
      while try !service.subJobs(of: job).contains(where: { $0.node == ServiceScene.node(0).address }) {
        try await Task.sleep(for: .milliseconds(20))
      }
      for index in 1..<4 { try scene.startNode(index) }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      let failed = report.subJobs.filter { $0.status == "FAILED" }
      #expect(failed.count == 1)
      try await Self.checkMoney(scene)
    }
  }

  /// Who accuses honest nodes is overruled by two others, and loses its bond.
  @Test(arguments: TestDatabase.all)
  func oneVerifiersWordCostsNobodyADeposit(on kind: TestDatabase) async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<3 {
        try scene.startNode(index)
        try scene.startVerifier(index, fault: index == 0 ? .accusingVerifier : nil)
      }
      try await scene.verifiersStand(3)
      let service = try scene.server.service()
      let liar = ServiceScene.verifier(0).address
      // Chance draws it for one of three SubJobs: after a few jobs it surely was.
      for salt in 0..<8 as Range<UInt64> where try !service.verifier(liar).isStruck {
        let job = try scene.submit(
          scene.submission(manifest: TestNetwork.manifest(rounds: 1, steps: 2), salt: salt))
        let report = try await scene.end(of: job)
        #expect(report.status == "VERIFIED", "\(report.reason)")
        #expect(
          report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
      }
      #expect(try service.verifier(liar).isStruck)
      for index in 1..<3 { #expect(try !service.verifier(ServiceScene.verifier(index).address).isStruck) }
      try await Self.checkMoney(scene)
    }
  }

  /// One false word with nobody left who could be asked: the sum never holds, and the job ends at its deadline. The nodes,
  /// whose work was accepted, are paid and have their deposits back; so is the verifier that accepted it, since nobody has
  /// overruled it; the requester has the rest (PROTOCOL 2, 3 and 7).
  @Test func aFalseWordWithNobodyLeftEndsAtTheDeadline() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      try scene.startVerifier(0, fault: .accusingVerifier)
      try await scene.verifiersStand(1)
      let service = try scene.server.service()
      let before = try service.balances(of: ServiceScene.requester.address)
      let submission = try scene.submission(
        manifest: TestNetwork.manifest(rounds: 1, steps: 2), attempts: 1, timeLimit: 30)
      let job = try scene.submit(submission)
      let report = try await scene.end(of: job)
      #expect(report.status == "TIMEOUT", "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED", "VERIFIED", "VERIFIED"])
      let terms = try JobCost(
        manifest: TestNetwork.manifest(rounds: 1, steps: 2), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
        ruleSet: "standard"
      ).terms
      var earned = TokenAmount.zero
      for index in 0..<3 {
        let node = try service.work(of: ServiceScene.node(index).address, newest: 10)
        #expect(node.lost == .zero && node.balances.locked == .zero)
        earned += node.earned
      }
      #expect(earned == terms.feeLimit && earned > .zero)
      let liar = ServiceScene.verifier(0).address
      #expect(try service.balances(of: liar).payout == terms.verifierFee)
      #expect(try !service.verifier(liar).isStruck, "one word against one")
      let after = try service.balances(of: ServiceScene.requester.address)
      #expect(after.locked == .zero)
      #expect(try before.unspent == after.unspent.adding(terms.feeLimit).adding(terms.verifierFee))
      try await Self.checkMoney(scene)
    }
  }

  /// One false word with nobody left who could be asked, long before the deadline: the node loses nothing and earns nothing,
  /// as does its verifier, and the requester has all of it back (PROTOCOL 3 has no row for it: Docs/Decisions/0016).
  @Test func aFalseWordWithNobodyLeftEndsUnchecked() async throws {
    var settings = try ServiceScene.settings()
    (settings.periods.openingSeconds, settings.periods.verificationSeconds) = (20, 15)
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      try scene.startVerifier(0, fault: .accusingVerifier)
      try await scene.verifiersStand(1)
      let service = try scene.server.service()
      let before = try service.balances(of: ServiceScene.requester.address)
      let job = try scene.submit(
        scene.submission(manifest: TestNetwork.manifest(rounds: 1, steps: 2), attempts: 1))
      let report = try await scene.end(of: job)
      #expect(report.status == "FAILED", "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["CANCELED", "CANCELED", "CANCELED"])
      #expect(report.reason.contains("nobody can say"), "\(report.reason)")
      for index in 0..<3 {
        let node = try service.work(of: ServiceScene.node(index).address, newest: 10)
        #expect(node.lost == .zero && node.earned == .zero && node.balances.locked == .zero)
      }
      let liar = ServiceScene.verifier(0).address
      #expect(try service.balances(of: liar).payout == .zero)
      #expect(try !service.verifier(liar).isStruck, "one word against one")
      #expect(try service.balances(of: ServiceScene.requester.address) == before)
      try await Self.checkMoney(scene)
    }
  }

  /// Verifiers judge and say nothing to the sum: others stand in, are paid, and find a poisoner.
  @Test(arguments: [nil, NodeFault.poisonedUpdate])
  func aVerifierThatFallsSilentIsReplaced(fault: NodeFault?) async throws {
    let local = try await Self.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      if fault != nil { try scene.startNode(0, fault: fault) }
      // Of four two say nothing: chance draws one of them for most jobs.
      for index in 0..<4 { try scene.startVerifier(index, fault: index < 2 ? .silentVerifier : nil) }
      try await scene.verifiersStand(4)
      let service = try scene.server.service()
      var replaced: Set<Address> = []
      for salt in 0..<6 as Range<UInt64> where replaced.isEmpty {
        let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(), salt: salt))
        if salt == 0 {
          if fault != nil { try await Self.aNodeTakesPart(in: job, of: service) }
          for index in (fault == nil ? 0 : 1)..<4 { try scene.startNode(index) }
        }
        let report = try await scene.end(of: job)
        #expect(report.status == "VERIFIED", "\(report.reason)")
        #expect(report.stateRoot == local)
        let failed = report.subJobs.filter { $0.status == "FAILED" }
        #expect(failed.count == (salt == 0 && fault != nil ? 1 : 0), "\(failed)")
        #expect(!report.subJobs.contains { $0.status == "CANCELED" || $0.status == "TIMEOUT" })
        let records = try service.database.read { db in try JobStore.subJobs(of: job, in: db) }
        for record in records {
          replaced.formUnion(record.notes.replaced ?? [])
          let paid = try #require(record.machine.verifier)
          #expect(
            ![0, 1].map { ServiceScene.verifier($0).address }.contains(paid) || record.notes.replaced == nil)
        }
      }
      #expect(!replaced.isEmpty && replaced.isSubset(of: [0, 1].map { ServiceScene.verifier($0).address }))
      for index in 0..<4 {
        let verifier = ServiceScene.verifier(index).address
        #expect(try !service.verifier(verifier).isStruck, "silence costs no bond")
      }
      for index in 0..<2 {
        #expect(try service.balances(of: ServiceScene.verifier(index).address).payout == .zero)
      }
      try await Self.checkMoney(scene)
    }
  }

  /// Makes the commitments of all other verifiers too new to be drawn, or takes that back.
  private static func putOffOthers(
    than verifier: Address, by seconds: Int64, in service: NetworkService
  ) throws {
    try service.database.write { db in
      try db.execute(
        sql: "UPDATE commitment SET postedAt = postedAt + ? WHERE verifier <> ?",
        arguments: [seconds, "\(verifier)"])
    }
  }

  private static let long: Int64 = 1_000_000_000

  /// One verifier vouches for all updates, and its shares are wrong: about all of them others are asked at the same time.
  @Test func allSharesOfAWrongSumAreAskedAboutAtOnce() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      for index in 0..<3 {
        try scene.startNode(index)
        try scene.startVerifier(index, fault: index == 0 ? .wrongShare : nil)
      }
      try await scene.verifiersStand(3)
      let service = try scene.server.service()
      let liar = ServiceScene.verifier(0).address
      try Self.putOffOthers(than: liar, by: Self.long, in: service)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1, steps: 2)))
      var (isLet, atOnce) = (false, 0)
      let limit = ContinuousClock.now + .seconds(120)
      while try ContinuousClock.now < limit && !service.job(job).summary.status.isFinal {
        let records = try service.database.read { db in try JobStore.subJobs(of: job, in: db) }
        if !isLet, records.count(where: { $0.machine.verdict != nil }) == 3 {
          isLet = true
          try Self.putOffOthers(than: liar, by: -Self.long, in: service)
        }
        atOnce = max(
          atOnce, records.count { $0.notes.examiners != nil && $0.notes.awaitsJudgement })
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(atOnce == 3, "one after another it would be a replay's time for each")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 })
      for index in 0..<3 {
        #expect(try service.verifier(ServiceScene.verifier(index).address).isStruck == (index == 0))
      }
      try await Self.checkMoney(scene)
    }
  }

  /// Who has accepted a cheater's part falls silent: two others find it, whatever happens to the server between them.
  @Test func anAcceptanceFallsByTwoThatFindItWrong() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startNode(0, fault: .swappedFinal)
      for index in 0..<3 { try scene.startVerifier(index, fault: index == 0 ? .accompliceVerifier : nil) }
      try await scene.verifiersStand(3)
      // Nobody keeps the server that is stopped: its folder is its own until it has gone.
      let accomplice = ServiceScene.verifier(0).address
      try Self.putOffOthers(than: accomplice, by: Self.long, in: scene.server.service())
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1, steps: 2)))
      try await Self.aNodeTakesPart(in: job, of: scene.server.service())
      for index in 1..<4 { try scene.startNode(index) }
      func records(_ service: NetworkService) throws -> [SubJobRecord] {
        try service.database.read { db in try JobStore.subJobs(of: job, in: db) }
      }
      func wait(_ isReached: ([SubJobRecord]) -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(120)
        while try !isReached(records(scene.server.service())) {
          try #require(ContinuousClock.now < limit)
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      try await wait { $0.count { $0.machine.verdict?.verifier == accomplice } == 3 }
      try Self.putOffOthers(than: accomplice, by: -Self.long, in: scene.server.service())
      let cheat = ServiceScene.node(0).address
      try await wait { records in
        records.contains { record in
          record.machine.node == cheat && record.notes.judgements.contains { $0.mismatch != nil }
        }
      }
      try await scene.server.restart()
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let after = try scene.server.service()
      let failed = try records(after).filter { $0.status == .failed }
      #expect(failed.map(\.machine.node) == [cheat])
      #expect(failed.first?.notes.reason.contains("it was accepted, and two others found") == true)
      #expect(failed.first?.machine.verdict?.verifier == accomplice)
      let terms = try JobCost(
        manifest: TestNetwork.manifest(rounds: 1, steps: 2), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
        ruleSet: "standard"
      ).subJobTerms
      #expect(
        try after.work(of: cheat, newest: 10).lost == terms.failedPenalty.adding(terms.verifierFee))
      for index in 0..<3 {
        #expect(try after.verifier(ServiceScene.verifier(index).address).isStruck == (index == 0))
      }
      try await Self.checkMoney(scene)
    }
  }

  /// Two rejections that name no evidence would agree, and no SubJob can end by them. They are refused; those that an earlier
  /// version took count for nothing, and cost nobody anything.
  @Test func aRejectionThatShowsNothingCountsForNobody() async throws {
    var settings = try ServiceScene.settings()
    // Every acceptance is replayed, so that all four are asked, in whatever turn.
    settings.auditShare = 1
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0)
      for index in 0..<3 {
        try scene.startVerifier(index) { service, body in
          guard var report = try? JSONDecoder().decode(JudgementReport.self, from: body) else { return nil }
          let said = report.judgement.verdict.verdict
          report.update = nil
          report.judgement.mismatch = Finding(.result, "nothing to be shown")
          report.judgement.verdict = SignedVerdict(
            signing: Verdict(
              jobID: said.jobID, submission: said.submission, verifier: said.verifier, accepted: false,
              seed: said.seed, step: said.step, stepRoot: said.stepRoot, evidence: .zero), in: .embedded,
            with: ServiceScene.verifier(index))
          // As an earlier version has it.
          let open = try service.errands(of: said.verifier, kinds: [.judge])
          if let errand = open.first(where: { $0.question.subJob == said.jobID }) {
            let text = try report.wireText()
            try service.database.write { db in
              guard let record = try ErrandStore.record(errand.id, in: db) else { return }
              try ErrandStore.answer(record, text, at: service.seconds(in: db), in: db)
            }
          }
          return try WireFormat.encoder.encode(report)
        }
      }
      try scene.startVerifier(3)
      try await scene.verifiersStand(4)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let report = try await scene.end(of: job, within: 60)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.map(\.status) == ["VERIFIED"])
      let service = try scene.server.service()
      let record = try #require(
        try service.database.read { db in try JobStore.subJobs(of: job, in: db).first })
      #expect(record.machine.verdict?.verifier == ServiceScene.verifier(3).address)
      #expect(record.notes.judgements.count { !$0.verdict.verdict.accepted } == 3)
      let refused = scene.events.withLock { $0.filter { $0.hasPrefix("refused: ") } }
      #expect(refused.count >= 3 && refused.allSatisfy { $0.contains("names its evidence") }, "\(refused)")
      for index in 0..<4 { #expect(try !service.verifier(ServiceScene.verifier(index).address).isStruck) }
      try await Self.checkMoney(scene)
    }
  }

  /// A poisoner that opens to nobody, or to its own verifier alone, which hands that on: the verifier that asks second
  /// waits for it as long as it may, and it loses. So long a test has to be.
  @Test(arguments: [NodeFault.hiddenPoison, .guardedPoison])
  func aPoisonerThatOpensToNobodyElseLoses(fault: NodeFault) async throws {
    var settings = try ServiceScene.settings()
    settings.periods.openingSeconds = 12
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0, fault: fault)
      for index in 0..<3 { try scene.startVerifier(index) }
      try await scene.verifiersStand(3)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1)))
      let service = try scene.server.service()
      try await Self.aNodeTakesPart(in: job, of: service)
      for index in 1..<4 { try scene.startNode(index) }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let failed = report.subJobs.filter { $0.status == "FAILED" }
      #expect(failed.count == 1 && failed[0].reason.contains("masked another update"), "\(report.subJobs)")
      let terms = try JobCost(
        manifest: TestNetwork.manifest(rounds: 1), parallel: 3, fuelPrice: FuelPrice(gholon: 120),
        ruleSet: "standard"
      ).subJobTerms
      let liar = try service.work(of: ServiceScene.node(0).address, newest: 10)
      #expect(liar.lost == (try terms.failedPenalty.adding(terms.verifierFee)))
      for index in 0..<3 { #expect(try !service.verifier(ServiceScene.verifier(index).address).isStruck) }
      try await Self.checkMoney(scene)
    }
  }

  /// The poisoner's own verifier says nothing, and it opens to nobody else: it loses when its time is over to open to the one
  /// that was drawn in that verifier's place. Honest nodes with the same silent verifier open, and lose nothing.
  @Test func aPoisonerWithASilentAccompliceLoses() async throws {
    var settings = try ServiceScene.settings()
    settings.periods.openingSeconds = 10
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      try scene.startNode(0, fault: .hiddenPoison)
      for index in 0..<3 { try scene.startVerifier(index, fault: index == 0 ? .silentVerifier : nil) }
      try await scene.verifiersStand(3)
      let service = try scene.server.service()
      let accomplice = ServiceScene.verifier(0).address
      try Self.putOffOthers(than: accomplice, by: Self.long, in: service)
      let manifest = try TestNetwork.manifest(rounds: 1, steps: 2)
      let job = try scene.submit(scene.submission(manifest: manifest))
      try await Self.aNodeTakesPart(in: job, of: service)
      for index in 1..<4 { try scene.startNode(index) }
      func records() throws -> [SubJobRecord] {
        try service.database.read { db in try JobStore.subJobs(of: job, in: db) }
      }
      let limit = ContinuousClock.now + .seconds(120)
      while try records().count(where: { $0.machine.verdict?.verifier == accomplice }) < 3 {
        try #require(ContinuousClock.now < limit)
        try await Task.sleep(for: .milliseconds(10))
      }
      try Self.putOffOthers(than: accomplice, by: -Self.long, in: service)
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      let failed = try records().filter { $0.status == .failed }
      let poisoner = ServiceScene.node(0).address
      #expect(failed.map(\.machine.node) == [poisoner])
      #expect(failed.first?.machine.endReason == .openingsWithheld)
      #expect(failed.first?.machine.draws.last?.inPlaceOf == accomplice)
      #expect(!report.subJobs.contains { $0.status == "CANCELED" })
      let terms = try JobCost(
        manifest: manifest, parallel: 3, fuelPrice: FuelPrice(gholon: 120), ruleSet: "standard"
      ).subJobTerms
      for index in 0..<4 {
        let lost = try service.work(of: ServiceScene.node(index).address, newest: 10).lost
        #expect(try lost == (index == 0 ? terms.failedPenalty.adding(terms.verifierFee) : .zero))
      }
      for index in 0..<3 { #expect(try !service.verifier(ServiceScene.verifier(index).address).isStruck) }
      try await Self.checkMoney(scene)
    }
  }

  /// Its files are unpacked for who can pay for the job.
  @Test func whoCannotPayLeavesNoTokenizer() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let service = try scene.server.service()
      let poor = TestNetwork.key("poor", 0).address
      var submission = try scene.submission(manifest: TestNetwork.manifest())
      submission.requesterKey = nil
      submission.dataSet = try service.give(Data("a text of somebody without money".utf8), by: poor)
      submission.tokenizer = ["tokenizer.json": try service.store.put(Data("{}".utf8), durable: false)]
      let refusal = #expect(throws: NetworkError.self) { try service.submit(submission, by: poor) }
      #expect(refusal?.code == NetworkError(JobError.escrowNotCovered(found: .zero, required: .zero)).code)
      let kept = scene.server.folder.appending(path: "tokenizers")
      #expect(!FileManager.default.fileExists(atPath: kept.path))
    }
  }

  /// A bond for what the largest part pays: the others' would do for most parts, and leave one unchecked.
  @Test func bondsAreAskedForByTheLargestPart() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      let service = try scene.server.service()
      var submission = try scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1)
      // A fee of 21 EMETH at most: the verifier's is a twentieth of it, and its bond ten times that.
      submission.fuelPrice = FuelPrice(holonPerFuel: 1_000_000_000_000_000)
      submission.fuelLimit = Fuel(units: 21_000)
      // With no verifier at all it waits; who has bound nothing is none.
      let poor = Verifier(key: ServiceScene.verifier(5), store: service.store, domain: .embedded)
      let nothing = #expect(throws: NetworkError.self) {
        try service.postBond(
          upTo: .zero, binding: poor.binding(expiry: secondsNow() + 86_400),
          by: ServiceScene.verifier(5).address)
      }
      #expect(nothing?.code == "verifier.bondTooSmall", "\(nothing?.message ?? "")")
      let unbound = #expect(throws: NetworkError.self) {
        try service.postCommitments([poor.commitment(0)], from: 0, by: ServiceScene.verifier(5).address)
      }
      #expect(unbound?.code == "verifier.noBond")
      // One of an earlier version, of which strangers could fill the table.
      try service.database.write { db in
        try db.execute(
          sql: "INSERT INTO bond (verifier, holon, binding, expiry) VALUES (?, '0', '', ?)",
          arguments: ["\(ServiceScene.verifier(5).address)", Int64(secondsNow() + 86_400)])
        try db.execute(
          sql: "INSERT INTO commitment (verifier, number, hash, postedAt) VALUES (?, 0, 'hash', 1)",
          arguments: ["\(ServiceScene.verifier(5).address)"])
      }
      let job = try scene.submit(submission)
      try scene.bindSilentVerifier(ServiceScene.verifier(6))
      try await Task.sleep(for: .seconds(2))
      #expect(try service.subJobs(of: job).isEmpty, "10 EMETH are too little")
      #expect(try service.report(on: job).waitsFor == .verifiers)
      submission.salt = SHA256.hash([1])
      let refusal = #expect(throws: NetworkError.self) { try scene.submit(submission) }
      #expect(refusal?.code == "job.bondsTooSmall")
      #expect(
        refusal?.message.contains("10.5") == true
          && refusal?.message.contains("largest bond here is 10 ") == true,
        "\(refusal?.message ?? "")")
      // What the bond is enough for is taken.
      submission.fuelLimit = Fuel(units: 20_000)
      _ = try scene.submit(submission)
      try service.postBond(
        upTo: TokenAmount(emeth: "10.5"),
        binding: Verifier(key: ServiceScene.verifier(6), store: service.store, domain: .embedded)
          .binding(expiry: secondsNow() + 30 * 86_400), by: ServiceScene.verifier(6).address)
      for _ in 0..<400 where try service.subJobs(of: job).isEmpty {
        try await Task.sleep(for: .milliseconds(25))
      }
      #expect(try service.subJobs(of: job).count == 1, "it has what it waited for")
    }
  }

  @Test(arguments: TestDatabase.all)
  func twoSilentVerifiersNeverLockMoney(on kind: TestDatabase) async throws {
    var settings = try ServiceScene.settings()
    settings.revealSeconds = 1
    settings.periods.verificationSeconds = 2
    settings.periods.openingSeconds = 20
    try await ServiceScene.with(settings, on: kind) { scene in
      // Bonds and commitments are there, and nobody answers.
      let service = try scene.server.service()
      for index in 0..<2 {
        let key = ServiceScene.verifier(index)
        let verifier = Verifier(key: key, store: service.store, domain: .embedded)
        try service.postBond(
          upTo: TokenAmount(emeth: "10"), binding: verifier.binding(expiry: secondsNow() + 86_400),
          by: key.address)
        try service.postCommitments((0..<8).map { verifier.commitment($0) }, from: 0, by: key.address)
      }
      try await Task.sleep(for: .seconds(1))
      for index in 0..<2 { try scene.startNode(index) }
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let report = try await scene.end(of: job)
      #expect(report.subJobs.count == 1)
      #expect(report.subJobs.first?.status == "VERIFIED")
      #expect(report.subJobs.first?.reason.contains("stayed silent") == true)
      #expect(report.status == "FAILED" && report.reason.contains("checked by nobody"), "\(report.reason)")
      try await Self.checkMoney(scene)
    }
  }

  /// A job that comes before the verifiers waits for them; no node works for nothing.
  @Test(arguments: TestDatabase.all)
  func aJobWaitsForItsVerifiers(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      try await Task.sleep(for: .seconds(2))
      #expect(try scene.server.service().subJobs(of: job).isEmpty)
      // At once, with commitments of the same second.
      for index in 0..<2 { try scene.startVerifier(index) }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      try await Self.checkMoney(scene)
    }
  }

  @Test(arguments: TestDatabase.all)
  func oneSilentVerifierIsPassedOver(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    var settings = try ServiceScene.settings()
    settings.revealSeconds = 1
    settings.periods.verificationSeconds = 4
    try await ServiceScene.with(settings, on: kind) { scene in
      let service = try scene.server.service()
      let key = ServiceScene.verifier(7)
      let verifier = Verifier(key: key, store: service.store, domain: .embedded)
      try service.postBond(
        upTo: TokenAmount(emeth: "10"), binding: verifier.binding(expiry: secondsNow() + 86_400),
        by: key.address)
      try service.postCommitments((0..<64).map { verifier.commitment($0) }, from: 0, by: key.address)
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(3)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      #expect(try service.balances(of: key.address).payout == .zero, "who says nothing is paid nothing")
      try await Self.checkMoney(scene)
    }
  }

  /// The server is dropped at moments that a seed draws, in every phase of a job.
  @Test(arguments: TestDatabase.all)
  func aServerThatIsDroppedGoesOn(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    let seed =
      ProcessInfo.processInfo.environment["EMETH_TEST_SEED"] ?? "\(UInt64.random(in: 0...9_999))"
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<3 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      var random = ChaCha20Generator(key: SHA256.hash(Array(seed.utf8)))
      var drops = 0
      while drops < 25 {
        try await Task.sleep(for: .milliseconds(Int64(random.below(250))))
        if let view = try? scene.server.service().job(job), view.summary.status.isFinal { break }
        try await scene.server.restart()
        drops += 1
      }
      #expect(drops > 3, "seed \(seed)")
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "seed \(seed): \(report.reason)")
      #expect(report.stateRoot == local, "seed \(seed)")
      let lost = report.subJobs.filter { $0.status != "VERIFIED" }.map { "\($0.status): \($0.reason)" }
      #expect(lost.isEmpty, "seed \(seed): nobody loses anything by it")
      try await Self.checkMoney(scene)
    }
  }

  /// A node that is stopped again and again loses no deposit: its journal knows what it has taken.
  @Test(arguments: TestDatabase.all)
  func aNodeThatIsStoppedGoesOn(on kind: TestDatabase) async throws {
    let local = try await Self.localRoot()
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      for index in 0..<2 { try scene.startNode(index) }
      for index in 0..<2 { try scene.startVerifier(index) }
      var node = try scene.startNode(2)
      try await scene.verifiersStand(2)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      var random = SystemRandomNumberGenerator()
      for _ in 0..<8 {
        try await Task.sleep(for: .milliseconds(Int64.random(in: 0...400, using: &random)))
        node.cancel()
        await node.value
        node = try scene.startNode(2)
      }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.stateRoot == local)
      #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" }, "it lost nothing by it")
      // Draining ends when everything that was taken is put away.
      node.cancel()
      await node.value
      try await scene.startNode(2, isDraining: true).value
      let left = try NodeJournal(folder: scene.folder.url.appending(path: "node-2/journal")).all()
      #expect(left.isEmpty)
      try await Self.checkMoney(scene)
    }
  }

  @Test(arguments: TestDatabase.all)
  func nobodyIsPunishedForAnOutage(on kind: TestDatabase) async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      try scene.bindSilentVerifiers()
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      while try scene.server.service().subJobs(of: job).isEmpty {
        try await Task.sleep(for: .milliseconds(20))
      }
      let subJob = try #require(try scene.server.service().subJobs(of: job).first).id
      let key = ServiceScene.node(0)
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: key, expiry: secondsNow() + 3_600), in: .embedded, with: key)
      let assignment = try scene.server.service().process(subJob, by: key.address, binding: binding)
      let again = try scene.server.service().process(subJob, by: key.address, binding: binding)
      #expect(again == assignment, "asked again")
      let before = try scene.server.service().state(of: subJob)
      let deadline = try scene.server.service().job(job).deadline
      await scene.server.stop()
      // Longer than the lease, and than three intervals of a second.
      try await Task.sleep(for: .milliseconds(5_500))
      try await scene.server.restart()
      let service = try scene.server.service()
      try await Task.sleep(for: .milliseconds(500))
      let after = try service.state(of: subJob)
      #expect(after.status == .processing)
      #expect(try #require(after.leaseExpiresAt) >= #require(before.leaseExpiresAt) + 600)
      #expect(after.deadline >= before.deadline + 600)
      #expect(try service.job(job).deadline >= deadline + 600)
      try service.renew(subJob, by: key.address)
      #expect(throws: NetworkError.self) { try service.renew(subJob, by: ServiceScene.node(1).address) }
    }
  }

  /// The clock jumps ahead by an hour while everything runs: leases and deadlines go with it.
  @Test(arguments: TestDatabase.all)
  func nobodyIsPunishedForAClockThatJumps(on kind: TestDatabase) async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      let service = try scene.server.service()
      try scene.bindSilentVerifiers()
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest()))
      while try service.subJobs(of: job).isEmpty { try await Task.sleep(for: .milliseconds(20)) }
      let subJob = try #require(try service.subJobs(of: job).first).id
      let key = ServiceScene.node(0)
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: key, expiry: secondsNow() + 3_600), in: .embedded, with: key)
      _ = try service.process(subJob, by: key.address, binding: binding)
      let before = try service.state(of: subJob)
      let deadline = try service.job(job).deadline
      scene.server.ahead.withLock { $0 = 3_600_000 }
      for _ in 0..<500 where try service.job(job).deadline == deadline {
        try await Task.sleep(for: .milliseconds(20))
      }
      let after = try service.state(of: subJob)
      #expect(after.status == .processing)
      #expect(try #require(after.leaseExpiresAt) >= #require(before.leaseExpiresAt) + 3_600)
      #expect(after.deadline >= before.deadline + 3_600)
      #expect(try service.job(job).deadline >= deadline + 3_600)
      #expect(service.clock.outage == nil && service.clock.milliseconds / 1_000 >= secondsNow() + 3_600)
      try service.renew(subJob, by: key.address)
    }
  }

  @Test(arguments: TestDatabase.all)
  func whatIsNotAskedOrNotRightIsRefused(on kind: TestDatabase) async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: kind) { scene in
      let service = try scene.server.service()
      let node = ServiceScene.node(0).address
      #expect(throws: NetworkError.self) { try service.answer("0x00", by: node, Data("{}".utf8)) }
      let poor = TestNetwork.key("poor", 0).address
      let submission = try scene.submission(manifest: TestNetwork.manifest())
      _ = try service.give(Data(TestNetwork.text().utf8), by: poor)
      let refusal = #expect(throws: NetworkError.self) { try service.submit(submission, by: poor) }
      #expect(refusal?.code == "job.escrowNotCovered")
      #expect(try service.jobs(JobFilter()).jobs.isEmpty && service.audit().holds)
      // Nobody gets at what others have given, or makes the network keep what can't be carried out.
      let stranger = TestNetwork.key("stranger", 0).address
      try service.grant(TokenAmount(emeth: "50"), to: stranger)
      let foreign = #expect(throws: NetworkError.self) { try service.submit(submission, by: stranger) }
      #expect(foreign == .missingObject(hash: submission.dataSet))
      for change: (inout JobSubmission) -> Void in [
        { $0.retry = RetryPolicy(attempts: 3, baseDelayMilliseconds: .max, factor: 2) },
        { $0.retry = RetryPolicy(attempts: 11, baseDelayMilliseconds: 1, factor: 2) },
      ] {
        var hostile = submission
        change(&hostile)
        #expect(throws: NetworkError.self) { try scene.submit(hostile) }
      }
      #expect(throws: DecodingError.self) {
        try JSONDecoder().decode(SegmentCheck.self, from: Data(#"{"drawn":-1}"#.utf8))
      }
      #expect(try service.jobs(JobFilter()).jobs.isEmpty)
      // A data set that can't be divided gives the escrow back.
      var short = submission
      short.dataSet = try service.give(Data("\n".utf8), by: ServiceScene.requester.address)
      let before = try service.balances(of: ServiceScene.requester.address)
      let job = try scene.submit(short)
      let report = try await scene.end(of: job, within: 20)
      #expect(report.status == "CANCELED" && !report.reason.isEmpty)
      #expect(try service.balances(of: ServiceScene.requester.address) == before)
      // What can be spent can be withdrawn, once.
      let one = try TokenAmount(emeth: "1")
      #expect(try service.withdraw(one, by: node).payout == one)
      #expect(throws: NetworkError.self) { try service.withdraw(TokenAmount(emeth: "100"), by: node) }
      #expect(try service.jobs(JobFilter()).jobs.map(\.summary.jobId) == [job])
    }
  }

  @Test func moreJobsThanAreLookedAfterTakeTurns() async throws {
    var settings = try ServiceScene.settings()
    settings.waitingJobs = 2
    try await ServiceScene.with(settings, on: .sqlite) { scene in
      for index in 0..<2 { try scene.startVerifier(index) }
      try await scene.verifiersStand(2)
      var submission = try scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1)
      // Nobody takes one of these: they pay less than nodes want.
      submission.fuelPrice = FuelPrice(gholon: 1)
      var jobs: [JobID] = []
      for salt in 0..<7 {
        submission.salt = SHA256.hash(Array("turn \(salt)".utf8))
        jobs.append(try scene.submit(submission))
      }
      submission.salt = SHA256.hash(Array("the last".utf8))
      submission.fuelPrice = FuelPrice(gholon: 120)
      let last = try scene.submit(submission)
      try scene.startNode(0, minimumFuelPrice: FuelPrice(gholon: 100))
      let report = try await scene.end(of: last)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      for job in jobs {
        let offered = try scene.server.service().subJobs(of: job)
        #expect(offered.map(\.status) == [.requested], "all have had their turn before the last one")
      }
    }
  }
}
