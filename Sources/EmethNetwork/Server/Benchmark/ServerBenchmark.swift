import EmethCompute
import EmethKit
import Foundation
import GRDB
import Hummingbird
import Logging
import Synchronization

/// How fast a served network answers, beside what the libraries below it reach in the same run: a handler of Hummingbird's
/// that says always the same, and SQLite's durable transactions.
///
/// ```swift
/// let report = try await ServerBenchmark(settings: .init(), folder: folder).run()
/// ```
/// Server and clients share this machine's cores, on both sides alike. Sides take turns; figures are medians.
public struct ServerBenchmark: Sendable {
  /// What is measured.
  public struct Settings: Sendable {
    /// Seconds of each measurement.
    public var seconds = 2.0
    /// Measurements of each side.
    public var rounds = 3
    /// Clients that ask at once.
    public var clients = 8
    /// Open jobs that are listed.
    public var jobs = 100_000
    /// Connections of nodes that wait.
    public var connections = 1_000

    /// A measurement of some minutes.
    public init() {}
  }

  /// A rate beside the rate of its floor, per second.
  public struct Rate: Codable, Sendable, Hashable {
    /// The median of what was measured.
    public var perSecond: Double
    /// The floor's median.
    public var floorPerSecond: Double
    /// The first over the second.
    public var ratio: Double

    init(_ rates: [Double], floor: [Double]) {
      perSecond = Self.median(rates)
      floorPerSecond = Self.median(floor)
      ratio = perSecond / floorPerSecond
    }

    static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
  }

  /// What was measured.
  public struct Report: Codable, Sendable {
    /// Reads, by path, beside a handler that returns as many bytes.
    public var reads: [String: Rate]
    /// Signed withdrawals of different accounts, beside durable transactions that write as many rows.
    public var changes: Rate
    /// How many jobs were open when they were listed.
    public var jobs: Int
    /// Milliseconds of one page of the list over HTTP, by its query.
    public var listMilliseconds: [String: Double]
    /// How many nodes waited for work at once.
    public var connections: Int
    /// Bytes by which the process grew with them, their sockets' other ends included.
    public var connectionBytes: UInt64
    /// Bytes of the whole process then.
    public var processBytes: UInt64
  }

  private let settings: Settings
  private let folder: URL

  /// A benchmark that works in a folder, which it leaves to its caller.
  public init(settings: Settings, folder: URL) {
    self.settings = settings
    self.folder = folder
  }

  /// Runs it.
  ///
  /// - Parameter progress: told what is measured next.
  /// - Throws: what the network throws; ``NetworkError/inconsistent(what:)`` when an answer is not what it must be.
  public func run(_ progress: @escaping @Sendable (String) -> Void = { _ in }) async throws(NetworkError)
    -> Report
  {
    let keys = (0..<max(settings.clients, 2)).map {
      PrivateKey(seed: SHA256.hash(Array("benchmark".utf8)), label: "client", index: UInt32($0))
    }
    var service = ServiceSettings()
    service.epochMilliseconds = 3_600_000
    let money = try asNetworkError { try TokenAmount(emeth: "1000000000") }
    for key in keys { service.grants[key.address] = money }
    let network = try NetworkService(folder: folder.appending(path: "network"), settings: service)
    var server = ServerSettings()
    (server.requestRate, server.requestBurst) = (1e9, 1e9)
    server.connectionsOfOneAddress = 1 << 20
    server.connectionLimit = settings.connections + 1_000
    var logger = Logger(label: "emeth.benchmark")
    logger.logLevel = .error
    let running = try NetworkServer(service: network, settings: server, logger: logger)
    return try await measure(running, network, keys, progress)
  }

  private func measure(
    _ server: NetworkServer, _ network: NetworkService, _ keys: [PrivateKey],
    _ progress: @escaping @Sendable (String) -> Void
  ) async throws(NetworkError) -> Report {
    let (addresses, ready) = AsyncStream.makeStream(of: ServerAddress.self)
    let serving = Task { () async throws in
      defer { ready.finish() }
      try await server.run { ready.yield($0) }
    }
    defer { server.stop() }
    guard let address = await addresses.first(where: { _ in true }) else {
      _ = await serving.result
      throw .inconsistent(what: "the server did not start")
    }
    // Blocking threads of their own: the server's are the language's.
    let result: Result<Report, any Error> = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(returning: Result { try measure(address, network, keys, progress) })
      }
    }
    return try asNetworkError { try result.get() }
  }

  private func measure(
    _ address: ServerAddress, _ network: NetworkService, _ keys: [PrivateKey],
    _ progress: @Sendable (String) -> Void
  ) throws -> Report {
    guard let port = UInt16(address.audience.split(separator: ":").last ?? "") else {
      throw NetworkError.inconsistent(what: "the server's address \(address) has no port")
    }
    let client = LoadClient(port: port)
    progress("withdrawals")
    let changes = try measureChanges(client, address, keys)
    progress("\(settings.jobs) jobs are put in")
    let job = try fill(network, by: keys[0])
    var reads: [String: Rate] = [:]
    for path in [
      "/api/v2/accounts/\(keys[0].address)/balances", "/api/v2/jobs/\(job)", "/api/v2/jobs?limit=20",
    ] {
      progress("GET \(path)")
      reads[path.replacing("\(keys[0].address)", with: "{address}").replacing("\(job)", with: "{id}")] =
        try measureReads(client, path)
    }
    progress("lists of jobs")
    var lists: [String: Double] = [:]
    for query in [
      "limit=50", "limit=50&before=\(settings.jobs / 2)", "limit=50&status=REQUESTED",
      "limit=50&status=FAILED",
    ] {
      lists[query] = try milliseconds(client, "/api/v2/jobs?\(query)")
    }
    progress("\(settings.connections) nodes wait")
    let before = Self.residentBytes
    let waiting = try wait(client, address, keys[1])
    let after = Self.residentBytes
    return withExtendedLifetime(waiting) {
      Report(
        reads: reads, changes: changes, jobs: settings.jobs, listMilliseconds: lists,
        connections: waiting.count, connectionBytes: after > before ? after - before : 0, processBytes: after)
    }
  }

  // MARK: - Reads

  private func measureReads(_ client: LoadClient, _ path: String) throws -> Rate {
    let request = client.request("GET", path)
    let body = try LoadClient.Connection(port: client.port).exchange(request)
    guard !body.isEmpty else { throw NetworkError.inconsistent(what: "GET \(path) has no answer") }
    let floor = try PlainServer(body: String(decoding: body, as: UTF8.self))
    defer { floor.stop() }
    let plain = LoadClient(port: floor.port)
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<settings.rounds {
      let all = [[[UInt8]]](repeating: [request], count: settings.clients)
      rates.append(try client.answersPerSecond(to: all, for: settings.seconds))
      floors.append(try plain.answersPerSecond(to: all, for: settings.seconds))
    }
    return Rate(rates, floor: floors)
  }

  /// Registers open jobs, all but the salt alike, in one transaction.
  ///
  /// - Returns: one of them.
  private func fill(_ network: NetworkService, by key: PrivateKey) throws -> JobID {
    let dataSet = try network.splitterStore.put(Data(repeating: UInt8(ascii: "a"), count: 4_096))
    try network.dataSetGivers.add(key.address, of: dataSet)
    let optimizer = TrainingManifest.Optimizer(
      learningRate: try DecimalNumber("0.01"), beta1: try DecimalNumber("0.9"),
      beta2: try DecimalNumber("0.95"),
      epsilon: try DecimalNumber("0.00000001"), weightDecay: try DecimalNumber("0.1"),
      gradientClip: try DecimalNumber("1"))
    let manifest = try TrainingManifest(
      model: ModelShape(layers: 1, heads: 1, width: 8, context: 8, vocabularySize: 256),
      tokenizerHash: Bytes32(ByteTokenizer().hash) ?? .zero, seed: .zero, batch: 1, optimizer: optimizer,
      stepsPerRound: 1,
      rounds: 1, segmentLength: 1, quantiserExponent: 22)
    let first = try network.submit(
      JobSubmission(
        salt: SHA256.hash(Array("first".utf8)), manifest: manifest, dataSetName: "benchmark",
        dataSet: dataSet, parallel: 1,
        fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 86_400), by: key.address)
    try network.database.write { db in
      let record = try JobStore.job(first, in: db)
      for number in 1..<max(1, settings.jobs) {
        let like = record.machine.job
        let job = try Job(
          id: JobID(requester: key.address, salt: SHA256.hash(Array("job \(number)".utf8))),
          requester: key.address,
          programID: like.programID, numParallel: like.numParallel, numEpoch: like.numEpoch,
          dataset: like.dataset,
          parameters: like.parameters, fuelLimit: like.fuelLimit, fuelPrice: like.fuelPrice,
          requestedAt: like.requestedAt, deadline: like.deadline, terms: like.terms)
        let machine = try ParentMachine(
          request: job, by: key.address, idIsUnused: true,
          fundsAvailable: Ledger.balance(of: key.address, pot: .unspent, in: db),
          parameters: network.servedPeriods)
        try ExecutionLayer.register(
          JobRecord(machine: machine, request: record.request), at: job.requestedAt, in: db)
      }
    }
    return first
  }

  private func milliseconds(_ client: LoadClient, _ path: String) throws -> Double {
    let connection = try LoadClient.Connection(port: client.port)
    let request = client.request("GET", path)
    return Rate.median(
      try (0..<15).map { _ in
        let start = ContinuousClock.now
        try connection.exchange(request)
        return (ContinuousClock.now - start) / .milliseconds(1)
      })
  }

  // MARK: - Changes

  private func measureChanges(_ client: LoadClient, _ address: ServerAddress, _ keys: [PrivateKey]) throws
    -> Rate
  {
    struct Withdrawal: Encodable { var amount: TokenAmount }
    let path = "/api/v2/withdrawals"
    let body = try WireFormat.encoder.encode(Withdrawal(amount: TokenAmount(holon: 1)))
    let database = try DatabaseQueue(path: folder.appending(path: "floor.sqlite").path)
    try database.inDatabase { db in
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = FULL")
      try db.execute(
        sql:
          "CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT); CREATE TABLE pot (name TEXT PRIMARY KEY, text TEXT)"
      )
    }
    var (rates, floors): ([Double], [Double]) = ([], [])
    for _ in 0..<settings.rounds {
      let count = Int(settings.seconds * 1_000)
      let requests = keys.prefix(settings.clients).map { key in
        (0..<count).map { _ in Self.signed(client, address, "POST", path, body, key) }
      }
      rates.append(try client.answersPerSecond(to: requests, repeats: false, for: settings.seconds))
      floors.append(try Self.transactionsPerSecond(database, for: settings.seconds))
    }
    return Rate(rates, floor: floors)
  }

  /// Transactions of the rows of a withdrawal, each on the disk before the next begins: an entry and two balances.
  private static func transactionsPerSecond(_ database: DatabaseQueue, for seconds: Double) throws -> Double {
    let start = ContinuousClock.now
    var count = 0
    while ContinuousClock.now < start + .seconds(seconds) {
      try database.write { db in
        try db.execute(
          sql: "INSERT INTO entry (text) VALUES (?)", arguments: [String(repeating: "x", count: 200)])
        for name in ["source", "target"] {
          try db.execute(
            sql:
              "INSERT INTO pot (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text",
            arguments: [name, "\(count)"])
        }
      }
      count += 1
    }
    return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
  }

  private static func signed(
    _ client: LoadClient, _ address: ServerAddress, _ method: String, _ path: String, _ body: Data,
    _ key: PrivateKey
  ) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let statement = RequestStatement(
      audience: address.audience, method: method, path: path,
      bodyHash: body.withUnsafeBytes { Keccak256.hash($0) },
      time: UInt64(max(0, Date().timeIntervalSince1970)),
      nonce: Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero)
    let signature = SignedRequest(signing: statement, in: .embedded, with: key).headerValue
    return client.request(
      method, path, headers: [(SignedRequest.headerName, signature)], body: body)
  }

  // MARK: - Nodes that wait

  private func wait(
    _ client: LoadClient, _ address: ServerAddress, _ key: PrivateKey
  ) throws -> [LoadClient.Connection] {
    var connections: [LoadClient.Connection] = []
    // Of a program that no job has, so that all of them wait.
    let path = "/api/v2/sub-jobs?wait=60&limit=1&programs=99999"
    for _ in 0..<settings.connections {
      let connection = try LoadClient.Connection(port: client.port)
      try connection.send(Self.signed(client, address, "GET", path, Data(), key))
      connections.append(connection)
    }
    Thread.sleep(forTimeInterval: 2)
    return connections
  }

  private static var residentBytes: UInt64 {
    let fields =
      (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (UInt64(fields[1]) ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))) : 0
  }
}
