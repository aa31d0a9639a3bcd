import EmethKit
import EmethNetwork
import Foundation

/// `emeth fetch-result --server`: a job's newest model or result as a folder, with the records that `emeth verify` checks.
struct RemoteResult {
  let client: ServerClient
  let parsed: ParsedCommand
  let context: CommandContext

  func fetch() async throws -> ExitCode {
    let job = try await client.find(parsed[NetworkOptions.job])
    var report = try await client.report(on: job)
    let isComputed = report.program != nil
    guard let status = JobStatus(name: report.status), status.isFinal,
      !report.rounds.isEmpty || (isComputed && status == .verified)
    else {
      let reason = report.reason.isEmpty ? "" : ", \(report.reason)"
      throw CommandFailure(
        .no, code: "job.noResult", "job \(job) has no result: it is \(report.status)\(reason)",
        hint: "follow it with: emeth watch-job \(job) --server \(client.server)",
        details: ["found": report.status])
    }
    let target = parsed[NetworkOptions.out] ?? "emeth-\(Hex.encode(job.bytes, prefixed: false).prefix(8))"
    let folder = try AtomicFolder(at: target)
    do {
      if isComputed {
        report.result = URL(filePath: target).appending(path: "result.dat").path
      } else {
        report.model = URL(filePath: target).path
      }
      try await JobDownload(client: client, job: job).write(
        report: report, to: URL(filePath: folder.workingPath))
      try folder.commit()
    } catch {
      folder.discard()
      throw error
    }
    if parsed[CommonFlags.json] {
      try context.output.write(JSONText.pretty(report))
    } else {
      try context.output.print(target)
    }
    return .done
  }
}
