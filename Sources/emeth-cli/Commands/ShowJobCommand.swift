import EmethKit
import EmethNetwork

extension Command {
  /// `emeth show-job JOB`: a job's state, SubJobs and money.
  static let showJob = Command(.showJob) { parsed, context in
    let network = try openNetwork(parsed, context)
    let job = try network.find(parsed[NetworkOptions.job])
    let report = try network.report(on: job)
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(report))
      return .done
    }
    let summary = try network.job(job)
    var lines = [
      "job       \(job)",
      "status    \(report.status)" + (report.reason.isEmpty ? "" : ": \(report.reason)"),
      "data set  \(PlainText.visible(summary.dataSet))",
      "rounds    \(summary.roundsDone) of \(summary.rounds), \(summary.parallel) parts",
      "escrow    \(summary.escrow)",
    ]
    for round in report.rounds {
      lines.append(
        "round \(round.round + 1)   train loss \(NumberText.fixed(round.trainLoss, decimals: 3)), validation loss "
          + NumberText.fixed(round.validationLoss, decimals: 3))
    }
    var table = TextTable([
      .init("SubJob"), .init("round", .right), .init("part", .right), .init("attempt", .right),
      .init("node", .right),
      .init("status"), .init("reason"),
    ])
    for subJob in report.subJobs {
      table.add([
        "\(subJob.jobId)", "\(subJob.round + 1)", "\(subJob.part + 1)", "\(subJob.attempt + 1)",
        subJob.node.map { "\($0)" } ?? "", subJob.status, JobReport.shortened(subJob.reason),
      ])
    }
    for line in lines { try context.output.print(line) }
    if !report.subJobs.isEmpty {
      try context.output.write(table.text(for: context.outputTerminal))
      try context.output.write(report.accountTable(for: context.outputTerminal))
    }
    return .done
  }
}
