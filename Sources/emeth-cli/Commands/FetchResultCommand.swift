import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth fetch-result JOB`: writes a job's model, with its records, to a folder.
  static let fetchResult = Command(.fetchResult) { parsed, context in
    if try LayerOne.isMeant(parsed, notThere: [NetworkOptions.network]) {
      return try await LayerOne.fetchResult(parsed, context)
    }
    try LayerOne.refuseChain(parsed)
    if let client = try ServerOptions.client(parsed, context, signed: true) {
      return try await RemoteResult(client: client, parsed: parsed, context: context).fetch()
    }
    let network = try openNetwork(parsed, context)
    let job = try network.find(parsed[NetworkOptions.job])
    var report = try network.report(on: job)
    let hasEnded = try network.job(job).status.isFinal
    guard hasEnded, !report.rounds.isEmpty || (report.program != nil && report.status == "VERIFIED") else {
      let reason = report.reason.isEmpty ? "" : ", \(report.reason)"
      let name = ShellWord.quoted(network.folder.path)
      throw CommandFailure(
        .no, code: "job.noResult", "job \(job) has no result: it is \(report.status)\(reason)",
        hint: hasEnded ? nil : "follow it with: emeth watch-job \(job) --network \(name)",
        details: ["found": report.status])
    }
    let target = parsed[NetworkOptions.out] ?? "emeth-\(Hex.encode(job.bytes, prefixed: false).prefix(8))"
    let folder = try AtomicFolder(at: target)
    do {
      let work = URL(filePath: folder.workingPath)
      let place = URL(filePath: target)
      try inNetwork(network.folder) {
        if report.program == nil {
          report.model = place.path
          try network.exportModel(of: job, to: work)
        } else {
          let file = try network.exportResult(of: job, to: work)
          report.result = place.appending(path: file.lastPathComponent).path
        }
        try network.exportRecords(of: job, report: report, to: work)
        try network.signFolder(of: job, at: work)
      }
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
