import EmethCompute
import EmethKit
import Foundation

/// What a verifier answers.
extension VerifierAgent {
  /// Answers errands, one after another; secrets are revealed beside that, however long a judgement takes.
  func answerErrands() async {
    do throws(NetworkError) {
      let lane = try AgentLane(threads: settings.threads, device: settings.device)
      await withTaskGroup { group in
        for kinds in [[.reveal], Set(Errand.Kind.allCases).subtracting([.reveal])] as [Set<Errand.Kind>] {
          group.addTask { await self.answerErrands(of: kinds, on: lane) }
        }
      }
    } catch {
      report("answering", error)
    }
  }

  private func answerErrands(of kinds: Set<Errand.Kind>, on lane: AgentLane) async {
    let desk = ErrandDesk(connection: connection, kinds: kinds, patience: settings.patience) { what, error in
      self.report(what, error)
    }
    await desk.work { errand async throws(NetworkError) in
      let body = try await self.answer(errand, on: lane)
      self.onEvent(.answered(errand.kind, errand.question.subJob))
      return body
    }
  }

  private func answer(_ errand: Errand, on lane: AgentLane) async throws(NetworkError) -> Data {
    let verifier = Verifier(key: key, store: store, domain: domain, folder: folder, fault: fault)
    let work = VectorWork(threads: settings.threads)
    switch errand.question {
    case .reveal(_, let commitment, let posted):
      return try body(RevealedSecret(secret: verifier.secret(commitment, posted: posted)))
    case .judge(let request):
      let report = try await judge(request, on: lane)
      try await checkIsOpen(errand)
      return try body(report)
    case .share(let subJob, let round, let beacon):
      // What was lost can't be vouched for.
      guard fault?.isSilentAboutSums != true, let update = verifier.update(of: subJob) else {
        return try body(MessageAnswer(message: nil))
      }
      let share = try await lane.run { _ in
        try verifier.share(of: update, subJob: subJob, round: round, beacon: beacon, work: work)
      }
      return try body(MessageAnswer(message: HexText(wrappedValue: share)))
    case .examineMask(let examination):
      guard fault?.isSilentAboutSums != true,
        let update = verifier.update(of: examination.masked.content.jobID)
      else {
        return try body(MessageAnswer(message: nil))
      }
      let word = try await lane.run { _ in
        try verifier.examine(
          examination.sealed?.wrappedValue, update: update, masked: examination.masked,
          roster: examination.roster)
      }
      return try body(MessageAnswer(message: HexText(wrappedValue: word)))
    case .handOver(let examination, let binding):
      let subJob = examination.masked.content.jobID
      let sealed = try await lane.run { _ in
        try verifier.handOver(
          examination.sealed?.wrappedValue, of: subJob, to: binding, now: secondsNow())
      }
      guard let sealed else { return try body(HandedObject(object: nil)) }
      let object = try store.put(sealed, durable: false)
      try await connection.give(object: object, from: store)
      try store.remove(object)
      return try body(HandedObject(object: object))
    case .weighMask(let examination, let object):
      try await connection.fetch(object: object, into: store)
      let handed = try store.get(object)
      let word = try await lane.run { _ in
        try verifier.weigh(handed, masked: examination.masked, roster: examination.roster)
      }
      try store.remove(object)
      return try body(MessageAnswer(message: word.map { HexText(wrappedValue: $0) }))
    case .open, .cohort, .openSecret:
      throw .malformed(
        what: "errand \(errand.id)", reason: "a verifier is not asked for \(errand.kind.rawValue)")
    }
  }

  /// Refuses to speak where the network has its word: a second verdict that is another one costs the bond, and what another
  /// process with this key found may be another thing, since the network lets go of what was opened.
  private func checkIsOpen(_ errand: Errand) async throws(NetworkError) {
    let open = try await connection.errands(of: [errand.kind], except: [], waitingUpTo: 0)
    // Of a list that is cut off nothing can be said.
    if open.contains(where: { $0.id == errand.id }) || open.count >= ErrandStore.openLimit { return }
    throw .refused(
      code: "errand.answered",
      message:
        "errand \(errand.id) is not open any more: it was due at \(errand.due), or another process with the "
        + "key of \(connection.account) has answered it",
      hint: "one process at a time speaks for a key: stop the others")
  }

  /// The program of a SubJob that is no training, to the byte; nil for a training's.
  ///
  /// - Throws: ``NetworkError/badSetting(name:found:allowed:)`` where it is not here: there is no verdict then.
  private func program(of facts: SubJobFacts) throws(NetworkError) -> ComputedProgram? {
    guard facts.program != nil else { return nil }
    return try ComputedProgram(ComputedManifest(json: facts.manifest), modules: settings.modules)
  }

  /// Fetches what was opened, replays it, and says what it found. Evidence stays in the verifier's folder.
  private func judge(_ request: JudgementRequest, on lane: AgentLane) async throws(NetworkError)
    -> JudgementReport
  {
    let subJob = request.facts.subJob
    let sealed = request.opening?.objects ?? []
    let program = try program(of: request.facts)
    if program != nil {
      // A model that did not come is this machine's matter: there is no verdict without it.
      if let model = try ComputedManifest(json: request.facts.manifest).generation?.model {
        try await models.bring(model, on: lane) {
          [connection] object, store async throws(NetworkError) in
          try await connection.fetch(object: object, into: store)
        }
      }
    }
    for object in sealed + (program == nil ? [request.facts.startingParameters] : []) {
      do throws(NetworkError) {
        try await connection.fetch(object: object, into: store)
      } catch {
        // What is not there, or is not what it is called, is missed where it is needed; all else is tried
        // again.
        switch error {
        case .missingObject, .corruptObject: continue
        default: throw error
        }
      }
    }
    try Files.remove(place(opened: subJob))
    let verifier = try verifier(opened: subJob)
    let (delivered, submission, facts) = try asNetworkError {
      let encoder = WireFormat.encoder
      return (
        try request.opening.map { try encoder.encode($0) } ?? Data(), try encoder.encode(request.submission),
        try encoder.encode(request.facts)
      )
    }
    let question = try verifier.question(
      submission: submission, facts: facts, seed: request.seed, segments: request.segments)
    let (stop, sandbox, shelf) = (StopFlag(), sandbox, models)
    let examination = try await raising(stop) { () async throws(NetworkError) in
      try await lane.run { device in
        if let program {
          return try verifier.examinePart(
            question, delivered: delivered, program: program, sandbox: sandbox,
            bench: GenerationBench(models: shelf, store: nil, device: device), stop: stop)
        }
        shelf.letGo()
        return try verifier.examine(question, delivered: delivered, device: device, stop: stop)
      }
    }
    let opening = Opening(encoded: examination.opening)
    var report = JudgementReport(
      judgement: examination.judgement, contradiction: examination.contradiction,
      boundaries: opening?.boundaries ?? [])
    if let evidence = examination.evidence {
      let evidenceFolder = folder.appending(path: "evidence")
      try Files.makeFolder(evidenceFolder)
      let file = evidenceFolder.appending(path: "\(subJob).evidence")
      try evidence.write(to: file)
      // That nothing was opened nobody has signed: a file would prove nothing.
      if examination.judgement.mismatch?.kind != .withheld {
        report.evidence = try await give(evidence: file, to: request.evidenceReaders ?? [], on: lane)
      }
    }
    if request.wantsUpdate, examination.judgement.mismatch == nil, let update = verifier.update(of: subJob) {
      let object = try keep(update, for: request)
      try await connection.give(object: object, from: store)
      try store.remove(object)
      (report.update, report.resultSalts) = (object, opening?.resultSalts)
    }
    for object in sealed { try store.remove(object) }
    try Files.remove(place(opened: subJob))
    let verdict = examination.judgement.verdict.verdict
    onEvent(.judged(subJob, accepted: verdict.accepted, finding: examination.judgement.finding))
    return report
  }

  /// Keeps what it recomputed until that is given: sealed to the Aggregator, if the server says to which key.
  private func keep(_ update: Data, for request: JudgementRequest) throws(NetworkError) -> Bytes32 {
    guard let aggregator = request.aggregator else { return try store.put(update, durable: false) }
    try asNetworkError { try aggregator.check(in: domain) }
    let secret = key.withSecretBytes {
      HMACSHA256.authenticate(
        Array("handed output".utf8) + request.facts.subJob.bytes + request.seed.bytes, key: $0)
    }
    // Another stream for every content and reader; given once more, it is the same object.
    let hash = update.withUnsafeBytes { SHA256.hash($0) }
    var random = ChaCha20Generator(
      key: HMACSHA256.authenticate(hash.bytes + aggregator.binding.sealingKey.bytes, key: secret.bytes))
    return try store.putSealed(update, to: aggregator.binding.recipient, using: &random)
  }

  /// Gives evidence to the network, sealed to those whom it concerns; nil where that can't be done, which is no reason to give
  /// no verdict.
  private func give(
    evidence file: URL, to readers: [SignedKeyBinding], on lane: AgentLane
  ) async throws(NetworkError) -> Bytes32? {
    let (now, domain, store) = (secondsNow(), domain, store)
    // One to whom nothing can be sealed keeps it from no other.
    let recipients = readers.compactMap { $0.recipient(at: now, in: domain) }
    if recipients.isEmpty { return nil }
    do throws(NetworkError) {
      let object = try await lane.run { _ in
        var random = SystemRandomNumberGenerator()
        return try store.putSealed(try Files.read(file), to: recipients, using: &random)
      }
      try await connection.give(object: object, from: store)
      try store.remove(object)
      return object
    } catch {
      if Task.isCancelled || error == .interrupted { throw error }
      report("giving evidence", error)
      return nil
    }
  }

  private func body(_ answer: some Encodable) throws(NetworkError) -> Data {
    try asNetworkError { try WireFormat.encoder.encode(answer) }
  }
}
