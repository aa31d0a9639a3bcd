import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// The model of `--model`, as a job names it: a copy in a temporary folder, written as this program writes models, so that
/// the same weights have the same hashes wherever they came from.
final class GivenModel: Sendable {
  static let flag = Flag(
    "model", .text.named("FOLDER|JOB"), absent: "only for other programs",
    help: "program 2: the model folder, or the training job, whose model continues the prompts")

  /// The copy; it goes with this.
  let folder: URL
  /// Its files and shape.
  let reference: ModelReference
  let tokenizer: any Tokenizer

  /// Whether the flag names a job and no folder, as far as can be seen.
  static func isFetched(by parsed: ParsedCommand) -> Bool {
    guard let text: String = parsed[flag] else { return false }
    return !FileManager.default.fileExists(atPath: URL(filePath: text).path)
  }

  /// - Parameter fetch: writes the model of a training job into a folder; nil where there are no other jobs.
  init(
    _ parsed: ParsedCommand, fetch: ((JobReference, URL) async throws -> Void)?
  ) async throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "emeth-model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
    do {
      let source = try await Self.source(parsed, fetch: fetch, in: place)
      folder = place.appending(path: "model")
      let contents = try CommandFailure.naming(Self.flag) { try ModelFolder.read(from: source) }
      try ModelFolder.write(
        to: folder, configuration: contents.configuration,
        parameters: UnsafeBufferPointer(contents.parameters.elements), tokenizer: contents.tokenizer)
      withExtendedLifetime(contents) {}
      tokenizer = contents.tokenizer
      reference = try ModelReference(folder: folder)
    } catch {
      try? FileManager.default.removeItem(at: place)
      throw error
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }

  private static func source(
    _ parsed: ParsedCommand, fetch: ((JobReference, URL) async throws -> Void)?, in place: URL
  ) async throws -> URL {
    guard let text: String = parsed[flag] else {
      throw UsageError.contradiction(
        rule: "--program 2 needs --model FOLDER|JOB: the model that continues the prompts",
        command: parsed.definition.name)
    }
    let given = URL(filePath: text)
    if FileManager.default.fileExists(atPath: given.path) {
      guard try FolderPath.isFolder(text) else { throw FileError.isNotFolder(path: text) }
      return given
    }
    guard let fetch, let job = try? ValueType<JobReference>.job.parse(text) else {
      throw FileError.notFound(path: text)
    }
    let fetched = place.appending(path: "fetched")
    try FileManager.default.createDirectory(at: fetched, withIntermediateDirectories: false)
    try await fetch(job, fetched)
    return fetched
  }

  /// Gives the files to a server; those that it has are not sent.
  func give(to client: ServerClient) async throws {
    for (name, hash) in reference.files.sorted(by: { $0.key < $1.key }) {
      try await client.give(object: folder.appending(path: name), hash: hash)
    }
  }
}
