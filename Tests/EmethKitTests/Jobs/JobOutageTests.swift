import Testing

@testable import EmethKit

@Suite struct JobOutageTests {
  /// A gap of 400 seconds: every deadline that runs grows by 400 + 600.
  @Test func everyRunningDeadlineGrows() throws {
    var processing = try JobScene.processing.machine()
    _ = try processing.apply(.extendDeadline(outageFrom: 1_110, outageTo: 1_510), at: 1_510)
    #expect(processing.deadline == 3_000)
    #expect(processing.leaseExpiresAt == 2_280)
    #expect(throws: JobError.tooEarly(event: .timeout, now: 2_279, from: 2_280)) {
      try processing.apply(.timeout, at: 2_279)
    }

    var drawn = try JobScene.drawn.machine()
    _ = try drawn.apply(.extendDeadline(outageFrom: 1_215, outageTo: 1_615), at: 1_620)
    #expect(throws: JobError.tooEarly(event: .withhold, now: 2_309, from: 2_310)) {
      try drawn.apply(.withhold, at: 2_309)
    }
    var silent = try JobScene.secondAfterSilence.machine()
    _ = try silent.apply(.extendDeadline(outageFrom: 1_341, outageTo: 1_741), at: 1_741)
    #expect(silent.silentVerifiers(at: 2_439) == 1)
    #expect(silent.silentVerifiers(at: 2_440) == 2)
    var cohort = try JobScene.cohortFixed.machine()
    _ = try cohort.apply(.extendDeadline(outageFrom: 1_260, outageTo: 1_660), at: 1_660)
    #expect(cohort.cohort?.deadline == 2_350)
  }

  @Test func onlyPastGapsAboveThreeIntervalsCount() throws {
    let before = try JobScene.processing.machine()
    func refused(_ from: UInt64, _ to: UInt64, at now: UInt64) -> JobError? {
      var machine = before
      do throws(JobError) {
        _ = try machine.apply(.extendDeadline(outageFrom: from, outageTo: to), at: now)
        return nil
      } catch {
        return error
      }
    }
    #expect(refused(1_110, 1_290, at: 1_300) == .noOutage(from: 1_110, to: 1_290, longerThan: 180))
    #expect(refused(1_110, 1_291, at: 1_300) == nil)
    #expect(refused(1_110, 1_301, at: 1_300) != nil, "an outage that is not over")
    #expect(refused(1_300, 1_110, at: 1_300) != nil, "backwards")
    #expect(refused(500, 1_000, at: 1_300) == .outageNotCounted(from: 500, to: 1_000, countedUntil: 1_000))
  }

  @Test func anOutageCountsOnceAndOnlyForTheJobsLife() throws {
    var machine = try JobScene.processing.machine()
    _ = try machine.apply(.extendDeadline(outageFrom: 0, outageTo: 1_300), at: 1_300)
    #expect(machine.deadline == 2_000 + 300 + 600, "from its registration on")
    for from: UInt64 in [0, 1_000, 1_299] {
      #expect(throws: JobError.self) {
        try machine.apply(.extendDeadline(outageFrom: from, outageTo: 1_600), at: 1_600)
      }
    }
    _ = try machine.apply(.extendDeadline(outageFrom: 1_300, outageTo: 1_600), at: 1_600)
    #expect(machine.deadline == 3_800)
  }

  @Test func aDeadlineNeverWraps() throws {
    let job = try JobScene.job()
    var far = try JobMachine(
      request: Job(
        id: job.id, requester: job.requester, programID: job.programID, dataset: "", fuelLimit: job.fuelLimit,
        fuelPrice: job.fuelPrice, requestedAt: 0, deadline: .max - 5, terms: job.terms),
      by: .requester(job.requester), idIsUnused: true, fundsAvailable: job.terms.escrow)
    _ = try far.apply(.extendDeadline(outageFrom: 0, outageTo: .max - 10), at: .max - 7)
    #expect(far.deadline == .max)
    let funds = job.terms.deposit
    _ = try far.apply(
      .process(by: Cast.node.address, headerExists: true, cooldownOver: true, depositAvailable: funds),
      at: .max - 3)
    #expect(far.leaseExpiresAt == .max)
  }
}
