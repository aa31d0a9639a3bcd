import EmethKit

/// What was drawn of each submission, drawn again from what the folder has (PROTOCOL 7).
extension JobFolder {
  /// Seeds follow from submission, batch and secret, segments from seeds, and what was opened and judged from segments.
  ///
  /// Among whom the verifiers were drawn is not in the folder, and that a secret was committed to before is the Execution
  /// Layer's word.
  func checkDraws(_ records: PublicRecords) -> Check {
    let judged = records.subJobs.filter { !($0.verdicts + ($0.furtherVerdicts ?? [])).isEmpty }
    let unknown = judged.count { $0.draw == nil }
    return outcome(
      "\(judged.count) draws: seeds by batch and secret, segments by seed, steps and opened leaves by segments"
        + (unknown == 0 ? "" : "; \(unknown) of an earlier version that kept none are not checked")
    ) {
      for subJob in judged {
        guard let draw = subJob.draw, let submission = subJob.submission else { continue }
        let seed = try checkSeed(draw, of: submission, subJob, in: records)
        if isTraining(records.job) {
          try checkSegments(draw, seed: seed, of: submission.submission, subJob, in: records)
        }
      }
    }
  }

  /// The beacon is the batch after the one that holds the submission, and all that judged it did so by the seed of it.
  private func checkSeed(
    _ draw: PublicRecords.Draw, of submission: SignedSubmission, _ subJob: PublicRecords.SubJob,
    in records: PublicRecords
  ) throws -> Bytes32 {
    let (id, at) = (subJob.machine.job.id, subJob.machine.submittedAt ?? 0)
    func time(_ epoch: UInt64) -> UInt64? {
      records.batches.first { $0.batch.epoch == epoch }?.batch.toTime
    }
    // Of batches that were closed in one second any may be the one.
    let holder = draw.beaconEpoch.subtractingReportingOverflow(1).partialValue
    try require(
      draw.beaconEpoch > 1 && time(holder).map { at <= $0 } ?? false
        && (holder == 1 || time(holder - 1).map { $0 <= at } ?? false),
      "SubJob \(id): batch \(draw.beaconEpoch), its beacon, is not the one after its submission's")
    let beacon = try batch(draw.beaconEpoch, in: records).digest
    let seed = SegmentDraw.seed(submission: submission.digest, beacon: beacon, secret: draw.secret)
    for verdict in subJob.verdicts + (subJob.furtherVerdicts ?? []) {
      try require(
        verdict.verdict.seed == seed,
        "SubJob \(id): \(verdict.verdict.verifier) judged by seed \(verdict.verdict.seed), batch "
          + "\(draw.beaconEpoch) and the secret \(draw.secret) give \(seed)")
    }
    return seed
  }

  /// The segments are those that the seed draws, the node opened the leaves of these and no others, and the verdict that
  /// stands names the step inside them.
  private func checkSegments(
    _ draw: PublicRecords.Draw, seed: Bytes32, of submission: Submission, _ subJob: PublicRecords.SubJob,
    in records: PublicRecords
  ) throws {
    let id = subJob.machine.job.id
    let manifest = try TrainingManifest(json: records.job.parameters)
    let count = Int(manifest.segmentCount)
    let segments = draw.segments ?? Array(0..<count)
    try require(
      Verifier.mayDraw(segments, seed: seed, of: count),
      "SubJob \(id): segments \(segments) are not drawn from its seed")
    let standing = subJob.machine.verdict?.digest
    guard standing != nil || !subJob.trace.isEmpty else { return }
    try require(
      Int(submission.segments) == count,
      "SubJob \(id): it was submitted with \(submission.segments) segments, the program has \(count)")
    let opened = Set(subJob.trace.map { Int($0.boundary) })
    let needed = SegmentDraw.boundaries(ofSegments: segments, of: count)
    try require(
      opened == needed,
      "SubJob \(id): leaves \(opened.sorted()) of its trace were opened, those of segments \(segments) are "
        + "\(needed.sorted())")
    let step = manifest.interiorStep(seed: seed, segments: segments)
    for verdict in subJob.verdicts + (subJob.furtherVerdicts ?? []) where verdict.digest == standing {
      try require(
        verdict.verdict.step == step,
        "SubJob \(id): the verdict that stands names step \(verdict.verdict.step), its seed draws \(step)")
    }
  }
}
