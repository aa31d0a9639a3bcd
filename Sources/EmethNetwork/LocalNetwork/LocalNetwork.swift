import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// The whole of EMETH on one machine: Execution Layer, Splitter, nodes, Verifiers, Aggregator and Signer over
/// one folder, with real data, real training, real money arithmetic and a clock that events advance.
///
/// ```swift
/// let network = try LocalNetwork(folder: folder, seed: seed, settings: NetworkSettings(nodes: 4))
/// let job = try network.submit(request)
/// let report = try await network.work(on: job, threads: 2)
/// ```
///
/// The folder holds `network.sqlite` (jobs, ledger, tickets), `objects/` (what roles share, parts of data
/// sets sealed), and `splitter/`, `nodes/`, `verifiers/` (what each role keeps to itself). One process
/// works on it at a time; others may read it and submit jobs, unless it is served: then jobs are the server's. Everything that happens follows from the seed
/// and the requests, so two networks with the same seed end with the same bytes, whatever the threads, and
/// whether or not they were interrupted.
public final class LocalNetwork: Sendable {
  /// Where everything lies.
  public let folder: URL
  /// How the network is made up.
  public let settings: NetworkSettings
  /// What roles share, by hash: sealed parts, models, masked vectors.
  public let store: ContentStore
  /// What the Splitter keeps to itself: data sets, validation shares, leaves. No other role reads it, but for
  /// the evaluation of each round's model.
  let splitterStore: ContentStore
  /// The EIP-712 domain of everything that is signed here: settlement is embedded.
  public let domain = EIP712Domain.embedded

  let database: NetworkDatabase
  let keys: NetworkKeys
  private let chosenDevice = Mutex(DeviceChoice.cpu)

  /// What nodes and verifiers compute on, the CPU unless it is set. It changes no bit, and is not kept.
  public var device: DeviceChoice {
    get { chosenDevice.withLock { $0 } }
    set { chosenDevice.withLock { $0 = newValue } }
  }

  /// Opens the network in `folder`, or makes it.
  ///
  /// - Parameters:
  ///   - seed: what keys and choices follow from; `nil` draws one at random when the network is made. A
  ///   network that exists keeps its own.
  ///   - settings: `nil` takes those that the network has, or the default ones.
  /// - Throws: ``NetworkError/otherVersion(path:found:supported:)``,
  ///   ``NetworkError/otherRun(path:what:found:wanted:)`` when the network exists with another seed or with
  ///   unfinished work under other settings, ``NetworkError/fileFailed(path:operation:reason:)``,
  ///   ``NetworkError/database(reason:)``.
  public init(folder: URL, seed: Bytes32? = nil, settings wanted: NetworkSettings? = nil) throws(NetworkError)
  {
    self.folder = folder
    try Files.makeFolder(folder)
    database = try NetworkDatabase(file: folder.appending(path: "network.sqlite"))
    // Of a network that settles on a chain nothing may be signed for the embedded settlement.
    try NetworkService.checkSettlement(nil, folder, database)
    store = try ContentStore(folder: folder.appending(path: "objects"))
    splitterStore = try ContentStore(folder: folder.appending(path: "splitter"))
    let seedBytes = try Self.seed(in: folder, wanted: seed)
    settings = try Self.settings(in: database, folder: folder, wanted: wanted)
    keys = NetworkKeys(seed: seedBytes, settings: settings)
    try openAccounts()
  }

  // MARK: - Clock

  /// The network's time in milliseconds; events advance it.
  func milliseconds(in db: SQLSession) throws -> UInt64 {
    try Setting.clock.text(in: db).flatMap { UInt64($0) } ?? 1_000
  }

  /// Sets the clock forward to `milliseconds` (never back) and returns the time in seconds.
  @discardableResult
  func advance(to milliseconds: UInt64, in db: SQLSession) throws -> UInt64 {
    let time = max(milliseconds, try self.milliseconds(in: db))
    try Setting.clock.set("\(time)", in: db)
    return time / 1_000
  }

  // MARK: - Jobs

  /// Changes what jobs there are. Jobs of a network in one process hold nothing: a service must not delete meanwhile, and
  /// the next one finds out what they need.
  ///
  /// - Throws: ``NetworkError/folderInUse(path:holder:)`` while a service serves the folder.
  func changeJobs<Result>(_ body: (SQLSession) throws -> Result) throws(NetworkError) -> Result {
    // Until all is written: a service that begins then sees it.
    var lock: FolderLock?
    defer { withExtendedLifetime(lock) {} }
    return try database.write { db in
      // Where there are no holds yet a service that begins takes them, after this; who works on a job here is no obstacle.
      if try Setting.holds.text(in: db) != nil {
        if lock == nil { lock = try lockAgainstServices() }
        try forgetHolds(in: db)
      }
      return try body(db)
    }
  }

  private func lockAgainstServices() throws(NetworkError) -> FolderLock {
    do throws(NetworkError) {
      return try FolderLock(folder: folder)
    } catch {
      guard case .folderInUse(let path, let holder) = error else { throw error }
      throw .folderInUse(path: path, holder: "\(holder), which serves it")
    }
  }

  /// Lets the next service find out what jobs need. What an earlier one was about to delete when it was killed may be
  /// needed from now on; what is not is found anew.
  func forgetHolds(in db: SQLSession) throws {
    try db.execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [Setting.holds.name])
    try db.execute(sql: "DELETE FROM removal")
  }

  // MARK: - Accounts

  /// An account and what it is in this network.
  public struct Account: Sendable, Hashable {
    /// Who.
    public var address: Address
    /// `requester`, `node`, `verifier`, or `bond pool`, which holds what verifiers lost.
    public var role: String
    /// Counted from 1 within the role.
    public var number: Int
  }

  /// All accounts: the requester, the nodes, the verifiers.
  public var accounts: [Account] {
    [Account(address: keys.requester.address, role: "requester", number: 1)]
      + keys.nodes.enumerated().map { Account(address: $1.address, role: "node", number: $0 + 1) }
      + keys.verifiers.enumerated().map { Account(address: $1.address, role: "verifier", number: $0 + 1) }
  }

  /// The account that signs tickets.
  public var signerAddress: Address { keys.signer.address }

  private func openAccounts() throws(NetworkError) {
    try database.write { db in
      for account in accounts {
        try db.execute(
          sql: "INSERT INTO account (address, role, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
          arguments: ["\(account.address)", account.role, account.number])
      }
    }
  }

  /// Grants an account what it lacks to have `amount` to spend.
  func grant(_ account: Address, upTo amount: TokenAmount, at time: UInt64, in db: SQLSession) throws {
    let held = try Ledger.balance(of: account, pot: .unspent, in: db)
    if held < amount {
      try Ledger.transfer(
        amount - held, from: (Ledger.outside, .granted), to: (account, .unspent), reason: "grant", job: nil,
        at: time,
        in: db)
    }
  }

  /// An account's money.
  public func balances(of account: Address) throws(NetworkError) -> Balances {
    try database.read { db in try Ledger.balances(of: account, in: db) }
  }

  /// Replays the ledger and checks that no money was made or lost.
  public func audit() throws(NetworkError) -> Conservation {
    try database.read { db in
      try Ledger.audit(in: db)
      return try Ledger.conservation(in: db)
    }
  }

  // MARK: - Seed and settings

  static func seed(in folder: URL, wanted: Bytes32?) throws(NetworkError) -> Bytes32 {
    let file = folder.appending(path: "seed")
    if FileManager.default.fileExists(atPath: file.path) {
      let text = String(decoding: try Files.read(file), as: UTF8.self).trimmingCharacters(
        in: .whitespacesAndNewlines)
      let found = try asNetworkError { try Bytes32(hex: text) }
      if let wanted, wanted != found {
        throw .otherRun(path: folder.path, what: "its seed", found: "another", wanted: "the one given")
      }
      return found
    }
    var seed = wanted
    if seed == nil {
      var random = SystemRandomNumberGenerator()
      seed = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
    guard let seed else { throw .inconsistent(what: "a seed is not 32 bytes") }
    try Files.write(Data("\(seed)\n".utf8), to: file, mode: 0o600)
    return seed
  }

  private static func settings(
    in database: NetworkDatabase, folder: URL, wanted: NetworkSettings?
  ) throws(NetworkError) -> NetworkSettings {
    let defaults = try NetworkSettings()
    return try database.write { db in
      let found = try Setting.network.text(in: db).map { try NetworkSettings(wireText: $0) }
      let settings = wanted ?? found ?? defaults
      if let found, found != settings {
        let begun =
          try Int.fetchOne(
            db, sql: "SELECT count(*) FROM job WHERE status = ?",
            arguments: [Int(JobStatus.processing.rawValue)]) ?? 0
        guard begun == 0 else {
          throw NetworkError.otherRun(
            path: folder.path, what: "the network of its unfinished job", found: found.summary,
            wanted: settings.summary)
        }
      }
      // A network that is only looked at stays as it is, to the byte.
      if found != settings { try Setting.network.set(settings.wireText(), in: db) }
      return settings
    }
  }
}

extension NetworkSettings {
  /// The fault that a role's holder shows, counted from 0.
  func fault(of role: FaultRole, _ index: Int) -> NodeFault? {
    ([fault].compactMap { $0 } + (furtherFaults ?? []))
      .first { $0.fault.role == role && $0.node == index + 1 }?.fault
  }

  /// The settings in words.
  var summary: String {
    let fault = fault.map { ", fault \($0)" } ?? ""
    return "\(nodes) nodes, \(verifiers) verifiers, \(check) segments checked\(fault)"
  }
}
