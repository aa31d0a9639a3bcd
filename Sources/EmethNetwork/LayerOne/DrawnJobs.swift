import EmethKit
import Synchronization

/// The jobs for which a verifier was drawn lately, as the chain has logged it. A server's list may be long, or lie; these are
/// the verifier's own.
final class DrawnJobs: Sendable {
  private struct Draw {
    /// The block that says so.
    var block: UInt64
    var found: ContinuousClock.Instant
  }

  private struct State {
    /// Up to which blocks, of which times, earlier looks came, the last one last; none before those that are read again.
    var looks: [(block: UInt64, time: UInt64)] = []
    var found: [JobID: Draw] = [:]

    /// Notes a draw; one that is later than another for the same job takes its place.
    mutating func note(_ id: JobID, at block: UInt64) {
      if let known = found[id], known.block >= block { return }
      found[id] = Draw(block: block, found: .now)
    }
  }

  private let account: ChainAccount
  private let state = Mutex(State())

  /// A verifier has an hour for its secret, its node one for the openings, and it one for its verdict.
  private static let seconds: UInt64 = 4 * 3_600
  /// What is as new as that is read again at each look: blocks may have been replaced, and a node that is behind leaves out
  /// what it does not have yet.
  private static let againSeconds: UInt64 = 600
  /// So many are asked for at once.
  private static let blocksAtOnce: UInt64 = 2_000

  init(_ account: ChainAccount) { self.account = account }

  /// A job for which the verifier is drawn, by the chain's word in a block: one that was found otherwise.
  func note(_ id: JobID, at block: UInt64) { state.withLock { $0.note(id, at: block) } }

  /// Leaves out what is none of the verifier's any more, as soon as the blocks that tell of it are not read again.
  func forget(_ ids: [JobID]) {
    state.withLock { state in
      let again = state.looks.first?.block ?? 0
      for id in ids where state.found[id].map({ $0.block < again }) ?? false { state.found[id] = nil }
    }
  }

  /// The jobs, in no order; what became of them since is not looked at.
  func jobs() async throws(NetworkError) -> [JobID] {
    try await onChain { () async throws(ChainError) in try await self.read() }
  }

  private func read() async throws(ChainError) -> [JobID] {
    guard let head = try await account.client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    let again = head.timestamp - min(head.timestamp, Self.againSeconds)
    let known = state.withLock { state in
      state.looks.removeFirst(state.looks.lastIndex { $0.time <= again } ?? 0)
      return state.looks.first
    }
    let start = head.timestamp - min(head.timestamp, Self.seconds)
    let first =
      if let known { known } else {
        (block: try await firstBlock(after: start, upTo: head.number), time: start)
      }
    var from = first.block
    let verifier = [UInt8](repeating: 0, count: 12) + account.address.bytes
    let topics: [Bytes32?] = [Self.topic, nil, Bytes32(verifier)]
    while from <= head.number {
      var upper = min(from + Self.blocksAtOnce - 1, head.number)
      let logs = try await self.logs(topics, from: from, upTo: &upper)
      for log in logs {
        guard case .drawn(let id, _, _)? = try? EmethVerifiers.Event(topics: log.topics, data: log.data)
        else { continue }
        note(id, at: log.blockNumber)
      }
      from = upper + 1
    }
    return state.withLock { state in
      if state.looks.isEmpty { state.looks.append(first) }
      state.looks.append((head.number, head.timestamp))
      // By this machine's clock: a node that names a time far ahead makes nothing forgotten.
      state.found = state.found.filter { .now < $0.value.found + .seconds(Self.seconds) }
      return Array(state.found.keys)
    }
  }

  /// The logs of a range, or of its first part where the node gives no more at once.
  private func logs(
    _ topics: [Bytes32?], from: UInt64, upTo upper: inout UInt64
  ) async throws(ChainError) -> [ChainLog] {
    while true {
      let filter = LogFilter(contract: account.contracts.verification, topics: topics, blocks: from...upper)
      do throws(ChainError) {
        return try await account.client.logs(filter)
      } catch {
        guard case .tooMuch? = error.fault, upper > from else { throw error }
        upper = from + (upper - from) / 2
      }
    }
  }

  /// The first block that is not older than a time: back from the head in steps that double, then by halving, so that a node
  /// is asked for nothing much older.
  private func firstBlock(after time: UInt64, upTo head: UInt64) async throws(ChainError) -> UInt64 {
    var (low, high, step): (UInt64, UInt64, UInt64) = (0, head, 1_000)
    var isBounded = false
    while low < high {
      let middle = isBounded ? low + (high - low) / 2 : high - min(high, step)
      if try await has(middle, notBefore: time) {
        (high, step) = (middle, min(2 * step, 1 << 40))
      } else {
        (low, isBounded) = (middle + 1, true)
      }
    }
    return low
  }

  /// Whether a block is not older than a time. What a node does not have any more is old, however it says that.
  private func has(_ number: UInt64, notBefore time: UInt64) async throws(ChainError) -> Bool {
    do throws(ChainError) {
      return try await account.client.block(.number(number)).map { $0.timestamp >= time } ?? false
    } catch {
      guard case .pruned = error else { throw error }
      return false
    }
  }

  private static let topic = Keccak256.hash("Drawn(bytes16,address,bytes32)".utf8)
}
