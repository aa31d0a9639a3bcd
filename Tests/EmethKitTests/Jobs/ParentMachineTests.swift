import Testing

@testable import EmethKit

@Suite struct ParentMachineTests {
  private let requester = Cast.requester.address
  private let rounds: UInt32 = 2
  private let parts: UInt32 = 3

  private func parentJob() throws -> Job {
    let fuel = Fuel(units: 1_000)
    return try Job(
      id: JobID(requester: requester, salt: .zero), requester: requester, programID: .languageModelTraining,
      numParallel: parts, numEpoch: rounds, dataset: "d", fuelLimit: fuel, fuelPrice: JobScene.price,
      requestedAt: 1_000, deadline: 2_000,
      terms: RuleSet.standard.terms(fuelLimit: fuel, fuelPrice: JobScene.price))
  }

  private func machine() throws -> ParentMachine {
    let job = try parentJob()
    return try ParentMachine(request: job, by: requester, idIsUnused: true, fundsAvailable: job.terms.escrow)
  }

  private func subJob(
    _ parent: Job, round: UInt32, part: UInt32, attempt: UInt32 = 0, deadline: UInt64 = 1_900
  ) throws -> Job {
    let budget = try ParentBudget(
      fuelLimit: parent.fuelLimit, verifierFee: parent.terms.verifierFee, rounds: rounds, parts: parts)
    let share = budget.share(round: round, part: part % parts)
    let position = SubJobPosition(parent: parent.id, round: round, part: part, attempt: attempt)
    return try Job(
      id: position.id, position: position, requester: requester, programID: .languageModelTrainingPart,
      dataset: "p", fuelLimit: share.fuelLimit, fuelPrice: parent.fuelPrice, requestedAt: 1_010,
      deadline: deadline,
      terms: RuleSet.standard.terms(
        fuelLimit: share.fuelLimit, fuelPrice: parent.fuelPrice, verifierFee: share.verifierFee))
  }

  /// A whole life with failures: the parent's escrow pays every attempt, and all of it is accounted for.
  @Test func paysEveryAttemptAndGivesBackTheRest() throws {
    var parent = try machine()
    let whole = parent.job.terms.escrow
    #expect(parent.requestEffects == [.escrow(from: requester, whole)])
    var spent = TokenAmount.zero
    for round in 0..<rounds {
      for part in 0..<parts {
        for attempt in UInt32(0)..<2 {
          let job = try subJob(parent.job, round: round, part: part, attempt: attempt)
          _ = try parent.apply(.registerSubJob(job), at: 1_020)
          let end: JobEnd = attempt == 0 ? .failed : .verified(fuelUsed: Fuel(units: job.fuelLimit.units / 2))
          let settlement = try Settlement(end: end, terms: job.terms, fuelPrice: job.fuelPrice)
          spent += settlement.escrowReleased - settlement.requester
          let status: JobStatus = attempt == 0 ? .failed : .verified
          let effects = try parent.apply(
            .subJobEnded(job.id, status, returned: settlement.requester), at: 1_030)
          #expect(effects.isEmpty)
        }
      }
      #expect(throws: JobError.wrongRound(found: round + 1, expected: round)) {
        try parent.apply(.completeRound(round + 1), at: 1_040)
      }
      let effects = try parent.apply(.completeRound(round), at: 1_040)
      #expect(effects == (round + 1 == rounds ? [.refund(to: requester, whole - spent)] : []))
    }
    #expect(parent.status == .verified)
    #expect(parent.endReason == .roundsComplete)
    #expect(parent.isSettled)
    #expect(parent.escrow == .zero)
  }

  /// All shares together are exactly the parent's escrow: it can register every SubJob of a round, and no
  /// more.
  @Test func theSharesUseUpTheEscrowExactly() throws {
    var parent = try machine()
    for round in 0..<rounds {
      for part in 0..<parts {
        let job = try subJob(parent.job, round: round, part: part)
        _ = try parent.apply(.registerSubJob(job), at: 1_020)
        _ = try parent.apply(.subJobEnded(job.id, .verified, returned: .zero), at: 1_030)
      }
      if round + 1 < rounds { _ = try parent.apply(.completeRound(round), at: 1_040) }
    }
    #expect(parent.escrow == .zero)
  }

  @Test func givingUpEndsWhatRunsAndWaitsForIt() throws {
    var parent = try machine()
    let jobs = try (0..<parts).map { try subJob(parent.job, round: 0, part: $0) }
    for job in jobs { _ = try parent.apply(.registerSubJob(job), at: 1_020) }
    let effects = try parent.apply(.giveUp, at: 1_100)
    #expect(effects == [.endSubJobs(jobs.map(\.id))])
    #expect(parent.status == .failed)
    #expect(parent.endReason == .attemptsUsedUp)
    #expect(!parent.isSettled)
    for (index, job) in jobs.enumerated() {
      let last = index + 1 == jobs.count
      let effects = try parent.apply(.subJobEnded(job.id, .canceled, returned: job.terms.escrow), at: 1_101)
      #expect(effects == (last ? [.refund(to: requester, parent.job.terms.escrow)] : []))
    }
    #expect(parent.isSettled)
  }

  @Test func refusesForeignSubJobs() throws {
    var parent = try machine()
    let good = try subJob(parent.job, round: 0, part: 0)
    #expect(throws: JobError.foreignSubJob(parent.job.id, field: "parent")) {
      try parent.apply(.registerSubJob(parent.job), at: 1_020)
    }
    let outside = try subJob(parent.job, round: 0, part: 3)
    #expect(throws: JobError.foreignSubJob(outside.id, field: "part")) {
      try parent.apply(.registerSubJob(outside), at: 1_020)
    }
    let late = try subJob(parent.job, round: 0, part: 0, deadline: 2_001)
    #expect(throws: JobError.foreignSubJob(late.id, field: "deadline")) {
      try parent.apply(.registerSubJob(late), at: 1_020)
    }
    #expect(throws: JobError.wrongRound(found: 1, expected: 0)) {
      try parent.apply(.registerSubJob(subJob(parent.job, round: 1, part: 0)), at: 1_020)
    }
    _ = try parent.apply(.registerSubJob(good), at: 1_020)
    #expect(throws: JobError.partTaken(round: 0, part: 0)) {
      try parent.apply(.registerSubJob(subJob(parent.job, round: 0, part: 0, attempt: 1)), at: 1_020)
    }
    #expect(throws: JobError.unknownSubJob(late.id == good.id ? outside.id : late.id)) {
      try parent.apply(
        .subJobEnded(late.id == good.id ? outside.id : late.id, .failed, returned: .zero), at: 1_020)
    }
    let tooMuch = good.terms.escrow + TokenAmount(holon: 1)
    #expect(throws: JobError.escrowNotCovered(found: good.terms.escrow, required: tooMuch)) {
      try parent.apply(.subJobEnded(good.id, .failed, returned: tooMuch), at: 1_020)
    }
    _ = try parent.apply(.subJobEnded(good.id, .verified, returned: .zero), at: 1_030)
    #expect(throws: JobError.partTaken(round: 0, part: 0)) {
      try parent.apply(.registerSubJob(subJob(parent.job, round: 0, part: 0, attempt: 1)), at: 1_030)
    }
    #expect(throws: JobError.partsMissing(round: 0, found: 1, required: 3)) {
      try parent.apply(.completeRound(0), at: 1_030)
    }
  }

  /// Every status x every event that has no step there.
  @Test func everyOtherEventIsRefusedByName() throws {
    let someSubJob = try subJob(parentJob(), round: 0, part: 0)
    let steps: [JobStatus: Set<ParentEvent.Name>] = [
      .requested: [.cancel, .registerSubJob, .timeout, .extendDeadline],
      .processing: [.registerSubJob, .subJobEnded, .completeRound, .giveUp, .timeout, .extendDeadline],
      .canceled: [.subJobEnded], .failed: [.subJobEnded], .timeout: [.subJobEnded], .verified: [.subJobEnded],
    ]
    let events: [ParentEvent] = [
      .cancel(by: requester), .registerSubJob(someSubJob),
      .subJobEnded(someSubJob.id, .failed, returned: .zero),
      .completeRound(0), .giveUp, .timeout, .extendDeadline(outageFrom: 1_100, outageTo: 1_400),
    ]
    #expect(events.map(\.name) == ParentEvent.Name.allCases)
    var processing = try machine()
    _ = try processing.apply(.registerSubJob(subJob(processing.job, round: 0, part: 1)), at: 1_020)
    var (canceled, failed, timeout) = (try machine(), processing, try machine())
    _ = try canceled.apply(.cancel(by: requester), at: 1_100)
    _ = try failed.apply(.giveUp, at: 1_100)
    _ = try timeout.apply(.timeout, at: 2_000)
    for before in [try machine(), processing, canceled, failed, timeout] {
      for event in events where steps[before.status]?.contains(event.name) != true {
        var machine = before
        #expect(throws: JobError.parentEventNotAllowed(status: before.status, event: event.name)) {
          try machine.apply(event, at: 1_900)
        }
        #expect(machine == before)
      }
    }
  }

  @Test func onlyTheRequesterCancelsAndOnlyTheDeadlineTimesOut() throws {
    var parent = try machine()
    #expect(throws: JobError.wrongSender(event: .cancel, found: Cast.node.address, allowed: requester)) {
      try parent.apply(.cancel(by: Cast.node.address), at: 1_100)
    }
    #expect(throws: JobError.tooEarly(event: .timeout, now: 1_999, from: 2_000)) {
      try parent.apply(.timeout, at: 1_999)
    }
    var late = parent
    _ = try late.apply(.extendDeadline(outageFrom: 1_100, outageTo: 1_300), at: 1_300)
    #expect(late.deadline == 2_800)
    #expect(throws: JobError.self) { try late.apply(.timeout, at: 2_799) }
    #expect(try late.apply(.timeout, at: 2_800) == [.refund(to: requester, parent.job.terms.escrow)])
    #expect(
      try parent.apply(.cancel(by: requester), at: 2_500) == [.refund(to: requester, parent.job.terms.escrow)]
    )
  }

  @Test func jsonKeepsIt() throws {
    var parent = try machine()
    _ = try parent.apply(.registerSubJob(subJob(parent.job, round: 0, part: 1)), at: 1_020)
    #expect(try fromJSON(ParentMachine.self, jsonText(parent)) == parent)
  }
}
