import EmethKit
import EmethNetwork

extension Command {
  /// `emeth cancel-job JOB`: takes a job back that no node has begun.
  static let cancelJob = Command(.cancelJob) { parsed, context in
    if try ChainOptions.isChain(parsed, others: [ServerOptions.server, NetworkOptions.network]) {
      return try await cancelOnChain(parsed, context)
    }
    if let client = try ServerOptions.client(parsed, context, signed: true) {
      return try await cancel(parsed, context, on: client)
    }
    let network = try openNetwork(parsed, context)
    let job = try network.find(parsed[NetworkOptions.job])
    do {
      try network.cancel(job)
    } catch NetworkError.jobEnded(_, let status, let reason) {
      throw CommandFailure(
        .no, code: "job.ended", "job \(job) can't be canceled: it is \(status.name), \(reason)", hint: nil,
        details: ["found": status.name])
    } catch NetworkError.refused(let code, let message, let hint) {
      throw CommandFailure(.no, code: code, message, hint: hint, details: [:])
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(JobListing(try network.job(job))))
    } else {
      try context.output.print("\(job) CANCELED")
    }
    return .done
  }

  /// The same on a server.
  private static func cancel(
    _ parsed: ParsedCommand, _ context: CommandContext, on client: ServerClient
  ) async throws -> ExitCode {
    let job = try await client.find(parsed[NetworkOptions.job])
    do {
      let view = try await client.cancel(job)
      if parsed[CommonFlags.json] {
        try context.output.write(JSONText.pretty(JobListing(view.summary)))
      } else {
        try context.output.print("\(job) \(view.summary.status.name)")
      }
      return .done
    } catch NetworkError.refused(let code, let message, let hint) where code.hasPrefix("job.") {
      throw CommandFailure(.no, code: code, message, hint: hint, details: [:])
    }
  }
}
