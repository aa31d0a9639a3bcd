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
    // Its own verifier said so, and another one that it was opened to.
    let lie = try #require(
      try finished.network.database.read { db in
        try CohortStore.cohorts(of: finished.job, in: db).flatMap(\.lies)
      }.first)
    #expect(lie.dispute.words.count == 2 && Set(lie.dispute.words.map(\.signer)).count == 2)
    #expect(Set(lie.dispute.words.map(\.content.expectedRoot)).count == 1, "both computed what it should be")
    #expect(!lie.fault.content.fits && lie.isTrue == true)
  }

  @Test(arguments: 1...3)
  func aVerifierThatAccusesHonestNodesPays(number: Int) async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: .accusingVerifier, node: number))
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
    #expect(report.aggregation.dropped == 0)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let liar = try #require(report.accounts.first { $0.role == "verifier" && $0.number == number })
    let bond = TokenAmount(holon: try cost.subJobTerms.verifierFee.holon.multiplying(by: 10))
    #expect(liar.penalty == bond)
    #expect(report.accounts.allSatisfy { ($0.penalty != .zero) == ($0.address == liar.address) })
    let refuted = try finished.network.database.read { db in
      try CohortStore.cohorts(of: finished.job, in: db).compactMap(\.refuted).joined().map { $0 }
    }
    #expect(!refuted.isEmpty)
    for accusation in refuted {
      #expect(accusation.fault.signer == liar.address && accusation.isTrue == false)
      #expect(accusation.refuter != liar.address && accusation.dispute.words.count == 3)
    }
    #expect(report.reason.contains("the verifier \(liar.address) said that SubJob"))
  }

  /// The verifiers whose words stand, by SubJob; those that were replaced with them.
  private func vouchers(_ finished: TestNetwork.Finished) throws -> [JobID: (
    last: Address?, before: [Address]
  )] {
    try finished.network.database.read { db in
      let records = try JobStore.subJobs(of: finished.job, in: db)
      return Dictionary(
        uniqueKeysWithValues: records.map { ($0.id, ($0.machine.verdict?.verifier, $0.notes.replaced ?? [])) }
      )
    }
  }

  /// Who vouches for the first update of a node in an honest run, counted from 1: chance draws the same in every run.
  private func voucher(ofNode node: Int, in honest: TestNetwork.Finished) throws -> Int {
    let subJob = try #require(honest.report.subJobs.first { $0.node == node })
    let address = try #require(try vouchers(honest)[subJob.jobId]?.last)
    return try #require(honest.report.accounts.first { $0.role == "verifier" && $0.address == address })
      .number
  }

  private func folderChecks(_ finished: TestNetwork.Finished) throws -> [JobFolder.Check] {
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    return try JobFolder(folder.url).check()
  }

  /// What every verifier is paid when all SubJobs of a job are verified.
  private func fees(_ report: JobReport) throws -> TokenAmount {
    try report.accounts.filter { $0.role == "verifier" }.reduce(.zero) { try $0.adding($1.earned) }
  }

  /// Who says nothing to a sum is not paid for what it vouched for; another is, and nobody loses anything.
  @Test(arguments: [2])
  func aVerifierThatFallsSilentIsReplaced(number: Int) async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: .silentVerifier, node: number))
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
    let silent = try #require(report.accounts.first { $0.role == "verifier" && $0.number == number })
    let stood = try vouchers(finished)
    #expect(stood.values.allSatisfy { $0.last != silent.address })
    #expect(stood.values.contains { $0.before == [silent.address] })
    #expect(silent.earned == .zero, "silence is not paid")
    #expect(report.accounts.allSatisfy { $0.penalty == .zero }, "and costs no bond")
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    #expect(try fees(report) == cost.terms.verifierFee, "each SubJob pays one verifier")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    #expect(report.reason.contains("the verifier \(silent.address) said nothing to the sum"))
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// A wrong share that accuses nobody: the sum is right with another's, and that is enough to know whose was wrong.
  @Test(arguments: [1, 2])
  func aVerifierWithAWrongShareLosesItsBond(number: Int) async throws {
    let honest = try await run().report
    let finished = try await run(FaultPlan(fault: .wrongShare, node: number))
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
    let liar = try #require(report.accounts.first { $0.role == "verifier" && $0.number == number })
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    #expect(liar.penalty == TokenAmount(holon: try cost.subJobTerms.verifierFee.holon.multiplying(by: 10)))
    #expect(report.accounts.allSatisfy { ($0.penalty != .zero) == ($0.address == liar.address) })
    #expect(report.reason.contains("the verifier \(liar.address) gave a wrong share of the sum"))
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// The verifier of a poisoner is gone: another one replays, accuses, and a third one decides.
  @Test func aPoisonerIsFoundThoughItsVerifierIsSilent() async throws {
    let honest = try await run()
    let number = try voucher(ofNode: 3, in: honest)
    var settings = try NetworkSettings(fault: FaultPlan(fault: .poisonedUpdate, node: 3))
    settings.furtherFaults = [FaultPlan(fault: .silentVerifier, node: number)]
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.map(\.node) == [3])
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let node = try #require(report.accounts.first { $0.role == "node" && $0.number == 3 })
    #expect(node.penalty == (try cost.subJobTerms.failedPenalty.adding(cost.subJobTerms.verifierFee)))
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// A job in which node 3 cheats and the verifier that is drawn for it accepts that, and says nothing to the sum.
  private func overruledAcceptance() async throws -> (finished: TestNetwork.Finished, accomplice: Address) {
    let cheat = FaultPlan(fault: .swappedFinal, node: 3)
    let caught = try await run(cheat)
    // Chance draws the same verifier for the same submission, whatever that one says then.
    let drawn = try caught.network.database.read { db in
      try JobStore.subJobs(of: caught.job, in: db).first { $0.status == .failed }?.machine.draws.first?
        .verifier
    }
    let number = try #require(
      caught.report.accounts.first { $0.role == "verifier" && $0.address == drawn }?.number)
    var settings = try NetworkSettings(fault: cheat)
    settings.furtherFaults = [FaultPlan(fault: .accompliceVerifier, node: number)]
    return (try await TestNetwork.run(settings: settings, parallel: 4), try #require(drawn))
  }

  /// The verifier that was drawn is the cheater's: two others find it when that one falls silent. It is FAILED as if it had
  /// been found at once.
  @Test func aCheaterThatOnlyOthersFindLosesItsDeposit() async throws {
    let honest = try await run().report
    let (finished, accomplice) = try await overruledAcceptance()
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.filter { $0.status == "FAILED" }.map(\.node) == [3])
    #expect(!report.subJobs.contains { $0.status == "CANCELED" || $0.status == "TIMEOUT" })
    let record = try #require(
      try finished.network.database.read { db in
        try JobStore.subJobs(of: finished.job, in: db).first { $0.status == .failed }
      })
    #expect(record.machine.verdict?.verifier == accomplice, "it was accepted")
    let finders = record.notes.judgements.map(\.verdict.verdict).filter { !$0.accepted }
    #expect(finders.count == 2 && finders[0].evidence == finders[1].evidence)
    #expect(record.machine.verifier == finders[0].verifier, "the fee is for who found it first")
    let terms = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard"
    ).subJobTerms
    let bond = TokenAmount(holon: try terms.verifierFee.holon.multiplying(by: 10))
    let lost = report.accounts.filter { $0.penalty != .zero }
    #expect(Set(lost.map(\.role)) == ["node", "verifier"] && lost.count == 2)
    #expect(lost.first { $0.role == "node" }?.number == 3)
    #expect(
      lost.first { $0.role == "node" }?.penalty
        == (try terms.failedPenalty.adding(terms.verifierFee)))
    #expect(lost.first { $0.role == "verifier" }?.address == accomplice)
    #expect(lost.first { $0.role == "verifier" }?.penalty == bond)
    // The second is paid out of the accomplice's bond.
    let fromPool = try finished.network.database.read { db in
      try String.fetchAll(
        db, sql: "SELECT holon FROM transfer WHERE job = ? AND sourceAccount = ? AND targetAccount = ?",
        arguments: ["\(record.id)", "\(BondPool.address)", "\(finders[1].verifier)"])
    }
    #expect(fromPool == ["\(terms.verifierFee.holon)"])
    #expect(record.notes.reason.contains("it was accepted, and two others found"))
    #expect(report.aggregation.dropped == 1)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// The cheater's verifier vouches for what it has masked, so that the sum is right with it. It is found by those who are
  /// asked because somebody else's share was wrong, and loses its deposit though the sum comes out right without more.
  @Test func aCheaterThatTwoFindLosesThoughTheSumIsRight() async throws {
    let honest = try await run().report
    let cheat = FaultPlan(fault: .swappedFinal, node: 3)
    let caught = try await TestNetwork.run(settings: NetworkSettings(verifiers: 6, fault: cheat), parallel: 4)
    let (drawn, others) = try caught.network.database.read { db in
      let first = try JobStore.subJobs(of: caught.job, in: db).filter {
        $0.position.round == 0 && $0.position.attempt == 0
      }
      return (
        first.first { $0.status == .failed }?.machine.draws.first?.verifier,
        first.filter { $0.status == .verified }.compactMap(\.machine.verdict?.verifier)
      )
    }
    let accomplice = try #require(drawn)
    let liar = try #require(others.first { $0 != accomplice })
    func number(_ verifier: Address) throws -> Int {
      try #require(caught.report.accounts.first { $0.role == "verifier" && $0.address == verifier }).number
    }
    var settings = try NetworkSettings(verifiers: 6, fault: cheat)
    settings.furtherFaults = [
      FaultPlan(fault: .speakingAccomplice, node: try number(accomplice)),
      FaultPlan(fault: .wrongShare, node: try number(liar)),
    ]
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.map(\.node) == [3])
    #expect(failed.first?.reason.contains("it was accepted, and two others found") == true)
    let lost = report.accounts.filter { $0.penalty != .zero }
    #expect(lost.count { $0.role == "node" } == 1 && lost.contains { $0.role == "node" && $0.number == 3 })
    #expect(Set(lost.filter { $0.role == "verifier" }.map(\.address)) == [accomplice, liar])
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// A node that opens what is right to its own verifier and something else to those who are drawn later fails. Who accepted
  /// what it was opened keeps its bond, unless both found the work itself wrong: one word alone costs nobody anything.
  @Test func whoAcceptedIsNotToBlameForWhatOthersWereOpened() throws {
    let keys = (0..<3).map { TestNetwork.key("verifier", UInt32($0)) }
    let subJob = SubJobPosition(
      parent: JobID(requester: .zero, salt: .zero), round: 0, part: 0, attempt: 0
    ).id
    func judgement(_ place: Int, _ kind: Finding.Kind?) -> Judgement {
      let verdict = Verdict(
        jobID: subJob, submission: SHA256.hash([1]), verifier: keys[place].address, accepted: kind == nil,
        seed: .zero, step: 0, stepRoot: SHA256.hash([2]),
        evidence: kind == nil ? .zero : SHA256.hash([UInt8(place)]))
      return Judgement(
        verdict: SignedVerdict(signing: verdict, in: .embedded, with: keys[place]), finding: "a finding",
        mismatch: kind.map { Finding($0, "a finding") }, segments: [0])
    }
    func overruling(_ kinds: [Finding.Kind], openedInPlace: Set<Address> = []) -> Overruling? {
      var notes = SubJobNotes(notBefore: 0)
      notes.judgements = [judgement(0, nil)] + kinds.enumerated().map { judgement($0.offset + 1, $0.element) }
      return notes.overruling(openedInPlace: openedInPlace)
    }
    #expect(overruling([.opening, .opening])?.forfeited == [])
    for kind in [Finding.Kind.replay, .result, .submission] {
      #expect(overruling([.opening, kind])?.forfeited == [])
      #expect(overruling([.result, kind])?.forfeited == [keys[0].address])
      #expect(overruling([kind, .opening])?.second == keys[2].address)
    }
    // Nor is who was opened nothing a finder, unless it was opened what it can't read, in a silent verifier's place.
    #expect(overruling([.result, .withheld]) == nil && overruling([.withheld, .withheld]) == nil)
    let inPlace = Set(keys[1...].map(\.address))
    #expect(overruling([.withheld, .withheld], openedInPlace: [keys[1].address]) == nil)
    let unread = try #require(overruling([.withheld, .withheld], openedInPlace: inPlace))
    #expect(unread.first == keys[1].address && unread.second == keys[2].address && unread.forfeited == [])
    #expect(overruling([.withheld, .result], openedInPlace: inPlace)?.forfeited == [])
  }

  /// The poisoner's own verifier is its accomplice and silent, and it opens to nobody else: to the one that is drawn in that
  /// verifier's place it has to, and loses its deposit when its time for that is over.
  @Test func aPoisonerWithASilentAccompliceLoses() async throws {
    let honest = try await run()
    let number = try voucher(ofNode: 3, in: honest)
    var settings = try NetworkSettings(fault: FaultPlan(fault: .hiddenPoison, node: 3))
    settings.furtherFaults = [FaultPlan(fault: .silentVerifier, node: number)]
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.map(\.node) == [3])
    #expect(failed.first?.reason.contains("drawn in a silent one's place") == true, "\(failed)")
    #expect(!report.subJobs.contains { $0.status == "CANCELED" || $0.status == "TIMEOUT" })
    let terms = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard"
    ).subJobTerms
    let lost = report.accounts.filter { $0.penalty != .zero }
    #expect(lost.map(\.role) == ["node"] && lost.first?.number == 3)
    #expect(lost.first?.penalty == (try terms.failedPenalty.adding(terms.verifierFee)))
    let record = try #require(
      try finished.network.database.read { db in
        try JobStore.subJobs(of: finished.job, in: db).first { $0.status == .failed }
      })
    let silent = finished.network.keys.verifiers[number - 1].address
    #expect(record.machine.verdict?.verifier == silent && record.machine.endReason == .openingsWithheld)
    let last = try #require(record.machine.draws.last)
    #expect(last.inPlaceOf == silent && last.openedAt == nil && record.machine.verifier == last.verifier)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }

    // A folder that says of an opening which was not owed, or which came, that it did not come.
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let file = folder.url.appending(path: "job/records.json")
    let records = try JSONDecoder().decode(PublicRecords.self, from: Data(contentsOf: file))
    let place = try #require(records.subJobs.firstIndex { $0.machine.status == .failed })
    let draw = record.machine.draws.count - 1
    let others: [(field: String, value: Any, problem: String)] = [
      ("openedAt", Int(last.drawnAt), "openings that came"),
      ("inPlaceOf", "\(finished.network.keys.nodes[0].address)", "openings that it did not owe"),
    ]
    for (field, value, problem) in others {
      var document = try RecordDocument(in: folder.url)
      try document.change(["subJobs", .element(place), "machine", "draws", .element(draw)]) { found in
        guard case .tree(let tree) = found, var object = tree as? [String: Any] else { return nil }
        object[field] = value
        return .tree(object)
      }
      try document.write(to: folder.url)
      let problems = try JobFolder(folder.url).check().compactMap(\.problem)
      #expect(problems.contains { $0.contains(problem) }, "\(problems)")
      try WireFormat.readableEncoder.encode(records).write(to: file)
    }
  }

  /// An honest node whose verifier falls silent opens to whoever takes its place. One of those lies about it, and it loses
  /// nothing.
  @Test func anHonestNodeWithASilentVerifierLosesNothing() async throws {
    let honest = try await TestNetwork.run(settings: NetworkSettings(verifiers: 4), parallel: 4)
    let number = try voucher(ofNode: 3, in: honest)
    var inPlace: Set<Address> = []
    for liar in 1...4 where liar != number {
      var settings = try NetworkSettings(
        verifiers: 4, fault: FaultPlan(fault: .rejectingVerifier, node: liar))
      settings.furtherFaults = [FaultPlan(fault: .silentVerifier, node: number)]
      let finished = try await TestNetwork.run(settings: settings, parallel: 4)
      let report = finished.report
      #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
      #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 })
      #expect(report.accounts.allSatisfy { $0.penalty == .zero })
      let records = try finished.network.database.read { db in try JobStore.subJobs(of: finished.job, in: db)
      }
      inPlace.formUnion(
        records.flatMap(\.machine.draws).filter { $0.inPlaceOf != nil }.map(\.verifier)
          .filter { $0 == finished.network.keys.verifiers[liar - 1].address })
      for check in try folderChecks(finished) {
        #expect(check.holds, "\(check.what): \(check.problem ?? "")")
      }
    }
    #expect(!inPlace.isEmpty, "a liar was drawn in the silent one's place")
    try lateWordDecidesNothing(in: honest)
  }

  /// A folder in which another one was drawn in the place of the one that accepted, and rejects, and the job ended before a
  /// third one had spoken: the acceptance stands.
  private func lateWordDecidesNothing(in finished: TestNetwork.Finished) throws {
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    var document = try RecordDocument(in: folder.url)
    let records = try document.records()
    let place = try #require(records.subJobs.firstIndex { $0.machine.status == .verified })
    let subJob = records.subJobs[place]
    let standing = try #require(subJob.machine.verdict?.verifier)
    let accepted = try #require(subJob.verdicts.last).verdict
    let drawn = subJob.machine.draws.map(\.verifier) + (subJob.furtherDraws ?? [])
    let other = try #require(finished.network.keys.verifiers.first { !drawn.contains($0.address) })
    let rejection = Verdict(
      jobID: accepted.jobID, submission: accepted.submission, verifier: other.address, accepted: false,
      seed: accepted.seed, step: accepted.step, stepRoot: SHA256.hash([1]), evidence: SHA256.hash([2]))
    let signed = SignedVerdict(signing: rejection, in: records.domain, with: other)
    func append(_ path: [RecordDocument.Step], _ element: ([Any]) throws -> Any) throws {
      try document.change(["subJobs", .element(place)] + path) { found in
        guard case .tree(let tree) = found, let list = tree as? [Any] else { return nil }
        return .tree(list + [try element(list)])
      }
    }
    try append(["machine", "draws"]) { draws in
      var draw = try #require(draws.last as? [String: Any])
      draw["verifier"] = "\(other.address)"
      draw["inPlaceOf"] = "\(standing)"
      return draw
    }
    try append(["verdicts"]) { _ in
      try JSONSerialization.jsonObject(with: WireFormat.encoder.encode(signed))
    }
    try document.write(to: folder.url)
    let changed = try document.records().subJobs[place]
    #expect(changed.machine.draws.last?.inPlaceOf == standing)
    #expect(changed.verdicts.last?.verdict.accepted == false)
    let problems = try JobFolder(folder.url).check().compactMap(\.problem)
    #expect(!problems.contains { $0.contains("SubJob") }, "\(problems)")
  }

  /// A folder in which the cheater failed over fewer words than two, or over words that are not others', is found.
  @Test func aFolderShowsWhoOverruledAnAcceptance() async throws {
    let (finished, _) = try await overruledAcceptance()
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let file = folder.url.appending(path: "job/records.json")
    let records = try JSONDecoder().decode(PublicRecords.self, from: Data(contentsOf: file))
    let place = try #require(records.subJobs.firstIndex { $0.machine.status == .failed })
    let rejections = records.subJobs[place].verdicts.filter { !$0.verdict.accepted }
    try #require(rejections.count == 2)
    func problems(_ change: (inout PublicRecords.SubJob) throws -> Void) throws -> [String] {
      var changed = records
      try change(&changed.subJobs[place])
      try WireFormat.readableEncoder.encode(changed).write(to: file)
      return try JobFolder(folder.url).check().filter { !$0.what.contains("every file") }.compactMap(
        \.problem)
    }
    let thief = TestNetwork.key("thief", 0)
    func verdict(
      of verifier: Address, accepting root: Bytes32? = nil, by key: PrivateKey? = nil
    ) -> SignedVerdict {
      let found = rejections[1].verdict
      return SignedVerdict(
        signing: Verdict(
          jobID: found.jobID, submission: found.submission, verifier: verifier, accepted: root != nil,
          seed: found.seed, step: found.step, stepRoot: root ?? found.stepRoot,
          evidence: root == nil ? found.evidence : .zero), in: records.domain, with: key ?? thief)
    }
    #expect(try problems { _ in } == [])
    for rejection in rejections {
      let missing = try problems { $0.verdicts.removeAll { $0 == rejection } }
      #expect(missing.count == 1 && missing[0].contains("on the word of 1 verifiers"), "\(missing)")
      // Said by somebody else in its name.
      let forged = try problems { subJob in
        let at = try #require(subJob.verdicts.firstIndex(of: rejection))
        subJob.verdicts[at] = verdict(of: rejection.verdict.verifier)
      }
      #expect(forged.count == 1 && forged[0].contains("signed by"), "\(forged)")
      // One verifier for both.
      let twice = try problems { subJob in
        for at in subJob.verdicts.indices where rejections.contains(subJob.verdicts[at]) {
          subJob.verdicts[at] = rejection
        }
      }
      #expect(twice.count == 1 && twice[0].contains("on the word of 0 verifiers"), "\(twice)")
    }
    let stranger = try problems { $0.verdicts[$0.verdicts.count - 1] = verdict(of: thief.address) }
    #expect(stranger.count == 1 && stranger[0].contains("without being drawn"), "\(stranger)")
    // Another one that replayed to the same state as who had accepted: then two say that it is right.
    let root = try #require(records.subJobs[place].verdicts.first { $0.verdict.accepted }).verdict.stepRoot
    let other = finished.network.keys.nodes[0]
    let right = try problems {
      $0.furtherDraws = [other.address]
      $0.furtherVerdicts = [verdict(of: other.address, accepting: root, by: other)]
    }
    #expect(right.count == 1 && right[0].contains("two say that it is right"), "\(right)")
    // Who was not drawn says nothing, and who has bound nothing was not drawn.
    let id = records.subJobs[place].machine.job.id
    let further = try problems { $0.furtherVerdicts = [verdict(of: thief.address, accepting: root)] }
    #expect(
      further == ["SubJob \(id): \(thief.address) gave a verdict without being drawn"], "\(further)")
    let throwaway = try problems {
      $0.furtherDraws = [thief.address]
      $0.furtherVerdicts = [verdict(of: thief.address, accepting: root)]
    }
    #expect(
      throwaway.count == 1 && throwaway[0].contains("\(thief.address) was drawn and has"), "\(throwaway)")
    let again = try problems { $0.furtherDraws = [rejections[0].verdict.verifier] }
    #expect(again.count == 1 && again[0].contains("drawn twice"), "\(again)")
    // One of the two is an account of the job's own.
    let later = try #require(records.subJobs.indices.first { $0 > place })
    #expect(try problems { _ in } == [])
    var document = try RecordDocument(in: folder.url)
    try document.set(
      ["subJobs", .element(later), "machine", "node"], .text("\(rejections[0].verdict.verifier)"))
    try document.write(to: folder.url)
    func isOwned(began: UInt64) throws -> Bool {
      try document.set(["subJobs", .element(later), "machine", "startedAt"], .number(Int(began)))
      try document.write(to: folder.url)
      return try JobFolder(folder.url).check().compactMap(\.problem).contains {
        $0.contains("an account of the job's own")
      }
    }
    let submitted = try #require(records.subJobs[place].machine.submittedAt)
    #expect(try isOwned(began: submitted - 1))
    #expect(try !isOwned(began: submitted), "it may have come in the second after the draw")
  }

  /// A verifier that names a state which two others do not compute loses its bond where they are asked: because it is silent,
  /// or because its share is wrong. Whom they agree with among themselves counts, not with whom it does.
  @Test(arguments: [NodeFault.accompliceVerifier, .falseRoot])
  func aFalseRootCostsTheBond(fault: NodeFault) async throws {
    let honest = try await run().report
    let finished = try await TestNetwork.run(
      settings: NetworkSettings(verifiers: 4, fault: FaultPlan(fault: fault, node: 2)), parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
    let liar = try #require(report.accounts.first { $0.role == "verifier" && $0.number == 2 }).address
    try expectBondsLost(by: [liar], in: report)
    let stood = try vouchers(finished)
    #expect(stood.values.contains { $0.before == [liar] } && stood.values.allSatisfy { $0.last != liar })
    let said = fault == .falseRoot ? "gave a wrong share of the sum" : "said nothing to the sum"
    #expect(report.reason.contains("the verifier \(liar) \(said)"), "\(report.reason)")
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// A poisoner whose own verifier vouches for what it has masked, so that the sum fits: it is found because somebody else's
  /// share was wrong, or because chance had the acceptance replayed.
  @Test(arguments: [true, false])
  func aPoisonerThatIsVouchedForIsFound(isAudited: Bool) async throws {
    var settings = try NetworkSettings(verifiers: 6)
    if isAudited { settings.auditOneIn = 1 }
    let honest = try await TestNetwork.run(settings: settings, parallel: 4)
    let accomplice = try voucher(ofNode: 3, in: honest)
    settings.fault = FaultPlan(fault: .poisonedUpdate, node: 3)
    settings.furtherFaults = [FaultPlan(fault: .poisonAccomplice, node: accomplice)]
    var liar: Int?
    if !isAudited {
      liar = try [1, 2, 4].map { try voucher(ofNode: $0, in: honest) }.first { $0 != accomplice }
      settings.furtherFaults?.append(FaultPlan(fault: .wrongShare, node: try #require(liar)))
    }
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    let failed = report.subJobs.filter { $0.status == "FAILED" }
    #expect(failed.map(\.node) == [3] && failed.first?.reason.contains("masked another update") == true)
    let lost = report.accounts.filter { $0.penalty != .zero }
    #expect(lost.filter { $0.role == "node" }.map(\.number) == [3])
    // Who only vouched for it keeps its bond: two words alone could be against an honest one.
    #expect(lost.filter { $0.role == "verifier" }.allSatisfy { $0.number == liar })
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// Who is asked about a sum has committed itself before the submission: of that there is enough for every part.
  @Test(arguments: [
    FaultPlan(fault: .wrongShare, node: 1), FaultPlan(fault: .poisonedUpdate, node: 2),
  ])
  func moreParts(thanNodes fault: FaultPlan) async throws {
    let report = try await run(fault, parallel: fault.fault == .wrongShare ? 8 : 16).report
    #expect(report.status == "VERIFIED", "\(report.reason)")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }

  /// No account of the job's own may have accepted its work.
  @Test func aFolderShowsWhoseAcceptanceItIs() async throws {
    let finished = try await run()
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    let file = folder.url.appending(path: "job/records.json")
    let records = try JSONDecoder().decode(PublicRecords.self, from: Data(contentsOf: file))
    let accepted = try #require(records.subJobs.first).machine
    let verifier = try #require(accepted.verdict?.verifier)
    let submitted = try #require(accepted.submittedAt)
    let last = records.subJobs.count - 1
    func problems(began: UInt64) throws -> [String] {
      var document = try RecordDocument(in: folder.url)
      try document.set(["subJobs", .element(last), "machine", "node"], .text("\(verifier)"))
      try document.set(["subJobs", .element(last), "machine", "startedAt"], .number(Int(began)))
      try document.write(to: folder.url)
      return try JobFolder(folder.url).check().compactMap(\.problem)
    }
    let words = "is accepted by \(verifier), an account of the job's own"
    #expect(try problems(began: submitted - 1).contains { $0.contains(words) })
    #expect(try !problems(began: submitted).contains { $0.contains(words) }, "it came later")
  }

  /// Two that give wrong shares of one sum: it is right with nobody's alone replaced, but with both.
  @Test func twoWithWrongSharesBothLoseTheirBonds() async throws {
    let honest = try await TestNetwork.run(settings: NetworkSettings(verifiers: 5), parallel: 4)
    // Two that vouch for updates of one sum.
    let standing = try honest.network.database.read { db in
      try JobStore.subJobs(of: honest.job, in: db).filter { $0.position.round == 0 }
        .compactMap(\.machine.verdict?.verifier)
    }
    let pair = Set(standing).sorted().prefix(2)
    try #require(pair.count == 2)
    let numbers = try pair.map { address in
      try #require(honest.report.accounts.first { $0.role == "verifier" && $0.address == address }).number
    }
    var settings = try NetworkSettings(verifiers: 5, fault: FaultPlan(fault: .wrongShare, node: numbers[0]))
    settings.furtherFaults = [FaultPlan(fault: .wrongShare, node: numbers[1])]
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    #expect(report.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 }, "no node was replaced")
    try expectBondsLost(by: Set(pair), in: report)
    for liar in pair {
      #expect(
        report.reason.contains("the verifier \(liar) gave a wrong share of the sum"), "\(report.reason)")
    }
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// Two that lie together about a third's share, so that the sum would be right with theirs: the honest one loses nothing
  /// where anybody else was heard.
  @Test func twoLiarsCanNotPutTheBlameOnAThird() {
    let people = (0..<5).map { TestNetwork.key("verifier", UInt32($0)).address }
    let subJobs = (0..<3).map {
      SubJobPosition(
        parent: JobID(requester: people[0], salt: .zero), round: 0, part: UInt32($0), attempt: 0
      ).id
    }
    func heard(_ place: Int, says value: UInt64, of given: UInt64, _ others: [Int]) -> JobWorker.HeardShare {
      JobWorker.HeardShare(
        subJob: subJobs[place], suspect: people[place], place: place, value: value,
        others: others.map { people[$0] }, isOther: value != given, isAlone: false)
    }
    func liars(_ heard: [JobWorker.HeardShare], _ given: [UInt64]) -> [Int]? {
      JobWorker.HeardShare.fewestLiars(heard, values: given, sum: 60)?.compactMap {
        people.firstIndex(of: $0)
      }
      .sorted()
    }
    // 10 + 20 + 30: the first two give 5 and 7 too much, and say that the third's should be 12 less.
    let given: [UInt64] = [15, 27, 30]
    let truth = [heard(0, says: 10, of: 15, [3, 4]), heard(1, says: 20, of: 27, [2, 3])]
    #expect(liars(truth + [heard(2, says: 18, of: 30, [0, 1])], given) == [0, 1])
    #expect(liars(truth + [heard(2, says: 30, of: 30, [3, 4])], given) == [0, 1])
    // With nobody else to contradict them their word is that of two against one.
    #expect(liars([heard(2, says: 18, of: 30, [0, 1])], given) == [2])
    // One alone, and nobody where nothing explains the sum.
    #expect(liars([heard(0, says: 10, of: 15, [3, 4])], [15, 20, 30]) == [0])
    #expect(liars([heard(0, says: 10, of: 15, [3, 4])], given) == nil && liars([], given) == nil)
    #expect(liars([heard(2, says: 18, of: 30, [3, 4])], [15, 20, 30]) == nil)
    // The first lies about its own share and says what is true of the third SubJob, too, as only another liar says with it.
    let also = JobWorker.HeardShare(
      subJob: subJobs[2], suspect: people[0], place: 2, value: 30, others: [people[1]], isOther: false,
      isAlone: false)
    #expect(liars(truth + [also], given) == [0, 1])
  }

  /// These verifiers have lost their whole bonds, and nobody else anything.
  private func expectBondsLost(by liars: Set<Address>, in report: JobReport) throws {
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let bond = TokenAmount(holon: try cost.subJobTerms.verifierFee.holon.multiplying(by: 10))
    let lost = report.accounts.filter { $0.penalty != .zero }
    #expect(Set(lost.map(\.address)) == liars && lost.allSatisfy { $0.penalty == bond }, "\(lost)")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
  }

  /// Who opens to nobody loses as a poisoner that opens does.
  @Test func aPoisonerThatOpensToNobodyLoses() async throws {
    let honest = try await run()
    let finished = try await run(FaultPlan(fault: .hiddenPoison, node: 3))
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    #expect(report.subJobs.filter { $0.status == "FAILED" }.map(\.node) == [3])
    #expect(report.accounts.filter { $0.penalty != .zero }.map(\.number) == [3])
    #expect(report.aggregation.dropped == 1)
    let lie = try #require(
      try finished.network.database.read { db in
        try CohortStore.cohorts(of: finished.job, in: db).flatMap(\.lies)
      }.first)
    #expect(lie.fault.content.expectedRoot == .zero && lie.opened == nil)
    #expect(lie.withheld?.count == 1 && lie.rejections == nil && lie.further == nil)
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
  }

  /// Who opens to its own verifier alone is found by what it opened, and the folder shows by whom.
  @Test func aPoisonerThatOpensToItsVerifierAloneLoses() async throws {
    let honest = try await run()
    let finished = try await run(FaultPlan(fault: .guardedPoison, node: 3))
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    #expect(report.subJobs.filter { $0.status == "FAILED" }.map(\.node) == [3])
    #expect(!report.subJobs.contains { $0.status == "CANCELED" || $0.status == "TIMEOUT" })
    #expect(report.accounts.filter { $0.penalty != .zero }.map(\.number) == [3])
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    let lie = try #require(
      try finished.network.database.read { db in
        try CohortStore.cohorts(of: finished.job, in: db).flatMap(\.lies)
      }.first)
    #expect(lie.opened == [lie.fault.signer] && lie.further == nil && lie.rejections == nil)
    let handed = try #require(lie.handed)
    #expect(handed.map(\.signer) == lie.withheld?.map(\.signer) && handed.count == 1)
    #expect(handed[0].content == lie.fault.content, "both computed what it should be")

    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let file = folder.url.appending(path: "job/records.json")
    let records = try JSONDecoder().decode(PublicRecords.self, from: Data(contentsOf: file))
    func problems(_ change: (inout PublicRecords.Accusation) -> Void) throws -> [String] {
      var changed = records
      var sums = try #require(changed.aggregation)
      change(&sums.lies[0])
      changed.aggregation = sums
      try WireFormat.readableEncoder.encode(changed).write(to: file)
      return try JobFolder(folder.url).check().filter { !$0.what.contains("every file") }.compactMap(
        \.problem)
    }
    #expect(try problems { _ in } == [])
    let alone = try problems { $0.handed = nil }
    #expect(alone.count == 1 && alone[0].contains("does not make it a liar"), "\(alone)")
    let thief = TestNetwork.key("thief", 0)
    let stranger = try problems {
      $0.handed = [SignedMaskedFault(signing: $0.fault.content, in: records.domain, with: thief)]
    }
    #expect(stranger.count == 1 && stranger[0].contains("was shown nothing"), "\(stranger)")
    let own = try problems { $0.handed = [$0.fault] }
    #expect(own.count == 1 && own[0].contains("was shown nothing"), "\(own)")
    let twice = try problems { $0.handed = ($0.handed ?? []) + ($0.handed ?? []) }
    #expect(twice.count == 1 && twice[0].contains("speaks twice"), "\(twice)")
    // Whose key it is that was opened nothing, and then handed something: one that nobody has asked, and one of the job's own.
    let said = try #require(lie.withheld?.first)
    for key in [thief, finished.network.keys.nodes[2]] {
      let verdict = SignedVerdict(
        signing: Verdict(
          jobID: said.verdict.jobID, submission: said.verdict.submission, verifier: key.address,
          accepted: false, seed: said.verdict.seed, step: 0, stepRoot: said.verdict.stepRoot,
          evidence: said.verdict.evidence), in: records.domain, with: key)
      func speaksAlone(_ accusation: inout PublicRecords.Accusation) {
        accusation.withheld = [verdict]
        accusation.handed = [
          SignedMaskedFault(signing: accusation.fault.content, in: records.domain, with: key)
        ]
      }
      let throwaway = try problems(speaksAlone)
      #expect(throwaway.count == 1 && throwaway[0].contains("not among those on it"), "\(throwaway)")
      guard key.address != thief.address else { continue }
      var changed = records
      let place = try #require(
        changed.subJobs.firstIndex { $0.machine.job.id == lie.masked.content.jobID })
      changed.subJobs[place].furtherVerdicts = (changed.subJobs[place].furtherVerdicts ?? []) + [verdict]
      changed.subJobs[place].furtherDraws = (changed.subJobs[place].furtherDraws ?? []) + [key.address]
      var sums = try #require(changed.aggregation)
      speaksAlone(&sums.lies[0])
      changed.aggregation = sums
      try WireFormat.readableEncoder.encode(changed).write(to: file)
      let own = try JobFolder(folder.url).check().compactMap(\.problem)
      #expect(own.contains { $0.contains("of what it masked speaks \(key.address)") }, "\(own)")
    }
  }

  /// An honest node opens to its verifier and is gone; that one lies. Nobody can say who is right: the node has its whole
  /// deposit back, and its part is computed again.
  @Test func anHonestNodeThatLeftWithItsOpeningGivenLosesNothing() async throws {
    let honest = try await run()
    let number = try voucher(ofNode: 3, in: honest)
    var settings = try NetworkSettings(fault: FaultPlan(fault: .accusingVerifier, node: number))
    settings.furtherFaults = [FaultPlan(fault: .dropAfterOpening, node: 3)]
    let finished = try await TestNetwork.run(settings: settings, parallel: 4)
    let report = finished.report
    #expect(report.status == "VERIFIED" && report.stateRoot == honest.report.stateRoot)
    let unchecked = report.subJobs.filter { $0.status == "CANCELED" }
    #expect(unchecked.map(\.node) == [3])
    #expect(unchecked.first?.reason.contains("nobody can say") == true)
    #expect(!report.subJobs.contains { $0.status == "FAILED" })
    #expect(
      report.accounts.allSatisfy { $0.role == "verifier" || $0.penalty == .zero }, "no node loses anything")
    #expect(report.aggregation.dropped == 1)
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let earned = try report.accounts.filter { $0.role == "node" }.reduce(TokenAmount.zero) {
      try $0.adding($1.earned)
    }
    #expect(earned == cost.terms.feeLimit, "each part is paid once")
    #expect(report.conservation.holds && report.conservation.locked == .zero)
    for check in try folderChecks(finished) { #expect(check.holds, "\(check.what): \(check.problem ?? "")") }
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
    // Its bond is that of a verifier, and goes where theirs go; an honest one has it back.
    let cost = try JobCost(
      manifest: try TestNetwork.manifest(), parallel: 4, fuelPrice: FuelPrice(gholon: 120),
      ruleSet: "standard")
    let bond = TokenAmount(holon: try cost.subJobTerms.verifierFee.holon.multiplying(by: 10))
    func account(_ role: String, in report: JobReport) throws -> JobReport.Account {
      try #require(report.accounts.first { $0.role == role })
    }
    #expect(try account("aggregator", in: report).penalty == bond)
    #expect(try account("aggregator", in: report).balance == .zero)
    // Replays that chance drew are paid from it.
    let pool = try account("bond pool", in: report).balance
    #expect(pool > .zero && pool <= bond)
    #expect(try account("aggregator", in: honest).penalty == .zero)
    #expect(try account("aggregator", in: honest).balance == bond)
    for report in [report, honest] {
      #expect(report.conservation.holds && report.conservation.locked == .zero)
      #expect(report.accounts.allSatisfy { $0.role == "aggregator" || $0.penalty == .zero })
    }
  }

  @Test func anAggregatorBindsItsBondForEveryJob() async throws {
    let folder = try TemporaryFolder()
    let network = try LocalNetwork(
      folder: folder.url, seed: TestNetwork.seed(),
      settings: NetworkSettings(nodes: 3, fault: FaultPlan(fault: .wrongSum, node: 1)))
    var reports: [JobReport] = []
    for seed in [1, 2] as [UInt64] {
      let manifest = try TestNetwork.manifest(rounds: 1, steps: 2, seed: seed)
      let job = try network.submit(TestNetwork.request(network, manifest: manifest))
      reports.append(try await network.work(on: job, threads: 2))
    }
    let accounts = reports.map { report in report.accounts.first { $0.role == "aggregator" } }
    let first = try #require(accounts[0])
    // The fault is shown once: the second job's bond comes back.
    #expect(first.penalty > .zero && first.balance == .zero)
    #expect(accounts[1]?.penalty == first.penalty && accounts[1]?.balance == first.penalty)
    #expect(try network.audit().holds && network.audit().locked == .zero)
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
    FaultPlan(fault: .wrongSum, node: 1), FaultPlan(fault: .accusingVerifier, node: 2),
  ])
  func aFolderShowsThatItsSumsHold(fault: FaultPlan?) async throws {
    let finished = try await run(fault)
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let checks = try JobFolder(folder.url).check()
    #expect(checks.count == 10)
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

  /// One word costs nobody a deposit: a folder in which a node failed over fewer is not what it should be.
  @Test func aFolderShowsThatTwoSpokeAgainstALiar() async throws {
    let finished = try await run(FaultPlan(fault: .poisonedUpdate, node: 1))
    let folder = try TemporaryFolder()
    try finished.network.exportModel(of: finished.job, to: folder.url)
    try finished.network.exportRecords(of: finished.job, report: finished.report, to: folder.url)
    try finished.network.signFolder(of: finished.job, at: folder.url)
    let file = folder.url.appending(path: "job/records.json")
    let records = try JSONDecoder().decode(PublicRecords.self, from: Data(contentsOf: file))
    func problems(_ change: (inout PublicRecords.Aggregation) throws -> Void) throws -> [String] {
      var changed = records
      var sums = try #require(changed.aggregation)
      try change(&sums)
      changed.aggregation = sums
      try WireFormat.readableEncoder.encode(changed).write(to: file)
      return try JobFolder(folder.url).check().filter { !$0.what.contains("every file") }.compactMap(
        \.problem)
    }
    #expect(try problems { _ in } == [])
    let alone = try problems { $0.lies[0].further = nil }
    #expect(alone.count == 1 && alone[0].contains("what 1 verifiers say"), "\(alone)")
    let twice = try problems { $0.lies[0].further = [$0.lies[0].fault] }
    #expect(twice.count == 1 && twice[0].contains("speaks twice"), "\(twice)")
    let stranger = try problems { sums in
      sums.lies[0].further = [
        SignedMaskedFault(
          signing: sums.lies[0].fault.content, in: records.domain, with: TestNetwork.key("thief", 0))
      ]
    }
    #expect(stranger.count == 1 && stranger[0].contains("has not replayed it"), "\(stranger)")
    let honest = try problems { sums in
      sums.refuted = [sums.lies[0]]
    }
    #expect(honest.count == 1 && honest[0].contains("does not make it honest"), "\(honest)")
  }
}
