import EmethKit
import Foundation

/// The folder of one run: a model folder in the making, with the run's network in its `job/`.
///
/// A run that was interrupted is found again by its job, which follows from the data set, the settings and the
/// seed; a folder with another run in it is never touched, and one that was made for a run that is refused is
/// taken away again.
public struct RunFolder {
  /// The model folder.
  public let model: URL
  /// The network that works on the job.
  public let network: LocalNetwork
  /// The job.
  public let job: JobID
  /// What it was requested as.
  public let request: JobRequest
  /// Whether the job was begun by an earlier process and goes on now.
  public let isResumed: Bool

  /// Opens the folder that was asked for, or finds one.
  ///
  /// - Parameters:
  ///   - wanted: the folder; `nil` takes `./emeth-<first 8 digits of the JobID>`, or the next free
  ///     `…-2`, `…-3` when that one holds a finished or another run, or is in use.
  ///   - objects: stores what the request names in a network that is new.
  /// - Throws: ``NetworkError/otherRun(path:what:found:wanted:)`` when the wanted folder holds something else.
  public init(
    wanted: URL?, seed: Bytes32, settings: NetworkSettings, request: JobRequest,
    objects: (LocalNetwork) throws -> Void
  ) throws {
    // A job that can't be paid is refused before anything is written.
    _ = try JobCost(request)
    let requester = NetworkKeys(seed: seed, settings: settings).requester.address
    let plan = Plan(
      job: LocalNetwork.jobID(of: request, requester: requester), seed: seed, settings: settings,
      request: request)
    if let wanted {
      self = try plan.open(wanted, objects)
      return
    }
    let here = URL(filePath: FileManager.default.currentDirectoryPath)
    let name = "emeth-\(Hex.encode(plan.job.bytes, prefixed: false).prefix(8))"
    var number = 1
    while true {
      let candidate = here.appending(path: number == 1 ? name : "\(name)-\(number)")
      number += 1
      if !FileManager.default.fileExists(atPath: candidate.path) {
        self = try plan.open(candidate, objects)
        return
      }
      if let found = try? plan.open(candidate, objects), try !found.network.job(found.job).status.isFinal,
        found.network.isFree
      {
        self = found
        return
      }
    }
  }

  private init(
    model: URL, network: LocalNetwork, job: JobID, request: JobRequest, isResumed: Bool
  ) {
    self.model = model
    self.network = network
    self.job = job
    self.request = request
    self.isResumed = isResumed
  }

  /// The run that is wanted, whatever its folder.
  private struct Plan {
    let job: JobID
    let seed: Bytes32
    let settings: NetworkSettings
    let request: JobRequest

    func open(_ model: URL, _ objects: (LocalNetwork) throws -> Void) throws -> RunFolder {
      let folder = model.appending(path: "job")
      if FileManager.default.fileExists(atPath: folder.appending(path: "network.sqlite").path) {
        return try goOn(in: model, objects)
      }
      try refuseOthers(in: model, folder)
      let made = firstMissing(of: folder)
      do {
        return try begin(in: model, objects)
      } catch {
        if let made { try? FileManager.default.removeItem(at: made) }
        throw error
      }
    }

    private func begin(in model: URL, _ objects: (LocalNetwork) throws -> Void) throws -> RunFolder {
      let network = try LocalNetwork(folder: model.appending(path: "job"), seed: seed, settings: settings)
      try objects(network)
      try network.submit(request, once: true)
      return RunFolder(model: model, network: network, job: job, request: request, isResumed: false)
    }

    /// Opens a folder that has a network; it is only changed when the job in it is this one.
    private func goOn(in model: URL, _ objects: (LocalNetwork) throws -> Void) throws -> RunFolder {
      let network = try LocalNetwork(folder: model.appending(path: "job"), seed: seed)
      let jobs = try network.jobs()
      // Killed before its job was stored.
      if jobs.isEmpty { return try begin(in: model, objects) }
      guard jobs.contains(where: { $0.jobId == job }) else {
        throw NetworkError.otherRun(
          path: model.path, what: "its job", found: "\(jobs[0].jobId)", wanted: "\(job)")
      }
      guard network.settings == settings else {
        throw NetworkError.otherRun(
          path: model.path, what: "its network", found: network.settings.summary, wanted: settings.summary)
      }
      return RunFolder(model: model, network: network, job: job, request: request, isResumed: true)
    }

    /// Refuses a file, and a folder with anything in it but a `job` that a killed run left empty.
    private func refuseOthers(in model: URL, _ folder: URL) throws {
      let manager = FileManager.default
      var isFolder: ObjCBool = false
      guard manager.fileExists(atPath: model.path, isDirectory: &isFolder) else { return }
      guard isFolder.boolValue else {
        throw NetworkError.fileFailed(
          path: model.path, operation: "make the folder", reason: "a file of that name is in the way")
      }
      var entries = (try? manager.contentsOfDirectory(atPath: model.path)) ?? []
      if (try? manager.contentsOfDirectory(atPath: folder.path))?.isEmpty ?? false {
        entries.removeAll { $0 == "job" }
      }
      guard entries.isEmpty else {
        throw NetworkError.otherRun(
          path: model.path, what: "its content", found: "other files", wanted: "nothing, or this run")
      }
    }

    /// The topmost folder on the way to `folder` that does not exist yet.
    private func firstMissing(of folder: URL) -> URL? {
      var missing: URL?
      var place = folder.absoluteURL.standardizedFileURL
      while place.path != "/", !FileManager.default.fileExists(atPath: place.path) {
        missing = place
        place = place.deletingLastPathComponent()
      }
      return missing
    }
  }
}
