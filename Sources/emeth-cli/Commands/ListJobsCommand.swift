import EmethKit
import EmethNetwork

extension Command {
  /// `emeth list-jobs`: the jobs of a local network, oldest first.
  static let listJobs = Command(.listJobs) { parsed, context in
    let jobs = try openNetwork(parsed, context).jobs()
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(jobs.map(JobListing.init)))
      return .done
    }
    var table = TextTable([
      .init("job"), .init("status"), .init("rounds", .right), .init("parts", .right), .init("loss", .right),
      .init("escrow", .right), .init("data set"),
    ])
    for job in jobs {
      table.add([
        "\(job.jobId)", job.status.name, "\(job.roundsDone)/\(job.rounds)", "\(job.parallel)",
        job.losses.last?.validationLoss.map { NumberText.fixed($0, decimals: 3) } ?? "", job.escrow.emethText,
        PlainText.visible(job.dataSet),
      ])
    }
    try context.output.write(table.text(for: context.outputTerminal))
    return .done
  }
}
