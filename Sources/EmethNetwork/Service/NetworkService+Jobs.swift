import EmethCompute
import EmethKit
import Foundation

/// What requesters ask for, and what everybody may look at.
extension NetworkService {
  /// Registers a job; sent twice, it is one job.
  ///
  /// - Throws: ``NetworkError/missingObject(hash:)`` for what was not uploaded,
  ///   ``NetworkError/badSetting(name:found:allowed:)``, ``NetworkError/malformed(what:reason:)``, and
  ///   ``NetworkError/refused(code:message:hint:)`` such as for an escrow that is not covered.
  public func submit(_ submission: JobSubmission, by requester: Address) throws(NetworkError) -> JobID {
    let id = JobID(requester: requester, salt: submission.salt)
    if try database.read({ db in try JobStore.exists(id, in: db) }) { return id }
    try database.read { db in try refuseIfFrozen(in: db) }
    guard submission.timeLimitSeconds > 0, submission.timeLimitSeconds <= Self.longestJobSeconds else {
      throw .badSetting(
        name: "time limit", found: "\(submission.timeLimitSeconds) s",
        allowed: "1 to \(Self.longestJobSeconds) s")
    }
    guard submission.dataSetName.utf8.count <= 255 else {
      throw .badSetting(
        name: "data set's name", found: "\(submission.dataSetName.utf8.count) bytes", allowed: "at most 255")
    }
    let requesterKey = try requesterKey(of: submission, by: requester)
    let request = try self.request(of: submission)
    try check(request.retry)
    let cost = try JobCost(request)
    try checkOpening(of: request)
    if let limit = submission.fuelLimit, limit < cost.fuelLimit {
      throw .badSetting(name: "fuel limit", found: "\(limit)", allowed: "\(cost.fuelLimit) and above")
    }
    let fuelLimit = submission.fuelLimit ?? cost.fuelLimit
    let terms = try asNetworkError {
      try JobCost.ruleSet(named: request.ruleSet).terms(
        fuelLimit: fuelLimit, fuelPrice: request.fuelPrice, verifiers: request.paidVerifiers)
    }
    try check(terms.verifierFee, for: request)
    // A hash is public, and not enough: who names a data set must have given all of it.
    guard try dataSetGivers.contains(requester, of: submission.dataSet) else {
      throw .missingObject(hash: submission.dataSet)
    }
    // Before anything of a stranger's is read that takes long: who can't pay is told so, as below.
    let funds = try database.read { db in try Ledger.balance(of: requester, pot: .unspent, in: db) }
    guard funds >= terms.escrow else {
      throw NetworkError(JobError.escrowNotCovered(found: funds, required: terms.escrow))
    }
    try checkRoom(for: request)
    for object in request.models { try checkMayFetch(object, by: requester) }
    try requireData(of: request)
    switch request {
    case .computed(let computed):
      if let generation = computed.manifest.generation { try check(generation.model) }
      try register(request, id, fuelLimit, terms, requesterKey, of: requester)
    case .training(let training):
      // Asked below once more, but then a folder is there already that others may want: until it is deleted, they wait.
      try database.read { db in
        let job = try job(of: request, id, fuelLimit, terms, of: requester, at: try seconds(in: db))
        try refuseIfBondsAreTooSmall(for: job, in: db)
      }
      let isNew = try keepTokenizer(submission.tokenizer, of: training)
      do throws(NetworkError) {
        try register(request, id, fuelLimit, terms, requesterKey, of: requester)
      } catch {
        // What is refused leaves nothing that it has not paid for.
        if isNew, let name = ObjectName.tokenizer(of: request) { try? discard([name]) }
        throw error
      }
    }
    return id
  }

  /// Refuses a request whose data set or models are not here.
  private func requireData(of request: JobRequest) throws(NetworkError) {
    guard try splitterStore.contains(request.dataSet) else { throw .missingObject(hash: request.dataSet) }
    for object in request.models where try !store.contains(object) { throw .missingObject(hash: object) }
  }

  private func register(
    _ request: JobRequest, _ id: JobID, _ fuelLimit: Fuel, _ terms: JobTerms,
    _ requesterKey: SignedKeyBinding?, of requester: Address
  ) throws(NetworkError) {
    try database.write { db in
      let now = try seconds(in: db)
      guard try !JobStore.exists(id, in: db) else { return }
      // Nobody deletes them from now on. The account holds them as long as it did: its next job may name them too.
      try HoldStore.take(
        [.splitter(request.dataSet)] + request.models.map { .object($0) }
          + [ObjectName.tokenizer(of: request)].compactMap { $0 },
        for: id, .job, at: now, in: db)
      try requireTokenizer(of: request)
      try requireData(of: request)
      let job = try job(of: request, id, fuelLimit, terms, of: requester, at: now)
      try refuseIfBondsAreTooSmall(for: job, in: db)
      let machine = try ParentMachine(
        request: job, by: requester, idIsUnused: true,
        fundsAvailable: Ledger.balance(of: requester, pot: .unspent, in: db), parameters: servedPeriods)
      try note(requester, as: "requester", in: db)
      var record = JobRecord(machine: machine, request: request)
      record.progress.requesterKey = requesterKey
      try ExecutionLayer.register(record, at: now, in: db)
    }
  }

  private func job(
    of request: JobRequest, _ id: JobID, _ fuelLimit: Fuel, _ terms: JobTerms, of requester: Address,
    at now: UInt64
  ) throws -> Job {
    try Job(
      id: id, requester: requester, programID: request.program, numParallel: request.parallel,
      numEpoch: request.rounds, dataset: "\(request.dataSet)", parameters: request.parameters,
      fuelLimit: fuelLimit, fuelPrice: request.fuelPrice, requestedAt: now,
      deadline: now + request.timeLimitSeconds, terms: terms)
  }

  /// The key that the result is to be sealed to, if the client names one: its requester's, good for as long as the job may
  /// take, and one that something can be sealed to.
  private func requesterKey(
    of submission: JobSubmission, by requester: Address
  ) throws(NetworkError) -> SignedKeyBinding? {
    guard let signed = submission.requesterKey else { return nil }
    let now = clock.milliseconds / 1_000
    try asNetworkError { try signed.check(at: now, account: requester, in: domain) }
    let end = now + submission.timeLimitSeconds
    guard signed.binding.expiry >= end else {
      throw .badSetting(
        name: "requesterKey", found: "a key that counts until \(signed.binding.expiry)",
        allowed: "one that counts until \(end), the job's deadline, or longer")
    }
    try signed.binding.checkRecipient()
    return signed
  }

  /// What a submission asks for.
  private func request(of submission: JobSubmission) throws(NetworkError) -> JobRequest {
    if let program = submission.program, program != .languageModelTraining {
      return .computed(try computation(of: submission, program))
    }
    let manifest = try asNetworkError { try TrainingManifest(json: submission.manifest) }
    let request = TrainingRequest(
      manifest: manifest,
      dataSetName: submission.dataSetName, dataSet: submission.dataSet,
      tokenizer: submission.tokenizer.map { _ in LocalNetwork.place(ofTokenizer: manifest.tokenizerHash.bytes)
      },
      initialParameters: submission.initialParameters,
      parallel: submission.parallel, fuelPrice: submission.fuelPrice, ruleSet: submission.ruleSet,
      timeLimitSeconds: submission.timeLimitSeconds, retry: submission.retry ?? .standard,
      check: submission.check)
    try check(request)
    return .training(request)
  }

  /// Refuses a training of which a node would have to open more states than can be sent in time; a check that can't be
  /// computed would be found out in the middle of the job.
  private func checkOpening(of request: JobRequest) throws(NetworkError) {
    guard let terms = try TrainingTerms(request, check: request.check ?? settings.check) else { return }
    if case .training(let training) = request {
      let manifest = training.manifest
      let document = Opening.byteCount(
        manifest, segments: Int(terms.openedStates),
        parameters: Int(clamping: manifest.model.parameterCount))
      guard document <= Double(Opening.mostBytes) else {
        throw .badSetting(
          name: "segmentLength",
          found: "\(terms.openedStates) segments of \(manifest.segmentLength) x \(manifest.batch) sequences",
          allowed: "what is opened of them in at most \(Opening.mostBytes) bytes, here \(UInt64(document))")
      }
    }
    // A check that this network could not do of a job is none to compare with.
    let own = (try? TrainingTerms(request, check: settings.check)) ?? nil
    guard
      terms.openedStates <= own?.openedStates ?? 0
        || terms.openingBytes <= Double(settings.maximumOpeningBytes)
    else {
      throw .badSetting(
        name: "check",
        found:
          "\(terms.openedStates) states of \(UInt64(terms.stateBytes)) bytes to be opened of each SubJob",
        allowed:
          "at most \(settings.maximumOpeningBytes) bytes of them, or the check \(settings.check) of this network"
      )
    }
  }

  /// The most parts of a job that is no training.
  private static let partLimit: UInt32 = 10_000

  private func computation(
    of submission: JobSubmission, _ program: ProgramID
  ) throws(NetworkError) -> ComputedRequest {
    let manifest = try ComputedManifest(json: submission.manifest)
    guard manifest.program == program else {
      throw .badSetting(
        name: "program", found: "\(program)", allowed: "\(manifest.program), as the manifest says")
    }
    guard submission.tokenizer == nil, submission.initialParameters == nil, submission.check == nil else {
      throw .badSetting(
        name: "program \(program)", found: "a tokenizer, initial parameters or a check",
        allowed: "none of them: they are a training's")
    }
    guard manifest.outputBytes <= settings.maximumResultBytes else {
      throw .badSetting(
        name: "bytes of a part's output", found: "\(manifest.outputBytes)",
        allowed: "at most \(settings.maximumResultBytes), which all outputs of a job together may have here")
    }
    guard submission.parallel > 0, submission.parallel <= Self.partLimit,
      UInt64(submission.parallel) <= manifest.recordCount
    else {
      throw .badSetting(
        name: "parallel", found: "\(submission.parallel)",
        allowed: "1 to \(min(UInt64(Self.partLimit), manifest.recordCount))")
    }
    return ComputedRequest(
      manifest: manifest, dataSetName: submission.dataSetName, dataSet: submission.dataSet,
      parallel: submission.parallel, fuelPrice: submission.fuelPrice, ruleSet: submission.ruleSet,
      timeLimitSeconds: submission.timeLimitSeconds, retry: submission.retry ?? .standard)
  }

  /// The most bytes of a file of weights besides the weights.
  private static let weightsHeaderLimit: UInt64 = 16 << 20

  /// Whether a model of a text generation is here, and not too large.
  private func check(_ model: ModelReference) throws(NetworkError) {
    let count = try model.shape.parameterCount
    guard count <= UInt64(settings.maximumParameters) else {
      throw .badSetting(
        name: "model", found: "\(count) parameters", allowed: "at most \(settings.maximumParameters)")
    }
    for object in model.objects where try !store.contains(object) { throw .missingObject(hash: object) }
    // Nodes fetch it before they see what it is.
    let limit = 4 * count + Self.weightsHeaderLimit
    let weights = store.byteCount(of: model.weightsObject) ?? 0
    guard weights <= limit else {
      throw .malformed(
        what: "model",
        reason: "its weights have \(weights) bytes, those of its shape are \(limit) with their names at most")
    }
    _ = try model.tokenizer(from: store)
  }

  /// Who is drawn can't refuse: nobody has work checked for less than the operator says.
  private func check(_ verifierFee: TokenAmount, for request: JobRequest) throws(NetworkError) {
    guard request.paidVerifiers > 0 else { return }
    let words = UInt64(request.rounds) * UInt64(request.parallel) * UInt64(request.paidVerifiers)
    let one = TokenAmount(holon: verifierFee.holon / UInt256(words))
    guard one < max(settings.minimumVerifierFee, TokenAmount(holon: 1)) else { return }
    throw .refused(
      code: "job.verifierFeeTooLow",
      message: "a verifier of this job would get \(one) for a SubJob by the rules \(request.ruleSet) at "
        + "\(request.fuelPrice), allowed are \(max(settings.minimumVerifierFee, TokenAmount(holon: 1))) and above",
      hint: "offer a higher fuel price, by rules with a verifier fee such as standard, or ask for fewer parts"
    )
  }

  /// The most attempts at a part, the longest first delay, and the largest factor of the next.
  private static let retryLimits = (
    attempts: UInt32(10), milliseconds: UInt64(86_400_000), factor: UInt32(10)
  )

  private func check(_ retry: RetryPolicy) throws(NetworkError) {
    let limits = Self.retryLimits
    guard (1...limits.attempts).contains(UInt32(clamping: retry.attempts)),
      retry.baseDelayMilliseconds <= limits.milliseconds, UInt32(clamping: retry.factor) <= limits.factor
    else {
      throw .badSetting(
        name: "retry",
        found: "\(retry.attempts) attempts, \(retry.baseDelayMilliseconds) ms, factor \(retry.factor)",
        allowed:
          "1 to \(limits.attempts) attempts, at most \(limits.milliseconds) ms, factor at most \(limits.factor)"
      )
    }
  }

  /// Whether the service can do what is asked for: verdicts on it mean something, and its model is not too large.
  private func check(_ request: TrainingRequest) throws(NetworkError) {
    try asNetworkError { try request.manifest.checkSegments() }
    let count: Int
    do throws(ComputeError) {
      count = try ModelConfiguration(request.manifest.model).parameterCount
    } catch {
      throw .compute(error)
    }
    guard count <= settings.maximumParameters else {
      throw .badSetting(
        name: "model", found: "\(count) parameters", allowed: "at most \(settings.maximumParameters)")
    }
  }

  /// The longest time that a job may take: ten years.
  static let longestJobSeconds: UInt64 = 315_360_000

  /// Takes a job back that no SubJob was registered for.
  public func cancel(_ id: JobID, by requester: Address) throws(NetworkError) {
    try database.write { db in
      var record = try JobStore.job(id, in: db)
      guard record.status != .canceled else { return }
      guard record.job.requester == requester else { throw Self.notYours(id, "job", requester) }
      try ExecutionLayer.apply(.cancel(by: requester), to: &record, at: try seconds(in: db), in: db)
    }
  }

  /// One job.
  public func job(_ id: JobID) throws(NetworkError) -> JobView {
    guard let text = try jobTexts([id])[id] else { throw .unknownJob(id: "\(id)") }
    return try asNetworkError { try text.get().decoded() }
  }

  /// Jobs as they are now, those of them that there are, by one question to the database.
  ///
  /// - Parameter ids: 64 at most.
  /// - Returns: also why one can't be read: the others have nothing to do with it.
  func jobTexts(_ ids: Set<JobID>) throws(NetworkError) -> [JobID: Result<JobText, NetworkError>] {
    let byText = Dictionary(ids.map { ("\($0)", $0) }, uniquingKeysWith: { first, _ in first })
    if byText.isEmpty { return [:] }
    let asked = Array(byText.keys).filledUp
    let rows = try database.rows(
      sql: { "SELECT \(JobStore.textColumns($0)) FROM job WHERE id IN (\(asked.marks))" },
      arguments: SQLArguments(asked))
    var found: [JobID: Result<JobText, NetworkError>] = [:]
    for row in rows {
      guard let id = try asNetworkError({ byText[try row["id"]] }) else { continue }
      do throws(NetworkError) {
        found[id] = .success(try text(row))
      } catch {
        // A database that can't be used is no trouble of this job alone.
        if case .databaseFailed = error { throw error }
        found[id] = .failure(error)
      }
    }
    return found
  }

  private func text(_ row: SQLRow) throws(NetworkError) -> JobText {
    try asNetworkError {
      try JobStore.text(row) { id in try database.read { db in try JobStore.job(id, in: db) } }
    }
  }

  /// A page of jobs, newest first. One that can't be read keeps nobody from the others: it is named as such.
  public func jobs(_ filter: JobFilter) throws(NetworkError) -> JobPage {
    let rows = try database.read { db in
      try JobStore.rows(JobStore.textColumns(db.dialect), filter, in: db)
    }
    let shown = rows.prefix(filter.pageLength)
    var page = JobPage(jobs: [])
    if rows.count > shown.count, let last = shown.last {
      page.next = try asNetworkError { try last["number"] }
    }
    for row in shown {
      do throws(NetworkError) {
        let text = try self.text(row)
        page.jobs.append(try asNetworkError { try text.decoded() })
      } catch {
        if case .databaseFailed = error { throw error }
        let id = try asNetworkError { try JobID(hex: row["id"]) }
        page.unreadable = (page.unreadable ?? []) + [id]
      }
    }
    return page
  }

  /// All SubJobs of a job in the order of registration.
  public func subJobs(of id: JobID) throws(NetworkError) -> [SubJobState] {
    try database.read { db in
      let parent = try JobStore.job(id, in: db)
      return try JobStore.subJobs(of: id, in: db).map { SubJobState($0, parent: parent) }
    }
  }

  /// Everything that is known of how a job went.
  public func report(on id: JobID) throws(NetworkError) -> JobReport { try reportOnJob(id) }

  /// What anyone needs to check a job's signatures, sums and money; there is nothing before it is divided.
  public func records(of id: JobID) throws(NetworkError) -> PublicRecords {
    let record = try database.read { db in try JobStore.job(id, in: db) }
    guard let plan = record.progress.plan else {
      throw .refused(
        code: "job.notDivided", message: "job \(id) has no records: its data set is not divided yet",
        hint: nil)
    }
    return try publicRecords(of: record, plan: plan)
  }

  /// The objects of which a job's last model is made, or what its parts' outputs were joined to, once it has ended; only
  /// its requester gets them.
  public func result(of id: JobID, for requester: Address) throws(NetworkError) -> JobResult {
    let record = try database.read { db in try JobStore.job(id, in: db) }
    guard record.job.requester == requester else { throw Self.notYours(id, "job", requester) }
    guard record.status.isFinal, record.hasResult, let newest = record.progress.rounds.last else {
      let why = record.hasResult ? "has not ended" : "has no complete round"
      throw .refused(
        code: "job.noResult", message: "job \(id) has no result: it is \(record.status.name) and \(why)",
        hint: nil)
    }
    let object = record.progress.result ?? newest.startingParameters
    let sealed = record.progress.sealed
    let isKept = try store.contains(sealed?.object(object) ?? object)
    if record.awaitsSealing, isKept {
      throw .refused(
        code: "job.resultNotSealed",
        message: "job \(id) is \(record.status.name), and its result is being sealed to its requester",
        hint: "try again in a moment")
    }
    guard isKept else { throw resultIsGone(id) }
    if case .computed(let request) = record.request {
      return JobResult(
        jobId: id, status: record.status, rounds: record.machine.roundsComplete,
        manifest: request.manifest.canonicalJSON, parameters: .zero, stateRoot: .zero,
        output: record.progress.result, sealed: sealed)
    }
    let request = try record.request.training
    let manifest = request.manifest
    return JobResult(
      jobId: id, status: record.status, rounds: record.machine.roundsComplete,
      manifest: manifest.canonicalJSON, parameters: newest.startingParameters, stateRoot: newest.initRoot,
      tokenizer: try tokenizerFiles(of: request, job: id),
      vocabularyMaskKey: manifest.masksVocabulary ? splitter.maskKey(of: id) : nil, sealed: sealed)
  }

  /// Refuses an object that is not for an account: what a job that is no training has led to, and what any result was
  /// sealed to, is its requester's, though all can read the hash of the first among the records. Other hashes are known to those alone whom they concern. What a job needs as its
  /// model, by its requester's own will, is for all who compute it.
  func checkMayFetch(_ object: Bytes32, by account: Address) throws(NetworkError) {
    let ofOthers = try database.read { db -> JobID? in
      let isNeeded = try SQLRow.fetchOne(
        db, sql: "SELECT 1 FROM hold WHERE object = ? AND purpose = 'job'",
        arguments: ["\(ObjectName.object(object))"])
      if isNeeded != nil { return nil }
      let jobs = try String.fetchAll(
        db,
        sql: """
          SELECT DISTINCT holder FROM hold WHERE object = ? AND (purpose = 'result' OR purpose LIKE 'round %')
          """, arguments: ["\(ObjectName.object(object))"]
      ).map { try JobStore.job(JobID(hex: $0), in: db) }.filter {
        $0.progress.result == object || $0.progress.sealed?.objects.values.contains(object) == true
      }
      return jobs.contains { $0.job.requester == account } ? nil : jobs.first?.job.id
    }
    if let ofOthers { throw Self.notYours(ofOthers, "the result of job", account) }
  }

  /// What is said of a result that was kept for as long as the operator keeps results.
  func resultIsGone(_ id: JobID) -> NetworkError {
    let days = settings.resultSeconds.map { "\($0 / 86_400) days" } ?? "ever"
    return .refused(
      code: "job.resultGone",
      message: "the result of job \(id) is deleted: results are kept for \(days) after a job's end",
      hint: "fetch a result within that time")
  }

  static func notYours(_ id: JobID, _ what: String, _ account: Address) -> NetworkError {
    .refused(
      code: "account.notAllowed", message: "\(what) \(id) is not that of account \(account)", hint: nil)
  }
}

extension SubJobState {
  init(_ record: SubJobRecord, parent: JobRecord) {
    self.init(
      id: record.id, position: record.position, node: record.machine.node, status: record.status,
      reason: record.notes.reason, endReason: record.machine.endReason,
      evidence: record.status == .failed ? record.notes.evidence : nil, deadline: record.machine.deadline,
      leaseExpiresAt: record.machine.leaseExpiresAt,
      isOver: record.status.isFinal
        && (parent.status.isFinal || parent.machine.roundsComplete > record.position.round))
  }
}
