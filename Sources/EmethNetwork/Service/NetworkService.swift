import EmethKit
import Foundation
import Synchronization

/// The Execution Layer as a service: nodes, verifiers and requesters are elsewhere and have their own keys.
///
/// Everything that they can ask for is a call with the account that asks; who it is was checked by whoever
/// took the request. Each call is one transaction, and ``run(onError:)`` drives the jobs: what it asks of
/// nodes and verifiers lies in the database as errands until they answer.
///
/// ```swift
/// let service = try NetworkService(folder: folder, settings: ServiceSettings())
/// async let driving: Void = service.run()
/// let job = try service.submit(submission, by: requester)
/// ```
///
/// The folder holds `network.sqlite` (jobs, ledger, errands, tickets), `objects/` (what roles share),
/// `splitter/` (what the Splitter keeps to itself) and `seed`, from which the keys of Splitter, Aggregator
/// and Signer follow; `signers/` has the keys of those that took over from that Signer.
public final class NetworkService: Sendable {
  /// Where everything lies.
  public let folder: URL
  /// How the network works.
  public let settings: ServiceSettings
  /// What roles share, by hash: sealed parts, models, masked vectors, openings.
  public let store: ContentStore
  /// The EIP-712 domain of everything that is signed here: that of the chain's settlement, or of the embedded one.
  public let domain: EIP712Domain
  /// The chain on which it settles; nil where settlement is embedded.
  public let chain: SettlementChain?

  let splitterStore: ContentStore
  /// Who has given which data set.
  var dataSetGivers: DataSetGivers { DataSetGivers(splitterStore: splitterStore) }
  let database: NetworkDatabase
  let operatorKeys: OperatorKeys
  let clock: NetworkClock
  /// Rounds of trainings whose SubJobs were offered last, by their SubJobs.
  let offeredRounds = JobMemory<OfferedRound.Place, OfferedRound>(limit: 20_000)
  /// Jobs whose SubJobs were offered last.
  let offeredJobs = JobMemory<JobID, OfferedJob>(limit: 1_000)
  /// What nodes that were asked about have earned and lost.
  let nodeTotals = Mutex<[Address: NodeTotals]>([:])
  /// The time that all processes go by; nil where there is one process.
  let sharedTime: SharedTime?
  /// The latest epoch that somebody waits for.
  let wantedEpoch = Mutex<UInt64>(0)
  /// Memory that preparing jobs has taken, bytes.
  let rooms = Mutex<[JobID: UInt64]>([:])
  /// How it stands with its chain.
  let standing = Mutex(ChainStanding())
  /// What the chain's contracts have logged; nil where settlement is embedded.
  let events: EventStore?
  /// The trees out of which tickets are proven: of the newest closed epoch and the newest that is posted.
  let trees = BatchTrees(limit: 2)
  /// The same of any other epoch: who asks for one after another displaces none that many ask for.
  let otherTrees = BatchTrees(limit: 1)
  /// Those out of which exits are served: no request stands in their way.
  let exitTrees = BatchTrees(limit: 1)
  /// The jobs of EMETH Core; nil where settlement is embedded.
  let chainJobs: ChainJobs?
  /// What text is sold with; nil where none is.
  let gateway: Gateway?
  /// What nobody has written to for so long is left of a process that was killed.
  static let draftSeconds = 3_600
  /// Nil where several processes serve the network.
  private let lock: FolderLock?

  /// Opens the network in `folder`, or makes it. One process serves a folder at a time, unless the state is in a
  /// PostgreSQL database: then several may, over one folder that all of them see.
  ///
  /// Every balance is computed from the ledger's entries first: what does not add up is not served.
  ///
  /// - Parameters:
  ///   - database: where the state lies; `nil` is `network.sqlite` in the folder.
  ///   - chain: where it settles; a network has one for life.
  /// - Throws: ``NetworkError/folderInUse(path:holder:)``, ``NetworkError/inconsistent(what:)`` naming the balance that differs,
  ///   ``NetworkError/otherVersion(path:found:supported:)``,
  ///   ``NetworkError/fileFailed(path:operation:reason:)``, ``NetworkError/database(reason:)``,
  ///   ``NetworkError/databaseFailed(_:)``,
  ///   ``NetworkError/badSetting(name:found:allowed:)``, and for a bucket that can't be used
  ///   ``NetworkError/storageFailed(code:place:reason:)``, ``NetworkError/unreachable(server:reason:)``.
  public convenience init(
    folder: URL, settings: ServiceSettings = ServiceSettings(),
    database location: DatabaseLocation? = nil, chain: SettlementChain? = nil
  ) throws(NetworkError) {
    try self.init(folder: folder, settings: settings, database: location, chain: chain, time: nil)
  }

  /// As above, with another time than the database's or this machine's.
  init(
    folder: URL, settings: ServiceSettings, database location: DatabaseLocation? = nil,
    chain: SettlementChain? = nil, time: NetworkClock.Source?
  ) throws(NetworkError) {
    guard chain == nil || settings.grants.isEmpty else {
      throw .badSetting(
        name: "grants", found: "\(settings.grants.count)",
        allowed: "none on a chain: its money comes from deposits there")
    }
    guard settings.epochMilliseconds > 0 else {
      throw .badSetting(name: "interval", found: "0 ms", allowed: "1 ms and above")
    }
    guard settings.auditShare > 0 else {
      throw .badSetting(name: "audits", found: "one in 0", allowed: "one in 1 and above")
    }
    self.folder = folder
    self.settings = settings
    self.chain = chain
    domain = chain?.contracts.domain ?? .embedded
    try Files.makeFolder(folder)
    // Where several serve the folder, one after the other opens it: the first makes the seed.
    let opening = try Self.lock(folder, waits: location?.isShared == true)
    lock = location?.isShared == true ? nil : opening
    database = try NetworkDatabase(location ?? .file(folder.appending(path: "network.sqlite")))
    let stores = try NetworkStores(folder: folder, storage: settings.storage)
    (store, splitterStore) = (stores.objects, stores.splitter)
    // Where others serve the folder too, they may be at work on theirs.
    for store in [store, splitterStore] {
      try store.sweepDrafts(olderThan: location?.isShared == true ? Self.draftSeconds : 0)
    }
    gateway =
      try settings.gatewayModels.isEmpty
      ? nil : Gateway(settings.gatewayModels, store: store, limits: settings.gatewayLimits)
    operatorKeys = OperatorKeys(seed: try LocalNetwork.seed(in: folder, wanted: nil))
    let last = try database.read { db in
      max(try Signer.latestBatch(in: db)?.batch.toTime ?? 0, try Setting.aliveAt.number(in: db))
    }
    sharedTime = try database.isShared ? SharedTime(of: database) : nil
    clock = NetworkClock(notBefore: last * 1_000, source: time ?? sharedTime?.source ?? .system)
    try Self.checkSettlement(chain, folder, database)
    if let chain {
      let store = try Self.events(of: chain, in: database)
      events = store
      chainJobs = ChainJobs(client: chain.client, store: store, contracts: chain.contracts)
    } else {
      (events, chainJobs) = (nil, nil)
    }
    _ = try audit()
    try checkOneNetwork()
    try adoptHolds()
    try holdGatewayModels()
    try grantAll()
    try makeUp(forOutageFrom: last, to: clock.milliseconds / 1_000)
    withExtendedLifetime(opening) {}
  }

  /// Who signs tickets and batches from epoch 1 on, and may have handed that on (``SignerRotation``).
  public var signerAddress: Address { operatorKeys.signer.address }
}
