import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth watch-job JOB`: follows a job until it ends.
  static let watchJob = Command(.watchJob) { parsed, context in
    let network = try openNetwork(parsed, context)
    let job = try network.find(parsed[NetworkOptions.job])
    let asJSON = parsed[CommonFlags.json]
    var last: JobSummary?
    while true {
      let summary = try network.job(job)
      if summary != last {
        try context.output.write(asJSON ? JSONText.line(summary) : summary.line + "\n")
        last = summary
      }
      if summary.status.isFinal { return summary.status == .verified ? .done : .no }
      try context.cancellation.check(note: "the job goes on; watch it again with the same command")
      try await Task.sleep(for: .milliseconds(300))
    }
  }
}

extension JobSummary {
  /// The job in one line.
  fileprivate var line: String {
    var text = "\(status.name)  round \(roundsDone) of \(rounds)"
    if let loss = losses.last?.validationLoss { text += "  validation loss \(NumberText.fixed(loss, decimals: 3))" }
    if !reason.isEmpty { text += "  \(reason)" }
    return text
  }
}
