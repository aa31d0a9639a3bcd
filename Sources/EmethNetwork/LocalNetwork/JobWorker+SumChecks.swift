import EmethCompute
import EmethKit
import Foundation
import GRDB

/// Whether a cohort's sum is that of the updates that were checked, and if not, who is wrong (PROTOCOL 8).
extension JobWorker {
  /// Checks the sums that the Aggregator has signed for; the batch after them is the shares' beacon.
  func checkSums(_ round: UInt32) throws(NetworkError) {
    let due = try cohorts(round).filter { $0.sum != nil && !$0.holds }
    guard let epoch = due.compactMap(\.sumEpoch).max() else { return }
    try closeEpochs(through: epoch + 1)
    for cohort in due {
      try checkStop()
      try check(cohort)
    }
  }

  /// What is known of a sum beside the Aggregator's word.
  private struct Inquiry {
    let audit: CohortAudit
    let shares: [SignedSumShare]
    let sharesFit: Bool
    var addedAgain: Bytes32?
    var openings: [JobID: Bool] = [:]
    var faults: [SignedMaskedFault] = []

    var finding: CohortAudit.Finding {
      audit.finding(sharesFit: sharesFit, sumRootAddedAgain: addedAgain, openings: openings)
    }
  }

  private func check(_ cohort: CohortRecord) throws(NetworkError) {
    var record = cohort
    var inquiry = try inquiry(into: record)
    while true {
      switch inquiry.finding {
      case .holds:
        return try complete(record, shares: inquiry.shares)
      case .addAgain:
        inquiry.addedAgain = vectorWork.root(of: try sum(of: inquiry.audit.masked))
      case .aggregatorLied(let found, let expected):
        record = try correct(record, under: inquiry.audit.roster, found: found, expected: expected)
        inquiry = try self.inquiry(into: record)
      case .open(let members):
        for subJob in members {
          let fault = try examine(subJob, under: inquiry.audit.roster, of: record)
          inquiry.openings[subJob] = fault == nil
          if let fault { inquiry.faults.append(fault) }
        }
      case .nodesLied(let liars):
        return try expel(liars, from: record, faults: inquiry.faults)
      case .sharesWrong:
        // Every node has proven its vector to its verifier, and the sum is theirs: only a share is wrong.
        try remark("a verifier's share of the sum of round \(record.round + 1) was wrong")
        return try complete(record, shares: inquiry.shares)
      }
    }
  }

  private func inquiry(into record: CohortRecord) throws(NetworkError) -> Inquiry {
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
        roster: result.roster, masked: result.masked, sum: signed, aggregator: aggregator.address,
        in: network.domain)
    }
    var shares: [SignedSumShare] = []
    var verifiers: [JobID: Address] = [:]
    for entry in result.roster.entries {
      let subJob = try database.read { db in try JobStore.subJob(entry.jobID, in: db) }
      let verifier = try acceptingVerifier(of: subJob)
      verifiers[entry.jobID] = verifier.address
      let answer = try verifier.share(
        of: try checkedUpdate(of: subJob), subJob: entry.jobID, round: record.round, beacon: beacon,
        work: vectorWork)
      if case .sumShare(let share) = try CohortMessage(wire: answer) { shares.append(share) }
    }
    // A sum that is not where it should be, or is not what was signed for, is as good as a wrong one.
    let sum = try? store.vector(signed.content.sumRoot, work: vectorWork)
    let fit = try asNetworkError {
      guard let sum else { return false }
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

  /// Takes the right sum in the place of the Aggregator's wrong one. It signs again, and is named.
  private func correct(
    _ cohort: CohortRecord, under roster: Roster, found: Bytes32, expected: Bytes32
  ) throws(NetworkError) -> CohortRecord {
    let signed = try sum(under: roster, of: cohort, again: true)
    guard signed.content.sumRoot == expected, let wrong = cohort.sum else {
      throw .inconsistent(
        what:
          "the Aggregator \(aggregator.address) signs a wrong sum again: \(signed.content.sumRoot), not \(expected)"
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
      try remark(
        "the Aggregator \(aggregator.address) added cohort \(record.number + 1) of round \(record.round + 1) wrongly "
          + "and signed \(found); the right sum is \(expected)", in: db)
      return record
    }
  }

  /// Lets a node open its round secret to its own verifier; returns that one's word when it lied.
  private func examine(
    _ subJob: JobID, under roster: Roster, of cohort: CohortRecord
  ) throws(NetworkError) -> SignedMaskedFault? {
    let (record, now, expiry) = try database.read { db in
      (
        try JobStore.subJob(subJob, in: db), try network.seconds(in: db),
        try JobStore.job(id, in: db).machine.deadline
      )
    }
    let verifier = try acceptingVerifier(of: record)
    guard let number = nodeNumber(record.machine.node),
      let masked = cohort.masked(under: roster).first(where: { $0.content.jobID == subJob })
    else { throw .inconsistent(what: "SubJob \(subJob) has posted nothing") }
    let sealed = try node(number - 1).openSecret(
      of: subJob, to: verifier.binding(expiry: max(expiry, now + 1)), verifier: verifier.address, now: now)
    let answer = try verifier.examine(
      sealed, update: try checkedUpdate(of: record), masked: masked, roster: roster)
    guard let answer, case .maskedFault(let fault) = try CohortMessage(wire: answer) else { return nil }
    try asNetworkError { try fault.check(signers: TrustedSigners(verifier.address), in: network.domain) }
    return fault
  }

  /// Liars end as FAILED; their cohort waits until their parts are computed again.
  private func expel(
    _ liars: [JobID], from cohort: CohortRecord, faults: [SignedMaskedFault]
  ) throws(NetworkError) {
    try database.write { db in
      var record = cohort
      var standing = try record.standing(in: network.domain)
      let now = try network.tick(in: db)
      let posted = standing.collector.result?.masked ?? []
      for liar in liars {
        var subJob = try JobStore.subJob(liar, in: db)
        var parent = try JobStore.job(id, in: db)
        guard let fault = faults.first(where: { $0.content.jobID == liar }),
          let masked = posted.first(where: { $0.content.jobID == liar }),
          let verifier = subJob.machine.verdict?.verifier
        else { throw NetworkError.inconsistent(what: "SubJob \(liar) is called a liar by nobody") }
        subJob.notes.reason = "it masked another update than the one that it submitted"
        try ExecutionLayer.apply(
          .reject(by: verifier, evidence: fault.digest), to: &subJob, parent: &parent, at: now, in: db)
        try record.apply(.expel(liar), to: &standing, at: now)
        record.lies.append(CohortRecord.Lie(masked: masked, fault: fault))
      }
      (record.sum, record.sumEpoch) = (nil, nil)
      try CohortStore.update(record, of: id, in: db)
    }
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

  private func remark(_ text: String, in db: Database) throws {
    var parent = try JobStore.job(id, in: db)
    parent.progress.remarks = (parent.progress.remarks ?? []) + [text]
    try JobStore.update(parent, in: db)
  }

  // MARK: - What verifiers know

  /// - Parameter opened: where what is opened to it goes, when it judges.
  func verifier(_ key: PrivateKey, opened: ContentStore? = nil) -> Verifier {
    Verifier(
      key: key, store: store, domain: network.domain, opened: opened, folder: verifierFolder(key.address),
      fault: network.keys.verifiers.firstIndex { $0.address == key.address }
        .flatMap { settings.fault(of: .verifier, $0) })
  }

  func verifierFolder(_ verifier: Address) -> URL {
    network.folder.appending(path: "verifiers/\(verifier)")
  }

  /// Whether the verifier that gave a verdict has the update that it vouches for.
  func holdsUpdate(ofVerdict digest: Bytes32, on record: SubJobRecord) throws(NetworkError) -> Bool {
    guard let verdict = record.notes.judgements.map(\.verdict).first(where: { $0.digest == digest }),
      let key = network.keys.verifiers.first(where: { $0.address == verdict.verdict.verifier })
    else { return false }
    return verifier(key).update(of: record.id) != nil
  }

  /// The verifier whose accepting verdict stands.
  func acceptingVerifier(of record: SubJobRecord) throws(NetworkError) -> Verifier {
    guard let key = network.keys.verifiers.first(where: { $0.address == record.machine.verdict?.verifier })
    else { throw .inconsistent(what: "SubJob \(record.id) was accepted by nobody of this network") }
    return verifier(key)
  }

  /// The update that the SubJob's verifier recomputed; when its disk lost it, it replays once more.
  func checkedUpdate(of record: SubJobRecord) throws(NetworkError) -> Data {
    let verifier = try acceptingVerifier(of: record)
    if let update = verifier.update(of: record.id) { return update }
    let draw = record.notes.draws.first { $0.verifier == verifier.address }
    _ = try judge(record, by: draw, parent: try job(), device: try device())
    guard let update = verifier.update(of: record.id) else {
      throw .inconsistent(
        what: "verifier \(verifier.address) cannot recompute the update of SubJob \(record.id)")
    }
    return update
  }
}
