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

/// Who vouches for an update in a sum, and whether a node masked another update than it submitted where that one says so.
///
/// One word costs nobody a deposit (``MaskedDispute``): others replay the submission, have the round secret opened
/// to them, and say what they find. Who says nothing is replaced by one that replays the submission as well.
extension JobWorker {
  /// A SubJob's update and the verifier that vouches for it: the one whose verdict stands.
  func vouchedUpdate(of subJob: JobID) throws(NetworkError) -> VouchedUpdate {
    let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
    guard let verifier = record.machine.verdict?.verifier else {
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
    return PostedVector(masked, under: roster, of: try vouchedUpdate(of: subJob))
  }

  /// A verifier's word on a posted vector.
  struct MaskWord: Sendable {
    let word: SignedMaskedFault
    /// Whether the node has opened something to it.
    let isOpened: Bool
  }

  /// Lets a node open its round secret to the verifier that vouches for its update; that one's word.
  func examine(_ posted: PostedVector) async throws(NetworkError) -> Reply<MaskWord> {
    let reply = try await parties.examine(posted.vouched, masked: posted.masked, roster: posted.roster)
    switch reply {
    case .pending: return .pending
    case .silent: return .silent
    case .given(let answer):
      // What is not this verifier's word about this vector is no word.
      guard let bytes = answer.word, case .maskedFault(let word)? = try? CohortMessage(wire: bytes),
        (try? word.check(signers: TrustedSigners(posted.vouched.verifier), in: network.domain)) != nil,
        word.content.isAbout(posted.masked.content)
      else { return .silent }
      return .given(MaskWord(word: word, isOpened: answer.isOpened))
    }
  }

  /// Asks other verifiers about an accusation until it is decided or nobody is left; nil while one has still to answer.
  func hear(
    _ posted: PostedVector, accusedBy first: MaskWord
  ) async throws(NetworkError) -> PublicRecords.Accusation? {
    var accusation = PublicRecords.Accusation(masked: posted.masked, fault: first.word)
    if first.isOpened { accusation.opened = [first.word.signer] }
    var asked: Set<Address> = [first.word.signer]
    var offered: Set<Address> = []
    while true {
      let record = try database.read { db in try JobStore.subJob(posted.subJob, in: db) }
      (accusation.rejections, accusation.withheld) = record.notes.rejectionsByExaminers
      // To whom the node opens nothing the accuser hands what it was opened.
      if let reader = accusation.dispute.unseeing.first(where: { !offered.contains($0) }) {
        offered.insert(reader)
        switch try await shown(posted, to: reader) {
        case .pending: return nil
        case .silent: break
        case .given(let word): accusation.handed = (accusation.handed ?? []) + [word]
        }
        continue
      }
      guard case .ask = accusation.dispute.ruling(isLast: false) else { return accusation }
      if let verifier = try examiner(of: record, besides: asked) {
        asked.insert(verifier)
        let vouched = VouchedUpdate(of: record, by: verifier)
        switch try await examine(PostedVector(posted.masked, under: posted.roster, of: vouched)) {
        case .pending: return nil
        case .silent: break
        case .given(let said):
          accusation.further = (accusation.further ?? []) + [said.word]
          if said.isOpened { accusation.opened = (accusation.opened ?? []) + [said.word.signer] }
        }
        continue
      }
      switch try await askAnother(about: posted.subJob) {
      case .judged: continue
      case .pending: return nil
      // Who joins after a submission is not drawn for it: there is nobody to wait for.
      case .nobody: return accusation
      }
    }
  }

  /// The word of a verifier that is shown what the accuser of a posted vector was opened.
  private func shown(
    _ posted: PostedVector, to reader: Address
  ) async throws(NetworkError) -> Reply<SignedMaskedFault> {
    switch try await parties.handOver(posted, to: reader) {
    case .pending: return .pending
    case .silent: return .silent
    case .given(let bytes):
      guard case .maskedFault(let word)? = try? CohortMessage(wire: bytes),
        (try? word.check(signers: TrustedSigners(reader), in: network.domain)) != nil,
        word.content.isAbout(posted.masked.content)
      else { return .silent }
      return .given(word)
    }
  }

  /// What came of drawing another verifier for a SubJob that is accepted.
  private enum Another {
    case judged, pending, nobody
  }

  /// Draws another verifier and lets it judge.
  ///
  /// - Parameter isInPlace: Whether it is drawn to vouch in the place of one that is silent: to that one the node has to
  ///   open, and nobody comes of it where it does not.
  private func askAnother(about subJob: JobID, isInPlace: Bool = false) async throws(NetworkError) -> Another
  {
    guard let drawn = try drawExaminer(of: subJob, isInPlace: isInPlace) else { return .nobody }
    let began = ContinuousClock.now
    var outcomes = try await parties.judge([drawn], parent: try job())
    if outcomes.isEmpty, try isWithheld(subJob) {
      // What came in time may have come since it was looked for; now nothing comes any more.
      outcomes = try await parties.judge([drawn], parent: try job())
      if outcomes.isEmpty, try isWithheld(subJob) { return .nobody }
    }
    if outcomes.isEmpty { return .pending }
    try take(outcomes, seconds: (ContinuousClock.now - began) / .seconds(1))
    return .judged
  }

  /// Whether a node's time is over to open to the verifier that was drawn in a silent one's place.
  private func isWithheld(_ subJob: JobID) throws(NetworkError) -> Bool {
    let due = try database.read { db in try JobStore.subJob(subJob, in: db).machine.withheldFrom }
    guard let due else { return false }
    return try database.write { db in try network.reach(due, in: db) != nil }
  }

  /// The verdict that stands for a SubJob, and other acceptances by those who can be asked.
  private func acceptances(
    of record: SubJobRecord, besides asked: Set<Address>
  ) throws(NetworkError) -> (standing: Verdict, others: [Verdict])? {
    let verdicts = record.notes.judgements.map(\.verdict)
    guard let standing = verdicts.first(where: { $0.digest == record.machine.verdict?.digest })?.verdict
    else { return nil }
    let excluded = try database.read { db in try BondPool.struck(in: db) }
      .union(record.notes.twoFaced).union(record.notes.replaced ?? [])
      .union(asked).union([standing.verifier])
    return (standing, verdicts.map(\.verdict).filter { $0.accepted && !excluded.contains($0.verifier) })
  }

  /// A verifier that has replayed the submission to the same state as another one, and was not asked yet: as the one whose
  /// verdict stands, if there is any, since that one can have named a state that nobody computes.
  func examiner(
    of record: SubJobRecord, besides asked: Set<Address>
  ) throws(NetworkError) -> Address? {
    guard let (standing, others) = try acceptances(of: record, besides: []) else { return nil }
    let unasked = others.filter { !asked.contains($0.verifier) }
    if let same = unasked.first(where: { $0.stepRoot == standing.stepRoot }) { return same.verifier }
    return unasked.first { one in
      others.contains { $0.verifier != one.verifier && $0.stepRoot == one.stepRoot }
    }?.verifier
  }

  /// Whether the verifier that vouches for an update has named a state that nobody else computes, and these have replayed
  /// the submission to one other.
  func isAlone(with subJob: JobID, against others: [Address]) throws(NetworkError) -> Bool {
    let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
    let accepting = record.notes.judgements.map(\.verdict).filter(\.verdict.accepted)
    guard let standing = accepting.first(where: { $0.digest == record.machine.verdict?.digest })?.verdict
    else { return false }
    let verdicts = accepting.map(\.verdict).filter { $0.verifier != standing.verifier }
    let against = verdicts.filter { others.contains($0.verifier) }
    return against.count >= 2 && Set(against.map(\.stepRoot)).count == 1
      && !verdicts.contains { $0.stepRoot == standing.stepRoot }
  }

  /// Another verifier that has replayed a submission as others have; drawn where there is none yet, silent where there is
  /// nobody, or where two were opened nothing or found something in it.
  func confirmingVerifier(
    of subJob: JobID, besides asked: [Address]
  ) async throws(NetworkError) -> Reply<Address> {
    while true {
      let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
      if let verifier = try examiner(of: record, besides: Set(asked)) { return .given(verifier) }
      let rejections = record.notes.rejectionsByExaminers
      if (rejections.withheld?.count ?? 0) >= 2 || (rejections.found?.count ?? 0) >= 2 { return .silent }
      switch try await askAnother(about: subJob) {
      case .judged: continue
      case .pending: return .pending
      case .nobody: return .silent
      }
    }
  }

  // MARK: - In another's place

  /// Whether an update has a verifier again that vouches for it.
  enum Replacement {
    case found, pending, nobody
  }

  /// Puts another verifier that accepts into the place of the one that vouches for an update and says nothing.
  ///
  /// It has replayed the submission to the same state; or two others have to another one, and then the first one
  /// has named a state that nobody else computes. To whoever is drawn for it the node has to open, as to the first one.
  func replaceVoucher(of subJob: JobID) async throws(NetworkError) -> Replacement {
    while true {
      let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
      if let (standing, others) = try acceptances(of: record, besides: []) {
        if let same = others.first(where: { $0.stepRoot == standing.stepRoot }) {
          try replaceVoucher(of: subJob, by: same.verifier)
          return .found
        }
        for (place, other) in others.enumerated() {
          if let second = others[(place + 1)...].first(where: { $0.stepRoot == other.stepRoot }) {
            try replaceVoucher(of: subJob, by: other.verifier, confirmedBy: second.verifier)
            return .found
          }
        }
      }
      if record.overruling != nil { return .nobody }
      let rejections = record.notes.rejectionsByExaminers
      if (rejections.withheld?.count ?? 0) >= 2 || (rejections.found?.count ?? 0) >= 3 { return .nobody }
      switch try await askAnother(about: subJob, isInPlace: true) {
      case .judged: continue
      case .pending: return .pending
      case .nobody: return .nobody
      }
    }
  }

  /// Fails an accepted SubJob in which two that were drawn later found what is wrong: the first of them is paid by it, the
  /// second out of the pool, and who accepted it loses its bond where it could have known (``Overruling/forfeited``).
  func overrule(_ record: SubJobRecord, by finders: Overruling, at now: UInt64, in db: SQLSession) throws {
    var subJob = record
    var parent = try JobStore.job(id, in: db)
    subJob.notes.reason = finders.reason
    try ExecutionLayer.apply(
      .overrule(by: finders.first, confirmedBy: finders.second, evidence: finders.evidence), to: &subJob,
      parent: &parent, at: now, in: db)
    for verifier in finders.forfeited {
      try BondPool.forfeit(
        verifier, bond: try parties.bond(of: verifier, in: db), over: subJob.id, job: id, at: now, in: db)
    }
    try BondPool.payOnce(
      finders.second, subJob.machine.job.terms.verifierFee, over: subJob.id, at: now, in: db)
  }

  /// - Parameter second: Who computes the same state as `verifier`, where the silent one named another.
  private func replaceVoucher(
    of subJob: JobID, by verifier: Address, confirmedBy second: Address? = nil
  ) throws(NetworkError) {
    let struck = try database.write { db in
      let before = try BondPool.struck(in: db)
      guard let silent = try JobStore.subJob(subJob, in: db).machine.verdict?.verifier else { return before }
      if let second {
        let fee = try JobStore.subJob(subJob, in: db).machine.job.terms.verifierFee
        try BondPool.forfeit(
          silent, bond: try parties.bond(of: silent, in: db), over: subJob, job: id,
          at: try network.tick(in: db), in: db)
        try BondPool.payOnce(second, fee, over: subJob, at: try network.tick(in: db), in: db)
      }
      try standIn(verifier, for: subJob, in: db)
      try remark(
        "the verifier \(silent) said nothing to the sum; \(verifier) vouches for SubJob \(subJob) in its place",
        in: db)
      return try BondPool.struck(in: db).subtracting(before)
    }
    announce(struck)
  }

  /// What two others that say the same say of a verifier's share of a sum.
  struct HeardShare {
    let subJob: JobID
    /// Whose share it is.
    let suspect: Address
    /// Where the share is among the others.
    let place: Int
    /// What they say that it is.
    let value: UInt64
    let others: [Address]
    /// Whether the share is another than theirs.
    let isOther: Bool
    /// Whether the suspect has named a state that nobody else computes.
    let isAlone: Bool

    var isDoubted: Bool { isOther || isAlone }

    /// The fewest of those who are contradicted that must have lied: nobody else contradicts anybody else, and the sum is
    /// right with what others say in their place; nil where there are none.
    ///
    /// - Parameter values: the shares that were given; at most as many as a cohort has members.
    static func fewestLiars(_ heard: [HeardShare], values: [UInt64], sum: UInt64) -> Set<Address>? {
      let suspects = Set(heard.filter(\.isDoubted).map(\.suspect)).sorted()
      let choices = (0..<1 << suspects.count).dropFirst().sorted {
        ($0.nonzeroBitCount, $0) < ($1.nonzeroBitCount, $1)
      }
      for choice in choices {
        let liars = Set(suspects.indices.filter { choice >> $0 & 1 == 1 }.map { suspects[$0] })
        var right = values
        let isConsistent = heard.allSatisfy { share in
          let isWitnessed = share.others.contains { !liars.contains($0) }
          guard liars.contains(share.suspect) else { return !isWitnessed || !share.isOther }
          right[share.place] = share.value
          // Where it said what others say nobody need be left who says so.
          return isWitnessed || !share.isOther
        }
        if isConsistent, right.reduce(0, SumProjection.sum) == sum { return liars }
      }
      return nil
    }
  }

  /// Takes the bonds of verifiers whose shares of a sum were wrong. The first of those who found it stands in and is paid by
  /// the SubJob. Everybody else who was heard is paid out of the bond pool, also who found a share right.
  ///
  /// - Parameter unsettled: Shares that others contradict, of which nobody can say yet who is right: one of the others
  ///   vouches in the place of who gave it, who loses nothing else.
  func strike(
    _ wrong: [HeardShare], replacing unsettled: [HeardShare], heard: [HeardShare], round: UInt32
  ) throws(NetworkError) {
    let struck = try database.write { db in
      let before = try BondPool.struck(in: db)
      var standIns: [JobID: Address] = [:]
      for share in wrong {
        try BondPool.forfeit(
          share.suspect, bond: try parties.bond(of: share.suspect, in: db), over: share.subJob, job: id,
          at: try network.tick(in: db), in: db)
      }
      let liars = try BondPool.struck(in: db)
      for share in wrong + unsettled {
        // Where both have lied elsewhere, others are asked.
        if let other = share.others.first(where: { !liars.contains($0) }) {
          try standIn(other, for: share.subJob, in: db)
          standIns[share.subJob] = other
        }
        let what =
          unsettled.contains { $0.place == share.place }
          ? "gave another share of the sum of round \(round + 1) for SubJob \(share.subJob)"
          : share.isOther
            ? "gave a wrong share of the sum of round \(round + 1) for SubJob \(share.subJob)"
            : "named a state of SubJob \(share.subJob) that nobody else computes"
        try remark("the verifier \(share.suspect) \(what), as two others say", in: db)
      }
      for share in heard {
        let fee = try JobStore.subJob(share.subJob, in: db).machine.job.terms.verifierFee
        for other in share.others where !liars.contains(other) && standIns[share.subJob] != other {
          try BondPool.payOnce(other, fee, over: share.subJob, at: try network.tick(in: db), in: db)
        }
      }
      return try BondPool.struck(in: db).subtracting(before)
    }
    announce(struck)
  }

  /// An earlier version took down that accusations were false without putting the refuters into the accusers' places.
  func standInForAccusers(in cohort: CohortRecord) throws(NetworkError) {
    guard let refuted = cohort.refuted else { return }
    try database.write { db in
      for (subJob, accusations) in Dictionary(grouping: refuted, by: { $0.masked.content.jobID }) {
        let record = try JobStore.subJob(subJob, in: db)
        guard !record.status.isFinal, record.machine.cohort?.maskedRoot != nil,
          let standing = record.machine.verdict?.verifier, standing == accusations.first?.fault.signer,
          let refuter = accusations.last?.refuter, refuter != standing
        else { continue }
        try standIn(refuter, for: subJob, in: db)
      }
    }
  }

  /// Another verifier's verdict stands for a SubJob from now on, and is paid.
  private func standIn(_ verifier: Address, for subJob: JobID, in db: SQLSession) throws {
    var record = try JobStore.subJob(subJob, in: db)
    var parent = try JobStore.job(id, in: db)
    let verdict = record.notes.judgements.map(\.verdict).first {
      $0.verdict.verifier == verifier && $0.verdict.accepted
    }
    guard let verdict, let replaced = record.machine.verdict?.verifier else {
      throw NetworkError.inconsistent(
        what: "verifier \(verifier) stands in for SubJob \(subJob) without a verdict")
    }
    record.notes.replaced = (record.notes.replaced ?? []) + [replaced]
    try ExecutionLayer.apply(
      .standIn(by: verifier, verdict: verdict.digest), to: &record, parent: &parent,
      at: try network.tick(in: db), in: db)
  }

  /// Draws another verifier, which replays what the first one replayed; nil where nobody is left. One that is drawn
  /// and has not judged yet is drawn once.
  ///
  /// - Parameter isInPlace: Whether the machine hears of it, which counts from then on what the node owes to it.
  private func drawExaminer(of subJob: JobID, isInPlace: Bool) throws(NetworkError) -> SubJobRecord? {
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
      guard isInPlace else {
        try JobStore.update(record, in: db)
        return record
      }
      var parent = try JobStore.job(id, in: db)
      try ExecutionLayer.apply(
        .draw(verifier: verifier, nodesOfParent: try JobStore.nodes(of: id, in: db)), to: &record,
        parent: &parent, at: try network.tick(in: db), in: db)
      return record
    }
  }

  /// Takes down that accusations were false: their refuters vouch for the updates from then on, and are paid by the
  /// SubJobs.
  func acquit(
    _ refuted: [PublicRecords.Accusation], in cohort: CohortRecord
  ) throws(NetworkError) -> CohortRecord {
    let (record, struck) = try database.write { db in
      var record = cohort
      let before = try BondPool.struck(in: db)
      for accusation in refuted {
        try settle(accusation, in: db)
        let (accuser, subJob) = (accusation.fault.signer, accusation.masked.content.jobID)
        if let refuter = accusation.refuter { try standIn(refuter, for: subJob, in: db) }
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
    guard case .decided(let lied, let paid, let forfeited) = accusation.dispute.ruling(isLast: true)
    else { return }
    let subJob = try JobStore.subJob(accusation.masked.content.jobID, in: db)
    for verifier in forfeited {
      try BondPool.forfeit(
        verifier, bond: try parties.bond(of: verifier, in: db), over: subJob.id, job: id,
        at: try network.tick(in: db), in: db)
    }
    // Who vouches from now on is paid by the SubJob.
    for verifier in paid where lied || verifier != accusation.refuter {
      try BondPool.payOnce(
        verifier, subJob.machine.job.terms.verifierFee, over: subJob.id, at: try network.tick(in: db), in: db)
    }
  }

  func announce(_ struck: Set<Address>) {
    for verifier in struck.sorted() { progress(.bondLost(verifier: parties.verifierNumber(verifier) ?? 0)) }
  }
}

extension SubJobNotes {
  /// The verdicts of those who were drawn after the submission had been accepted and reject it: for what they found in
  /// it, and because the node opened nothing to them; nil is none.
  fileprivate var rejectionsByExaminers: (found: [SignedVerdict]?, withheld: [SignedVerdict]?) {
    let examiners = Set(examiners ?? []).subtracting(void)
    let rejections = judgements.filter {
      examiners.contains($0.verdict.verdict.verifier) && !$0.verdict.verdict.accepted
    }
    let found = rejections.filter { $0.mismatch?.kind != .withheld }.map(\.verdict)
    let withheld = rejections.filter { $0.mismatch?.kind == .withheld }.map(\.verdict)
    return (found.isEmpty ? nil : found, withheld.isEmpty ? nil : withheld)
  }

  /// Two that found what is wrong in a submission that was accepted, where no two agree that it is right; nil is none. They
  /// decide as they would have before the acceptance (``Deliberation``).
  ///
  /// - Parameter openedInPlace: Those who were drawn in a silent verifier's place and to whom the node has opened something:
  ///   that it can't be read is a finding of theirs.
  func overruling(openedInPlace: Set<Address> = []) -> Overruling? {
    guard case .decided(false, _, _, let forfeited) = ruling(isAudited: { _ in nil }) else { return nil }
    let void = void
    let found = judgements.filter {
      let verdict = $0.verdict.verdict
      return !verdict.accepted && !void.contains(verdict.verifier)
        && ($0.mismatch?.kind != .withheld || openedInPlace.contains(verdict.verifier))
    }
    guard found.count >= 2 else { return nil }
    let (first, second) = (found[0].verdict.verdict, found[1].verdict.verdict)
    return Overruling(
      first: first.verifier, second: second.verifier, evidence: first.evidence,
      forfeited: bondsLost(by: forfeited, accepted: false),
      reason: "it was accepted, and two others found: " + found[0].finding)
  }
}

extension SubJobRecord {
  /// Two that overrule who has accepted it; nil is none.
  var overruling: Overruling? { notes.overruling(openedInPlace: machine.openedInPlace) }
}

/// Two that overrule an acceptance.
struct Overruling {
  let first: Address
  let second: Address
  /// The hash of what the first one can show.
  let evidence: Bytes32
  /// Who loses its bond: who has accepted what is wrong by itself, not only what it was opened.
  let forfeited: [Address]
  let reason: String
}
