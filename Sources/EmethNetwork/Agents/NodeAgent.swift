import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// A node that works for a network which is elsewhere, and that its owner can leave alone.
///
/// It looks for SubJobs that pay enough and that it can end in time, takes as many at once as it has
/// workers, computes, hands in, answers what it is asked, and keeps what it may still be asked for.
/// Whatever it has taken is in its journal first: killed at any moment and started again, it goes on.
///
/// ```swift
/// let agent = try NodeAgent(key: key, folder: folder, connection: connection)
/// try await agent.run()          // until the task is cancelled, or everything has ended after drain()
/// ```
public final class NodeAgent: Sendable {
  /// What its owner decides.
  public struct Settings: Sendable {
    /// How many SubJobs it computes at once.
    public var workers = 1
    /// CPU threads of each.
    public var threads = 2
    /// What they compute on; of several GPUs each worker on one. It changes no bit.
    public var device = DeviceChoice.cpu
    /// Which SubJobs it takes, of those that it can compute.
    public var filter = SubJobFilter()
    /// External programs that it computes by.
    public var modules: [ProgramModule] = []
    /// By how much it must be faster than the deadline asks for, percent.
    public var marginPercent = 25
    /// Bytes of boundary states that it keeps, and of models that text was generated with.
    public var modelCache = LocalNetwork.defaultModelCache
    /// Machines that compute for it; `nil` for none.
    public var remote: Workers?
    /// Live texts of the network's gateway that it draws side by side; 0 for none.
    public var liveTexts = 0
    /// How long it lets the network wait before it answers that there is nothing, seconds.
    public var patience = 20.0

    /// One worker, two threads.
    public init() {}

    /// What a worker computes on: of several GPUs they take one after the other.
    ///
    /// - Parameter number: the worker's, from 0.
    func device(ofWorker number: Int) -> DeviceChoice {
      let devices = device.each
      return devices[number % devices.count]
    }
  }

  struct State {
    var isPaused = false
    var isDraining = false
    /// What a worker has in hand.
    var busy: Set<JobID> = []
    /// Jobs of which it takes nothing, until a time.
    var avoided: [JobID: UInt64] = [:]
    /// What has cost it a deposit.
    var losses: Set<NodeLosses.Loss> = []
    /// What it was offered last, where that was nothing for it.
    var seen = SeenOffers()
    /// What was taken before this start.
    var resumed: [JobID] = []
  }

  /// Its settings.
  public let settings: Settings
  let node: TrainingNode
  let connection: any NetworkConnection
  let journal: NodeJournal
  let pace: NodePace
  let losses: NodeLosses
  let state = Mutex(State())
  /// What it asks for: nothing that it can't compute.
  let filter: SubJobFilter
  /// Where modules run; nil where it has none.
  let sandbox: ModuleSandbox?
  /// Models that text is generated with.
  let models: ModelShelf
  let onEvent: @Sendable (AgentEvent) -> Void
  private let lock: FolderLock
  let folder: URL

  /// A node with its key and its own folder. One process works on a folder at a time.
  ///
  /// - Throws: ``NetworkError/folderInUse(path:holder:)``,
  ///   ``NetworkError/fileFailed(path:operation:reason:)``, ``NetworkError/badSetting(name:found:allowed:)`` for programs
  ///   that it can't compute, and where there are modules and no sandbox what is missing.
  public convenience init(
    key: PrivateKey, folder: URL, connection: any NetworkConnection, domain: EIP712Domain = .embedded,
    settings: Settings = Settings(), onEvent: @escaping @Sendable (AgentEvent) -> Void = { _ in }
  ) throws(NetworkError) {
    try self.init(
      key: key, folder: folder, connection: connection, domain: domain, settings: settings, fault: nil,
      onEvent: onEvent)
  }

  init(
    key: PrivateKey, folder: URL, connection: any NetworkConnection, domain: EIP712Domain, settings: Settings,
    fault: NodeFault?, onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws(NetworkError) {
    try Files.makeFolder(folder)
    filter = try Self.filter(settings)
    sandbox = settings.modules.isEmpty ? nil : try ModuleSandbox(for: settings.modules)
    lock = try FolderLock(folder: folder)
    self.settings = settings
    self.folder = folder
    self.connection = connection
    self.onEvent = onEvent
    node = TrainingNode(
      key: key, folder: folder.appending(path: "work"),
      store: try ContentStore(folder: folder.appending(path: "objects")), domain: domain, fault: fault,
      modelCache: settings.modelCache)
    try node.store.sweepDrafts(olderThan: 0)
    journal = NodeJournal(folder: folder.appending(path: "journal"))
    pace = NodePace(file: folder.appending(path: "speed.json"), settings: settings)
    models = ModelShelf(folder: folder.appending(path: "models"), byteLimit: settings.modelCache)
    losses = NodeLosses(file: folder.appending(path: "losses.json"))
    let (open, lost) = (try journal.all(), try losses.all())
    state.withLock { state in (state.resumed, state.losses) = (open, lost) }
  }

  /// Whether it takes nothing more for now.
  public var isPaused: Bool {
    get { state.withLock { $0.isPaused } }
    set { state.withLock { $0.isPaused = newValue } }
  }

  /// Takes nothing more; ``run()`` returns when everything that it took has come to its end.
  public func drain() { state.withLock { $0.isDraining = true } }

  /// Works until the task is cancelled, or until everything has ended after ``drain()``.
  ///
  /// - Throws: ``NetworkError/interrupted`` when the task was cancelled;
  ///   ``NetworkError/compute(_:)`` where this machine can't compute at all.
  public func run() async throws(NetworkError) {
    try await pace.measure(filter.programs, onEvent)
    await withTaskGroup { group in
      for number in 0..<max(1, settings.workers) {
        let device = settings.device(ofWorker: number)
        group.addTask { await self.work(on: device) }
      }
      group.addTask { await self.answerErrands() }
      group.addTask { await self.putAway() }
      if settings.liveTexts > 0 { group.addTask { await self.drawTexts() } }
      if let workers = settings.remote {
        let place = folder.appending(path: "workers")
        group.addTask { await self.serveWorkers(workers, in: place) }
      }
      // The last one returns when everything has ended.
      while !Task.isCancelled, let isDone = await group.next() {
        if isDone { break }
      }
      group.cancelAll()
    }
    if Task.isCancelled { throw .interrupted }
  }

  func report(_ what: String, _ error: NetworkError) {
    if !Task.isCancelled, error != .interrupted { onEvent(.failed(what: what, error)) }
  }

  // MARK: - Afterwards

  /// Puts SubJobs away that have come to their end; true when nothing is left and nothing more is taken.
  private func putAway() async -> Bool {
    while !Task.isCancelled {
      do throws(NetworkError) {
        let taken = try journal.all()
        for subJob in taken where !state.withLock({ $0.busy.contains(subJob) }) {
          let standing: SubJobState
          do throws(NetworkError) {
            standing = try await connection.state(of: subJob)
          } catch {
            if error.code == NetworkError.unknownJob(id: "\(subJob)").code {
              try forget(subJob)
            } else {
              report("looking after SubJob \(subJob)", error)
            }
            continue
          }
          let isOurs = standing.node == node.address
          if standing.status.isFinal || (!isOurs && standing.status != .requested) {
            // Who did not open has lost that by itself: it says nothing of the module.
            if isOurs, standing.status == .failed, standing.endReason != .openingsWithheld,
              let record = (try? node.finished(subJob))?.0,
              record.result.refusal != nil
            {
              // Others have computed what its module refused here.
              noteLoss(over: record.assignment)
            }
            if isOurs { try await keepEvidence(standing.evidence ?? [], on: subJob) }
            try forget(subJob)
            if isOurs { onEvent(.ended(subJob, standing.status, reason: standing.reason)) }
          } else if isOurs, standing.status == .processing {
            // Its worker gave up on it, the network did not.
            state.withLock { state in
              if !state.busy.contains(subJob), !state.resumed.contains(subJob) {
                state.resumed.append(subJob)
              }
            }
          }
        }
        let isDraining = state.withLock { $0.isDraining && $0.busy.isEmpty && $0.resumed.isEmpty }
        if isDraining, try journal.all().isEmpty { return true }
      } catch {
        report("looking after what it took", error)
      }
      await pause(min(2, settings.patience))
    }
    return false
  }

  /// Keeps what a SubJob was rejected for, in `evidence/`, where its verifiers have shown it: its owner has it judged.
  private func keepEvidence(_ objects: [Bytes32], on subJob: JobID) async throws(NetworkError) {
    let file = folder.appending(path: "evidence/\(subJob).evidence")
    for object in objects {
      do throws(NetworkError) {
        try await connection.fetch(object: object, into: node.store)
        try SealedEvidence.open(
          object, on: subJob, from: node.store, with: node.key.sealingIdentity(), to: file)
        try node.store.remove(object)
        return onEvent(.evidence(subJob, file: file.path))
      } catch {
        // What can be tried again is, as long as nothing is put away; another one may be what this one is not.
        guard error.isOfWhatWasGiven else { throw error }
        try node.store.remove(object)
        report("evidence against SubJob \(subJob)", error)
      }
    }
  }

  func forget(_ subJob: JobID) throws(NetworkError) {
    try node.forget(subJob)
    try journal.end(subJob)
  }
}
