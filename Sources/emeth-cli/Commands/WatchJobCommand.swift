import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth watch-job JOB`: follows a job until it ends.
  static let watchJob = Command(.watchJob) { parsed, context in
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
}
