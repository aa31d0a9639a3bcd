import EmethCompute
import EmethKit
import Foundation

/// The result of a job that is no training.
extension JobFolder {
  /// The file of the result, inside the folder.
  static let resultFile = "result.dat"

  /// SHA-256 of a job's manifest.
  func programHash(of job: Job) throws(NetworkError) -> Bytes32 {
    if isTraining(job) {
      return try asNetworkError { try TrainingManifest(json: job.parameters).programHash }
    }
    return try ComputedManifest(json: job.parameters).hash
  }

  /// How many computed the output of the verdict that decided: the node, and the verifiers that show the same
  /// output for the same seed and say nothing else besides.
  static func agreeing(
    on deciding: SignedVerdict?, of verdicts: [SignedVerdict], node: Address?
  ) -> Int {
    guard let deciding = deciding?.verdict, deciding.accepted else { return 0 }
    let same = verdicts.map(\.verdict).filter {
      $0.accepted && $0.seed == deciding.seed && $0.stepRoot == deciding.stepRoot
    }
    let others = verdicts.map(\.verdict).filter { !$0.accepted }.map(\.verifier)
    return 1 + Set(same.map(\.verifier)).subtracting(others).filter { $0 != node }.count
  }

  func checkComputed(_ records: PublicRecords) -> [Check] {
    [
      outcome("program \(records.job.programID): manifest, records, agreement") {
        let job = records.job
        let manifest = try ComputedManifest(json: job.parameters)
        try require(
          manifest.program == job.programID && manifest.canonicalJSON == job.parameters,
          "the manifest is of program \(manifest.program), the job of \(job.programID)")
        try require(
          manifest.recordCount == records.plan.recordCount,
          "the manifest has \(manifest.recordCount) records, the plan \(records.plan.recordCount)")
        for subJob in records.subJobs {
          let machine = subJob.machine
          try require(
            machine.job.programID == manifest.partProgram, "SubJob \(machine.job.id) is of another program")
          guard machine.status == .verified, machine.endReason != .proved else { continue }
          let agreeing = Self.agreeing(
            on: subJob.verdicts.last, of: subJob.verdicts + (subJob.furtherVerdicts ?? []), node: machine.node
          )
          try require(
            agreeing >= Int(manifest.agreement),
            "SubJob \(machine.job.id): \(agreeing) computed the output, \(manifest.agreement) must agree")
        }
      },
      outcome("the result's bytes are those that the records name") {
        guard records.status == .verified else {
          return try require(records.result == nil, "there is a result of a job that is not VERIFIED")
        }
        let bytes = try Files.read(model.appending(path: Self.resultFile))
        let hash = bytes.withUnsafeBytes { SHA256.hash($0) }
        try require(
          hash == records.result,
          "\(Self.resultFile) has SHA-256 \(hash), the records say "
            + (records.result.map { "\($0)" } ?? "nothing"))
      },
    ] + checkTexts(records)
  }

  /// Each part's fuel is computed by its texts: nobody pays for what was not generated.
  private func checkTexts(_ records: PublicRecords) -> [Check] {
    guard records.status == .verified,
      let generation = try? ComputedManifest(json: records.job.parameters).generation
    else { return [] }
    return [
      outcome("fuel of every part is that of its texts") {
        let texts = try GeneratedText.lines(of: Files.read(model.appending(path: Self.resultFile)))
        try require(
          UInt64(texts.count) == records.plan.recordCount,
          "\(Self.resultFile) has \(texts.count) texts, the plan \(records.plan.recordCount) prompts")
        for subJob in records.subJobs where subJob.machine.status == .verified {
          let machine = subJob.machine
          guard let position = machine.job.position, records.plan.parts.indices.contains(Int(position.part))
          else { continue }
          let part = records.plan.parts[Int(position.part)].records
          let fuel = try generation.fuel(of: texts[Int(part.lowerBound)..<Int(part.upperBound)])
          try require(
            machine.fuelUsed == min(fuel, machine.job.fuelLimit),
            "SubJob \(machine.job.id): its texts are \(fuel) fuel, paid were \(machine.fuelUsed ?? .zero)")
        }
      }
    ]
  }
}

extension LocalNetwork {
  /// Writes the result of a job that is no training: `result.dat`, whole or not at all; returns the file.
  @discardableResult
  public func exportResult(of id: JobID, to target: URL) throws(NetworkError) -> URL {
    let record = try database.read { db in try JobStore.job(id, in: db) }
    guard let result = record.progress.result else {
      throw .jobEnded(id: id, status: record.status, reason: "its parts were not joined, there is no result")
    }
    try record.refuseIfSealed()
    try Files.makeFolder(target)
    let file = target.appending(path: JobFolder.resultFile)
    try Files.write(try store.get(result), to: file)
    return file
  }
}

extension RunFolder {
  /// As the other one, for a training.
  public init(
    wanted: URL?, seed: Bytes32, settings: NetworkSettings, request: TrainingRequest,
    objects: (LocalNetwork) throws -> Void
  ) throws {
    try self.init(
      wanted: wanted, seed: seed, settings: settings, request: .training(request), objects: objects)
  }
}
