import EmethCompute
import EmethKit
import Foundation

/// The attempts of a round: registered, claimed, repeated until every part is verified.
extension JobWorker {
  /// Runs a round until every part has a verified SubJob; false when the job failed over it.
  ///
  /// Where updates are masked, an accepted SubJob is verified when the sum of its cohort holds.
  func runRound(_ round: UInt32) async throws(NetworkError) -> Bool {
    progress(.roundBegan(round))
    while true {
      try checkStop()
      let mark = database.changes.mark
      if try timeOut() { return false }
      if try job().status.isFinal { return false }
      let (open, exhausted) = try openParts(round)
      if let exhausted {
        try fail(because: exhausted)
        return false
      }
      if let unchecked = try uncheckedPart(round) {
        try fail(
          because:
            "part \(unchecked + 1) of round \(round + 1) was checked by nobody: two drawn verifiers stayed silent"
        )
        return false
      }
      if let lone = try partWithoutAgreement(round) {
        try fail(
          because:
            "part \(lone + 1) was not computed by \(request.agreement): others that were drawn stayed silent"
        )
        return false
      }
      if open.isEmpty {
        if !masksUpdates { return true }
        if try await addMasked(round) { return true }
        if try job().status.isFinal { return false }
      } else {
        if try database.read({ db in try parties.canBeChecked(in: db) }) {
          try registerAttempts(open, round: round)
        }
        let silent = try await parties.compute(round)
        try await verify(round)
        try expire(silent)
      }
      try await rest(since: mark)
    }
  }

  /// A part whose node is paid although nobody has checked it: what it computed is not added to a model.
  private func uncheckedPart(_ round: UInt32) throws(NetworkError) -> UInt32? {
    try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).first { $0.machine.endReason == .verifiersSilent }?
        .position.part
    }
  }

  /// A part whose node is paid although fewer have computed its output than the requester asked for.
  private func partWithoutAgreement(_ round: UInt32) throws(NetworkError) -> UInt32? {
    guard request.isAlwaysRepeated else { return nil }
    return try database.read { [id] db in
      try JobStore.subJobs(of: id, round: round, in: db).first { record in
        let accepting = record.notes.judgements.map(\.verdict.verdict).filter(\.accepted)
        return record.status == .verified
          && Set(accepting.map(\.verifier)).count + 1 < request.agreement
      }?.position.part
    }
  }

  /// Ends the job at its deadline, where that is waited for.
  func timeOut() throws(NetworkError) -> Bool {
    guard network.isLive else { return false }
    // Looked for before it is written: this is asked every second for every job.
    let (known, isDue) = try database.read { db in
      let parent = try JobStore.job(id, in: db)
      return (parent.status, try network.reach(parent.machine.deadline, in: db) != nil)
    }
    if known.isFinal || !isDue { return known.isFinal }
    let status = try database.write { db -> JobStatus in
      var parent = try JobStore.job(id, in: db)
      guard !parent.status.isFinal, let now = try network.reach(parent.machine.deadline, in: db) else {
        return parent.status
      }
      try ExecutionLayer.apply(.timeout, to: &parent, at: now, in: db)
      return parent.status
    }
    return status.isFinal
  }

  /// Brings SubJobs that were submitted when the job ended to their own end.
  func settle() async throws(NetworkError) {
    while try !job().machine.isSettled {
      try checkStop()
      let mark = database.changes.mark
      for round in 0..<request.rounds { try await verify(round) }
      try database.write { db in
        let status = try JobStore.job(id, in: db).status
        for record in try JobStore.subJobs(of: id, in: db) where record.awaitsSum {
          try apply(.endWithParent(parentStatus: status), to: record.id, at: try network.tick(in: db), in: db)
        }
      }
      try await rest(since: mark)
    }
  }

  /// A part that has no accepted SubJob yet, and its newest attempt.
  struct OpenPart {
    var part: UInt32
    var newest: SubJobRecord?
  }

  func openParts(_ round: UInt32) throws(NetworkError) -> (open: [OpenPart], exhausted: SubJobRecord?) {
    let records = try database.read { [id] db in try JobStore.subJobs(of: id, round: round, in: db) }
    var open: [OpenPart] = []
    for part in 0..<request.parallel {
      let newest = records.last { $0.position.part == part }
      if let newest, newest.status == .verified || newest.awaitsSum { continue }
      if let newest, newest.status.isFinal, newest.position.attempt >= request.retry.lastAttempt {
        return ([], newest)
      }
      open.append(OpenPart(part: part, newest: newest))
    }
    return (open, nil)
  }

  /// Registers the first attempt at a part, or the next one after its delay.
  func registerAttempts(_ open: [OpenPart], round: UInt32) throws(NetworkError) {
    for part in open where part.newest?.status.isFinal ?? true {
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        let attempt = part.newest.map { $0.position.attempt + 1 } ?? 0
        let now = try network.tick(in: db)
        let deadline = ParentBudget.attemptDeadline(
          now: now, parentDeadline: parent.machine.deadline, roundsLeft: request.rounds - round,
          attempt: attempt,
          lastAttempt: request.retry.lastAttempt, roundStart: parent.progress.rounds[Int(round)].beganAt)
        // With no time left there is nothing to do but to wait for the job's own deadline.
        guard !network.isLive || deadline > now else { return }
        let delay =
          part.newest.flatMap { request.retry.delayMilliseconds(afterAttempt: $0.position.attempt) } ?? 0
        let position = SubJobPosition(parent: id, round: round, part: part.part, attempt: attempt)
        let budget = try ParentBudget(
          fuelLimit: parent.job.fuelLimit, verifierFee: parent.job.terms.verifierFee, rounds: request.rounds,
          parts: request.parallel)
        let share = budget.share(round: round, part: part.part)
        let program = try request.subJobProgram
        let job = try Job(
          id: position.id, position: position, requester: parent.job.requester, programID: program,
          dataset: "\(parent.progress.parts[Int(part.part)])", parameters: parent.job.parameters,
          fuelLimit: share.fuelLimit, fuelPrice: parent.job.fuelPrice, requestedAt: now,
          deadline: deadline,
          terms: try rules.terms(
            fuelLimit: share.fuelLimit, fuelPrice: parent.job.fuelPrice, verifierFee: share.verifierFee))
        try ExecutionLayer.register(
          job, notBefore: try network.milliseconds(in: db) + delay, parameters: subJobParameters,
          parent: &parent, at: now, in: db)
      }
    }
  }

  /// Ends the job after a part's last attempt; SubJobs that nobody finished end with it.
  func fail(because record: SubJobRecord) throws(NetworkError) {
    try fail(
      because:
        "part \(record.position.part + 1) of round \(record.position.round + 1) ended as \(record.status.name) at its "
        + "last attempt: \(record.notes.reason)")
  }

  /// Ends the job for a reason.
  func fail(because reason: String) throws(NetworkError) {
    try database.write { db in
      var parent = try JobStore.job(id, in: db)
      let now = try network.tick(in: db)
      parent.reason = reason
      try ExecutionLayer.apply(.giveUp, to: &parent, at: now, in: db)
      try parties.releaseBonds(at: now, in: db)
      try network.closeEpochAtEnd(ofJob: true, in: db)
    }
  }
}
