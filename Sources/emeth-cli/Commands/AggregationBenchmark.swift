import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// Measures a masked sum (PROTOCOL 8): what a node does for a round, and what the Aggregator does, beside
/// what ChaCha20 alone and memory alone take on the same threads in the same run.
struct AggregationBenchmark {
  /// What was measured, in seconds of wall-clock time: the median of the nodes', and of the floors that were
  /// taken in turn with them.
  struct Report: Encodable {
    var parameters: Int
    var nodes: Int
    var threads: Int
    /// What a node posts.
    var bytesPerNode: Int
    /// Masking an update and computing the root that the node signs.
    var nodeSeconds: Double
    /// The streams alone, one for every other node, from OpenSSL.
    var chaChaSeconds: Double
    /// Reading an update and writing a masked one, at the pace at which the threads read memory.
    var memorySeconds: Double
    /// nodeSeconds over chaChaSeconds.
    var chaChaRatio: Double
    /// Adding what all nodes have posted.
    var addSeconds: Double
    /// Reading it all and writing the sum, at the pace of reading.
    var addMemorySeconds: Double
    /// addSeconds over addMemorySeconds.
    var addMemoryRatio: Double

    /// The figures for people.
    func text(for terminal: Terminal) -> String {
      func seconds(_ value: Double) -> String { NumberText.fixed(value, decimals: 3) + " s" }
      func ratio(_ value: Double) -> String { NumberText.fixed(value, decimals: 2) }
      var table = TextTable([.init(""), .init("time", .right), .init("ratio", .right)])
      table.add(["a node: masks and root", seconds(nodeSeconds), ""])
      table.add(["  ChaCha20 alone", seconds(chaChaSeconds), ratio(chaChaRatio)])
      table.add(["  memory alone", seconds(memorySeconds), ratio(nodeSeconds / memorySeconds)])
      table.add(["the Aggregator: adding", seconds(addSeconds), ""])
      table.add(["  memory alone", seconds(addMemorySeconds), ratio(addMemoryRatio)])
      return table.text(for: terminal)
        + "\(NumberText.grouped(parameters)) parameters, \(nodes) nodes, \(threads) threads, "
        + "\(NumberText.bytes(bytesPerNode)) posted a node\n"
    }
  }

  static let parameters = Flag(
    "parameters", .integer(in: 1_000...1_000_000_000), default: 124_439_808,
    help: "aggregation: coordinates of an update")
  static let nodes = Flag("nodes", .integer(in: 3...16), default: 8, help: "aggregation: nodes of the cohort")

  private let parameters: Int
  private let nodes: Int
  private let device: Device
  private let cancellation: Cancellation
  /// Numbers that are read to learn the pace of memory: more than caches hold.
  private static let memoryCount = 1 << 27

  init(parameters: Int, nodes: Int, threads: Int, cancellation: Cancellation) throws {
    self.parameters = parameters
    self.nodes = nodes
    self.cancellation = cancellation
    device = try Device.cpu(threads: threads)
  }

  func run() throws -> Report {
    let byteCount = parameters * UpdateRing.wordByteCount
    let work = VectorWork(threads: device.threads)
    let update = Self.update(parameters)
    let (roster, secrets) = try Self.roster(nodes: nodes, parameters: parameters)
    let memory = try FloatArena(count: Self.memoryCount)
    memory.elements.update(repeating: 1)
    var (node, streams, pace): ([Double], [Double], [Double]) = ([], [], [])
    var posted: [Data] = []
    for (entry, secret) in zip(roster.entries, secrets) {
      try cancellation.check()
      let mask = try UpdateMask(secret: secret, roster: roster, member: entry.jobID)
      var vector = update.withUnsafeBytes { Data($0) }
      var began = ContinuousClock.now
      _ = try work.mask(&vector, with: mask)
      node.append((ContinuousClock.now - began) / .seconds(1))
      posted.append(vector)
      began = .now
      try RawChaCha20.draw(byteCount * (nodes - 1), threads: device.threads)
      streams.append((ContinuousClock.now - began) / .seconds(1))
      pace.append(device.readBandwidth(of: memory))
    }
    var adding: [Double] = []
    for _ in 0..<3 {
      try cancellation.check()
      let began = ContinuousClock.now
      let sum = try work.sum(of: posted)
      adding.append((ContinuousClock.now - began) / .seconds(1))
      try Self.check(sum, isTimes: nodes, update)
    }
    let bandwidth = Self.median(pace)
    let (nodeSeconds, chaCha, add) = (Self.median(node), Self.median(streams), Self.median(adding))
    let addMemory = Double(byteCount * (nodes + 1)) / bandwidth
    return Report(
      parameters: parameters, nodes: nodes, threads: device.threads, bytesPerNode: byteCount,
      nodeSeconds: nodeSeconds, chaChaSeconds: chaCha, memorySeconds: Double(2 * byteCount) / bandwidth,
      chaChaRatio: nodeSeconds / chaCha, addSeconds: add, addMemorySeconds: addMemory,
      addMemoryRatio: add / addMemory)
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  /// Numbers of the ring, all over it.
  private static func update(_ count: Int) -> Data {
    let range = UInt32(2 * UpdateRing.limit + 1)
    var word: UInt32 = 1
    var values = [Int32](repeating: 0, count: count)
    for index in values.indices {
      word = word &* 1_664_525 &+ 1_013_904_223
      values[index] = Int32(word % range) - UpdateRing.limit
    }
    return values.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  /// A cohort of made-up nodes.
  private static func roster(nodes: Int, parameters: Int) throws -> (Roster, [RoundSecret]) {
    let seed = SHA256.hash(Array("benchmark".utf8))
    let keys = (0..<nodes).map { PrivateKey(seed: seed, label: "node", index: UInt32($0)) }
    let parent = JobID(requester: keys[0].address, salt: seed)
    let seats = keys.enumerated().map { index, key in
      let position = SubJobPosition(parent: parent, round: 0, part: UInt32(index), attempt: 0)
      return CohortSeat(jobID: position.id, node: key.address, resultRoot: seed)
    }
    let cohort = try Cohort(seats)
    let plan = try CohortPlan(
      cohort: cohort, round: 0, attempt: 0, programHash: seed, initRoot: seed, coordinates: UInt64(parameters)
    )
    var random = SystemRandomNumberGenerator()
    var secrets: [RoundSecret] = []
    var signed: [JobID: SignedRoundKey] = [:]
    for seat in cohort.seats {
      let secret = RoundSecret(using: &random)
      guard let key = keys.first(where: { $0.address == seat.node }) else { continue }
      secrets.append(secret)
      signed[seat.jobID] = SignedRoundKey(
        signing: RoundKey(of: plan, seat: seat, roundKey: secret.publicKey), in: .embedded, with: key)
    }
    return (try Roster(plan: plan, keys: signed), secrets)
  }

  /// A sum that is not so many times the update would be no measurement.
  private static func check(_ sum: Data, isTimes nodes: Int, _ update: Data) throws {
    let fits = sum.withUnsafeBytes { sum in
      update.withUnsafeBytes { update in
        stride(from: 0, to: sum.count, by: 4_000).allSatisfy {
          sum.loadUnaligned(fromByteOffset: $0, as: Int32.self)
            == update.loadUnaligned(fromByteOffset: $0, as: Int32.self) * Int32(nodes)
        }
      }
    }
    guard fits else { throw NetworkError.inconsistent(what: "the masks do not cancel") }
  }
}

extension Command {
  /// `emeth benchmark aggregation`.
  static func benchmarkAggregation(_ parsed: ParsedCommand, _ context: CommandContext) throws {
    let benchmark = try AggregationBenchmark(
      parameters: parsed[AggregationBenchmark.parameters], nodes: parsed[AggregationBenchmark.nodes],
      threads: parsed[BenchmarkArguments.threads] ?? ProcessInfo.processInfo.activeProcessorCount,
      cancellation: context.cancellation)
    let report = try benchmark.run()
    try context.output.write(
      parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text(for: context.outputTerminal))
  }
}
