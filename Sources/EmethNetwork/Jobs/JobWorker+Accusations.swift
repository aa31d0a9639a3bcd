import EmethKit

/// A vector that a node has posted in a cohort.
final class PostedVector: Sendable {
  let masked: SignedMasked
  let roster: Roster
  /// The SubJob's update, and who vouches for it.
  let vouched: VouchedUpdate

  init(_ masked: SignedMasked, under roster: Roster, of vouched: VouchedUpdate) {
    self.masked = masked
    self.roster = roster
    self.vouched = vouched
  }

  var subJob: JobID { masked.content.jobID }
}

/// Whether a node masked another update than it submitted, where the verifier that vouches for the update says so.
/// One word costs nobody a deposit (``MaskedDispute``): others replay the submission, have the round secret opened
/// to them, and say what they find.
extension JobWorker {
  /// A SubJob's update and the verifier that vouches for it: the one whose verdict stands, or who found that an
  /// accusation of that one was false.
  func vouchedUpdate(of subJob: JobID, in cohort: CohortRecord) throws(NetworkError) -> VouchedUpdate {
    let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
    let refuted = cohort.refuted?.last { $0.masked.content.jobID == subJob }
    guard let verifier = refuted?.refuter ?? record.machine.verdict?.verifier else {
      throw .inconsistent(what: "SubJob \(subJob) is added without a verdict")
    }
    return VouchedUpdate(of: record, by: verifier)
  }

  func postedVector(
    of subJob: JobID, under roster: Roster, in cohort: CohortRecord
  ) throws(NetworkError) -> PostedVector {
    guard let masked = cohort.masked(under: roster).first(where: { $0.content.jobID == subJob }) else {
      throw .inconsistent(what: "SubJob \(subJob) has posted nothing")
    }
    return PostedVector(masked, under: roster, of: try vouchedUpdate(of: subJob, in: cohort))
  }

  /// Lets a node open its round secret to the verifier that vouches for its update; that one's word.
  func examine(_ posted: PostedVector) async throws(NetworkError) -> Reply<SignedMaskedFault> {
    let reply = try await parties.examine(posted.vouched, masked: posted.masked, roster: posted.roster)
    switch reply {
    case .pending: return .pending
    case .silent: return .silent
    case .given(let answer):
      // What is not this verifier's word about this vector is no word.
      guard let answer, case .maskedFault(let word)? = try? CohortMessage(wire: answer),
        (try? word.check(signers: TrustedSigners(posted.vouched.verifier), in: network.domain)) != nil,
        word.content.isAbout(posted.masked.content)
      else { return .silent }
      return .given(word)
    }
  }

  /// Asks other verifiers about an accusation until it is decided; nil while one has still to answer.
  func hear(
    _ posted: PostedVector, accusedBy word: SignedMaskedFault
  ) async throws(NetworkError) -> PublicRecords.Accusation? {
    var accusation = PublicRecords.Accusation(masked: posted.masked, fault: word)
    var asked: Set<Address> = [word.signer]
    while true {
      let record = try database.read { db in try JobStore.subJob(posted.subJob, in: db) }
      accusation.rejections = record.notes.rejectionsByExaminers
      guard case .ask = accusation.dispute.ruling(isLast: false) else { return accusation }
      if let verifier = try examiner(of: record, besides: asked) {
        asked.insert(verifier)
        let vouched = VouchedUpdate(of: record, by: verifier)
        switch try await examine(PostedVector(posted.masked, under: posted.roster, of: vouched)) {
        case .pending: return nil
        case .silent: break
        case .given(let word): accusation.further = (accusation.further ?? []) + [word]
        }
        continue
      }
      guard let drawn = try drawExaminer(of: posted.subJob) else {
        guard case .ask = accusation.dispute.ruling(isLast: true) else { return accusation }
        // One word costs nobody a deposit; where verifiers can still come, they are waited for.
        guard network.isLive else {
          throw .inconsistent(what: "no verifier is left to examine what SubJob \(posted.subJob) masked")
        }
        return nil
      }
      let began = ContinuousClock.now
      let outcomes = try await parties.judge([drawn], parent: try job())
      if outcomes.isEmpty { return nil }
      try take(outcomes, seconds: (ContinuousClock.now - began) / .seconds(1))
    }
  }

  /// A verifier that has replayed the submission to the same state as the one whose verdict stands, and was not
  /// asked yet.
  private func examiner(
    of record: SubJobRecord, besides asked: Set<Address>
  ) throws(NetworkError) -> Address? {
    let verdicts = record.notes.judgements.map(\.verdict)
    guard let standing = verdicts.first(where: { $0.digest == record.machine.verdict?.digest })?.verdict
    else { return nil }
    let excluded = try database.read { db in try BondPool.struck(in: db) }
      .union(record.notes.contradictions?.map(\.verdict.verifier) ?? []).union(asked)
    return verdicts.map(\.verdict).first {
      $0.accepted && $0.stepRoot == standing.stepRoot && !excluded.contains($0.verifier)
    }?.verifier
  }

  /// Draws another verifier, which replays what the first one replayed; nil where nobody is left. One that is drawn
  /// and has not judged yet is drawn once.
  private func drawExaminer(of subJob: JobID) throws(NetworkError) -> SubJobRecord? {
    try database.write { db in
      var record = try JobStore.subJob(subJob, in: db)
      if record.notes.awaitsJudgement { return record }
      guard let epoch = record.notes.epoch, let submission = record.machine.submission,
        let first = record.notes.draws.first
      else { throw NetworkError.inconsistent(what: "SubJob \(subJob) is accused and was drawn for nobody") }
      let beacon = try Signer.batch(epoch: epoch + 1, in: db).digest
      guard
        let (verifier, number) = try drawVerifier(for: record, submission: submission, beacon: beacon, in: db)
      else { return nil }
      record.notes.draws.append(
        VerifierDraw(verifier: verifier, commitment: number, seed: first.seed, segments: first.segments))
      record.notes.examiners = (record.notes.examiners ?? []) + [verifier]
      try JobStore.update(record, in: db)
      return record
    }
  }

  /// Takes down that accusations were false: their refuters vouch for the updates from then on.
  func acquit(
    _ refuted: [PublicRecords.Accusation], in cohort: CohortRecord
  ) throws(NetworkError) -> CohortRecord {
    let (record, struck) = try database.write { db in
      var record = cohort
      let before = try BondPool.struck(in: db)
      for accusation in refuted {
        try settle(accusation, in: db)
        let (accuser, subJob) = (accusation.fault.signer, accusation.masked.content.jobID)
        try remark(
          "the verifier \(accuser) said that SubJob \(subJob) masked another update than it submitted; others "
            + "found that it did not", in: db)
      }
      record.refuted = (record.refuted ?? []) + refuted
      try CohortStore.update(record, of: id, in: db)
      return (record, try BondPool.struck(in: db).subtracting(before))
    }
    announce(struck)
    return record
  }

  /// Pays those who examined and agree with the decision out of the bond pool, and takes the bonds of those who named
  /// a root that nobody else computes.
  func settle(_ accusation: PublicRecords.Accusation, in db: SQLSession) throws {
    guard case .decided(_, let paid, let forfeited) = accusation.dispute.ruling(isLast: true) else { return }
    let subJob = try JobStore.subJob(accusation.masked.content.jobID, in: db)
    for verifier in forfeited {
      try BondPool.forfeit(
        verifier, bond: try parties.bond(of: verifier, in: db), over: subJob.id, job: id,
        at: try network.tick(in: db), in: db)
    }
    for verifier in paid {
      try BondPool.pay(
        verifier, subJob.machine.job.terms.verifierFee, over: subJob.id, at: try network.tick(in: db), in: db)
    }
  }

  func announce(_ struck: Set<Address>) {
    for verifier in struck.sorted() { progress(.bondLost(verifier: parties.verifierNumber(verifier) ?? 0)) }
  }
}

extension SubJobNotes {
  /// The verdicts of those who were asked about an accusation and reject the submission; nil is none.
  fileprivate var rejectionsByExaminers: [SignedVerdict]? {
    let void = Set(contradictions?.map(\.verdict.verifier) ?? [])
    let examiners = Set(examiners ?? []).subtracting(void)
    let rejections = judgements.map(\.verdict).filter {
      examiners.contains($0.verdict.verifier) && !$0.verdict.accepted
    }
    return rejections.isEmpty ? nil : rejections
  }
}
