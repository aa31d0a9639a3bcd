import EmethKit
import EmethNetwork

extension Command {
  /// `emeth list-jobs`: the jobs of a network, oldest first.
  static let listJobs = Command(.listJobs) { parsed, context in
    let jobs: [JobSummary]
    if let client = try ServerOptions.client(parsed, context, signed: false) {
      jobs = try await client.allJobs { job in
        guard !parsed[CommonFlags.json] else { return }
        context.talk.warn("job \(job) is left out: the server can't read its record")
      }
    } else {
      jobs = try openNetwork(parsed, context).jobs()
    }
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

extension ServerClient {
  /// All jobs of a server, oldest first.
  ///
  /// - Parameter onUnreadable: told of those that the server has and can't read.
  fileprivate func allJobs(onUnreadable: (JobID) -> Void) async throws -> [JobSummary] {
    var filter = JobFilter()
    filter.limit = 1_000
    var jobs: [JobSummary] = []
    while true {
      let page = try await self.jobs(filter)
      jobs += page.jobs.map(\.summary)
      page.unreadable?.forEach(onUnreadable)
      guard let next = page.next else { return jobs.reversed() }
      filter.before = next
    }
  }
}
