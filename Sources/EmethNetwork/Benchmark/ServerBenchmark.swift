import EmethKit
import Foundation

/// How fast a served network answers, beside what the HTTP library and the database alone do in the same run.
///
/// Servers run in processes of their own; this one is their client (``HTTPLoad``) and counts what they take of the
/// processor. A ratio of two rates is that of what each server did in a second of its own processor time, so that the
/// client, which takes its share of the machine in both runs, does not flatter the slower one.
public struct ServerBenchmark: Sendable {
  /// What is measured with.
  public struct Settings: Sendable {
    /// The program whose `serve` is measured.
    public var program: URL
    /// The program whose `benchmark server --plain` is the floor.
    public var plainProgram: URL
    /// A database without any tables; `nil` is a file.
    public var database: String?
    /// Time for all the rates.
    public var seconds = 20.0
    /// How many jobs are open.
    public var jobs = 100_000
    /// How many nodes wait for work.
    public var connections = 1_000
    /// Asked between two measurements.
    public var isCancelled: @Sendable () -> Bool = { false }

    /// The settings that the figures of Docs/Benchmarks.md were taken with.
    public init(program: URL, plainProgram: URL) {
      self.program = program
      self.plainProgram = plainProgram
    }
  }

  private let settings: Settings
  private let folder: URL
  private let database: PostgresAddress?
  /// Connections over which rates are measured.
  private static let clients = 16
  /// So many jobs are read in turn.
  private static let askedJobs = 200
  /// Each rate and its floor are measured so often, in turn.
  private static let turns = 3

  private init(_ settings: Settings, in folder: URL) throws(NetworkError) {
    self.settings = settings
    self.folder = folder
    database = try settings.database.map { text throws(NetworkError) in try PostgresAddress(text) }
  }

  /// Measures; what it makes besides the database is gone afterwards.
  ///
  /// - Parameter progress: told what is done next, for people.
  /// - Throws: ``NetworkError``: also when an answer is not what it has to be.
  public static func run(
    _ settings: Settings, progress: (String) -> Void
  ) async throws(NetworkError) -> Report {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "emeth-benchmark-\(ProcessInfo.processInfo.processIdentifier)")
    try Files.makeFolder(folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    let benchmark = try ServerBenchmark(settings, in: folder)
    let some = try await benchmark.fill(progress)
    // Not before: the network's folder is one process' own.
    do {
      return try benchmark.measure(some, progress)
    } catch {
      throw NetworkError(error)
    }
  }

  private var network: URL { folder.appending(path: "network") }

  private func fill(_ progress: (String) -> Void) async throws(NetworkError) -> [OpenJobs.Open] {
    if let database { try requireEmpty(database) }
    progress("making \(settings.jobs) open jobs")
    var service = ServiceSettings()
    let amount = TokenAmount(holon: 1_000_000_000_000_000_000_000_000)
    for index in 0..<OpenJobs.requesters {
      service.grants[OpenJobs.key("requester", index).address] = amount
    }
    for index in 0..<settings.connections { service.grants[OpenJobs.key("node", index).address] = amount }
    let filled = try NetworkService(
      folder: network, settings: service, database: database.map { .postgres($0) })
    return try await OpenJobs(service: filled).fill(
      count: settings.jobs, isCancelled: settings.isCancelled)
  }

  /// Refuses what belongs to somebody, before anything is written to it: to open it as a network's database would
  /// already make tables there, or bring an older network's to this program's layout.
  private func requireEmpty(_ database: PostgresAddress) throws(NetworkError) {
    let count: Int?
    do {
      let rows = try PostgresConnection(database).rows(
        """
        SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema'
          AND left(n.nspname, 3) <> 'pg_'
        """, [])
      count = rows.first?.values.first.flatMap { Int(sqlValue: $0) }
    } catch {
      throw (error as? PostgresFailure)?.asNetworkError(database) ?? NetworkError(error)
    }
    guard count == 0 else {
      throw .badSetting(
        name: "database", found: "one with \(count ?? 0) tables",
        allowed: "an empty one: it is filled with jobs that nobody wants")
    }
  }

  private func measure(_ some: [OpenJobs.Open], _ progress: (String) -> Void) throws -> Report {
    let plain = try ChildServer(
      settings.plainProgram, ["benchmark", "server", "--plain"], log: folder.appending(path: "plain.log"))
    defer { plain.stop() }
    let server = try ChildServer(
      settings.program, ["serve", "--listen", "127.0.0.1:0", "--data", network.path, "--json"],
      environment: settings.database.map { ["EMETH_DATABASE": $0] } ?? [:],
      log: folder.appending(path: "server.log"))
    defer { server.stop() }
    let requests = BenchmarkRequests(server: server.address)
    progress("reads")
    let reads = try reads(plain, server, requests, some)
    progress("lists")
    let lists = try requests.lists.map { name, path in try list(name, path, server, requests) }
    progress("state changes")
    let changes = try changes(server, requests, some)
    progress("waiting nodes")
    let waiting = try wait(server, requests)
    return Report(
      database: database.map { "\($0)" } ?? "SQLite", jobs: settings.jobs,
      cores: ProcessInfo.processInfo.activeProcessorCount, reads: reads, lists: lists, changes: changes,
      waiting: waiting)
  }

  /// A third of the time for rates each: reads, two kinds of changes.
  private var turnSeconds: Double { settings.seconds / 3 / Double(2 * Self.turns) }

  // MARK: - Reads

  private func reads(
    _ plain: ChildServer, _ server: ChildServer, _ requests: BenchmarkRequests, _ some: [OpenJobs.Open]
  ) throws -> Report.Reads {
    let hello = BenchmarkRequests(server: plain.address).get("/")
    // Some of all jobs, which have been asked for before: most who follow a job ask again.
    let asked = some.prefix(Self.askedJobs).map { requests.get("/api/v2/jobs/\($0.job)") }
    var first = asked.makeIterator()
    _ = try rate(of: server, seconds: settings.seconds) { first.next() }
    var next = 0
    var (floors, rates): ([Report.Rate], [Report.Rate]) = ([], [])
    for _ in 0..<Self.turns {
      if settings.isCancelled() { throw NetworkError.interrupted }
      floors.append(try rate(of: plain, seconds: turnSeconds) { hello })
      rates.append(
        try rate(of: server, seconds: turnSeconds) {
          next += 1
          return asked[next % asked.count]
        })
    }
    let (floor, rate) = (Report.Rate(medianOf: floors), Report.Rate(medianOf: rates))
    return Report.Reads(
      plain: floor, jobs: rate, ratio: rate.perProcessorSecond / max(1, floor.perProcessorSecond))
  }

  private func rate(
    of server: ChildServer, seconds: Double, _ next: () throws -> [UInt8]?
  ) throws -> Report.Rate {
    let load = try HTTPLoad(to: server.address, connections: Self.clients)
    let before = server.processorSeconds
    let outcome = try load.run(seconds: seconds, next)
    let processorSeconds = server.processorSeconds - before
    return Report.Rate(outcome, processorSeconds: processorSeconds)
  }

  // MARK: - Lists

  private func list(
    _ name: String, _ path: String, _ server: ChildServer, _ requests: BenchmarkRequests
  ) throws -> Report.List {
    if settings.isCancelled() { throw NetworkError.interrupted }
    let load = try HTTPLoad(to: server.address, connections: 1)
    var left = 30
    let outcome = try load.run(seconds: 60) {
      left -= 1
      return left >= 0 ? requests.get(path, signedBy: OpenJobs.key("node", 0)) : nil
    }
    let sorted = outcome.latencies.sorted()
    return Report.List(
      name: name, path: path, medianMilliseconds: sorted[sorted.count / 2] * 1e3,
      slowestMilliseconds: (sorted.last ?? 0) * 1e3)
  }

  // MARK: - State changes

  private func changes(
    _ server: ChildServer, _ requests: BenchmarkRequests, _ some: [OpenJobs.Open]
  ) throws -> [Report.Change] {
    let location: DatabaseLocation =
      database.map { .postgres($0) } ?? .file(folder.appending(path: "floor.sqlite"))
    let floor = DatabaseFloor(location: location, writers: Self.clients)
    let withdrawal = try WireFormat.encoder.encode(Routes.Withdrawal(amount: TokenAmount(holon: 1)))
    let expiry = UInt64(max(0, Date().timeIntervalSince1970)) + 86_400
    var open = some.makeIterator()
    let kinds: [(name: String, make: (Int) throws -> [UInt8]?)] = [
      (
        "withdrawals",
        {
          requests.post(
            "/api/v2/withdrawals", withdrawal, signedBy: OpenJobs.key("node", $0 % settings.connections))
        }
      ),
      (
        "claims",
        {
          guard let subJob = open.next()?.subJob else { return nil }
          let key = OpenJobs.key("node", $0 % settings.connections)
          let binding = SignedKeyBinding(
            signing: KeyBinding(of: key, expiry: expiry), in: .embedded, with: key)
          return requests.post(
            "/api/v2/sub-jobs/\(subJob)/process", try WireFormat.encoder.encode(binding), signedBy: key)
        }
      ),
    ]
    return try kinds.map { kind in
      var (floors, rates): ([Double], [Report.Rate]) = ([], [])
      var number = 0
      for _ in 0..<Self.turns {
        if settings.isCancelled() { throw NetworkError.interrupted }
        floors.append(try floor.measure(seconds: turnSeconds))
        // Signed before the clock runs; no more than the database could take.
        var ready: [[UInt8]] = []
        let most = min(
          Int((floors.last ?? 0) * turnSeconds), kind.name == "claims" ? some.count / Self.turns : .max)
        while ready.count < most, let request = try kind.make(number) {
          ready.append(request)
          number += 1
        }
        var next = ready.makeIterator()
        rates.append(try rate(of: server, seconds: turnSeconds) { next.next() })
      }
      let rate = Report.Rate(medianOf: rates)
      let alone = floors.sorted()[floors.count / 2]
      return Report.Change(
        name: kind.name, databasePerSecond: alone, rate: rate, ratio: rate.perSecond / alone)
    }
  }

  // MARK: - Nodes that wait

  private func wait(_ server: ChildServer, _ requests: BenchmarkRequests) throws -> Report.Waiting {
    let before = server.residentBytes
    let load = try HTTPLoad(to: server.address, connections: settings.connections)
    // At a price that nobody pays, so that all of them wait.
    let path = "/api/v2/sub-jobs?wait=60&minimumFuelPrice=1000000000000000000000000"
    try load.begin(
      (0..<settings.connections).map { requests.get(path, signedBy: OpenJobs.key("node", $0)) })
    var most = 0
    for _ in 0..<50 {
      if settings.isCancelled() { throw NetworkError.interrupted }
      most = max(most, server.residentBytes)
      Thread.sleep(forTimeInterval: 0.1)
    }
    return Report.Waiting(connections: settings.connections, bytesBefore: before, bytes: most)
  }
}
