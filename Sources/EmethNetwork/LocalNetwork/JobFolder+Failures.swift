import EmethKit

/// Why a SubJob failed, as the folder shows it: one word costs nobody a deposit.
extension JobFolder {
  /// A FAILED SubJob was rejected by two, or did not open, or masked another update than the one that it submitted.
  func checkFailure(_ subJob: PublicRecords.SubJob, in records: PublicRecords) throws {
    let machine = subJob.machine
    if machine.endReason == .openingsWithheld {
      // That something did not come is the Execution Layer's word.
      let (id, last) = (machine.job.id, machine.draws.last)
      try require(
        last.map { $0.openedAt == nil } == true, "SubJob \(id) is FAILED for openings that came")
      guard let accepting = machine.verdict?.verifier else { return }
      try require(
        last?.inPlaceOf == accepting && !subJob.verdicts.contains { $0.verdict.verifier == last?.verifier },
        "SubJob \(id) is FAILED for openings that it did not owe: \(accepting) had accepted it")
    } else if machine.verdict.map({ $0.verifier != machine.verifier })
      ?? (subJob.verdicts.last?.verdict.accepted == false)
    {
      // Who vouched for it tells the lie itself, and the fee is its own; who overrules it takes the fee.
      try checkRejection(subJob, in: records)
    } else {
      try checkLie(subJob, in: records)
    }
  }

  /// Two that were drawn reject it, none of the job's own accounts among them, and its fee is for one of them. Where it had
  /// been accepted no two say that it is right.
  private func checkRejection(_ subJob: PublicRecords.SubJob, in records: PublicRecords) throws {
    let (machine, id) = (subJob.machine, subJob.machine.job.id)
    let said = subJob.verdicts + (subJob.furtherVerdicts ?? [])
    // Who signed two verdicts has said nothing.
    let counted = said.map(\.verdict).filter { one in
      said.count { $0.verdict.verifier == one.verifier } == 1
    }
    var finders: [Address] = []
    for draw in machine.draws where draw.dispute != .zero {
      guard let found = counted.first(where: { $0.verifier == draw.verifier && !$0.accepted }) else {
        continue
      }
      try require(
        draw.dispute == nil || draw.dispute == found.evidence,
        "SubJob \(id): \(draw.verifier) names other evidence than was settled")
      finders.append(draw.verifier)
    }
    let needed = machine.parameters.confirmsRejection ? 2 : 1
    try require(
      finders.count >= needed,
      "SubJob \(id) is FAILED on the word of \(finders.count) verifiers, not \(needed)")
    let own = ownAccounts(of: subJob, in: records)
    for finder in finders {
      try require(
        !own.contains(finder), "SubJob \(id) is rejected by \(finder), an account of the job's own")
    }
    try require(
      machine.verifier.map(finders.contains) == true,
      "SubJob \(id): the fee of a rejection is not that of one who found it")
    guard machine.verdict != nil else { return }
    let accepting = counted.filter(\.accepted).map(\.stepRoot)
    try require(
      Set(accepting).count == accepting.count,
      "SubJob \(id) is FAILED, and two say that it is right")
  }

  /// Who was never to be drawn for a SubJob: who worked for its job before it was submitted, and the requester. A node that
  /// began within the same second may have come after it, and is not named.
  func ownAccounts(of subJob: PublicRecords.SubJob, in records: PublicRecords) -> Set<Address> {
    let submittedAt = subJob.machine.submittedAt ?? 0
    let nodes = records.subJobs.map(\.machine).filter { $0.startedAt.map { $0 < submittedAt } ?? false }
    return Set(nodes.compactMap(\.node) + [records.job.requester] + [subJob.machine.node].compactMap { $0 })
  }
}
