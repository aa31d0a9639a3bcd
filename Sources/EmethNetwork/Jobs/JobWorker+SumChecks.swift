import EmethCompute
import EmethKit
import Foundation

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
    var addedAgain: Bytes32?
    var openings: [JobID: Bool] = [:]
    var lies: [PublicRecords.Accusation] = []

    var finding: CohortAudit.Finding {
      audit.finding(sharesFit: sharesFit, sumRootAddedAgain: addedAgain, openings: openings)
    }
  }

  /// Ends early where somebody has still to answer.
  private func check(_ cohort: CohortRecord) async throws(NetworkError) {
    var record = cohort
    guard var inquiry = try await inquiry(into: record) else { return }
    while true {
      switch inquiry.finding {
      case .holds:
        return try complete(record, shares: inquiry.shares)
      case .addAgain:
        inquiry.addedAgain = vectorWork.root(of: try sum(of: inquiry.audit.masked))
      case .aggregatorLied(let found, let expected):
        record = try correct(record, under: inquiry.audit.roster, found: found, expected: expected)
        guard let next = try await self.inquiry(into: record) else { return }
        inquiry = next
      case .open(let members):
        var isComplete = true
        var refuted: [PublicRecords.Accusation] = []
        for subJob in members {
          let posted = try postedVector(of: subJob, under: inquiry.audit.roster, in: record)
          switch try await examine(posted) {
          case .pending: isComplete = false
          // Who vouches for the update accuses the node of nothing.
          case .silent: inquiry.openings[subJob] = true
          case .given(let word) where word.content.fits: inquiry.openings[subJob] = true
          case .given(let word):
            guard let accusation = try await hear(posted, accusedBy: word) else {
              isComplete = false
              continue
            }
            inquiry.openings[subJob] = accusation.isRefuted
            if accusation.isRefuted { refuted.append(accusation) } else { inquiry.lies.append(accusation) }
          }
        }
        guard isComplete else { return }
        if !refuted.isEmpty {
          // Others vouch for those updates now.
          record = try acquit(refuted, in: record)
          guard let next = try await self.inquiry(into: record) else { return }
          inquiry = next
        }
      case .nodesLied:
        return try expel(inquiry.lies, from: record)
      case .sharesWrong:
        // Every node has proven its vector to its verifier, and the sum is theirs: only a share is wrong.
        try remark("a verifier's share of the sum of round \(record.round + 1) was wrong")
        return try complete(record, shares: inquiry.shares)
      }
    }
  }

  /// What the verifiers say to a sum; nil while one has still to answer.
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
    var isComplete = true
    for entry in result.roster.entries {
      let vouched = try vouchedUpdate(of: entry.jobID, in: record)
      verifiers[entry.jobID] = vouched.verifier
      switch try await parties.share(of: vouched, round: record.round, beacon: beacon) {
      case .pending: isComplete = false
      case .silent: break
      case .given(let answer):
        if case .sumShare(let share)? = try? CohortMessage(wire: answer),
          share.content.jobID == entry.jobID, share.content.round == record.round,
          share.content.beacon == beacon,
          (try? share.check(signer: vouched.verifier, in: network.domain)) != nil
        {
          shares.append(share)
        }
      }
    }
    guard isComplete else { return nil }
    // A sum that is not where it should be, or is not what was signed for, is as good as a wrong one.
    let sum = try NetworkError.delivered { () throws(NetworkError) in
      try store.vector(signed.content.sumRoot, work: vectorWork)
    }
    let fit = try asNetworkError {
      guard let sum, shares.count == result.roster.entries.count else { return false }
      return try audit.sharesFit(
        shares, verifiers: verifiers, sum: try vectorWork.projection(of: sum, beacon: beacon),
        in: network.domain)
    }
    return Inquiry(audit: audit, shares: shares, sharesFit: fit)
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

  /// Liars end as FAILED; their cohort waits until their parts are computed again.
  private func expel(
    _ lies: [PublicRecords.Accusation], from cohort: CohortRecord
  ) throws(NetworkError) {
    let liars = lies.map(\.masked.content.jobID)
    let struck = try database.write { db in
      var record = cohort
      var standing = try record.standing(in: network.domain)
      let now = try network.tick(in: db)
      let before = try BondPool.struck(in: db)
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
    announce(struck)
    try announceEnds(of: liars)
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
