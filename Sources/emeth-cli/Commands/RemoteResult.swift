import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// `emeth fetch-result --server`: a job's newest model as a folder, with what the server says of the job.
struct RemoteResult {
  let client: ServerClient
  let parsed: ParsedCommand
  let context: CommandContext

  func fetch() async throws -> ExitCode {
    let job = try await client.find(parsed[NetworkOptions.job])
    var report = try await client.report(on: job)
    guard let status = JobStatus(name: report.status), status.isFinal, !report.rounds.isEmpty else {
      let reason = report.reason.isEmpty ? "" : ", \(report.reason)"
      throw CommandFailure(
        .no, code: "job.noResult", "job \(job) has no result: it is \(report.status)\(reason)",
        hint: "follow it with: emeth watch-job \(job) --server \(client.server)",
        details: ["found": report.status])
    }
    let result = try await client.result(of: job)
    let target = parsed[NetworkOptions.out] ?? "emeth-\(Hex.encode(job.bytes, prefixed: false).prefix(8))"
    let folder = try AtomicFolder(at: target)
    do {
      report.model = URL(filePath: target).path
      try await write(result, report, to: URL(filePath: folder.workingPath))
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

  private func write(_ result: JobResult, _ report: JobReport, to folder: URL) async throws {
    let parts = folder.appending(path: ".parts")
    let tokenizerFolder = parts.appending(path: "tokenizer")
    try FileManager.default.createDirectory(at: tokenizerFolder, withIntermediateDirectories: true)
    var tokenizer: any Tokenizer = ByteTokenizer()
    if let files = result.tokenizer {
      // Names come from the server: none may lead out of the folder.
      for (name, hash) in files.sorted(by: { $0.key < $1.key })
      where !name.contains("/") && !name.hasPrefix(".") {
        try await client.fetch(object: hash, to: tokenizerFolder.appending(path: name))
      }
      tokenizer = try TokenizerLoader.load(folder: tokenizerFolder)
    }
    let file = parts.appending(path: "parameters")
    try await client.fetch(object: result.parameters, to: file)
    let manifest = try TrainingManifest(json: result.manifest)
    let parameters = try Data(contentsOf: file, options: .mappedIfSafe)
    let state = try TrainingState(configuration: ModelConfiguration(manifest.model))
    guard parameters.count == state.parameters.count * 4 else {
      throw CommandFailure(
        .badInput, code: "job.parameters",
        "\(client.server) gave \(parameters.count) bytes of parameters, the model has \(state.parameters.count * 4)"
      )
    }
    _ = parameters.copyBytes(to: state.parameters)
    if let key = result.vocabularyMaskKey {
      // The nodes' relabelling, taken back: the key is the requester's alone.
      try state.unmask(VocabularyMask(key: key, vocabularySize: manifest.model.vocabularySize))
    }
    try ModelFolder.write(
      to: folder, configuration: state.configuration, parameters: UnsafeBufferPointer(state.parameters),
      tokenizer: tokenizer)
    withExtendedLifetime(state) {}
    try FileManager.default.removeItem(at: parts)
    let records = folder.appending(path: "job")
    try FileManager.default.createDirectory(at: records, withIntermediateDirectories: false)
    let encoder = WireFormat.readableEncoder
    try encoder.encode(report).write(to: records.appending(path: "report.json"))
    try encoder.encode(try await client.records(of: result.jobId)).write(
      to: records.appending(path: "records.json"))
  }
}
