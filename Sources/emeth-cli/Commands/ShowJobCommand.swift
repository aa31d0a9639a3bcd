import EmethKit
import EmethNetwork

extension Command {
  /// `emeth show-job JOB`: a job's state, SubJobs and money.
  static let showJob = Command(.showJob) { parsed, context in
    let (job, report, summary): (JobID, JobReport, JobSummary)
    if let client = try ServerOptions.client(parsed, context, signed: false) {
      job = try await client.find(parsed[NetworkOptions.job])
      report = try await client.report(on: job)
      guard let seen = try await client.job(job) else { throw NetworkError.unknownJob(id: "\(job)") }
      summary = seen.job.summary
    } else {
      let network = try openNetwork(parsed, context)
      job = try network.find(parsed[NetworkOptions.job])
      report = try network.report(on: job)
      summary = try network.job(job)
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(report))
      return .done
    }
    var lines = [
      "job       \(job)",
      "status    \(report.status)" + (report.reason.isEmpty ? "" : ": \(report.reason)")
        + (report.waitsFor.map { ", \($0.message)" } ?? ""),
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
