import EmethKit
import EmethNetwork

/// A job as `list-jobs`, `watch-job`, `submit-job` and `cancel-job` print it with `--json`.
struct JobListing: Encodable, Equatable, Sendable {
  struct Round: Encodable, Equatable, Sendable {
    var round: UInt32
    var trainLoss: Double?
    var validationLoss: Double?
  }

  var jobId: JobID
  /// The state's name, such as `VERIFIED`.
  var status: String
  var reason: String
  var dataSet: String
  var rounds: UInt32
  var roundsDone: UInt32
  var parallel: UInt32
  var escrow: TokenAmount
  /// What it waits for; absent is nothing.
  var waitsFor: JobWait?
  /// Losses of the rounds that are done.
  var losses: [Round]

  init(_ job: JobSummary) {
    jobId = job.jobId
    status = job.status.name
    reason = job.reason
    dataSet = job.dataSet
    rounds = job.rounds
    roundsDone = job.roundsDone
    parallel = job.parallel
    escrow = job.escrow
    waitsFor = job.waitsFor
    losses = job.losses.map {
      Round(round: $0.round, trainLoss: $0.trainLoss, validationLoss: $0.validationLoss)
    }
  }

  /// The job in one line, as `watch-job` prints it.
  var line: String {
    var text = "\(status)  round \(roundsDone) of \(rounds)"
    if let loss = losses.last?.validationLoss {
      text += "  validation loss \(NumberText.fixed(loss, decimals: 3))"
    }
    if let waitsFor { text += "  \(waitsFor.message)" }
    if !reason.isEmpty { text += "  \(reason)" }
    return text
  }
}
