import EmethCompute
import EmethKit
import Foundation

extension NetworkService {
  /// Some of the account's open errands: what is due first, and behind that judgements, of the best paid work first.
  ///
  /// - Parameters:
  ///   - kinds: only these.
  ///   - known: those that it has in hand are left out.
  public func errands(
    of account: Address, kinds: Set<Errand.Kind> = Set(Errand.Kind.allCases), except known: Set<String> = []
  ) throws(NetworkError) -> [Errand] {
    try database.read { db in
      try ErrandStore.open(of: account, kinds: kinds, except: known, at: try seconds(in: db), in: db)
    }
  }

  /// Takes the answer to an errand. It counts once; the same again is no error.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for an answer that is none, after which another may
  ///   come; ``NetworkError/refused(code:message:hint:)``: `errand.unknown`, `errand.answered`,
  ///   `errand.late`, `account.notAllowed`. Who answers with another verdict than before loses its bond besides.
  public func answer(_ id: String, by account: Address, _ body: Data) throws(NetworkError) {
    func refused(_ code: String, _ message: String) -> NetworkError {
      .refused(code: code, message: message, hint: nil)
    }
    try checkUpdate(inAnswerTo: id, by: account, body)
    let isContradicted = try database.write { db -> Bool in
      guard let record = try ErrandStore.record(id, in: db) else {
        throw refused("errand.unknown", "there is no errand \(id)")
      }
      guard record.errand.account == account else {
        throw refused("account.notAllowed", "errand \(id) is not that of account \(account)")
      }
      let text = try kept(checked(body, to: record.errand, in: db), of: record, in: db)
      let now = try seconds(in: db)
      if let known = record.answer {
        if known == text { return false }
        if try noteContradiction(text, to: record, at: now, in: db) { return true }
        throw refused("errand.answered", "errand \(id) has another answer already")
      }
      guard now < record.errand.due else {
        throw refused("errand.late", "errand \(id) was due at \(record.errand.due), now is \(now)")
      }
      try hold(what: text, names: record.errand, of: record.job, at: now, in: db)
      try ErrandStore.answer(record, text, at: now, in: db)
      return false
    }
    if isContradicted {
      throw refused(
        "errand.answered", "errand \(id) has another verdict already: two on one submission cost the bond")
    }
  }

  /// Takes a verifier's bond that answers with another signed verdict than before, and takes that down where its word may
  /// still count.
  private func noteContradiction(
    _ answer: String, to record: ErrandStore.Record, at now: UInt64, in db: SQLSession
  ) throws -> Bool {
    guard case .judge(let request) = record.errand.question, let known = record.answer else { return false }
    let second = try JudgementReport(wireText: answer).judgement.verdict
    let first = try JudgementReport(wireText: known).judgement.verdict
    // What an earlier version took for a rejection was no word.
    guard !first.verdict.showsNothing, second.contradicts(first, in: domain) else { return false }
    var subJob = try JobStore.subJob(request.facts.subJob, in: db)
    // One such pair says it; more of them would be for ever more to read.
    if !subJob.status.isFinal, !subJob.notes.twoFaced.contains(second.verdict.verifier) {
      subJob.notes.contradictions = (subJob.notes.contradictions ?? []) + [second]
      try JobStore.update(subJob, in: db)
    }
    let verifier = record.errand.account
    try BondPool.forfeit(
      verifier, bond: bond(of: verifier, in: db) ?? .zero, over: subJob.id, job: record.job, at: now, in: db)
    return true
  }

  /// Holds the objects that an answer names, for as long as the job needs them for that.
  private func hold(
    what answer: String, names errand: Errand, of job: JobID, at now: UInt64, in db: SQLSession
  ) throws {
    guard let (objects, purpose) = try named(by: answer, to: errand, in: db) else { return }
    var byteCount: UInt64 = 0
    if let output = try Self.output(in: answer, to: errand) {
      byteCount = outputByteCount(of: output, handedOverFor: errand)
    }
    try HoldStore.takeOver(
      objects, from: errand.account, for: job, purpose, byteCount: byteCount, at: now, in: db)
  }

  /// The output of a part that an answer names.
  private static func output(in answer: String, to errand: Errand) throws -> Bytes32? {
    guard case .judge(let request) = errand.question, request.facts.program != nil else { return nil }
    return try JudgementReport(wireText: answer).update
  }

  /// How long an output is that was handed over, as it is joined.
  private func outputByteCount(of object: Bytes32, handedOverFor errand: Errand) -> UInt64 {
    let byteCount = store.byteCount(of: object) ?? 0
    guard case .judge(let request) = errand.question, request.aggregator != nil else { return byteCount }
    return SealedObject.plainByteCount(ofSealed: byteCount)
  }

  /// The answer as it is kept: where a job's outputs take all that they may, the next one's verdict counts and its bytes
  /// don't; the job ends with that.
  private func kept(_ answer: String, of record: ErrandStore.Record, in db: SQLSession) throws -> String {
    guard let output = try Self.output(in: answer, to: record.errand) else { return answer }
    let isKept: Bool
    if let known = record.answer {
      // Sent again, it is what it was.
      isKept = try Self.output(in: known, to: record.errand) != nil
    } else {
      let round = try JobStore.subJob(record.errand.question.subJob, in: db).position.round
      let held = try HoldStore.byteCount(
        of: record.job, .vectors(round), except: .object(output), in: db)
      let (sum, overflow) = held.addingReportingOverflow(
        outputByteCount(of: output, handedOverFor: record.errand))
      isKept = !overflow && sum <= settings.maximumResultBytes
    }
    if isKept { return answer }
    var report = try JudgementReport(wireText: answer)
    report.update = nil
    return try report.wireText()
  }

  /// The objects that an answer names, and what for; nil for none.
  func named(
    by answer: String, to errand: Errand, in db: SQLSession
  ) throws -> (objects: [ObjectName], purpose: HoldPurpose)? {
    switch errand.question {
    case .open:
      let objects = try SealedOpening(wireText: answer).objects
      return (objects.map { .object($0) }, .opening(errand.id))
    case .cohort(let subJob, _):
      guard let message = try MessageAnswer(wireText: answer).message?.wrappedValue,
        case .masked(let masked)? = try? CohortMessage(wire: message)
      else { return nil }
      return (
        [.vector(masked.content.maskedRoot)], .vectors(try JobStore.subJob(subJob, in: db).position.round)
      )
    case .judge(let request):
      let report = try JudgementReport(wireText: answer)
      if let evidence = report.evidence { return ([.object(evidence)], .evidence) }
      guard let update = report.update else { return nil }
      return ([.object(update)], .vectors(try JobStore.subJob(request.facts.subJob, in: db).position.round))
    case .handOver:
      guard let object = try HandedObject(wireText: answer).object else { return nil }
      return ([.object(object)], .opening(errand.id))
    case .openSecret, .reveal, .share, .examineMask, .weighMask: return nil
    }
  }

  /// The answer in its canonical form, if it is one to this errand.
  func checked(_ body: Data, to errand: Errand, in db: SQLSession) throws -> String {
    func decoded<Value: Decodable>(_ type: Value.Type) throws(NetworkError) -> Value {
      do {
        return try JSONDecoder().decode(type, from: body)
      } catch {
        throw .malformed(what: "answer to errand \(errand.id)", reason: "\(error)")
      }
    }
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "answer to errand \(errand.id)", reason: reason)
    }
    switch errand.question {
    case .open(let challenge, _):
      let opening = try decoded(SealedOpening.self)
      try check(opening, to: challenge, of: errand, in: db)
      return try opening.wireText()
    case .cohort, .openSecret, .share, .examineMask, .weighMask:
      return try decoded(MessageAnswer.self).wireText()
    case .handOver(let examination, _):
      let answer = try decoded(HandedObject.self)
      if let object = answer.object {
        let subJob = try JobStore.subJob(examination.masked.content.jobID, in: db)
        let manifest = try JobStore.job(subJob.position.parent, in: db).job.parameters
        let update = try ModelConfiguration(TrainingManifest(json: manifest).model).parameterCount
        try checkSealed(
          object, plainByteCount: Self.smallDocumentByteLimit + UInt64(update * UpdateRing.wordByteCount),
          of: errand)
      }
      return try answer.wireText()
    case .reveal(_, let commitment, _):
      let answer = try decoded(RevealedSecret.self)
      let hash = try JobStore.commitment(commitment, of: errand.account, in: db)
      guard hash == SegmentDraw.commitment(address: errand.account, secret: answer.secret) else {
        throw refuse("it is not what commitment \(commitment) was made of")
      }
      return try answer.wireText()
    case .judge(let request):
      var report = try decoded(JudgementReport.self)
      let verdict = report.judgement.verdict
      try verdict.check(of: request.submission.digest, in: domain)
      guard verdict.verdict.verifier == errand.account, verdict.verdict.jobID == request.facts.subJob,
        verdict.verdict.seed == request.seed
      else { throw refuse("the verdict is about something else") }
      guard verdict.verdict.accepted == (report.judgement.mismatch == nil) else {
        throw refuse("the verdict says one thing and the finding another")
      }
      // Two that agree name the same state; what stands is drawn again by whoever has the job's folder.
      if verdict.verdict.accepted, request.facts.program == nil {
        let step = try TrainingManifest(json: request.facts.manifest).interiorStep(
          seed: request.seed, segments: request.segments)
        guard verdict.verdict.step == step else {
          throw refuse("the verdict names step \(verdict.verdict.step), its seed draws \(step)")
        }
      }
      // A rejection counts by what can be shown for it.
      guard verdict.verdict.accepted == (verdict.verdict.evidence == .zero) else {
        throw refuse("a rejection names its evidence, an acceptance none")
      }
      // Only what such a judgement names becomes part of the job's records.
      switch report.judgement.mismatch?.kind {
      case nil, .replay, .result: try check(report.boundaries, against: request)
      case .submission, .opening, .withheld: report.boundaries = []
      }
      if request.wantsUpdate, verdict.verdict.accepted {
        guard let update = report.update else { throw refuse("the update is missing") }
        guard try store.contains(update) else { throw NetworkError.missingObject(hash: update) }
      } else {
        report.update = nil
      }
      if let evidence = report.evidence, !verdict.verdict.accepted, request.evidenceReaders != nil {
        try check(evidence, from: request, to: errand)
      } else {
        report.evidence = nil
      }
      // They have served: the sum needs the update alone.
      report.resultSalts = nil
      report.judgement.segments = request.segments
      report.judgement.finding = String(report.judgement.finding.prefix(1_000))
      return try report.wireText()
    }
  }

  /// What a verifier says that the node opened stands in the job's records: each leaf proves itself, and there are no more
  /// than both ends of each drawn segment and of the whole.
  private func check(_ boundaries: [BoundaryOpening], against request: JudgementRequest) throws {
    let allowed = SegmentReplay.boundaryLimit(segments: request.segments.count)
    guard boundaries.count <= allowed else {
      throw NetworkError.malformed(
        what: "judgement of SubJob \(request.facts.subJob)",
        reason: "it names \(boundaries.count) boundaries, allowed are \(allowed)")
    }
    let needed = SegmentDraw.boundaries(
      ofSegments: request.segments, of: Int(request.submission.submission.segments))
    let missing = needed.subtracting(boundaries.map { Int($0.boundary) })
    guard missing.isEmpty || request.facts.program != nil else {
      throw NetworkError.malformed(
        what: "judgement of SubJob \(request.facts.subJob)",
        reason: "it does not name boundaries \(missing.sorted()), which the drawn segments need")
    }
    for boundary in boundaries {
      do {
        try boundary.check(in: request.submission.submission)
      } catch {
        throw NetworkError.malformed(
          what: "judgement of SubJob \(request.facts.subJob)",
          reason: "a boundary is not the node's: \(error)")
      }
    }
  }

  /// The largest document beside what is opened of a part, or beside an update that is handed over.
  private static let smallDocumentByteLimit: UInt64 = 1 << 20

  /// An opening may name sealed files of the size that openings have, each once, and nothing else: its verifier reads
  /// them all, and they are deleted afterwards.
  private func check(
    _ opening: SealedOpening, to challenge: Challenge, of errand: Errand, in db: SQLSession
  ) throws {
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "answer to errand \(errand.id)", reason: reason)
    }
    guard opening.states.count <= challenge.segments.count,
      Set(opening.objects).count == opening.objects.count
    else {
      throw refuse(
        "it names \(opening.states.count) states, \(challenge.segments.count) segments are asked for, each once"
      )
    }
    let parent = try JobStore.job(try JobStore.subJob(challenge.subJob, in: db).position.parent, in: db)
    let (state, document): (UInt64, UInt64)
    switch parent.request {
    case .training(let request):
      let model = try ModelConfiguration(request.manifest.model)
      state = UInt64(TrainingState.encodedByteCount(of: model))
      document = Opening.byteLimit(
        request.manifest, segments: challenge.segments.count, parameters: model.parameterCount)
    case .computed:
      // What is opened is the part.
      let part = try JobStore.subJob(challenge.subJob, in: db).position.part
      state = store.byteCount(of: parent.progress.parts[Int(part)]) ?? 0
      document = Self.smallDocumentByteLimit
    }
    for object in opening.objects {
      try checkSealed(
        object, plainByteCount: object == opening.document ? document : state, of: errand)
    }
  }

  /// Evidence is a sealed file of the size that evidence has at most: the opening, a state, the round's parameters.
  private func check(_ evidence: Bytes32, from request: JudgementRequest, to errand: Errand) throws {
    let manifest = try TrainingManifest(json: request.facts.manifest)
    let model = try ModelConfiguration(manifest.model)
    let document = Opening.byteLimit(
      manifest, segments: request.segments.count, parameters: model.parameterCount)
    let numbers = TrainingState.encodedByteCount(of: model) + model.parameterCount * MemoryLayout<Float>.size
    try checkSealed(
      evidence, plainByteCount: document + UInt64(numbers + 2 * EvidenceFile.jsonLimit), of: errand)
  }

  /// An object must be a sealed file of so many bytes at most.
  private func checkSealed(_ object: Bytes32, plainByteCount plain: UInt64, of errand: Errand) throws {
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "answer to errand \(errand.id)", reason: reason)
    }
    let (beginning, byteCount) = try store.beginning(of: object, byteCount: SealedObject.beginning.count)
    guard byteCount <= SealedObject.byteCountLimit(ofPlain: plain) else {
      throw refuse("object \(object) has \(byteCount) bytes, allowed are about \(plain)")
    }
    guard beginning == SealedObject.beginning else { throw refuse("object \(object) is no sealed file") }
  }
}
