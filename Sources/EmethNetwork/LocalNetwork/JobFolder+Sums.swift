import EmethCompute
import EmethKit
import Foundation

/// The masked sums of a finished job, checked by a third party (PROTOCOL 8).
extension JobFolder {
  /// What is checked of the sums, as the folder's records and files allow it.
  func checkSums(_ records: PublicRecords) -> [Check] {
    guard let sums = records.aggregation else {
      return [
        outcome("updates were added plainly: nobody was hidden, and no sum is checked") {
          try require(
            !records.subJobs.contains { $0.machine.parameters.aggregation == .masked },
            "the records of masked sums are not there")
        }
      ]
    }
    let files = sums.cohorts.map { sumFile($0) }
    let present = files.allSatisfy { FileManager.default.fileExists(atPath: $0.path) }
    let cohorts = outcome(
      "\(sums.cohorts.count) cohorts: draws, keys, masked updates, sums' signatures and shares"
    ) {
      try checkCohorts(records, sums)
    }
    guard present, !sums.cohorts.isEmpty else {
      return [
        cohorts,
        outcome("sums are too large for the folder: that shares and model fit them is not checked") {
          try require(
            files.allSatisfy { !FileManager.default.fileExists(atPath: $0.path) },
            "some of the sums are there and some are not")
        },
      ]
    }
    // What is not in the folder can't be followed.
    let manifest = try? TrainingManifest(json: records.job.parameters)
    let followed =
      manifest?.initialWeights == .seed
      ? ", and the model follows from them"
      : "; that the model follows from them is not checked: it began with a given model, which is not in the folder"
    return [
      cohorts,
      outcome("\(files.count) sums: the verifiers' shares add up to them\(followed)") {
        try checkShares(records, sums)
        try checkModelFollows(records, sums)
      },
    ]
  }

  private func sumFile(_ cohort: PublicRecords.Cohort) -> URL {
    model.appending(path: PublicRecords.Cohort.place(of: cohort.sum.content.sumRoot))
  }

  // MARK: - Records

  private func checkCohorts(_ records: PublicRecords, _ sums: PublicRecords.Aggregation) throws {
    let complete = UInt32(max(0, records.rounds.count - 1))
    for round in 0..<complete {
      let cohorts = sums.cohorts.filter { $0.round == round }
      try checkDraw(cohorts, round: round, in: records)
      var members: [JobID] = []
      for cohort in cohorts {
        try checkCohort(cohort, in: records, sums)
        members += cohort.roster.entries.map(\.jobID)
      }
      let verified = records.subJobs.filter {
        $0.machine.status == .verified && $0.machine.job.position?.round == round
      }
      try require(
        Set(members).count == members.count && Set(members) == Set(verified.map(\.machine.job.id)),
        "round \(round): the cohorts are not those of the verified SubJobs")
    }
    for accusation in sums.refuted ?? [] { try checkAccusation(accusation, lied: false, in: records) }
    try require(
      sums.cohorts.allSatisfy { $0.round < complete }, "there is a cohort of a round that is not complete")
  }

  /// Cohorts are those that the batch after the last verdict draws, seat by seat.
  private func checkDraw(_ cohorts: [PublicRecords.Cohort], round: UInt32, in records: PublicRecords) throws {
    guard let epoch = cohorts.first?.drawEpoch else { throw Problem("round \(round) has no cohort") }
    let beacon = try batch(epoch, in: records).digest
    let drawn = try CohortDraw.cohorts(beacon: beacon, round: round, seats: cohorts.flatMap(\.drawn.seats))
    try require(
      cohorts.map(\.drawn) == drawn && cohorts.allSatisfy { $0.drawEpoch == epoch },
      "round \(round): the cohorts are not those that batch \(epoch) draws")
  }

  private func checkCohort(
    _ cohort: PublicRecords.Cohort, in records: PublicRecords, _ sums: PublicRecords.Aggregation
  ) throws {
    let name = "round \(cohort.round)"
    let audit = try CohortAudit(
      roster: cohort.roster, masked: cohort.masked, sum: cohort.sum, aggregator: sums.aggregator,
      in: records.domain)
    let manifest = try TrainingManifest(json: records.job.parameters)
    try require(
      cohort.roster.programHash == manifest.programHash && cohort.roster.round == cohort.round
        && records.rounds.contains { $0.round == cohort.round && $0.initRoot == cohort.roster.initRoot },
      "\(name): a roster is of another program, round or model")
    var parts: Set<UInt32> = []
    for (entry, masked) in zip(cohort.roster.entries, audit.masked) {
      let subJob = try subJob(entry.jobID, in: records)
      guard let submission = subJob.submission?.submission, let part = subJob.machine.job.position?.part
      else {
        throw Problem("\(name): SubJob \(entry.jobID) has submitted nothing")
      }
      try require(
        CohortSeat(of: submission) == entry.seat,
        "\(name): the roster has another result of SubJob \(entry.jobID) than was accepted")
      try require(
        subJob.machine.cohort?.maskedRoot == masked.maskedRoot
          && subJob.machine.cohort?.attempt == cohort.roster.attempt,
        "\(name): SubJob \(entry.jobID) was settled with another masked update")
      parts.insert(part)
    }
    var drawnParts: Set<UInt32> = []
    for seat in cohort.drawn.seats {
      let subJob = try subJob(seat.jobID, in: records)
      try require(
        subJob.submission.map { CohortSeat(of: $0.submission) } == seat
          && subJob.verdicts.contains { $0.verdict.accepted },
        "\(name): SubJob \(seat.jobID) was drawn with a result that nobody accepted")
      if let part = subJob.machine.job.position?.part { drawnParts.insert(part) }
    }
    try require(parts == drawnParts, "\(name): a cohort has other parts than were drawn")
    for wrong in cohort.wrongSums {
      try wrong.check(signers: TrustedSigners(sums.aggregator), in: records.domain)
      try require(
        wrong.content.sumRoot != cohort.sum.content.sumRoot,
        "\(name): the Aggregator is blamed for the sum that holds")
    }
  }

  /// A SubJob that failed after it had been accepted: what verifiers say of what it masked.
  func checkLie(_ subJob: PublicRecords.SubJob, in records: PublicRecords) throws {
    let id = subJob.machine.job.id
    guard let lie = records.aggregation?.lies.first(where: { $0.masked.content.jobID == id }) else {
      throw Problem("SubJob \(id) is FAILED without a rejecting verdict")
    }
    try checkAccusation(lie, lied: true, in: records)
  }

  /// Who speaks has replayed the submission, everybody speaks once, and the decision follows from the words.
  private func checkAccusation(
    _ accusation: PublicRecords.Accusation, lied: Bool, in records: PublicRecords
  ) throws {
    let id = accusation.masked.content.jobID
    let subJob = try subJob(id, in: records)
    guard let node = subJob.machine.node, let submission = subJob.submission else {
      throw Problem("SubJob \(id) is accused and has submitted nothing")
    }
    try accusation.masked.check(signers: TrustedSigners(node), in: records.domain)
    let verdicts = subJob.verdicts + (subJob.furtherVerdicts ?? [])
    let accepting = verdicts.map(\.verdict).filter(\.accepted)
    let dispute = accusation.dispute
    for word in dispute.words {
      try word.check(signers: TrustedSigners(word.signer), in: records.domain)
      try require(
        word.content.isAbout(accusation.masked.content)
          && accepting.contains { $0.verifier == word.signer },
        "SubJob \(id) is accused over something that it did not sign, or by one that has not replayed it")
    }
    for rejection in (accusation.rejections ?? []) + (accusation.withheld ?? []) {
      try rejection.check(of: submission.digest, in: records.domain)
      try require(!rejection.verdict.accepted, "SubJob \(id) is accused by one that accepts it")
      try require(
        verdicts.contains { $0.digest == rejection.digest && $0.signer == rejection.signer },
        "SubJob \(id) is accused by \(rejection.signer), whose verdict is not among those on it")
    }
    for word in dispute.handed {
      try word.check(signers: TrustedSigners(word.signer), in: records.domain)
      try require(
        word.content.isAbout(accusation.masked.content) && dispute.unseeing.contains(word.signer),
        "SubJob \(id): \(word.signer) was shown nothing of what it masked")
    }
    try require(
      Set(dispute.handed.map(\.signer)).count == dispute.handed.count,
      "SubJob \(id): somebody speaks twice of what it was shown")
    let speakers = dispute.words.map(\.signer) + dispute.rejecting + dispute.unopened
    try require(
      Set(speakers).count == speakers.count, "SubJob \(id): somebody speaks twice of what it masked")
    let own = ownAccounts(of: subJob, in: records)
    for speaker in speakers + dispute.handed.map(\.signer) {
      try require(
        !own.contains(speaker),
        "SubJob \(id): of what it masked speaks \(speaker), an account of the job's own")
    }
    guard case .decided(lied, _, _) = dispute.ruling(isLast: true) else {
      throw Problem(
        "SubJob \(id): what \(speakers.count) verifiers say of what it masked does not make it "
          + (lied ? "a liar" : "honest"))
    }
  }

  private func subJob(_ id: JobID, in records: PublicRecords) throws -> PublicRecords.SubJob {
    guard let subJob = records.subJobs.first(where: { $0.machine.job.id == id }) else {
      throw Problem("SubJob \(id) of a cohort is not there")
    }
    return subJob
  }

  /// The batch that is a draw's beacon.
  func batch(_ epoch: UInt64, in records: PublicRecords) throws -> SignedBatch {
    guard let batch = records.batches.first(where: { $0.batch.epoch == epoch }) else {
      throw Problem("batch \(epoch), a beacon, is not there")
    }
    return batch
  }

  // MARK: - Sums

  private func vectors(_ sums: PublicRecords.Aggregation, round: UInt32) throws -> [Data] {
    try sums.cohorts.filter { $0.round == round }.map { cohort in
      let vector = try Files.read(sumFile(cohort))
      let root = VectorWork(threads: 1).root(of: vector)
      try require(
        root == cohort.sum.content.sumRoot,
        "round \(round): the sum in the folder has root \(root), signed was \(cohort.sum.content.sumRoot)")
      return vector
    }
  }

  private func checkShares(_ records: PublicRecords, _ sums: PublicRecords.Aggregation) throws {
    for round in Set(sums.cohorts.map(\.round)).sorted() {
      let cohorts = sums.cohorts.filter { $0.round == round }
      for (cohort, vector) in zip(cohorts, try vectors(sums, round: round)) {
        let audit = try CohortAudit(
          roster: cohort.roster, masked: cohort.masked, sum: cohort.sum, aggregator: sums.aggregator,
          in: records.domain)
        var verifiers: [JobID: Address] = [:]
        for entry in cohort.roster.entries {
          verifiers[entry.jobID] = try subJob(entry.jobID, in: records).machine.verdict?.verifier
        }
        let projection = try VectorWork(threads: 1).projection(
          of: vector, beacon: try batch(cohort.beaconEpoch, in: records).digest)
        try require(
          audit.sharesFit(cohort.shares, verifiers: verifiers, sum: projection, in: records.domain),
          "round \(round): the verifiers' shares do not add up to a cohort's sum")
      }
    }
  }

  /// Takes every round's step again, from the weights that the seed gives; nothing where the job began with others.
  private func checkModelFollows(_ records: PublicRecords, _ sums: PublicRecords.Aggregation) throws {
    let manifest = try TrainingManifest(json: records.job.parameters)
    guard manifest.initialWeights == .seed else { return }
    let state = try TrainingState(configuration: ModelConfiguration(manifest.model))
    try state.initializeWeights(seed: manifest.seed.bytes)
    let rounds = records.rounds.sorted { $0.round < $1.round }
    guard let first = rounds.first, first.round == 0 else { throw Problem("round 0 is not in the records") }
    let beginning = Bytes32(state.root)
    try require(
      beginning == first.initRoot,
      "round 0: the seed gives the model \(beginning.map { "\($0)" } ?? "none"), the job began with \(first.initRoot)"
    )
    func limited(_ exponents: [Int32]) -> [Int32] {
      manifest.limited(exponents, parts: records.job.numParallel)
    }
    var exponents = limited(
      Array(repeating: manifest.quantiserExponent, count: state.layout.tensors.count))
    var velocity: Data?
    for next in rounds.dropFirst() {
      let round = next.round - 1
      let sum = try VectorWork(threads: 1).sum(of: try vectors(sums, round: round))
      try require(
        sum.count == state.parameters.count * UpdateRing.wordByteCount,
        "round \(round): the sum is of another model")
      try MaskedSum.check(sum, parts: Int(records.job.numParallel))
      (exponents, velocity) = try OuterStep(manifest: manifest, exponents: exponents, velocity: velocity)
        .apply(sum, partCount: Int(records.job.numParallel), to: state)
      exponents = limited(exponents)
      state.round = UInt64(next.round)
      state.step = UInt64(next.round) * UInt64(manifest.stepsPerRound)
      let root = Bytes32(state.root)
      try require(
        root == next.initRoot,
        "round \(round): the sum leads to the model \(root.map { "\($0)" } ?? "none"), the job's is \(next.initRoot)"
      )
    }
  }
}

extension MaskedSum {
  fileprivate static func check(_ sum: Data, parts: Int) throws {
    try sum.withUnsafeBytes { try check($0, parts: parts) }
  }
}
