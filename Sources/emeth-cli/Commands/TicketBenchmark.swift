import EmethKit
import Foundation

/// Measures signing and checking of tickets against libsecp256k1 alone, in one process and one run.
///
/// The two sides take turns on a few tickets at a time, and the ratio is taken turn by turn, so that a
/// machine whose speed changes changes both. One core's time is its processor time: what other programs take
/// of the core does not count.
struct TicketBenchmark {
  /// What was measured; rates are per second, ratios EmethKit's speed over the bare library's.
  struct Report: Encodable {
    struct Bulk: Encodable {
      var signsPerSecond: Int
      var checksPerSecond: Int
    }

    struct Text: Encodable {
      var encodesPerSecond: Int
      var decodesPerSecond: Int
    }

    struct Storage: Encodable {
      var writesPerSecond: Int
      var readsPerSecond: Int
    }

    var tickets: Int
    var turns: Int
    var cores: Int
    var signsPerSecond: Int
    var checksPerSecond: Int
    var rawSignsPerSecond: Int
    var rawRecoveriesPerSecond: Int
    var signRatio: Double
    var checkRatio: Double
    var allCores: Bulk
    var json: Text
    var io: Storage
  }

  private let key = PrivateKey(seed: .zero, label: "benchmark", index: 0)
  private let domain: EIP712Domain
  private let tickets: [Ticket]
  private let signed: [SignedTicket]
  private let cancellation: Cancellation

  /// The tickets of one turn: a few milliseconds.
  private static let turnCount = 40

  /// Makes the tickets, which differ in every member.
  init(count: Int, cancellation: Cancellation) {
    let domain = EIP712Domain(chainId: 137, verifyingContract: key.address)
    var accounts = ChaCha20Generator(key: Keccak256.hash("benchmark tickets".utf8))
    tickets = (0..<count).map { index in
      func word() -> UInt64 { UInt64(accounts.next()) << 32 | UInt64(accounts.next()) }
      let root = Keccak256.hash(word().bigEndianBytes)
      return Ticket(
        account: Address(bytes: root.bytes.prefix(20)) ?? .zero, epoch: UInt64(index),
        cumulativePayout: TokenAmount(holon: UInt256(high: 0, low: UInt128(word()))),
        unspent: TokenAmount(holon: UInt256(word())), locked: TokenAmount(holon: UInt256(word())),
        jobsRoot: root)
    }
    let key = key
    signed = tickets.map { SignedTicket(signing: $0, in: domain, with: key) }
    self.domain = domain
    self.cancellation = cancellation
  }

  /// Measures for about so long.
  ///
  /// - Throws: `CommandFailure` with exit code 5 when the two sides disagree, `FileError`, `Interruption`.
  func run(for duration: Duration) async throws -> Report {
    guard let raw = RawSecp256k1(key: key) else {
      throw CommandFailure(.unavailable, code: "benchmark.memory", "libsecp256k1 has no memory for a context")
    }
    let sign = try pairs(for: duration * 0.3, raw: signRaw(raw), own: signOwn)
    let check = try pairs(for: duration * 0.4, raw: recoverRaw(raw), own: checkOwn)
    let bulk = try await bulk(for: duration * 0.15)
    return Report(
      tickets: tickets.count, turns: sign.turns + check.turns,
      cores: ProcessInfo.processInfo.activeProcessorCount, signsPerSecond: sign.own,
      checksPerSecond: check.own, rawSignsPerSecond: sign.raw, rawRecoveriesPerSecond: check.raw,
      signRatio: sign.ratio, checkRatio: check.ratio, allCores: bulk,
      json: try text(for: duration * 0.1), io: try await storage())
  }
}

extension TicketBenchmark {
  /// A turn of one side: does the tickets of a range; the setting up of what it needs is not measured.
  private typealias Turn = (Range<Int>) throws -> Duration

  private struct Pairs {
    var turns: Int
    var raw: Int
    var own: Int
    var ratio: Double
  }

  /// The two sides in turn, each first in every other pair.
  private func pairs(for duration: Duration, raw: Turn, own: Turn) throws -> Pairs {
    var (rawTimes, ownTimes, ratios): ([Double], [Double], [Double]) = ([], [], [])
    let end = ContinuousClock.now + duration
    var start = 0
    while ratios.count < 5 || ContinuousClock.now < end {
      try cancellation.check()
      let range = start..<min(start + Self.turnCount, tickets.count)
      start = range.upperBound == tickets.count ? 0 : range.upperBound
      let times: (raw: Duration, own: Duration)
      if ratios.count.isMultiple(of: 2) {
        let first = try raw(range)
        times = (first, try own(range))
      } else {
        let first = try own(range)
        times = (try raw(range), first)
      }
      let count = Double(range.count)
      rawTimes.append(times.raw / .seconds(1) / count)
      ownTimes.append(times.own / .seconds(1) / count)
      ratios.append(times.raw / times.own)
    }
    return Pairs(
      turns: 2 * ratios.count, raw: Self.rate(rawTimes), own: Self.rate(ownTimes),
      ratio: (Self.median(ratios) * 10_000).rounded() / 10_000)
  }

  private func signRaw(_ raw: RawSecp256k1) -> Turn {
    { range in
      let digests = signed[range].flatMap(\.digest.bytes)
      var signatures = [UInt8](repeating: 0, count: 65 * range.count)
      let time = Self.processorTime { raw.sign(digests, into: &signatures) }
      try require(signatures == signed[range].flatMap(\.signature.bytes))
      return time
    }
  }

  private var signOwn: Turn {
    { range in
      var made: [SignedTicket] = []
      made.reserveCapacity(range.count)
      let time = Self.processorTime {
        for index in range { made.append(SignedTicket(signing: tickets[index], in: domain, with: key)) }
      }
      try require(made == Array(signed[range]))
      return time
    }
  }

  private func recoverRaw(_ raw: RawSecp256k1) -> Turn {
    { range in
      let digests = signed[range].flatMap(\.digest.bytes)
      let signatures = signed[range].flatMap(\.signature.bytes)
      var keys = [UInt8](repeating: 0, count: 65 * range.count)
      let time = Self.processorTime { raw.recover(signatures, over: digests, into: &keys) }
      try require(keys == range.flatMap { _ in key.publicKey })
      return time
    }
  }

  private var checkOwn: Turn {
    { range in
      let signers = TrustedSigners(key.address)
      var good = 0
      let time = Self.processorTime {
        for index in range where (try? signed[index].check(signers: signers, in: domain)) != nil { good += 1 }
      }
      try require(good == range.count)
      return time
    }
  }

  /// Many tickets at once, on all cores, by the clock on the wall.
  private func bulk(for duration: Duration) async throws -> Report.Bulk {
    var (signTimes, checkTimes): ([Double], [Double]) = ([], [])
    let signers = TrustedSigners(key.address)
    let end = ContinuousClock.now + duration
    while signTimes.count < 3 || ContinuousClock.now < end {
      try cancellation.check()
      let start = ContinuousClock.now
      let made = try await SignedTicket.signing(tickets, in: domain, with: key)
      let middle = ContinuousClock.now
      let faults = try await SignedTicket.faults(of: made, signers: signers, in: domain)
      checkTimes.append((ContinuousClock.now - middle) / .seconds(1) / Double(tickets.count))
      signTimes.append((middle - start) / .seconds(1) / Double(tickets.count))
      try require(made == signed && faults.allSatisfy { $0 == nil })
    }
    return Report.Bulk(signsPerSecond: Self.rate(signTimes), checksPerSecond: Self.rate(checkTimes))
  }

  /// Text of tickets, on one core.
  private func text(for duration: Duration) throws -> Report.Text {
    var (encodeTimes, decodeTimes): ([Double], [Double]) = ([], [])
    let end = ContinuousClock.now + duration
    while encodeTimes.count < 3 || ContinuousClock.now < end {
      try cancellation.check()
      let some = signed.prefix(Self.turnCount)
      var lines: [String] = []
      encodeTimes.append(
        Self.processorTime { lines = some.map(\.canonicalJSON) } / .seconds(1) / Double(some.count))
      var read: [SignedTicket] = []
      decodeTimes.append(
        Self.processorTime {
          read = lines.compactMap { line in
            (try? JSONValue(parsing: line)).flatMap { try? SignedTicket(json: $0, knownDomain: domain) }
          }
        } / .seconds(1) / Double(some.count))
      try require(read == Array(some))
    }
    return Report.Text(encodesPerSecond: Self.rate(encodeTimes), decodesPerSecond: Self.rate(decodeTimes))
  }

  /// Lines of tickets to a file and back.
  private func storage() async throws -> Report.Storage {
    let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
    let path = "\(folder)/emeth-benchmark-\(ProcessInfo.processInfo.processIdentifier).jsonl"
    defer { unlink(path) }
    let lines = signed.map { $0.canonicalJSON + "\n" }
    let start = ContinuousClock.now
    try AtomicFile.write(lines.joined(), to: path)
    let middle = ContinuousClock.now
    var pieces = try JSONPieces(InputFile(path), cancellation: cancellation)
    var count = 0
    while try await pieces.next() != nil { count += 1 }
    let end = ContinuousClock.now
    try require(count == tickets.count)
    return Report.Storage(
      writesPerSecond: Self.rate([(middle - start) / .seconds(1) / Double(count)]),
      readsPerSecond: Self.rate([(end - middle) / .seconds(1) / Double(count)]))
  }

  private func require(_ agrees: Bool) throws {
    guard agrees else {
      throw CommandFailure(
        .internalError, code: "benchmark.disagreement", "EmethKit and libsecp256k1 gave different results")
    }
  }

  /// The time that the calling thread computes in `body`.
  private static func processorTime(_ body: () -> Void) -> Duration {
    let start = threadTime
    body()
    return threadTime - start
  }

  private static var threadTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// How many a second, from seconds for each.
  private static func rate(_ seconds: [Double]) -> Int {
    Int((1 / max(median(seconds), 1e-9)).rounded())
  }
}
