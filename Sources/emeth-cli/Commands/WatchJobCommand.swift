import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth watch-job JOB`: follows a job until it ends.
  static let watchJob = Command(.watchJob) { parsed, context in
    if let client = try ServerOptions.client(parsed, context, signed: false) {
      return try await watch(parsed, context, on: client)
    }
    let network = try openNetwork(parsed, context)
    let job = try network.find(parsed[NetworkOptions.job])
    let asJSON = parsed[CommonFlags.json]
    var last: JobListing?
    while true {
      let summary = try network.job(job)
      let listing = JobListing(summary)
      if listing != last {
        try context.output.write(asJSON ? JSONText.line(listing) : listing.line + "\n")
        last = listing
      }
      if summary.status.isFinal { return summary.status == .verified ? .done : .no }
      try context.cancellation.check(note: "the job goes on; watch it again with the same command")
      try await Task.sleep(for: .milliseconds(300))
    }
  }

  /// The same on a server, which answers when something changed. One that can't be reached for a while is waited for.
  private static func watch(
    _ parsed: ParsedCommand, _ context: CommandContext, on client: ServerClient
  ) async throws -> ExitCode {
    let job = try await client.find(parsed[NetworkOptions.job])
    let asJSON = parsed[CommonFlags.json]
    let watching = Task { () throws -> ExitCode in
      var (tag, last): (String?, JobListing?)
      while true {
        guard let seen = try await client.job(job, otherThan: tag, waitingUpTo: 30) else { continue }
        tag = seen.tag
        let listing = JobListing(seen.job.summary)
        if listing != last {
          try context.output.write(asJSON ? JSONText.line(listing) : listing.line + "\n")
          last = listing
        }
        if seen.job.summary.status.isFinal { return seen.job.summary.status == .verified ? .done : .no }
      }
    }
    context.cancellation.onRequest { watching.cancel() }
    do {
      return try await watching.value
    } catch {
      try context.cancellation.check(note: "the job goes on; watch it again with the same command")
      throw error
    }
  }
}
