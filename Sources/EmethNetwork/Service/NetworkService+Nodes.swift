import EmethKit

/// What nodes ask for.
extension NetworkService {
  /// What everybody may know.
  public func facts() throws(NetworkError) -> NetworkFacts {
    try database.read { db in
      let epoch = try Signer.latestBatch(in: db)?.batch.epoch ?? 0
      let schedule = try signer.schedule(in: db)
      return NetworkFacts(
        domain: domain, time: try seconds(in: db), signer: schedule.signer(of: epoch + 1),
        signerChanges: schedule.recordedChanges, aggregator: operatorKeys.aggregator.address,
        epochMilliseconds: settings.epochMilliseconds, periods: servedPeriods, epoch: epoch)
    }
  }

  /// SubJobs that wait for a node, and that `node` may take: the best paid first, then the oldest.
  public func openSubJobs(
    _ filter: SubJobFilter, for node: Address
  ) throws(NetworkError) -> [SubJobOffer] {
    let limit = min(1_000, max(1, filter.limit))
    // Before anything is read: what changes meanwhile makes it old.
    let mark = database.isShared ? nil : database.changes.mark
    return try database.read { db in
      if try isVerifier(node, in: db) { return [] }
      let now = try milliseconds(in: db)
      var offers: [SubJobOffer] = []
      var rounds: [OfferedRound.Place: OfferedRound] = [:]
      let next = try JobStore.openSubJobs(filter, in: db)
      while offers.count < limit {
        // What has to be known of them is read together: in a database on a server each statement is a round trip.
        var open: [(id: JobID, place: OfferedRound.Place)] = []
        let count = min(64, max(16, limit - offers.count))
        while open.count < count, let one = try next() { open.append(one) }
        if open.isEmpty { break }
        let jobs = try offeredJobs(of: Set(open.map(\.place.parent)), in: db)
        let trainings = open.filter { jobs[$0.place.parent]?.request.isTraining == true }
        try add(Set(trainings.map(\.place)), to: &rounds, readAt: mark, in: db)
        let others = try JobStore.subJobs(
          open.filter { jobs[$0.place.parent]?.request.isTraining == false }.map(\.id), in: db)
        for (id, place) in open where offers.count < limit {
          guard let job = jobs[place.parent] else { continue }
          if let module = job.request.module, filter.modules?.contains(module) == false { continue }
          let round = job.request.isTraining ? rounds[place] : nil
          guard let record = job.request.isTraining ? round?.subJob(id) : others[id],
            record.status == .requested, record.notes.notBefore <= now,
            record.machine.deadline > now / 1_000
          else { continue }
          if try obstacle(to: node, taking: record, among: round, at: now, in: db) == nil {
            offers.append(try offer(record, of: job, among: round))
          }
        }
      }
      return offers
    }
  }

  /// What is another one when other SubJobs wait for nodes: how many they are and the sum of their numbers.
  func offerMark() throws(NetworkError) -> String {
    try database.read { db in
      try String.fetchOne(
        db,
        sql: """
          SELECT CAST(count(*) AS text) || ' ' || CAST(coalesce(sum(number), 0) AS text) FROM subJob
          WHERE status = \(JobStatus.requested.rawValue)
          """) ?? ""
    }
  }

  /// What never changes of jobs: a SubJob is offered without what is known of all others of it.
  private func offeredJobs(of ids: Set<JobID>, in db: SQLSession) throws -> [JobID: OfferedJob] {
    var found: [JobID: OfferedJob] = [:]
    for id in ids { found[id] = offeredJobs.value(id, changedAt: 0) }
    for (id, request) in try JobStore.requests(of: ids.filter { found[$0] == nil }, in: db) {
      let read = try OfferedJob(request, self)
      offeredJobs.keep(read, as: id, readAt: 0)
      found[id] = read
    }
    return found
  }

  /// Adds rounds to those that are known.
  ///
  /// - Parameter mark: the number of the last change before they are read; nil where that says nothing.
  private func add(
    _ places: Set<OfferedRound.Place>, to rounds: inout [OfferedRound.Place: OfferedRound],
    readAt mark: UInt64?, in db: SQLSession
  ) throws {
    for place in places where rounds[place] == nil {
      rounds[place] = offeredRounds.value(place, changedAt: database.changes.mark(of: .job(place.parent)))
    }
    for (place, round) in try OfferedRound.rounds(places.filter { rounds[$0] == nil }, in: db) {
      rounds[place] = round
      if let mark { offeredRounds.keep(round, as: place, size: round.subJobs.count, readAt: mark) }
    }
  }

  func offeredJob(_ id: JobID, in db: SQLSession) throws -> OfferedJob {
    guard let job = try offeredJobs(of: [id], in: db)[id] else { throw NetworkError.unknownJob(id: "\(id)") }
    return job
  }

  /// Whether an account has a verifier's bond: who checks does not compute.
  private func isVerifier(_ account: Address, in db: SQLSession) throws -> Bool {
    try SQLRow.fetchOne(db, sql: "SELECT 1 FROM bond WHERE verifier = ?", arguments: ["\(account)"]) != nil
  }

  /// What a node earns with a SubJob when it is verified.
  func fee(for record: SubJobRecord, of offered: OfferedJob) throws -> TokenAmount {
    let job = record.machine.job
    let fee =
      job.terms.flatFee ? job.terms.feeLimit : try job.fuelPrice.fee(for: offered.cost.subJobFuel)
    return try fee.subtracting(job.terms.verifierFeeFromFee)
  }

  private func offer(
    _ record: SubJobRecord, of offered: OfferedJob, among round: OfferedRound?
  ) throws -> SubJobOffer {
    let job = record.machine.job
    let model = round?.parent.progress.rounds[Int(record.position.round)].startingParameters
    return SubJobOffer(
      id: record.id, position: record.position, programId: job.programID, fuel: offered.cost.subJobFuel,
      fuelPrice: job.fuelPrice, fee: try fee(for: record, of: offered), deposit: job.terms.deposit,
      deadline: record.machine.deadline,
      // A SubJob's data set is its part.
      dataBytes: store.byteCount(of: try Bytes32(hex: job.dataset)) ?? 0,
      parameterBytes: model.map { store.byteCount(of: $0) ?? 0 } ?? offered.modelBytes,
      requester: job.requester, terms: offered.request.programTerms, training: offered.training,
      proofZeroBits: offered.proofZeroBits)
  }

  /// Why an account that is no verifier may not take a SubJob at a time, in milliseconds; nil when it may.
  ///
  /// - Parameter round: its round, where it is a training's.
  private func obstacle(
    to node: Address, taking record: SubJobRecord, among round: OfferedRound?, at now: UInt64,
    in db: SQLSession
  ) throws -> (code: String, message: String)? {
    // Who lost a part leaves it to others for a while.
    let patience = record.notes.notBefore + 2_000 * UInt64(record.machine.parameters.leaseSeconds)
    let company = round.flatMap { self.company(of: record, in: $0) }
    if let company {
      let accounts = Set(company.accounts).union([node]).count + company.open
      guard accounts >= Cohort.minimumAccounts else {
        return (
          "node.company",
          "with account \(node) the SubJobs that are added together would be of \(accounts) accounts, needed are \(Cohort.minimumAccounts)"
        )
      }
    }
    let isNeeded =
      company.map { Set($0.accounts).subtracting([node]).count + $0.open < Cohort.minimumAccounts } ?? false
    if now < patience, !isNeeded, try JobStore.hasLost(record.position, node: node, in: db) {
      return ("node.lostIt", "account \(node) has lost this part before: others may take it first")
    }
    return nil
  }

  /// Whose SubJobs will be added with one, as far as it is known, and how many of them nobody has; nil
  /// where updates are added plainly.
  private func company(
    of record: SubJobRecord, in round: OfferedRound
  ) -> (accounts: [Address], open: Int)? {
    guard record.machine.parameters.aggregation == .masked else { return nil }
    let part = record.position.part
    // Also the parts whose SubJobs are not registered yet.
    let parts = round.cohorts.first { $0.contains(part) } ?? Set(0..<round.parent.request.parallel)
    let others = parts.subtracting([part])
    let accounts = round.subJobs.filter {
      others.contains($0.position.part) && ($0.status == .processing || $0.status == .submitted)
    }.compactMap(\.machine.node)
    return (accounts, others.count - accounts.count)
  }

  /// Gives a SubJob to a node: locks the deposit and writes the header that opens its part. Asked again, it
  /// answers as before.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` when another node was faster, the deposit is
  ///   not covered, it is too early or too late, or this account may not have it;
  ///   ``NetworkError/unknownJob(id:)``.
  public func process(
    _ subJob: JobID, by node: Address, binding: SignedKeyBinding
  ) throws(NetworkError) -> Assignment {
    // Records are decoded, and the part is sealed for this node, before it is this change's turn: all others wait then.
    // The header depends on nothing that changes; that it can't be made is said where it is needed.
    let rows = try database.rows(
      sql: { _ in
        """
        SELECT * FROM (\(JobStore.withParent)) AS found
          LEFT JOIN (SELECT role FROM account WHERE address = ?2) AS known ON TRUE
        """
      }, arguments: ["\(subJob)", "\(node)"])
    let position = try asNetworkError { try JobStore.withParent(rows, subJob).subJob.position }
    let role: String? = try asNetworkError { try rows.first.map { try $0["role"] } ?? nil }
    let time = clock.milliseconds / 1_000
    let header = Result { () throws(NetworkError) in
      try splitter.header(
        of: position.parent, part: position.part, subJob: subJob, node: node, binding: binding, now: time,
        domain: domain)
    }
    if role == Self.holder, database.isShared { try noteHolder(node, as: "node") }
    let (record, parent) = try database.write { db in
      var (record, parent) = try claimed(subJob, in: db)
      if record.status == .processing, record.machine.node == node { return (record, parent) }
      let now = try milliseconds(in: db)
      let account = try ClaimingAccount(node, in: db)
      if record.status == .requested {
        try refuseIfFrozen(in: db)
        guard record.notes.notBefore <= now else {
          throw NetworkError.refused(
            code: "subJob.tooEarly",
            message:
              "SubJob \(subJob) may not be taken before \(record.notes.notBefore) ms, now is \(now) ms",
            hint: nil)
        }
        guard !account.isVerifier else {
          throw NetworkError.refused(
            code: "node.verifier",
            message: "account \(node) has a verifier's bond: who checks does not compute", hint: nil)
        }
        let round =
          record.machine.parameters.aggregation == .masked
          ? try OfferedRound(record.position.round, of: parent, in: db) : nil
        if let obstacle = try obstacle(to: node, taking: record, among: round, at: now, in: db) {
          throw NetworkError.refused(code: obstacle.code, message: obstacle.message, hint: nil)
        }
      }
      let header = try header.get()
      record.notes.header = HexText(wrappedValue: header)
      record.notes.nodeKey = binding
      try note(node, as: "node", knownAs: account.role, in: db)
      try ExecutionLayer.apply(
        .process(
          by: node, headerExists: !header.isEmpty, cooldownOver: true, depositAvailable: account.unspent),
        to: &record, parent: &parent, at: now / 1_000, in: db)
      return (record, parent)
    }
    return try JobWorker(
      network: self, job: parent.job.id, request: parent.request, threads: settings.threads, stop: StopFlag(),
      progress: { _ in }
    ).assignment(of: record, parent: parent)
  }

  /// A SubJob that is there, for who claims it. Who comes while another's claim is being carried out need not wait for its
  /// end.
  private func claimed(
    _ subJob: JobID, in db: SQLSession
  ) throws -> (subJob: SubJobRecord, parent: JobRecord) {
    let rows = try SQLRow.fetchAll(
      db, sql: JobStore.withParent + db.dialect.skippingLocked(of: "subJob"), arguments: ["\(subJob)"])
    if rows.isEmpty {
      throw NetworkError.refused(
        code: "subJob.contended", message: "SubJob \(subJob) is being claimed by another node",
        hint: nil)
    }
    return try JobStore.withParent(rows, subJob)
  }

  /// What has to be known of an account that claims a SubJob, by one statement.
  private struct ClaimingAccount {
    /// Who checks does not compute.
    let isVerifier: Bool
    /// What it is noted as; nil for one that is not.
    let role: String?
    /// What it can pay a deposit with.
    let unspent: TokenAmount

    init(_ account: Address, in db: SQLSession) throws {
      let rows = try SQLRow.fetchAll(
        db,
        sql: """
          SELECT (SELECT 1 FROM bond WHERE verifier = ?1) AS bond,
            (SELECT role FROM account WHERE address = ?1) AS role,
            (SELECT holon FROM balance WHERE account = ?1 AND pot = ?2) AS unspent
          """, arguments: ["\(account)", Pot.unspent.rawValue])
      guard let row = rows.first else { throw NetworkError.inconsistent(what: "a query without a row") }
      let (bond, unspent): (Int?, String?) = (try row["bond"], try row["unspent"])
      isVerifier = bond != nil
      role = try row["role"]
      self.unspent = try unspent.map { try Ledger.amount($0) } ?? .zero
    }
  }

  /// Notes that the node still computes.
  public func renew(_ subJob: JobID, by node: Address) throws(NetworkError) {
    try apply(.renewLease(by: node), to: subJob)
  }

  /// Takes a SubJob back that its node gives up.
  public func decline(_ subJob: JobID, by node: Address, reason: String) throws(NetworkError) {
    try database.write { db in
      var (record, parent) = try JobStore.withParent(subJob, in: db)
      if record.status == .declined, record.machine.node == node { return }
      record.notes.reason = "the node gave up: \(reason.prefix(200))"
      try ExecutionLayer.apply(
        .decline(by: node, evidence: nil), to: &record, parent: &parent, at: try seconds(in: db), in: db)
    }
  }

  private func apply(_ event: JobEvent, to subJob: JobID) throws(NetworkError) {
    try database.write { db in
      var (record, parent) = try JobStore.withParent(subJob, in: db)
      try ExecutionLayer.apply(event, to: &record, parent: &parent, at: try seconds(in: db), in: db)
    }
  }

  /// The highest training loss that is believed, nats per token: that of a guess among e^1000 tokens.
  private static let highestLoss = 1_000.0

  /// Takes a result; the same twice is no error.
  public func submit(_ result: NodeResult, by node: Address) throws(NetworkError) {
    let submission = result.submission.submission
    guard submission.node == node else {
      throw Self.notYours(submission.jobID, "the submission of SubJob", node)
    }
    // Nobody checks these two: they must only be ones that can be added up.
    guard (0...Self.highestLoss).contains(result.trainLoss),
      (0...settings.maximumParameters).contains(result.clipped)
    else {
      throw .malformed(
        what: "result of SubJob \(submission.jobID)",
        reason:
          "its loss is \(result.trainLoss), its clipped coordinates \(result.clipped); allowed are 0 to "
          + "\(Self.highestLoss) and 0 to \(settings.maximumParameters)")
    }
    try asNetworkError { try result.submission.check(in: domain) }
    let proof = try proof(in: result)
    try database.write { db in
      var (record, parent) = try JobStore.withParent(submission.jobID, in: db)
      if record.machine.submission == result.submission.digest { return }
      record.notes.result = result
      record.notes.result?.refusal = result.refusal.map { ModuleProcess.shown($0) }
      record.notes.update = proof
      if let proof {
        try HoldStore.takeOver(
          [.object(proof)], from: node, for: parent.job.id, .vectors(record.position.round),
          at: seconds(in: db), in: db)
        guard try store.contains(proof) else { throw NetworkError.missingObject(hash: proof) }
      }
      record.notes.epoch = (try Signer.latestBatch(in: db)?.batch.epoch ?? 0) + 1
      if case .training(let request) = parent.request {
        let manifest = request.manifest
        let tokens = UInt64(manifest.stepsPerRound)
          .multipliedReportingOverflow(by: UInt64(manifest.batch) * UInt64(manifest.model.context))
        let sum = parent.progress.trainedTokens.addingReportingOverflow(
          tokens.overflow ? .max : tokens.partialValue)
        parent.progress.trainedTokens = sum.overflow ? .max : sum.partialValue
      }
      try ExecutionLayer.apply(
        .submit(
          by: node, fuelUsed: Fuel(units: submission.fuelUsed), submission: result.submission.digest,
          proofHolds: proof != nil),
        to: &record, parent: &parent, at: try seconds(in: db), in: db)
      // Of many parts the parent's record is long, and there is nothing new in it.
      if parent.request.isTraining { try JobStore.update(parent, in: db) }
    }
  }

  /// How a SubJob stands.
  public func state(of subJob: JobID) throws(NetworkError) -> SubJobState {
    try database.read { db in
      let (record, parent) = try JobStore.withParent(subJob, in: db)
      return SubJobState(record, parent: parent)
    }
  }
}
