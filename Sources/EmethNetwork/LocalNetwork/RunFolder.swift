import EmethKit
import Foundation

/// The folder of one run: a model folder in the making, with the run's network in its `job/`.
///
/// A run that was interrupted is found again by its job, which follows from the data set, the settings and the
/// seed; a folder with another run in it is never touched.
public struct RunFolder {
  /// The model folder.
  public let model: URL
  /// The network that works on the job.
  public let network: LocalNetwork
  /// The job.
  public let job: JobID
  /// Whether the job was begun by an earlier process and goes on now.
  public let isResumed: Bool

  /// Opens the folder that was asked for, or finds one.
  ///
  /// - Parameters:
  ///   - wanted: the folder; `nil` takes `./emeth-<first 8 digits of the JobID>`, or the next free
  ///     `…-2`, `…-3` when that one holds a finished or another run, or is in use.
  ///   - request: makes the request in a network; the objects it needs are stored there.
  /// - Throws: ``NetworkError/otherRun(path:what:found:wanted:)`` when the wanted folder holds something else.
  public init(
    wanted: URL?, seed: Bytes32, settings: NetworkSettings,
    request: (LocalNetwork) throws -> TrainingRequest
  ) throws {
    if let wanted {
      self = try Self.open(wanted, seed: seed, settings: settings, request: request)
      return
    }
    let here = URL(filePath: FileManager.default.currentDirectoryPath)
    // The job's id is known only once the request is made, which needs a store to put objects into.
    let scratch = here.appending(path: ".emeth-\(UUID().uuidString).partial")
    defer { try? FileManager.default.removeItem(at: scratch) }
    let draft = try Self.open(scratch, seed: seed, settings: settings, request: request)
    let name = "emeth-\(Hex.encode(draft.job.bytes, prefixed: false).prefix(8))"
    var number = 1
    while true {
      let candidate = here.appending(path: number == 1 ? name : "\(name)-\(number)")
      number += 1
      if !FileManager.default.fileExists(atPath: candidate.path) {
        self = try Self.open(candidate, seed: seed, settings: settings, request: request)
        return
      }
      if let found = try? Self.open(candidate, seed: seed, settings: settings, request: request),
        try !found.network.job(found.job).status.isFinal, found.network.isFree
      {
        self = found
        return
      }
    }
  }

  private init(model: URL, network: LocalNetwork, job: JobID, isResumed: Bool) {
    self.model = model
    self.network = network
    self.job = job
    self.isResumed = isResumed
  }

  private static func open(
    _ model: URL, seed: Bytes32, settings: NetworkSettings, request: (LocalNetwork) throws -> TrainingRequest
  ) throws -> RunFolder {
    let folder = model.appending(path: "job")
    let manager = FileManager.default
    var isFolder: ObjCBool = false
    if manager.fileExists(atPath: model.path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw NetworkError.otherRun(path: model.path, what: "it", found: "a file", wanted: "a folder")
      }
      let hasRun = manager.fileExists(atPath: folder.appending(path: "network.sqlite").path)
      if !hasRun, !((try? manager.contentsOfDirectory(atPath: model.path)) ?? []).isEmpty {
        throw NetworkError.otherRun(path: model.path, what: "its content", found: "other files", wanted: "nothing, or this run")
      }
    }
    let network = try LocalNetwork(folder: folder, seed: seed, settings: settings)
    let before = try network.jobs()
    let job = try network.submit(request(network), once: true)
    guard before.isEmpty || before.contains(where: { $0.jobId == job }) else {
      throw NetworkError.otherRun(
        path: model.path, what: "its job", found: "\(before[0].jobId)", wanted: "\(job)")
    }
    return RunFolder(model: model, network: network, job: job, isResumed: !before.isEmpty)
  }
}
