extension CohortCollector {
  /// Forms the first attempt.
  ///
  /// - Throws: ``AggregationError/unexpected(event:phase:)`` when it has been started.
  public mutating func start(at now: UInt64) throws(AggregationError) -> [Effect] {
    guard case .waiting = phase else { throw .unexpected(event: "start", phase: phase.name) }
    return form(plan, at: now)
  }

  /// What an event leads to at a time (unix seconds).
  ///
  /// - Returns: What to do, in order; nothing for an event that came before, or that makes no difference.
  /// - Throws: ``AggregationError``; the collector is then as it was. `tooLate` when the deadline has come:
  ///   ``tick(at:)`` says who is missing.
  public mutating func apply(_ event: Event, at now: UInt64) throws(AggregationError) -> [Effect] {
    switch event {
    case .roundKey(let key): try take(key, at: now)
    case .masked(let masked, let stored): try take(masked, stored, at: now)
    case .lose(let jobID): try lose(jobID)
    case .expel(let jobID): try expel(jobID)
    case .replace(let jobID, let seat): try replace(jobID, by: seat, at: now)
    case .summed(let sumRoot): try finish(sumRoot)
    }
  }

  /// What time alone leads to: who has not answered by the deadline is absent.
  public mutating func tick(at now: UInt64) -> [Effect] {
    guard let deadline, now >= deadline else { return [] }
    let answered: Set<JobID>
    switch phase {
    case .keys(let keys, _): answered = Set(keys.keys)
    case .vectors(_, let masked, _): answered = Set(masked.keys)
    case .waiting, .replacing, .adding, .complete: return []
    }
    let missing = plan.cohort.seats.map(\.jobID).filter { !answered.contains($0) }
    phase = .replacing(Set(missing), [:])
    return [.absent(missing)]
  }

  private mutating func form(_ plan: CohortPlan, at now: UInt64) -> [Effect] {
    let deadline = Self.deadline(now, keySeconds)
    self.plan = plan
    phase = .keys([:], deadline: deadline)
    return [.form(plan, deadline: deadline)]
  }

  private mutating func take(
    _ key: SignedRoundKey, at now: UInt64
  ) throws(AggregationError) -> [Effect] {
    let jobID = key.content.jobID
    switch phase {
    case .waiting, .replacing, .adding, .complete:
      throw .unexpected(event: "roundKey", phase: phase.name)
    case .vectors(let roster, _, _):
      // The last key may come twice, after all were there.
      guard let index = roster.index(of: jobID), key.content == roster.roundKey(of: roster.entries[index])
      else { throw .unexpected(event: "roundKey", phase: phase.name) }
      return []
    case .keys(var keys, let deadline):
      try Roster.check(key, of: plan, in: domain)
      if let first = keys[jobID] {
        guard first.content == key.content else { throw .keyConflict(jobID) }
        return []
      }
      guard now < deadline else { throw .tooLate(event: "roundKey", now: now, deadline: deadline) }
      guard !usedKeys.contains(key.content.roundKey),
        !keys.values.contains(where: { $0.content.roundKey == key.content.roundKey })
      else { throw .roundKeyReused(jobID) }
      keys[jobID] = key
      guard keys.count == plan.cohort.seats.count else {
        phase = .keys(keys, deadline: deadline)
        return []
      }
      let roster = try Roster(plan: plan, keys: keys)
      let due = Self.deadline(now, maskSeconds)
      usedKeys.formUnion(roster.entries.map(\.roundKey))
      phase = .vectors(roster, [:], deadline: due)
      return [.offer(roster, deadline: due)]
    }
  }

  private mutating func take(
    _ masked: SignedMasked, _ stored: MaskedVector, at now: UInt64
  ) throws(AggregationError) -> [Effect] {
    let jobID = masked.content.jobID
    switch phase {
    case .waiting, .keys, .replacing:
      throw .unexpected(event: "masked", phase: phase.name)
    case .adding(_, let all), .complete(_, let all, _):
      guard let first = all[jobID], first.content == masked.content else {
        throw .unexpected(event: "masked", phase: phase.name)
      }
      return []
    case .vectors(let roster, var all, let deadline):
      try roster.check(masked, in: domain)
      if let first = all[jobID] {
        guard first.content == masked.content else {
          throw .maskedConflict(
            jobID, found: masked.content.maskedRoot, first: first.content.maskedRoot)
        }
        return []
      }
      guard now < deadline else { throw .tooLate(event: "masked", now: now, deadline: deadline) }
      guard stored.byteCount == plan.byteCount else {
        throw .vectorMismatch(found: stored.byteCount, expected: plan.byteCount)
      }
      guard stored.root == masked.content.maskedRoot else {
        throw .maskedRootMismatch(jobID, found: masked.content.maskedRoot, expected: stored.root)
      }
      all[jobID] = masked
      guard all.count == roster.entries.count else {
        phase = .vectors(roster, all, deadline: deadline)
        return []
      }
      phase = .adding(roster, all)
      return [.add(roster, maskedRoots: Self.maskedRoots(all, in: roster))]
    }
  }

  private mutating func lose(_ jobID: JobID) throws(AggregationError) -> [Effect] {
    switch phase {
    case .waiting:
      throw .unexpected(event: "lose", phase: phase.name)
    case .adding, .complete:
      return []
    case .vectors(_, let all, _) where all[jobID] != nil:
      return []
    case .replacing(let empty, _) where empty.contains(jobID):
      return []
    case .keys, .vectors, .replacing:
      return try empty(jobID)
    }
  }

  private mutating func expel(_ jobID: JobID) throws(AggregationError) -> [Effect] {
    switch phase {
    case .waiting: throw .unexpected(event: "expel", phase: phase.name)
    case .replacing(let empty, _) where empty.contains(jobID): return []
    case .keys, .vectors, .adding, .complete, .replacing: return try empty(jobID)
    }
  }

  /// Empties a seat, whoever sits on it.
  private mutating func empty(_ jobID: JobID) throws(AggregationError) -> [Effect] {
    if case .replacing(let empty, var seats) = phase {
      // Who has just taken a seat may be lost as well, before the next attempt forms.
      let taken = seats.first { $0.value.jobID == jobID }?.key
      guard let seat = taken ?? plan.cohort.seat(of: jobID)?.jobID, taken != nil || seats[seat] == nil
      else { throw .notAMember(jobID) }
      seats[seat] = nil
      phase = .replacing(empty.union([seat]), seats)
    } else {
      guard plan.cohort.seat(of: jobID) != nil else { throw .notAMember(jobID) }
      phase = .replacing([jobID], [:])
    }
    return [.absent([jobID])]
  }

  private mutating func replace(
    _ jobID: JobID, by seat: CohortSeat, at now: UInt64
  ) throws(AggregationError) -> [Effect] {
    guard case .replacing(var empty, var seats) = phase else {
      throw .unexpected(event: "replace", phase: phase.name)
    }
    guard empty.contains(jobID) else {
      guard seats[jobID] == seat else { throw .notAMember(jobID) }
      return []
    }
    seats[jobID] = seat
    let cohort = try plan.cohort.replacing(seats)
    empty.remove(jobID)
    guard empty.isEmpty else {
      phase = .replacing(empty, seats)
      return []
    }
    guard cohort.hidesItsMembers else {
      throw .tooFewAccounts(found: cohort.accountCount, allowed: Cohort.minimumAccounts)
    }
    return form(try plan.next(of: cohort), at: now)
  }

  private mutating func finish(_ sumRoot: Bytes32) throws(AggregationError) -> [Effect] {
    switch phase {
    case .waiting, .keys, .vectors, .replacing:
      throw .unexpected(event: "summed", phase: phase.name)
    case .complete(_, _, let sum):
      guard sum.sumRoot == sumRoot else {
        throw .sumConflict(found: sumRoot, first: sum.sumRoot)
      }
      return []
    case .adding(let roster, let all):
      let sum = CohortSum(
        roster: roster, maskedRoots: Self.maskedRoots(all, in: roster), sumRoot: sumRoot)
      phase = .complete(roster, all, sum)
      return [.publish(sum)]
    }
  }

  private static func maskedRoots(_ all: [JobID: SignedMasked], in roster: Roster) -> [Bytes32] {
    roster.entries.compactMap { all[$0.jobID]?.content.maskedRoot }
  }

  private static func deadline(_ now: UInt64, _ seconds: UInt64) -> UInt64 {
    let (deadline, overflow) = now.addingReportingOverflow(seconds)
    return overflow ? .max : deadline
  }
}
