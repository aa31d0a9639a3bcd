import EmethKit

/// What lists show of a job, kept beside its records, which take milliseconds to read.
struct JobLine: Codable, Sendable, Hashable {
  /// The data set's name, as its requester chose it.
  var dataSetName: String
  var escrow: TokenAmount
  /// Rounds asked for, and those done.
  var rounds: UInt32
  var roundsDone: UInt32
  /// After the last round that is done.
  var validationLoss: Double?
}

extension JobLine {
  init(_ record: JobRecord) {
    let losses = record.progress.rounds.compactMap(\.validationLoss)
    self.init(
      dataSetName: record.request.dataSetName, escrow: record.job.terms.escrow, rounds: record.job.numEpoch,
      roundsDone: UInt32(losses.count), validationLoss: losses.last)
  }
}
