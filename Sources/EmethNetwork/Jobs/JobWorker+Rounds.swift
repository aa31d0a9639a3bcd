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
      let records = try records(of: round)
      let (open, exhausted) = openParts(records)
      if let failure = failure(of: records, exhausted: exhausted) {
        try fail(because: failure)
        return false
      }
      if open.isEmpty {
        if !masksUpdates { return true }
        if try await addMasked(round) { return true }
        if try job().status.isFinal { return false }
      } else {
        let canBeChecked = try database.read({ db in try parties.canBeChecked(in: db) })
        if canBeChecked { try registerAttempts(open, round: round) }
        let silent = try await parties.compute(round)
        try await verify(round)
        try expire(silent)
        let waits = !canBeChecked && open.contains { $0.newest?.status.isFinal ?? true }
        try noteWait(round, waits)
      }
      try await rest(since: mark)
    }
  }

  /// The SubJobs of a round in the order of registration. Those that have ended change no more and are read once, of many
  /// parts most have; the others are read together.
  private func records(of round: UInt32) throws(NetworkError) -> [SubJobRecord] {
    try database.read { [id, ended] db in
      let rows = try SQLRow.fetchAll(
        db, sql: "SELECT id FROM subJob WHERE parent = ? AND round = ? ORDER BY number",
        arguments: ["\(id)", Int64(round)])
      let unfinished = JobStatus.allCases.filter { !$0.isFinal }
      let open = Dictionary(
        try JobStore.subJobs(of: id, round: round, in: unfinished, in: db).map { ($0.id, $0) }
      ) { first, _ in first }
      return try rows.map { row in
        let subJob = try JobID(hex: row["id"])
        if let known = ended.record(subJob) ?? open[subJob] { return known }
        let record = try JobStore.subJob(subJob, in: db)
        if record.status.isFinal { ended.keep(record) }
        return record
      }
    }
  }

  /// Notes that the job waits for verifiers, or does no more: for work that is not given out without them, or for what
  /// was handed in.
  private func noteWait(_ round: UInt32, _ waits: Bool) throws(NetworkError) {
    guard network.isLive else { return }
    func wait(_ record: JobRecord, in db: SQLSession) throws -> JobWait? {
      if waits { return .verifiers }
      let records = try JobStore.subJobs(of: id, round: round, in: [.submitted], in: db)
      return records.contains { $0.awaitsVerdict && $0.notes.undrawnSince != nil } ? .verifiers : nil
    }
    let isKnown = try database.read { db in
      let record = try JobStore.job(id, in: db)
      return try wait(record, in: db) == record.progress.wait
    }
    if isKnown { return }
    try database.write { db in
      var record = try JobStore.job(id, in: db)
      record.progress.wait = try wait(record, in: db)
      try JobStore.update(record, in: db)
    }
  }

  /// Why the job can't go on; nil when it can.
  private func failure(of records: [SubJobRecord], exhausted: SubJobRecord?) -> String? {
    if let exhausted {
      return "part \(exhausted.position.part + 1) of round \(exhausted.position.round + 1) ended as "
        + "\(exhausted.status.name) at its last attempt: \(exhausted.notes.reason)"
    }
    // Its node is paid although nobody has checked it: what it computed is not added to a model.
    if let unchecked = records.first(where: { $0.machine.endReason == .verifiersSilent })?.position {
      return
        "part \(unchecked.part + 1) of round \(unchecked.round + 1) was checked by nobody: two drawn verifiers "
        + "stayed silent"
    }
    let verified = records.filter { $0.status == .verified }
    if let refused = verified.first(where: \.isRefusal), let words = refused.notes.result?.refusal {
      return refusal(words, ofPart: refused.position.part)
    }
    // What is beyond the limit was accepted, and not kept.
    let isComputed = !request.isTraining && !verified.isEmpty
    if isComputed, network.isLive, verified.contains(where: { $0.notes.update == nil && !$0.isRefusal }) {
      return "the outputs of its parts have more than \(network.maximumResultBytes) bytes together"
    }
    // Its node is paid although fewer have computed its output than the requester asked for.
    let lone = verified.first { record in
      let accepting = record.notes.judgements.map(\.verdict.verdict).filter(\.accepted)
      return request.isAlwaysRepeated && Set(accepting.map(\.verifier)).count + 1 < request.agreement
    }
    return lone.map {
      "part \($0.position.part + 1) was not computed by \(request.agreement): others that were drawn stayed silent"
    }
  }

  /// What is said of a part to which the module says no.
  func refusal(_ words: String, ofPart part: UInt32) -> String {
    NetworkError.moduleFailed(program: "\(request.program)", reason: "part \(part + 1): \(words)").message
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

  /// The parts that are open, by the attempts of their round; or one whose last attempt has ended.
  func openParts(_ records: [SubJobRecord]) -> (open: [OpenPart], exhausted: SubJobRecord?) {
    let latest = Dictionary(records.map { ($0.position.part, $0) }, uniquingKeysWith: { $1 })
    var open: [OpenPart] = []
    for part in 0..<request.parallel {
      let newest = latest[part]
      if let newest, newest.status == .verified || newest.awaitsSum { continue }
      if let newest, newest.status.isFinal, newest.position.attempt >= request.retry.lastAttempt {
        return ([], newest)
      }
      open.append(OpenPart(part: part, newest: newest))
    }
    return (open, nil)
  }

  /// So many SubJobs are registered in one transaction, which writes their parent's record once.
  private static let registrationLimit = 250

  /// Registers the first attempts at parts, or the next ones after their delay.
  func registerAttempts(_ open: [OpenPart], round: UInt32) throws(NetworkError) {
    let due = open.filter { $0.newest?.status.isFinal ?? true }
    for begin in stride(from: 0, to: due.count, by: Self.registrationLimit) {
      try database.write { db in
        var parent = try JobStore.job(id, in: db)
        var isChanged = false
        for part in due[begin...].prefix(Self.registrationLimit) {
          if try registerAttempt(part, round: round, parent: &parent, in: db) { isChanged = true }
        }
        if isChanged { try JobStore.update(parent, in: db) }
      }
    }
  }

  /// False where no time is left: there is nothing to do then but to wait for the job's own deadline.
  private func registerAttempt(
    _ part: OpenPart, round: UInt32, parent: inout JobRecord, in db: SQLSession
  ) throws -> Bool {
    let attempt = part.newest.map { $0.position.attempt + 1 } ?? 0
    let now = try network.tick(in: db)
    let deadline = ParentBudget.attemptDeadline(
      now: now, parentDeadline: parent.machine.deadline, roundsLeft: request.rounds - round,
      attempt: attempt,
      lastAttempt: request.retry.lastAttempt, roundStart: parent.progress.rounds[Int(round)].beganAt)
    guard !network.isLive || deadline > now else { return false }
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
    return true
  }

  /// Ends the job for a reason; SubJobs that nobody finished end with it.
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
