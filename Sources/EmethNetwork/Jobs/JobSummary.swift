import EmethKit

/// What a job waits for that may need somebody to do something.
public enum JobWait: String, Codable, Sendable, Hashable {
  /// Verifiers that can be drawn to check its parts.
  case verifiers

  /// The same in words.
  public var message: String {
    switch self {
    case .verifiers:
      "waits for verifiers: too few have a bond that is high enough, commitments, and the job's module if it has one"
    }
  }
}

/// What a job is: how it was asked for, how far it is, how it ended.
public struct JobSummary: Codable, Sendable, Hashable {
  /// The job.
  public var jobId: JobID
  /// Where it stands.
  public var status: JobStatus
  /// Why it ended so; empty while it runs.
  public var reason: String
  /// Name of its data set.
  public var dataSet: String
  /// Rounds done.
  public var roundsDone: UInt32
  /// Rounds asked for.
  public var rounds: UInt32
  /// Parts the data set is divided into.
  public var parallel: UInt32
  /// The most the requester pays: fee and verifier's fee.
  public var escrow: TokenAmount
  /// Rounds with their losses.
  public var losses: [RoundRecord]
  /// What it waits for; `nil` is nothing.
  public var waitsFor: JobWait?
}

extension JobSummary {
  /// What a record says.
  init(_ record: JobRecord) {
    let done = record.progress.rounds.filter { $0.validationLoss != nil }
    self.init(
      jobId: record.job.id, status: record.status, reason: record.reason, dataSet: record.request.dataSetName,
      roundsDone: record.request.isTraining ? UInt32(done.count) : record.machine.roundsComplete,
      rounds: record.job.numEpoch, parallel: record.job.numParallel,
      escrow: record.job.terms.escrow, losses: done,
      waitsFor: record.status.isFinal ? nil : record.progress.wait)
  }
}
