import EmethKit
import EmethNetwork

extension Command {
  /// `emeth cancel-job JOB`: takes a job back that no node has begun.
  static let cancelJob = Command(.cancelJob) { parsed, context in
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
}
