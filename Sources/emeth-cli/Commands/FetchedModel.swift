import EmethNetwork
import Foundation

/// The model of an earlier training job in a temporary folder, where a flag names that job. A server has it sealed to the
/// requester: it is opened here, with the account's key, and given to the next job like any other model.
final class FetchedModel: Sendable {
  /// The model folder; it goes with this.
  let folder: URL

  /// - Returns: nil where `text` names a folder that is there, or no job.
  init?(_ text: String?, _ parsed: ParsedCommand, _ context: CommandContext) async throws {
    guard let text, !FileManager.default.fileExists(atPath: URL(filePath: text).path),
      let job = try? ValueType<JobReference>.job.parse(text)
    else { return nil }
    folder = FileManager.default.temporaryDirectory.appending(path: "emeth-model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    do {
      let client = try ServerOptions.client(parsed, context, signed: true)
      try await Self.write(job, to: folder, from: client, parsed, context)
    } catch {
      try? FileManager.default.removeItem(at: folder)
      throw error
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Writes the model of a training job into a folder that is there.
  ///
  /// - Parameter client: of the job's requester; nil for a job of the local network.
  static func write(
    _ reference: JobReference, to folder: URL, from client: ServerClient?, _ parsed: ParsedCommand,
    _ context: CommandContext
  ) async throws {
    if let client {
      let job = try await client.find(reference)
      let report = try await client.report(on: job)
      return try await JobDownload(client: client, job: job).write(report: report, to: folder)
    }
    let network = try openNetwork(parsed, context)
    try inNetwork(network.folder) { try network.exportModel(of: network.find(reference), to: folder) }
  }
}
