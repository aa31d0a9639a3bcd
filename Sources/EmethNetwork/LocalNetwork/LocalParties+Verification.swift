import EmethCompute
import EmethKit
import Foundation

/// What verifiers do: post commitments, replay, and say what they found.
extension LocalParties {
  var opensAtOnce: Bool { true }

  func canBeChecked(in db: SQLSession) throws -> Bool { true }

  func candidates(for record: SubJobRecord, in db: SQLSession) throws -> [Address] {
    network.keys.verifiers.map(\.address)
  }

  func secret(
    of address: Address, commitment: UInt32, for record: SubJobRecord, in db: SQLSession
  ) throws -> Reply<Bytes32> {
    guard let key = network.keys.verifiers.first(where: { $0.address == address }) else { return .silent }
    let posted = try JobStore.commitment(commitment, of: address, in: db)
    return .given(verifier(key).secret(commitment, posted: posted))
  }

  /// Verifiers post commitments until each has one for every SubJob that a round can have: whoever is asked about a sum
  /// or a verdict later must have committed itself before the submission.
  func postCommitments(in db: SQLSession) throws {
    let now = try network.seconds(in: db)
    let request = worker.request
    let needed = UInt32(max(settings.nodes, Int(request.parallel) * (Int(request.retry.lastAttempt) + 1)))
    for key in network.keys.verifiers {
      let verifier = Verifier(key: key, store: store, domain: network.domain)
      let posted =
        try UInt32.fetchOne(
          db, sql: "SELECT count(*) FROM commitment WHERE verifier = ?", arguments: ["\(verifier.address)"])
        ?? 0
      let used =
        try UInt32.fetchOne(
          db, sql: "SELECT count(*) FROM commitment WHERE verifier = ? AND usedBy IS NOT NULL",
          arguments: ["\(verifier.address)"]) ?? 0
      for number in posted..<max(posted, used + needed) {
        try db.execute(
          sql: "INSERT INTO commitment (verifier, number, hash, postedAt) VALUES (?, ?, ?, ?)",
          arguments: ["\(verifier.address)", Int64(number), "\(verifier.commitment(number))", Int64(now)])
      }
    }
  }

  func judge(
    _ drawn: [SubJobRecord], parent: JobRecord
  ) async throws(NetworkError) -> [(subJob: JobID, outcome: JobWorker.Outcome)] {
    // Who has to open to the one in a silent verifier's place and does not leaves nothing to judge.
    var opened: [SubJobRecord] = []
    for record in drawn {
      if record.machine.withheldFrom != nil, let draw = record.notes.draws.last,
        let number = nodeNumber(record.machine.node),
        try !node(number - 1).opens(record.id, to: draw.verifier)
      {
        continue
      }
      opened.append(record)
    }
    if opened.isEmpty { return [] }
    let lanes = try ComputeLanes(
      threads: worker.threads, count: opened.count, device: network.device)
    let outcomes = try await lanes.map(opened) { record, device in
      try judge(record, parent: parent, device: device)
    }
    return zip(opened, outcomes).map { ($0.id, $1) }
  }

  /// Asks the node for its opening and the drawn verifier for its judgement; only encoded bytes pass between
  /// them, and what the store holds of them only the verifier can open.
  private func judge(
    _ record: SubJobRecord, by draw: VerifierDraw? = nil, parent: JobRecord, device: Device
  ) throws(NetworkError) -> JobWorker.Outcome {
    guard let draw = draw ?? record.notes.draws.last, let result = record.notes.result,
      let nodeNumber = nodeNumber(record.machine.node), let number = verifierNumber(draw.verifier)
    else { throw .inconsistent(what: "SubJob \(record.id) cannot be judged: its draw or result is missing") }
    progress(
      .replaying(
        part: record.position.part, verifier: number, segments: draw.segments.count,
        of: worker.request.segmentCount))
    let key = network.keys.verifiers[number - 1]
    let place = verifierFolder(key.address).appending(path: "opened/\(record.id)")
    try Files.remove(place)
    let verifier = verifier(key, opened: try ContentStore(folder: place))
    let node = node(nodeNumber - 1)
    let challenge = Challenge(
      subJob: record.id, verifier: draw.verifier, seed: draw.seed, segments: draw.segments)
    let binding = verifier.binding(expiry: parent.machine.deadline)
    let now = record.machine.submittedAt ?? 0
    let isOpened = try node.opens(record.id, to: draw.verifier)
    if isOpened { try node.admit(challenge) }
    let sealed: SealedOpening? =
      if !isOpened {
        nil
      } else if worker.program == nil {
        try node.open(challenge, to: binding, at: now, on: device, stop: stop)
      } else {
        try node.openPart(challenge, to: binding, at: now)
      }
    let facts = try worker.facts(on: record, result: result, parent: parent)
    let (delivered, submissionBytes, factsBytes) = try asNetworkError {
      let encoder = WireFormat.encoder
      return (
        try sealed.map { try encoder.encode($0) } ?? Data(), try encoder.encode(result.submission),
        try encoder.encode(facts)
      )
    }
    let question = try verifier.question(
      submission: submissionBytes, facts: factsBytes, seed: draw.seed, segments: draw.segments)
    if let program = worker.program {
      let examination = try verifier.examinePart(
        question, delivered: delivered, program: program,
        sandbox: worker.sandbox?.working(below: network.folder), bench: worker.bench(on: device), stop: stop)
      for object in sealed?.objects ?? [] { try store.remove(object) }
      try Files.remove(place)
      return JobWorker.Outcome(
        judgement: examination.judgement, contradiction: examination.contradiction, boundaries: [])
    }
    let examination = try verifier.examine(question, delivered: delivered, device: device, stop: stop)
    // That nothing was opened nobody has signed: a file would prove nothing.
    if let evidence = examination.evidence, worker.keepsEvidence,
      examination.judgement.mismatch?.kind != .withheld
    {
      try worker.keep(evidence)
    }
    let outcome = JobWorker.Outcome(
      judgement: examination.judgement, contradiction: examination.contradiction,
      boundaries: Opening(encoded: examination.opening)?.boundaries ?? [],
      appeal: try appeal(of: record, node: node, by: verifier, question, examination, device: device))
    for object in sealed?.objects ?? [] { try store.remove(object) }
    try Files.remove(place)
    return outcome
  }

  /// The rejected node's account of a segment that two verifiers found wrong; nil when this is not the
  /// second, or when the node's account leads nowhere.
  private func appeal(
    of record: SubJobRecord, node: TrainingNode, by verifier: Verifier, _ question: Verifier.Question,
    _ examination: Verifier.Examination, device: Device
  ) throws(NetworkError) -> (appeal: Appeal, divergence: Divergence)? {
    guard let finding = examination.judgement.mismatch, finding.kind == .replay,
      let segment = finding.segment,
      record.notes.judgements.contains(where: { $0.mismatch?.segment == segment }), record.notes.appeal == nil
    else { return nil }
    let replay = verifier.replay(question, statement: examination.statement)
    let court = AppealCourt(
      submission: question.submission, domain: network.domain,
      verifier: { step throws(NetworkError) in
        try replay.traced(
          segment: segment, operatorsOf: step, opening: examination.opening, device: device)
      })
    do throws(NetworkError) {
      return try court.hear(
        segment: segment, firstStep: segment * Int(worker.manifest.segmentLength),
        node: { step throws(NetworkError) in
          try node.account(ofSegment: segment, operatorsOf: step, of: record.id, on: device)
        },
        sign: node.claim)
    } catch {
      switch error {
      // A segment that can't be computed to its end, or one on which nobody differs: there is no step to
      // name.
      case .malformed, .refused, .compute: return nil
      default: throw error
      }
    }
  }

  // MARK: - What verifiers know

  /// - Parameter opened: where what is opened to it goes, when it judges.
  func verifier(_ key: PrivateKey, opened: ContentStore? = nil) -> Verifier {
    Verifier(
      key: key, store: store, domain: network.domain, opened: opened, folder: verifierFolder(key.address),
      fault: network.keys.verifiers.firstIndex { $0.address == key.address }
        .flatMap { settings.fault(of: .verifier, $0) })
  }

  private func verifierFolder(_ verifier: Address) -> URL {
    network.folder.appending(path: "verifiers/\(verifier)")
  }

  /// Whether the verifier that gave a verdict has the update that it vouches for.
  func holdsUpdate(ofVerdict digest: Bytes32, on record: SubJobRecord) throws(NetworkError) -> Bool {
    guard let verdict = record.notes.judgements.map(\.verdict).first(where: { $0.digest == digest }),
      let key = network.keys.verifiers.first(where: { $0.address == verdict.verdict.verifier })
    else { return false }
    return verifier(key).update(of: record.id) != nil
  }

  /// The verifier that vouches for an update.
  func verifier(of update: VouchedUpdate) throws(NetworkError) -> Verifier {
    guard let key = network.keys.verifiers.first(where: { $0.address == update.verifier }) else {
      throw .inconsistent(what: "SubJob \(update.subJob.id) was accepted by nobody of this network")
    }
    return verifier(key)
  }

  /// The update as its verifier recomputed it; when its disk lost it, it replays once more.
  func checkedUpdate(_ update: VouchedUpdate) throws(NetworkError) -> Data {
    let verifier = try verifier(of: update)
    if let kept = verifier.update(of: update.subJob.id) { return kept }
    let draw = update.subJob.notes.draws.first { $0.verifier == verifier.address }
    _ = try judge(update.subJob, by: draw, parent: try worker.job(), device: try worker.device())
    guard let recomputed = verifier.update(of: update.subJob.id) else {
      throw .inconsistent(
        what: "verifier \(verifier.address) cannot recompute the update of SubJob \(update.subJob.id)")
    }
    return recomputed
  }

  func update(of record: SubJobRecord) async throws(NetworkError) -> Data {
    guard let verifier = record.machine.verdict?.verifier else {
      throw .inconsistent(what: "SubJob \(record.id) was accepted by nobody")
    }
    return try checkedUpdate(VouchedUpdate(of: record, by: verifier))
  }
}
