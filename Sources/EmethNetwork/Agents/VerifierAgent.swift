import EmethCompute
import EmethKit
import Foundation

/// A verifier that works for a network which is elsewhere: it posts its bond and commitments, replays what
/// the beacon draws for it, and vouches for updates in sums.
///
/// ```swift
/// let agent = try VerifierAgent(key: key, folder: folder, connection: connection)
/// try await agent.run()          // until the task is cancelled
/// ```
public final class VerifierAgent: Sendable {
  /// What its owner decides.
  public struct Settings: Sendable {
    /// CPU threads to replay with.
    public var threads = 2
    /// What it replays on; it changes no bit.
    public var device = DeviceChoice.cpu
    /// The bond that it posts, if it has as much.
    public var bond = TokenAmount(holon: UInt256(10_000_000_000_000_000_000))
    /// On a chain: for so many results at once it shows its secret and computes them again.
    public var workers = 4
    /// External programs that it computes by.
    public var modules: [ProgramModule] = []
    /// Bytes of models that it keeps which text was generated with.
    public var modelCache = LocalNetwork.defaultModelCache
    /// How many commitments wait to be used.
    public var stock: UInt32 = 64
    /// For how long its key is bound to its account, seconds.
    public var bindingSeconds: UInt64 = 30 * 86_400
    /// How long it lets the network wait before it answers that there is nothing, seconds.
    public var patience = 20.0
    /// It posts nothing any more, answers what it is asked, and ends when its bond is back: for who has said that it
    /// leaves (``ServerClient/leave()``).
    public var isLeaving = false

    /// Two threads, ten EMETH.
    public init() {}
  }

  /// Its settings.
  public let settings: Settings
  let key: PrivateKey
  let folder: URL
  let store: ContentStore
  let domain: EIP712Domain
  let fault: NodeFault?
  /// Where modules run; nil where it has none.
  let sandbox: ModuleSandbox?
  /// Models that text is generated with.
  let models: ModelShelf
  let connection: any NetworkConnection
  let onEvent: @Sendable (AgentEvent) -> Void
  private let lock: FolderLock

  /// A verifier with its key and its own folder. One process works on a folder at a time.
  ///
  /// - Throws: ``NetworkError/folderInUse(path:holder:)``,
  ///   ``NetworkError/fileFailed(path:operation:reason:)``, and where there are modules and no sandbox what is missing.
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
    lock = try FolderLock(folder: folder)
    sandbox = settings.modules.isEmpty ? nil : try ModuleSandbox(for: settings.modules)
    self.settings = settings
    self.key = key
    self.folder = folder
    store = try ContentStore(folder: folder.appending(path: "objects"))
    try store.sweepDrafts(olderThan: 0)
    models = ModelShelf(folder: folder.appending(path: "models"), byteLimit: settings.modelCache)
    self.domain = domain
    self.fault = fault
    self.connection = connection
    self.onEvent = onEvent
  }

  /// Works until the task is cancelled; one that leaves, until its bond is back or lost.
  ///
  /// - Throws: ``NetworkError/interrupted``.
  public func run() async throws(NetworkError) {
    let hasLeft = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        if self.settings.isLeaving { return await self.awaitBond() }
        await self.keepStanding()
        return false
      }
      group.addTask {
        await self.answerErrands()
        return false
      }
      group.addTask {
        await self.putAway()
        return false
      }
      for await isOver in group where isOver {
        group.cancelAll()
        return true
      }
      return false
    }
    if !hasLeft { throw .interrupted }
  }

  func report(_ what: String, _ error: NetworkError) {
    if !Task.isCancelled, error != .interrupted { onEvent(.failed(what: what, error)) }
  }

  /// The verifier, with a place of its own for what is opened of a SubJob.
  func verifier(opened subJob: JobID) throws(NetworkError) -> Verifier {
    Verifier(
      key: key, store: store, domain: domain, opened: try ContentStore(folder: place(opened: subJob)),
      folder: folder, fault: fault)
  }

  func place(opened subJob: JobID) -> URL { folder.appending(path: "opened/\(subJob)") }

  // MARK: - Standing

  /// Keeps bond, key and commitments posted.
  private func keepStanding() async {
    while !Task.isCancelled {
      do throws(NetworkError) {
        try await stand()
      } catch {
        report("posting bond and commitments", error)
      }
      await pause(min(2, settings.patience))
    }
  }

  /// Waits until nothing of its own is bound any more.
  private func awaitBond() async -> Bool {
    while !Task.isCancelled {
      do throws(NetworkError) {
        if try await connection.verifier().bond == .zero { return true }
      } catch {
        report("looking after its bond", error)
      }
      await pause(settings.patience)
    }
    return false
  }

  private func stand() async throws(NetworkError) {
    var standing = try await connection.verifier()
    if standing.isStruck { return }
    let now = secondsNow()
    let modules = Set(settings.modules.map(\.manifest.hash))
    if Set(standing.modules ?? []) != modules || standing.bond < settings.bond
      || (standing.bindingExpiry ?? 0) < now + settings.bindingSeconds / 2
    {
      // A key that counted for longer is not taken back.
      let expiry = max(now + settings.bindingSeconds, standing.bindingExpiry ?? 0)
      let binding = SignedKeyBinding(signing: KeyBinding(of: key, expiry: expiry), in: domain, with: key)
      // Who has less binds what there is.
      let has = try await connection.balances().unspent
      let bond = try asNetworkError { try min(settings.bond, standing.bond.adding(has)) }
      try await connection.postBond(upTo: bond, binding: binding, modules: Array(modules))
      standing = try await connection.verifier()
    }
    if standing.unused < settings.stock / 2 {
      let verifier = Verifier(key: key, store: store, domain: domain)
      let numbers = standing.posted..<standing.posted + (settings.stock - standing.unused)
      try await connection.postCommitments(numbers.map { verifier.commitment($0) }, from: standing.posted)
    }
  }

  // MARK: - Afterwards

  /// Forgets updates that nobody will ask for any more.
  private func putAway() async {
    while !Task.isCancelled {
      await pause(min(5, settings.patience))
      let kept = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "updates").path)
      for subJob in (kept ?? []).compactMap({ try? JobID(hex: $0) }) {
        do throws(NetworkError) {
          if try await connection.state(of: subJob).isOver {
            try Verifier(key: key, store: store, domain: domain, folder: folder).forget(subJob)
          }
        } catch {
          report("looking after what it checked", error)
        }
      }
    }
  }
}
