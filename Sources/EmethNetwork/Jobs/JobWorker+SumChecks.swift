import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// What was computed of sums that are not decided yet. All of it follows from the hashes that it is kept under.
final class SumsSeen: Sendable {
  /// Under the sum's root and the beacon.
  private let projections = Mutex<[[Bytes32]: SumProjection]>([:])
  /// The sums' roots, under the roots of the vectors that were added.
  private let roots = Mutex<[[Bytes32]: Bytes32]>([:])

  func projection(of sum: Bytes32, beacon: Bytes32) -> SumProjection? {
    projections.withLock { $0[[sum, beacon]] }
  }

  func keep(_ projection: SumProjection?, of sum: Bytes32, beacon: Bytes32) {
    projections.withLock { $0[[sum, beacon]] = projection }
  }

  func root(of vectors: [Bytes32]) -> Bytes32? { roots.withLock { $0[vectors] } }

  func keep(root: Bytes32?, of vectors: [Bytes32]) { roots.withLock { $0[vectors] = root } }

  func forget() {
    projections.withLock { $0 = [:] }
    roots.withLock { $0 = [:] }
  }
}

/// Whether a cohort's sum is that of the updates that were checked, and if not, who is wrong (PROTOCOL 8).
extension JobWorker {
  /// Checks the sums that the Aggregator has signed for; the batch after them is the shares' beacon.
  func checkSums(_ round: UInt32) async throws(NetworkError) {
    let due = try cohorts(round).filter { $0.sum != nil && !$0.holds }
    guard let epoch = due.compactMap(\.sumEpoch).max() else { return }
    try network.closeEpochs(through: epoch + 1, progress)
    let latest = try database.read { db in try Signer.latestBatch(in: db)?.batch.epoch ?? 0 }
    for cohort in due where cohort.sumEpoch ?? latest < latest {
      try checkStop()
      try await check(cohort)
    }
  }

  /// What is known of a sum beside the Aggregator's word.
  private struct Inquiry {
    let audit: CohortAudit
    let shares: [SignedSumShare]
    let sharesFit: Bool
    /// Of the whole sum, where it could be read.
    let projection: SumProjection?
    var addedAgain: Bytes32?
    var openings: [JobID: Bool] = [:]
    var lies: [PublicRecords.Accusation] = []
    /// Nobody vouches for these: nobody can say what they masked, or two have overruled who accepted them.
    var unvouched: [JobID] = []

    var finding: CohortAudit.Finding {
      audit.finding(sharesFit: sharesFit, sumRootAddedAgain: addedAgain, openings: openings)
    }
  }

  /// Ends early where somebody has still to answer.
  private func check(_ cohort: CohortRecord) async throws(NetworkError) {
    var record = cohort
    try standInForAccusers(in: record)
    guard var inquiry = try await inquiry(into: record) else { return }
    while true {
      // What two found to be wrong is no part of any sum, also of one that is right with it.
      let given = Set(inquiry.unvouched + inquiry.lies.map(\.masked.content.jobID))
      inquiry.unvouched += try overruled(
        among: inquiry.audit.roster.entries.map(\.jobID).filter { !given.contains($0) })
      if !inquiry.unvouched.isEmpty {
        return try expel(inquiry.lies, unvouched: inquiry.unvouched, from: record)
      }
      switch inquiry.finding {
      case .holds:
        // Who vouches for what its node has masked makes the sum right with it.
        switch try await doubtAudited(inquiry, in: record) {
        case .pending: return
        case .found:
          guard let next = try await self.inquiry(into: record) else { return }
          inquiry = next
        case .nobody: return try complete(record, shares: inquiry.shares)
        }
      case .addAgain:
        inquiry.addedAgain = try rootAddedAgain(inquiry.audit.masked)
      case .aggregatorLied(let found, let expected):
        record = try correct(record, under: inquiry.audit.roster, found: found, expected: expected)
        guard let next = try await self.inquiry(into: record) else { return }
        inquiry = next
      case .open(let members):
        var (isComplete, isReplaced) = (true, false)
        var refuted: [PublicRecords.Accusation] = []
        for subJob in members {
          let posted = try postedVector(of: subJob, under: inquiry.audit.roster, in: record)
          switch try await examine(posted) {
          case .pending: isComplete = false
          case .silent:
            switch try await replaceVoucher(of: subJob) {
            case .found: isReplaced = true
            case .pending: isComplete = false
            case .nobody: inquiry.unvouched.append(subJob)
            }
          case .given(let said) where said.word.content.fits: inquiry.openings[subJob] = true
          case .given(let said):
            guard let accusation = try await hear(posted, accusedBy: said) else {
              isComplete = false
              continue
            }
            switch accusation.isTrue {
            case true?: inquiry.lies.append(accusation)
            case false?: refuted.append(accusation)
            case nil: inquiry.unvouched.append(subJob)
            }
            inquiry.openings[subJob] = accusation.isTrue == false
          }
        }
        guard isComplete else { return }
        if !refuted.isEmpty { record = try acquit(refuted, in: record) }
        if !inquiry.unvouched.isEmpty { continue }
        if isReplaced || !refuted.isEmpty {
          // Others vouch for those updates now.
          guard let next = try await self.inquiry(into: record) else { return }
          inquiry = next
        }
      case .nodesLied:
        return try expel(inquiry.lies, unvouched: [], from: record)
      case .sharesWrong:
        switch try await replaceWrongShares(inquiry.shares, of: inquiry, in: record) {
        case .pending: return
        case .found:
          guard let next = try await self.inquiry(into: record) else { return }
          inquiry = next
          continue
        case .nobody: break
        }
        // Who was asked about the shares may have found that what they are shares of is wrong.
        if try !overruled(among: inquiry.shares.map(\.content.jobID)).isEmpty { continue }
        try remark("a verifier's share of the sum of round \(record.round + 1) was wrong")
        return try complete(record, shares: inquiry.shares)
      }
    }
  }

  /// What the verifiers say to a sum, others in the place of those who say nothing; nil while one has still to answer.
  private func inquiry(into record: CohortRecord) async throws(NetworkError) -> Inquiry? {
    guard let signed = record.sum, let epoch = record.sumEpoch else {
      throw .inconsistent(what: "cohort \(record.number) of round \(record.round) has no sum to check")
    }
    let result = try asNetworkError { try record.standing(in: network.domain).collector.result }
    guard let result else {
      throw .inconsistent(what: "cohort \(record.number) of round \(record.round) is not complete")
    }
    let beacon = try database.read { db in try Signer.batch(epoch: epoch + 1, in: db).digest }
    let audit = try asNetworkError {
      try CohortAudit(
        roster: result.roster, masked: result.masked, sum: signed, aggregator: aggregatorAddress,
        in: network.domain)
    }
    var shares: [SignedSumShare] = []
    var verifiers: [JobID: Address] = [:]
    var unvouched: [JobID] = []
    var isComplete = true
    for subJob in result.roster.entries.map(\.jobID) {
      switch try await share(of: subJob, round: record.round, beacon: beacon) {
      case .pending: isComplete = false
      case .silent: unvouched.append(subJob)
      case .given(let share):
        verifiers[subJob] = share.signer
        shares.append(share)
      }
    }
    guard isComplete else { return nil }
    if !unvouched.isEmpty {
      return Inquiry(audit: audit, shares: shares, sharesFit: false, projection: nil, unvouched: unvouched)
    }
    // A sum that is not where it should be, or is not what was signed for, is as good as a wrong one.
    var projection = sumsSeen.projection(of: signed.content.sumRoot, beacon: beacon)
    if projection == nil {
      let sum = try NetworkError.delivered { () throws(NetworkError) in
        try store.vector(signed.content.sumRoot, work: vectorWork)
      }
      projection = try sum.map { sum throws(NetworkError) in
        try vectorWork.projection(of: sum, beacon: beacon)
      }
      sumsSeen.keep(projection, of: signed.content.sumRoot, beacon: beacon)
    }
    let fit = try asNetworkError {
      guard let projection else { return false }
      return try audit.sharesFit(shares, verifiers: verifiers, sum: projection, in: network.domain)
    }
    return Inquiry(audit: audit, shares: shares, sharesFit: fit, projection: projection)
  }

  /// Where an acceptance was replayed when it was given, the other one says what its share is, too: where it is another one,
  /// the share is doubted as one of a sum that is wrong.
  private func doubtAudited(
    _ inquiry: Inquiry, in record: CohortRecord
  ) async throws(NetworkError) -> Replacement {
    var doubted: [SignedSumShare] = []
    var isComplete = true
    for share in inquiry.shares {
      let subJob = try database.read { db in try JobStore.subJob(share.content.jobID, in: db) }
      guard let other = try examiner(of: subJob, besides: []) else { continue }
      switch try await self.share(
        of: VouchedUpdate(of: subJob, by: other), round: record.round, beacon: share.content.beacon)
      {
      case .pending: isComplete = false
      case .silent: continue
      case .given(let second): if second.content.value != share.content.value { doubted.append(share) }
      }
    }
    guard isComplete else { return .pending }
    if doubted.isEmpty { return .nobody }
    return try await replaceWrongShares(doubted, of: inquiry, in: record)
  }

  /// Every node has proven its vector to its verifier, and the sum is theirs: only a share is wrong, or a verifier vouches
  /// for what its node has masked.
  ///
  /// Each share is doubted: two others that replay what it is a share of say what theirs are. The fewest lose their bonds
  /// without whom nobody contradicts anybody and the sum is right. One word beside the sum would not do: who gave a
  /// wrong share elsewhere could give another here that makes up for it. Nor would two: two that lie could put the blame on
  /// a third. Where the sum is right without nobody, who named a state that nobody else computes has lied all the same; in
  /// the place of anybody else who is contradicted one of those who do so is heard: nobody loses a bond by that, and it
  /// examines what the node has masked.
  private func replaceWrongShares(
    _ doubted: [SignedSumShare], of inquiry: Inquiry, in record: CohortRecord
  ) async throws(NetworkError) -> Replacement {
    guard let projection = inquiry.projection else { return .nobody }
    var heard: [HeardShare] = []
    var isComplete = true
    for (place, share) in inquiry.shares.enumerated() where doubted.contains(share) {
      switch try await confirmed(share, round: record.round) {
      // Others are asked about the other shares meanwhile.
      case .pending: isComplete = false
      case .silent: continue
      case .given(let right):
        let (others, value) = (right.map(\.signer), right[0].content.value)
        heard.append(
          HeardShare(
            subJob: share.content.jobID, suspect: share.signer, place: place, value: value, others: others,
            isOther: value != share.content.value,
            isAlone: try isAlone(with: share.content.jobID, against: others)))
      }
    }
    guard isComplete else { return .pending }
    let liars = HeardShare.fewestLiars(
      heard, values: inquiry.shares.map(\.content.value), sum: projection.value)
    let struck = heard.filter(\.isDoubted).filter { liars?.contains($0.suspect) ?? $0.isAlone }
    let unsettled = liars == nil ? heard.filter { $0.isOther && !$0.isAlone } : []
    try strike(struck, replacing: unsettled, heard: heard, round: record.round)
    return struck.isEmpty && unsettled.isEmpty ? .nobody : .found
  }

  /// What two others say in the place of a share, where they say the same; a third one is asked where they do not, or one
  /// says nothing. Silent where no two say the same.
  private func confirmed(
    _ share: SignedSumShare, round: UInt32
  ) async throws(NetworkError) -> Reply<[SignedSumShare]> {
    let subJob = share.content.jobID
    var asked: [Address] = []
    var given: [SignedSumShare] = []
    while asked.count < 3 {
      let other: Address
      switch try await confirmingVerifier(of: subJob, besides: asked) {
      case .pending: return .pending
      case .silent: return .silent
      case .given(let verifier): other = verifier
      }
      asked.append(other)
      let record = try database.read { db in try JobStore.subJob(subJob, in: db) }
      switch try await self.share(
        of: VouchedUpdate(of: record, by: other), round: round, beacon: share.content.beacon)
      {
      case .pending: return .pending
      case .silent: continue
      case .given(let next):
        if let same = given.first(where: { $0.content.value == next.content.value }) {
          return .given([same, next])
        }
        given.append(next)
      }
    }
    return .silent
  }

  /// The share of a sum by the verifier that vouches for a SubJob's update, whoever that is in the end; silent where
  /// nobody does.
  private func share(
    of subJob: JobID, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<SignedSumShare> {
    while true {
      let reply = try await share(of: try vouchedUpdate(of: subJob), round: round, beacon: beacon)
      guard case .silent = reply else { return reply }
      switch try await replaceVoucher(of: subJob) {
      case .found: continue
      case .pending: return .pending
      case .nobody: return .silent
      }
    }
  }

  private func share(
    of vouched: VouchedUpdate, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<SignedSumShare> {
    switch try await parties.share(of: vouched, round: round, beacon: beacon) {
    case .pending: return .pending
    case .silent: return .silent
    case .given(let answer):
      // What is not this verifier's share of this sum is none.
      guard case .sumShare(let share)? = try? CohortMessage(wire: answer),
        share.content.jobID == vouched.subJob.id, share.content.round == round,
        share.content.beacon == beacon,
        (try? share.check(signer: vouched.verifier, in: network.domain)) != nil
      else { return .silent }
      return .given(share)
    }
  }

  /// The root of the posted vectors' sum, added once.
  private func rootAddedAgain(_ masked: [Masked]) throws(NetworkError) -> Bytes32? {
    let posted = masked.map(\.maskedRoot)
    if let root = sumsSeen.root(of: posted) { return root }
    let root = vectorWork.root(of: try sum(of: masked))
    sumsSeen.keep(root: root, of: posted)
    return root
  }

  private func sum(of masked: [Masked]) throws(NetworkError) -> Data {
    try vectorWork.sum(
      of: masked.map { word throws(NetworkError) in try store.vector(word.maskedRoot, work: vectorWork) })
  }

  /// Takes the right sum in the place of the Aggregator's wrong one. It signs again, is named, and loses its bond.
  private func correct(
    _ cohort: CohortRecord, under roster: Roster, found: Bytes32, expected: Bytes32
  ) throws(NetworkError) -> CohortRecord {
    let signed = try sum(under: roster, of: cohort, again: true)
    guard signed.content.sumRoot == expected, let wrong = cohort.sum else {
      throw .inconsistent(
        what:
          "the Aggregator \(aggregatorAddress) signs a wrong sum again: \(signed.content.sumRoot), not \(expected)"
      )
    }
    return try database.write { db in
      var record = cohort
      record.wrongSums.append(wrong)
      record.sum = signed
      record.entries.removeAll { if case .summed = $0.event { true } else { false } }
      var standing = try record.standing(in: network.domain)
      try record.apply(.summed(sumRoot: expected), to: &standing, at: try network.tick(in: db))
      try CohortStore.update(record, of: id, in: db)
      try BondPool.forfeit(aggregator: aggregatorAddress, of: id, at: try network.tick(in: db), in: db)
      try remark(
        "the Aggregator \(aggregatorAddress) added cohort \(record.number + 1) of round \(record.round + 1) wrongly "
          + "and signed \(found); the right sum is \(expected)", in: db)
      return record
    }
  }

  /// Those of these SubJobs whose acceptance two others overrule.
  private func overruled(among subJobs: [JobID]) throws(NetworkError) -> [JobID] {
    try database.read { db in
      try subJobs.filter { try JobStore.subJob($0, in: db).overruling != nil }
    }
  }

  /// Liars end as FAILED, and so do those whose acceptance two others overrule, and those who open nothing to the one that was
  /// drawn in a silent verifier's place, when their time for that is over; those of whom nobody can say what they masked end
  /// unchecked, as soon as a verifier's time is over for them. Their cohort waits until their parts are computed again.
  private func expel(
    _ lies: [PublicRecords.Accusation], unvouched: [JobID], from cohort: CohortRecord
  ) throws(NetworkError) {
    let left = lies.map(\.masked.content.jobID) + unvouched
    let struck = try database.write { db -> Set<Address>? in
      var record = cohort
      var standing = try record.standing(in: network.domain)
      let records = try unvouched.map { try JobStore.subJob($0, in: db) }
      let due = records.filter { $0.overruling == nil }
        .map { $0.machine.withheldFrom ?? $0.machine.uncheckedFrom }.max()
      guard let now = try due.map({ try network.reach($0, in: db) }) ?? network.tick(in: db) else {
        return nil
      }
      let before = try BondPool.struck(in: db)
      for subJob in records {
        if let finders = subJob.overruling {
          try overrule(subJob, by: finders, at: now, in: db)
        } else {
          var ended = subJob
          var parent = try JobStore.job(id, in: db)
          let isWithheld = subJob.machine.withheldFrom != nil
          ended.notes.reason =
            isWithheld
            ? "it opened nothing to the verifier that was drawn in a silent one's place"
            : "nobody can say whether it masked the update that it submitted"
          try ExecutionLayer.apply(
            isWithheld ? .withhold : .endUnchecked, to: &ended, parent: &parent, at: now, in: db)
        }
        try record.apply(.expel(subJob.id), to: &standing, at: now)
        record.unvouched = (record.unvouched ?? []) + [subJob.id]
      }
      for lie in lies {
        var subJob = try JobStore.subJob(lie.masked.content.jobID, in: db)
        var parent = try JobStore.job(id, in: db)
        guard let verifier = subJob.machine.verdict?.verifier else {
          throw NetworkError.inconsistent(what: "SubJob \(subJob.id) is called a liar without a verdict")
        }
        subJob.notes.reason = "it masked another update than the one that it submitted"
        try ExecutionLayer.apply(
          .reject(by: verifier, evidence: lie.fault.digest), to: &subJob, parent: &parent, at: now, in: db)
        try settle(lie, in: db)
        try record.apply(.expel(subJob.id), to: &standing, at: now)
        record.lies.append(lie)
      }
      (record.sum, record.sumEpoch) = (nil, nil)
      try CohortStore.update(record, of: id, in: db)
      return try BondPool.struck(in: db).subtracting(before)
    }
    guard let struck else { return }
    announce(struck)
    try announceEnds(of: left)
  }

  private func complete(_ cohort: CohortRecord, shares: [SignedSumShare]) throws(NetworkError) {
    let members = try database.write { db -> [JobID] in
      var record = cohort
      let members = try record.standing(in: network.domain).collector.plan.cohort.seats.map(\.jobID)
      let now = try network.tick(in: db)
      (record.shares, record.holds) = (shares, true)
      for subJob in members { try apply(.completeCohort(sumChecks: true), to: subJob, at: now, in: db) }
      try CohortStore.update(record, of: id, in: db)
      return members
    }
    sumsSeen.forget()
    try announceEnds(of: members)
  }

  private func remark(_ text: String) throws(NetworkError) {
    try database.write { db in try remark(text, in: db) }
  }

  func remark(_ text: String, in db: SQLSession) throws {
    var parent = try JobStore.job(id, in: db)
    parent.progress.remarks = (parent.progress.remarks ?? []) + [text]
    try JobStore.update(parent, in: db)
  }
}
