import Foundation
import Testing

@testable import EmethKit

@Suite struct JobMachineTests {
  /// Every situation x every event x every sender x every time around every deadline, against ``JobTable``.
  @Test(arguments: JobScene.allCases, [false, true])
  func everyEventInEverySituation(scene: JobScene, isSubJob: Bool) throws {
    let parent = isSubJob ? JobID(requester: Cast.requester.address, salt: Bytes32(UInt256(7))) : nil
    let before = try scene.machine(subJobOf: parent)
    #expect(before.status == scene.status)
    var cases = 0
    for name in JobEvent.Name.allCases {
      for sender in Cast.allCases {
        for now in JobScene.times where now >= scene.since {
          let event = JobTable.event(name, by: sender.address, at: now)
          let expected = JobTable.outcome(scene, name, by: sender, at: now, isSubJob: isSubJob)
          var machine = before
          cases += 1
          do throws(JobError) {
            let effects = try machine.apply(event, at: now)
            #expect(machine.status == expected, "\(scene) \(name) by \(sender) at \(now)")
            #expect(effects.isEmpty == (!machine.status.isFinal && name != .process), "\(scene) \(name)")
            #expect((machine.endedAt == now) == machine.status.isFinal)
            #expect((machine.endReason != nil) == machine.status.isFinal)
          } catch {
            #expect(expected == nil, "\(scene) \(name) by \(sender) at \(now): \(error.message)")
            #expect(machine == before, "a refused event changes nothing")
            let hasRow = JobTable.rows[scene.status]?.contains(name) == true
            let notAllowed = JobError.eventNotAllowed(status: scene.status, event: name)
            #expect((error == notAllowed) == !hasRow, "\(scene) \(name): \(error)")
          }
        }
      }
    }
    #expect(cases > 0)
  }

  @Test func anErrorNamesStateAndEvent() throws {
    var machine = try JobScene.verified.machine()
    let error = JobError.eventNotAllowed(status: .verified, event: .decline)
    #expect(throws: error) { try machine.apply(.decline(by: Cast.node.address, evidence: nil), at: 1_300) }
    #expect(error.message == "event decline is not allowed while a job is VERIFIED")
    #expect(error.code == "job.eventNotAllowed")
  }

  @Test func registrationNeedsARegistrarAnUnusedIDAndMoney() throws {
    let job = try JobScene.job()
    let me = JobMachine.Registrar.requester(job.requester)
    let enough = job.terms.escrow
    #expect(throws: JobError.idInUse(job.id)) {
      try JobMachine(request: job, by: me, idIsUnused: false, fundsAvailable: enough)
    }
    #expect(throws: JobError.escrowNotCovered(found: enough - TokenAmount(holon: 1), required: enough)) {
      try JobMachine(request: job, by: me, idIsUnused: true, fundsAvailable: enough - TokenAmount(holon: 1))
    }
    for wrong: JobMachine.Registrar in [
      .requester(Cast.stranger.address), .executionLayer(parentRequester: job.requester),
    ] {
      #expect(throws: JobError.self) {
        try JobMachine(request: job, by: wrong, idIsUnused: true, fundsAvailable: enough)
      }
    }
    let machine = try JobMachine(request: job, by: me, idIsUnused: true, fundsAvailable: enough)
    #expect(machine.requestEffects == [.escrow(from: job.requester, enough)])

    let parent = JobID(requester: job.requester, salt: .zero)
    let subJob = try JobScene.job(subJobOf: parent)
    for wrong: JobMachine.Registrar in [me, .executionLayer(parentRequester: Cast.stranger.address)] {
      #expect(throws: JobError.self) {
        try JobMachine(request: subJob, by: wrong, idIsUnused: true, fundsAvailable: enough)
      }
    }
    let layer = JobMachine.Registrar.executionLayer(parentRequester: subJob.requester)
    let part = try JobMachine(request: subJob, by: layer, idIsUnused: true, fundsAvailable: enough)
    #expect(part.requestEffects == [.escrowFromParent(parent, enough)])
  }

  @Test func takingNeedsDepositCooldownAndHeader() throws {
    let node = Cast.node.address
    let deposit = TokenAmount(holon: 10_500)
    let short = TokenAmount(holon: 10_499)
    var machine = try JobScene.requested.machine()
    #expect(throws: JobError.depositNotCovered(found: short, required: deposit)) {
      try machine.apply(
        .process(by: node, headerExists: true, cooldownOver: true, depositAvailable: short), at: 1_100)
    }
    #expect(throws: JobError.cooldownNotOver(node: node)) {
      try machine.apply(
        .process(by: node, headerExists: true, cooldownOver: false, depositAvailable: deposit), at: 1_100)
    }
    #expect(throws: JobError.headerMissing(node: node)) {
      try machine.apply(
        .process(by: node, headerExists: false, cooldownOver: true, depositAvailable: deposit), at: 1_100)
    }
    let effects = try machine.apply(
      .process(by: node, headerExists: true, cooldownOver: true, depositAvailable: deposit), at: 1_100)
    #expect(effects == [.lockDeposit(node: node, deposit)])
    #expect(machine.leaseExpiresAt == 1_280)
    #expect(machine.startedAt == 1_100)
  }

  @Test func aDelegateNeedsTheNodesSignature() throws {
    var machine = try JobScene.processing.machine()
    let stranger = Cast.stranger.address
    #expect(throws: JobError.wrongSender(event: .submit, found: stranger, allowed: Cast.node.address)) {
      try machine.apply(.submit(by: stranger, fuelUsed: .zero, submission: .zero), at: 1_150)
    }
    _ = try machine.apply(
      .submit(by: stranger, nodeSignatureValid: true, fuelUsed: .zero, submission: .zero), at: 1_150)
    #expect(machine.status == .submitted)
    #expect(machine.node == Cast.node.address)
  }

  @Test func fuelAboveTheLimitIsRefused() throws {
    var machine = try JobScene.processing.machine()
    #expect(throws: JobError.fuelAboveLimit(found: Fuel(units: 101), allowed: Fuel(units: 100))) {
      try machine.apply(
        .submit(by: Cast.node.address, fuelUsed: Fuel(units: 101), submission: .zero), at: 1_150)
    }
  }

  @Test func aRenewedLeaseHolds() throws {
    var machine = try JobScene.processing.machine()
    _ = try machine.apply(.renewLease(by: Cast.node.address), at: 1_279)
    #expect(throws: JobError.tooEarly(event: .timeout, now: 1_458, from: 1_459)) {
      try machine.apply(.timeout, at: 1_458)
    }
    _ = try machine.apply(.timeout, at: 1_459)
    #expect(machine.endReason == .leaseLapsed)
    #expect(machine.reason == JobEndReason.leaseLapsed.message)
  }

  @Test func aSelfProvingProgramEndsAtSubmit() throws {
    let requester = Cast.requester.address
    let (fuel, price) = (Fuel(units: 100), JobScene.price)
    func job(_ terms: JobTerms) throws -> Job {
      try Job(
        id: JobID(requester: requester, salt: .zero), requester: requester, programID: .proofOfWork,
        dataset: "x",
        fuelLimit: fuel, fuelPrice: price, requestedAt: 1_000, deadline: 2_000, terms: terms)
    }
    let entry = try ProgramCatalogue.standard.entry(of: .proofOfWork)
    let parameters = JobParameters(for: entry)
    #expect(throws: JobError.self) {
      try JobMachine(
        request: job(RuleSet.standard.terms(fuelLimit: fuel, fuelPrice: price)), by: .requester(requester),
        idIsUnused: true, fundsAvailable: TokenAmount(holon: 1 << 60), parameters: parameters)
    }
    let free = try RuleSet.standard.terms(fuelLimit: fuel, fuelPrice: price, verifierFee: .zero)
    var machine = try JobMachine(
      request: job(free), by: .requester(requester), idIsUnused: true, fundsAvailable: free.escrow,
      parameters: parameters)
    let node = Cast.node.address
    _ = try machine.apply(
      .process(by: node, headerExists: true, cooldownOver: true, depositAvailable: free.deposit), at: 1_100)
    #expect(throws: JobError.proofRefused) {
      try machine.apply(.submit(by: node, fuelUsed: fuel, submission: .zero), at: 1_200)
    }
    _ = try machine.apply(.submit(by: node, fuelUsed: fuel, submission: .zero, proofHolds: true), at: 1_200)
    #expect(machine.status == .verified)
    #expect(machine.endReason == .proved)
    #expect(machine.settlement?.nodeFee == TokenAmount(holon: 10_000))
  }

  @Test func aNodeOfTheParentCanNotVerify() throws {
    var machine = try JobScene.submitted.machine()
    let stranger = Cast.stranger.address
    #expect(throws: JobError.verifierNotEligible(found: stranger)) {
      try machine.apply(.draw(verifier: stranger, nodesOfParent: [stranger]), at: 1_210)
    }
  }

  @Test func oneVerifierNetworksFailOnOneWord() throws {
    let scene = JobScene.opened
    var parameters = scene.parameters
    parameters.confirmsRejection = false
    let job = try JobScene.job()
    var machine = try JobMachine(
      request: job, by: .requester(job.requester), idIsUnused: true, fundsAvailable: job.terms.escrow,
      parameters: parameters)
    for (event, time) in scene.history { _ = try machine.apply(event, at: time) }
    #expect(throws: JobError.disputeNotNeeded) {
      try machine.apply(.dispute(by: Cast.verifier.address, evidence: .zero), at: 1_230)
    }
    let effects = try machine.apply(.reject(by: Cast.verifier.address, evidence: .zero), at: 1_230)
    #expect(machine.status == .failed)
    let settlement = try #require(machine.settlement)
    #expect(
      effects == [
        .settle(
          settlement, requester: Cast.requester.address, node: Cast.node.address,
          verifier: Cast.verifier.address, second: nil)
      ])
  }

  /// Who asks for more words than one pays for them out of the job: nothing comes from elsewhere.
  @Test func theFeeIsForAllWhoseWordTheRequestAsksFor() throws {
    let (first, second) = (Cast.verifier.address, Cast.secondVerifier.address)
    let parent = JobID(requester: Cast.requester.address, salt: .zero)
    var machine = try JobScene.opened.machine(subJobOf: parent)
    for stranger in [first, Cast.node.address, Cast.requester.address] {
      #expect(throws: JobError.self) {
        var other = machine
        _ = try other.apply(.verify(by: first, verdict: .zero, sharedWith: stranger), at: 1_230)
      }
    }
    let effects = try machine.apply(.verify(by: first, verdict: .zero, sharedWith: second), at: 1_230)
    let settlement = try #require(machine.settlement)
    #expect(
      effects == [
        .settleSubJob(settlement, parent: parent, node: machine.node, verifier: first, second: second)
      ])
    // Stored machines without the field are read, and those with it keep it.
    let data = try JSONEncoder().encode(machine)
    #expect(try JSONDecoder().decode(JobMachine.self, from: data) == machine)
    #expect(machine.verdict?.sharedWith == second)
    // Two are paid what one of them would be, each.
    let (fuel, price) = (Fuel(units: 120_000), FuelPrice(gholon: 120))
    for rules in RuleSet.all where rules.name != "round3-2" {
      let one = try rules.terms(fuelLimit: fuel, fuelPrice: price)
      let two = try rules.terms(fuelLimit: fuel, fuelPrice: price, verifiers: 2)
      #expect(try rules.terms(fuelLimit: fuel, fuelPrice: price, verifiers: 1) == one)
      #expect(two.verifierFee == (try one.verifierFee.adding(one.verifierFee)))
      #expect(try two.escrow == one.escrow.adding(one.verifierFee), "\(rules.name)")
      #expect(try rules.terms(fuelLimit: fuel, fuelPrice: price, verifiers: 0).verifierFee == .zero)
    }
  }

  /// Who stands in for a verifier that says nothing to the sum is paid in its place, and speaks for it; where nobody can say
  /// what was masked, nobody is.
  @Test func whoStandsInIsPaid() throws {
    let (first, second) = (Cast.verifier.address, Cast.secondVerifier.address)
    let parent = JobID(requester: Cast.requester.address, salt: .zero)
    var machine = try JobScene.maskedPosted.machine(subJobOf: parent)
    #expect(try machine.apply(.standIn(by: second, verdict: JobScene.evidence), at: 1_270).isEmpty)
    #expect(machine.verdict?.verifier == second && machine.verdict?.digest == JobScene.evidence)
    var rejected = machine
    #expect(throws: JobError.self) { try rejected.apply(.reject(by: first, evidence: .zero), at: 1_280) }
    #expect(!(try rejected.apply(.reject(by: second, evidence: .zero), at: 1_280).isEmpty))
    #expect(rejected.status == .failed && rejected.verifier == second)
    var unchecked = machine
    let back = try unchecked.apply(.endUnchecked, at: 1_420)
    let end = try #require(unchecked.settlement)
    #expect(back == [.settleSubJob(end, parent: parent, node: machine.node, verifier: nil, second: nil)])
    #expect(end.node == machine.job.terms.deposit && end.requester == machine.job.terms.escrow)
    #expect(end.verifier == .zero && end.burned == .zero)
    let effects = try machine.apply(.completeCohort(sumChecks: true), at: 1_280)
    let settlement = try #require(machine.settlement)
    #expect(
      effects == [
        .settleSubJob(settlement, parent: parent, node: machine.node, verifier: second, second: nil)
      ])
    #expect(settlement.verifier == machine.job.terms.verifierFee)
  }

  /// An acceptance falls by two that find it wrong, as a submission does: P and V from the node, V to the first of them.
  @Test func anAcceptanceFallsByTwo() throws {
    let (voucher, first, second) = (Cast.verifier.address, Cast.secondVerifier.address, Cast.stranger.address)
    let parent = JobID(requester: Cast.requester.address, salt: .zero)
    let accepted = try JobScene.maskedPosted.machine(subJobOf: parent)
    func overruled(_ one: Address, _ other: Address, _ evidence: Bytes32 = JobScene.evidence) throws(JobError)
      -> (JobMachine, [JobEffect])
    {
      var machine = accepted
      let effects = try machine.apply(.overrule(by: one, confirmedBy: other, evidence: evidence), at: 1_280)
      return (machine, effects)
    }
    let (machine, effects) = try overruled(first, second)
    let expected = try Settlement(end: .failed, terms: machine.job.terms, fuelPrice: JobScene.price)
    #expect(machine.status == .failed && machine.endReason == .rejected)
    #expect(
      effects == [
        .settleSubJob(expected, parent: parent, node: machine.node, verifier: first, second: nil)
      ])
    #expect(expected.verifier == machine.job.terms.verifierFee && expected.verifier > .zero)
    #expect(expected.burned > .zero && expected.requester == machine.job.terms.escrow)
    // The record shows whose words it was, and who had accepted.
    #expect(machine.draws.map(\.verifier) == [voucher, first, second])
    #expect(machine.draws.map(\.dispute) == [nil, JobScene.evidence, nil])
    #expect(machine.verdict?.verifier == voucher)
    // One word is none, however it is turned, and nobody rejects what is its own.
    #expect(throws: JobError.rejectionUnconfirmed(by: first)) { try overruled(first, first) }
    #expect(throws: JobError.rejectionUnconfirmed(by: first)) { try overruled(first, second, .zero) }
    for other in [voucher, Cast.node.address, Cast.requester.address] {
      #expect(throws: JobError.verifierNotEligible(found: other)) { try overruled(first, other) }
      #expect(throws: JobError.verifierNotEligible(found: other)) { try overruled(other, second) }
    }
  }

  /// Who found the mismatch before another accepted it is one of the two, with the evidence that it named then.
  @Test func whoWasOutvotedIsHeardAgain() throws {
    let (first, voucher, later) = (Cast.verifier.address, Cast.secondVerifier.address, Cast.stranger.address)
    let scene = JobScene.secondAfterDispute
    var parameters = scene.parameters
    parameters.aggregation = .masked
    let job = try JobScene.job()
    var machine = try JobMachine(
      request: job, by: .requester(job.requester), idIsUnused: true, fundsAvailable: job.terms.escrow,
      parameters: parameters)
    for (event, time) in scene.history { _ = try machine.apply(event, at: time) }
    _ = try machine.apply(.verify(by: voucher, verdict: .zero), at: 1_250)
    _ = try machine.apply(.fixCohort(attempt: 1, deadline: 1_350), at: 1_260)
    #expect(throws: JobError.maskedMissing(attempt: 1)) {
      try machine.apply(.overrule(by: first, confirmedBy: later, evidence: JobScene.evidence), at: 1_265)
    }
    _ = try machine.apply(.postMasked(by: Cast.node.address, maskedRoot: JobScene.evidence), at: 1_270)
    #expect(throws: JobError.verifierNotEligible(found: first)) {
      try machine.apply(.overrule(by: first, confirmedBy: later, evidence: Bytes32(UInt256(1))), at: 1_280)
    }
    _ = try machine.apply(.overrule(by: first, confirmedBy: later, evidence: JobScene.evidence), at: 1_280)
    #expect(machine.status == .failed && machine.verifier == first)
    #expect(machine.draws.map(\.verifier) == [first, voucher, later])
  }

  @Test func aStruckVerdictFindsNothing() throws {
    let (first, second) = (Cast.verifier.address, Cast.secondVerifier.address)
    let third = Cast.stranger.address
    var machine = try JobScene.opened.machine()
    _ = try machine.apply(.dispute(by: first, evidence: .zero), at: 1_230)
    _ = try machine.apply(.draw(verifier: second), at: 1_240)
    _ = try machine.apply(.receiveOpenings, at: 1_241)
    #expect(throws: JobError.rejectionUnconfirmed(by: second)) {
      try machine.apply(.reject(by: second, evidence: JobScene.evidence), at: 1_250)
    }
    _ = try machine.apply(.dispute(by: second, evidence: JobScene.evidence), at: 1_250)
    _ = try machine.apply(.draw(verifier: third), at: 1_260)
    _ = try machine.apply(.receiveOpenings, at: 1_261)
    _ = try machine.apply(.reject(by: third, evidence: JobScene.evidence), at: 1_270)
    #expect(machine.status == .failed && machine.verifier == second)
  }

  @Test func whoFoundTheMismatchIsPaid() throws {
    var failed = try JobScene.secondAfterDispute.machine()
    _ = try failed.apply(.reject(by: Cast.secondVerifier.address, evidence: .zero), at: 1_250)
    #expect(failed.verifier == Cast.verifier.address)
    var accepted = try JobScene.secondAfterDispute.machine()
    _ = try accepted.apply(.verify(by: Cast.secondVerifier.address, verdict: .zero), at: 1_250)
    #expect(accepted.verifier == Cast.secondVerifier.address)
    var withheld = try JobScene.secondAfterDispute.machine()
    _ = try withheld.apply(.withhold, at: 1_340)
    #expect(withheld.verifier == Cast.verifier.address)
  }

  /// A node owes an opening to who is drawn in the place of its silent verifier; to who came before the acceptance it owes
  /// nothing more.
  @Test func whoTakesASilentVerifiersPlaceIsOpenedTo() throws {
    let (second, third) = (Cast.secondVerifier.address, Cast.stranger.address)
    #expect(try JobScene.maskedPosted.machine().withheldFrom == nil)
    var machine = try JobScene.drawnInPlace.machine()
    #expect(machine.withheldFrom == 1_370 && machine.verifier == Cast.verifier.address)
    #expect(throws: JobError.verifierDue(found: second, until: 1_370)) {
      try machine.apply(.draw(verifier: third), at: 1_400)
    }
    var withheld = machine
    let effects = try withheld.apply(.withhold, at: 1_370)
    #expect(withheld.endReason == .openingsWithheld && withheld.verifier == second)
    let settlement = try Settlement(end: .failed, terms: machine.job.terms, fuelPrice: JobScene.price)
    #expect(
      effects == [
        .settle(
          settlement, requester: Cast.requester.address, node: machine.node, verifier: second, second: nil)
      ])
    // An outage of the Execution Layer is not the node's.
    var prolonged = machine
    _ = try prolonged.apply(.extendDeadline(outageFrom: 1_280, outageTo: 1_680), at: 1_680)
    #expect(prolonged.withheldFrom == 2_370)
    _ = try machine.apply(.receiveOpenings, at: 1_369)
    #expect(machine.withheldFrom == nil && machine.openedInPlace == [second])
    #expect(throws: JobError.openingsReceived(event: .withhold, at: 1_369)) {
      try machine.apply(.withhold, at: 1_370)
    }
    _ = try machine.apply(.draw(verifier: third), at: 1_380)
    _ = try machine.apply(.receiveOpenings, at: 1_381)
    _ = try machine.apply(
      .overrule(by: second, confirmedBy: third, evidence: JobScene.evidence), at: 1_390)
    #expect(machine.status == .failed && machine.verifier == second)
    #expect(machine.draws.map(\.dispute) == [nil, JobScene.evidence, nil])
  }

  /// What one found to be wrong is not paid because others are silent; with nobody left it costs nobody anything either.
  @Test func silenceDoesNotOutvoteAFinding() throws {
    var machine = try JobScene.secondAfterSilence.machine()
    _ = try machine.apply(.dispute(by: Cast.secondVerifier.address, evidence: JobScene.evidence), at: 1_350)
    for number in 0..<2 as Range<UInt8> {
      let from = 1_400 + UInt64(number) * 200
      _ = try machine.apply(.draw(verifier: Cast.account(0xD0 + number)), at: from)
      _ = try machine.apply(.receiveOpenings, at: from)
    }
    #expect(throws: JobError.verifiersNotSilent(found: 0, required: 2)) {
      try machine.apply(.expireVerification, at: 1_990)
    }
    var found = machine
    _ = try found.apply(.draw(verifier: Cast.stranger.address), at: 1_990)
    _ = try found.apply(.reject(by: Cast.stranger.address, evidence: JobScene.evidence), at: 1_991)
    #expect(found.status == .failed && found.verifier == Cast.secondVerifier.address)
    _ = try machine.apply(.endUnchecked, at: 1_990)
    #expect(machine.status == .canceled)
    #expect(machine.settlement?.burned == .zero && machine.settlement?.node == machine.job.terms.deposit)
  }

  @Test func aWrongSumVerifiesNothing() throws {
    var machine = try JobScene.maskedPosted.machine()
    #expect(throws: JobError.cohortSumWrong(attempt: 1)) {
      try machine.apply(.completeCohort(sumChecks: false), at: 1_270)
    }
    #expect(throws: JobError.cohortAttempt(found: 1, above: 1)) {
      try machine.apply(.fixCohort(attempt: 1, deadline: 1_400), at: 1_270)
    }
  }

  @Test func everyEndSettlesAsItsRowSays() throws {
    let expected: [(JobScene, JobEvent, UInt64, JobEnd)] = [
      (.requested, .cancel(by: Cast.requester.address), 1_100, .canceled),
      (.requested, .timeout, 2_000, .timeoutUntaken),
      (.processing, .timeout, 1_280, .timeoutByNode),
      (.processing, .timeout, 2_000, .timeoutByNode),
      (.processing, .decline(by: Cast.node.address, evidence: nil), 1_150, .declined(atFault: true)),
      (.processing, .decline(by: Cast.node.address, evidence: .zero), 1_150, .declined(atFault: false)),
      (
        .opened, .verify(by: Cast.verifier.address, verdict: .zero), 1_230,
        .verified(fuelUsed: Fuel(units: 60))
      ),
      (.secondAfterSilence, .expireVerification, 1_440, .verifiedByExpiry(fuelUsed: Fuel(units: 60))),
      (.drawn, .withhold, 1_310, .failed),
      (.secondAfterDispute, .reject(by: Cast.secondVerifier.address, evidence: .zero), 1_250, .failed),
      (.cohortFixed, .absent, 1_350, .timeoutByNode),
      (.maskedPosted, .completeCohort(sumChecks: true), 1_300, .verified(fuelUsed: Fuel(units: 60))),
    ]
    for rules in [RuleSet.standard, .core2023, .core2023Initial] {
      for (scene, event, now, end) in expected {
        for parent in [nil, JobID(requester: Cast.requester.address, salt: .zero)] {
          var machine = try scene.machine(rules: rules, subJobOf: parent)
          let effects = try machine.apply(event, at: now)
          let settlement = try Settlement(end: end, terms: machine.job.terms, fuelPrice: JobScene.price)
          let paid = settlement.verifier == .zero ? nil : machine.verifier
          if let parent {
            #expect(
              effects == [
                .settleSubJob(settlement, parent: parent, node: machine.node, verifier: paid, second: nil)
              ])
          } else {
            let requester = Cast.requester.address
            #expect(
              effects == [
                .settle(settlement, requester: requester, node: machine.node, verifier: paid, second: nil)
              ])
          }
        }
      }
    }
  }

  @Test func anEndedParentEndsItsSubJobs() throws {
    let parent = JobID(requester: Cast.requester.address, salt: .zero)
    for status in JobStatus.allCases where !status.isFinal {
      var machine = try JobScene.processing.machine(subJobOf: parent)
      #expect(throws: JobError.parentNotEnded(status: status)) {
        try machine.apply(.endWithParent(parentStatus: status), at: 1_200)
      }
    }
    var machine = try JobScene.processing.machine(subJobOf: parent)
    _ = try machine.apply(.endWithParent(parentStatus: .failed), at: 1_200)
    #expect(machine.settlement?.nodeDeposit == machine.job.terms.deposit)
    #expect(machine.settlement?.burned == .zero)
  }

  @Test func jsonKeepsEverySituation() throws {
    for scene in JobScene.allCases {
      let machine = try scene.machine()
      #expect(try fromJSON(JobMachine.self, jsonText(machine)) == machine)
    }
  }
}
