import EmethKit
import Foundation
import Logging

/// A node with workers on other machines, and such a worker (Docs/Decisions/0031).
extension NodeAgent {
  /// Machines of the same owner that compute for a node.
  public struct Workers: Sendable {
    /// How the node listens for them.
    public var server: ServerSettings
    /// Their accounts, which need no money; nobody else is served.
    public var accounts: Set<Address>
    /// After how long without a word a worker's SubJob is computed by the node itself, seconds.
    public var silenceSeconds = 30

    /// Workers by their accounts.
    public init(server: ServerSettings, accounts: Set<Address>) {
      self.server = server
      self.accounts = accounts
    }
  }

  /// Serves the workers until the task is cancelled.
  func serveWorkers(_ workers: Workers, in folder: URL) async -> Bool {
    do throws(NetworkError) {
      let desk = try WorkerDesk(self, workers, folder: folder)
      var logger = Logger(label: "emeth.node")
      logger.logLevel = .error
      var settings = workers.server
      // What comes back is needed, however much it is, and deleted when it is in the vault.
      settings.unusedByteLimit = .max
      let server = try NetworkServer(
        network: desk, settings: settings, registry: PrometheusRegistry(), logger: logger)
      let tell = onEvent
      try await server.run { tell(.serving("\($0)")) }
    } catch {
      report("serving workers", error)
    }
    return false
  }

  /// Whether its owner wants nothing more to be taken.
  var takesNothing: Bool { state.withLock { $0.isPaused || $0.isDraining } }

  /// Takes a SubJob into its hands; false when one of its own has it.
  func seize(_ subJob: JobID) -> Bool {
    state.withLock { state in
      guard state.busy.insert(subJob).inserted else { return false }
      state.resumed.removeAll { $0 == subJob }
      return true
    }
  }

  /// Nobody here has it in hand any more.
  func letGo(_ subJob: JobID) { state.withLock { _ = $0.busy.remove(subJob) } }

  /// One of its own goes on with it.
  func resume(_ subJob: JobID) {
    state.withLock { state in
      state.busy.remove(subJob)
      if !state.resumed.contains(subJob) { state.resumed.append(subJob) }
    }
  }

  /// Whether a SubJob's result is kept here.
  func hasResult(of subJob: JobID) throws(NetworkError) -> Bool {
    try NodeVault(node: node.folder, subJob: subJob).record() != nil
  }

  /// Gives what was computed to the node that it is for; returns the object that names all of it.
  func handOver(_ subJob: JobID, on lane: AgentLane) async throws(NetworkError) -> Bytes32 {
    let node = node
    let (document, objects) = try await lane.run { _ in try node.handOver(subJob, at: secondsNow()) }
    for object in objects {
      try await untilAnswered("handing over SubJob \(subJob)") { () throws(NetworkError) in
        try await connection.give(object: object, from: node.store)
      }
      try node.store.remove(object)
    }
    return document
  }
}
