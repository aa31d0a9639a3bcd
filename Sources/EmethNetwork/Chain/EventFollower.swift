import EmethKit
import Foundation
import Logging
import Synchronization

/// Follows a chain: reads what contracts log into an ``EventStore``, and takes back what a reorganisation undoes.
///
/// ```swift
/// let follower = EventFollower(client: client, store: store, contracts: [core, settlement], firstBlock: 19_000_000)
/// while try await !follower.advance().isAtHead {}
/// ```
/// Blocks are linked by their hashes, so that nothing of another fork gets in; `advance` may be stopped at any moment.
public final class EventFollower: Sendable {
  /// How far one step came.
  public struct Step: Hashable, Sendable {
    /// The chain's newest block.
    public var head: UInt64
    /// The last block that was read; nil: none yet.
    public var last: UInt64?
    /// How many blocks were taken back.
    public var undone = 0
    /// How many logs were taken in.
    public var logs = 0
    /// Whether nothing is left to read.
    public var isAtHead: Bool { last.map { $0 >= head } ?? false }
  }

  /// Where the events lie.
  public let store: EventStore
  private let client: ChainClient
  private let witness: ChainClient
  private let contracts: [Address]
  private let firstBlock: UInt64
  private let blocksPerStep: UInt64
  /// Blocks so far behind the head are read without their heads, a whole range at once.
  private let settledDepth: UInt64
  private let logger: Logger?
  /// When deposits were missing and were looked for.
  private let soughtAt = Mutex<UInt64?>(nil)

  /// Nothing is read yet.
  ///
  /// - Parameters:
  ///   - witness: the node that is asked at the second look; nil: the same.
  ///   - firstBlock: where the contracts begin.
  ///   - blocksPerStep: the most blocks of one question; fewer where the node gives no more.
  ///   - settledDepth: how far behind the head no reorganisation is looked for while old blocks are read.
  public init(
    client: ChainClient, witness: ChainClient? = nil, store: EventStore, contracts: [Address],
    firstBlock: UInt64 = 0, blocksPerStep: UInt64 = 2_000, settledDepth: UInt64 = 128, logger: Logger? = nil
  ) {
    self.client = client
    self.witness = witness ?? client
    self.store = store
    self.contracts = contracts
    self.firstBlock = firstBlock
    self.blocksPerStep = max(1, blocksPerStep)
    self.settledDepth = settledDepth
    self.logger = logger
  }

  /// Reads one step on: some blocks, or none at the head.
  ///
  /// - Throws: ``ChainError/reorganisedTooDeep(from:remembered:)``,
  ///   ``ChainError/contradiction(method:what:found:expected:)`` and what the node answers.
  @discardableResult
  public func advance() async throws(ChainError) -> Step {
    guard let head = try await client.block(.latest) else {
      throw .malformed(method: "eth_getBlockByNumber", reason: "there is no newest block")
    }
    var step = Step(head: head.number)
    guard let undone = try await takeBack(head: head.number) else {
      step.last = try store.last()?.number
      return step
    }
    step.undone = undone
    let last = try store.last()
    step.last = last?.number
    let from = max(firstBlock, last.map { $0.number + 1 } ?? firstBlock)
    guard from <= head.number else { return step }
    let settled = head.number > settledDepth ? head.number - settledDepth : 0
    let found =
      from < settled
      ? try await old(from...min(from + blocksPerStep - 1, settled))
      : try await recent(from...min(from + UInt64(client.settings.batchLimit) - 1, head.number), after: last)
    guard let found else { return step }
    // Another process may have read on meanwhile: then this is looked at anew.
    guard try store.append(found.blocks, logs: found.logs, after: last) else { return step }
    step.last = found.blocks.last?.number ?? step.last
    step.logs = found.logs.count
    return step
  }

  /// Old blocks: what was logged in them, and the head of the last one to go on from.
  private func old(
    _ range: ClosedRange<UInt64>
  ) async throws(ChainError) -> (blocks: [ChainBlock], logs: [ChainLog])? {
    let (logs, upper) = try await logs(in: range, of: client)
    guard let block = try await client.block(.number(upper)) else { return nil }
    return ([block], logs)
  }

  /// Recent blocks, or the first of them when the node gives no more at once.
  private func recent(
    _ range: ClosedRange<UInt64>, after last: EventStore.Place?
  ) async throws(ChainError) -> (blocks: [ChainBlock], logs: [ChainLog])? {
    var upper = range.upperBound
    while true {
      do throws(ChainError) {
        return try await linked(range.lowerBound...upper, after: last)
      } catch {
        guard case .tooMuch? = error.fault, upper > range.lowerBound else { throw error }
        upper = range.lowerBound + (upper - range.lowerBound) / 2
      }
    }
  }

  /// Blocks, each with its head: all must follow from each other, and the logs are those of their hashes.
  private func linked(
    _ range: ClosedRange<UInt64>, after last: EventStore.Place?
  ) async throws(ChainError) -> (blocks: [ChainBlock], logs: [ChainLog])? {
    var mismatch: ChainError?
    // A block may be replaced between two answers; where it happens again and again, the node contradicts itself.
    for _ in 0..<4 {
      var blocks: [ChainBlock] = []
      for block in try await client.blocks(range.map { .number($0) }) {
        guard let block else { return nil }
        blocks.append(block)
      }
      mismatch = Self.mismatch(blocks, after: last)
      if mismatch == nil {
        do throws(ChainError) {
          return (blocks, try await client.logs(of: contracts, in: blocks))
        } catch {
          // Such a block is not there, or not any more.
          if case .tooMuch? = error.fault { throw error }
          guard error.isNodesWord || error.isOfForm else { throw error }
          mismatch = error
        }
      }
      // The last one is replaced: it is to be taken back first.
      if let last, last.number + 1 == range.lowerBound, blocks.first?.parentHash != last.hash,
        try await client.block(.number(last.number))?.hash != last.hash
      {
        return nil
      }
    }
    throw mismatch ?? .malformed(method: "eth_getLogs", reason: "it fits no blocks")
  }

  private static func mismatch(_ blocks: [ChainBlock], after last: EventStore.Place?) -> ChainError? {
    func contradiction(_ what: String, _ found: Bytes32, _ expected: Bytes32) -> ChainError {
      .contradiction(
        method: "eth_getBlockByNumber", what: what, found: "\(found)", expected: "\(expected)")
    }
    if let last, let first = blocks.first, first.number == last.number + 1, first.parentHash != last.hash {
      return contradiction("the block before block \(first.number)", first.parentHash, last.hash)
    }
    for (block, next) in zip(blocks, blocks.dropFirst()) where next.parentHash != block.hash {
      return contradiction("the block before block \(next.number)", next.parentHash, block.hash)
    }
    return nil
  }

  // MARK: - The second look

  /// Reads what lies deep a second time, and takes in what was left out: a node that lags behind its own heads answers
  /// without logs that it does not have yet.
  ///
  /// - Returns: how many logs were missing.
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` where the second look does not have what the first
  ///   one had, or other blocks.
  @discardableResult
  public func lookAgain() async throws(ChainError) -> Int {
    guard let last = try store.last()?.number, last >= settledDepth else { return 0 }
    let from = max(firstBlock, try store.readTwice().map { $0 + 1 } ?? firstBlock)
    // Some blocks at a time: nobody is asked for each one alone.
    guard last - settledDepth + 1 >= from + max(1, settledDepth / 2) else { return 0 }
    let upper = min(from + blocksPerStep - 1, last - settledDepth)
    guard let block = try await witness.block(.number(upper)) else { return 0 }
    let remembered = try store.remembered(limit: EventStore.rememberedBlocks)
    if let known = remembered.first(where: { $0.number == upper }), known.hash != block.hash {
      throw .contradiction(
        method: "eth_getBlockByNumber", what: "block \(upper), asked for again,", found: "\(block.hash)",
        expected: "\(known.hash)")
    }
    let (logs, reached) = try await logs(in: from...upper, of: witness)
    return try store.complete(logs, in: from...reached, isDone: true)
  }

  /// Compares the deposits that were read with those that the contract has counted by then. Where some are missing, the
  /// blocks in which they must be are read anew.
  ///
  /// - Throws: ``ChainError/contradiction(method:what:found:expected:)`` where they stay away.
  func checkDeposits(of settlement: Address) async throws(ChainError) {
    guard let last = try store.last() else { return }
    let counted = try await client.call(
      EmethCore.depositCount(), at: settlement, block: .number(last.number))
    var known = try store.deposits(of: settlement)
    if UInt64(known.count) < counted, soughtAt.withLock({ $0.map { last.number >= $0 + 10 } ?? true }) {
      let gap = known.indices.first { known[$0].number != UInt64($0) } ?? known.count
      var from = gap == 0 ? firstBlock : known[gap - 1].block
      while from <= last.number {
        let upper = min(from + blocksPerStep - 1, last.number)
        let (logs, reached) = try await logs(in: from...upper, of: witness)
        _ = try store.complete(logs, in: from...reached, isDone: false)
        from = reached + 1
      }
      known = try store.deposits(of: settlement)
      soughtAt.withLock { $0 = UInt64(known.count) < counted ? last.number : nil }
    }
    guard UInt64(known.count) != counted else { return }
    // Counted in another block of that height: it is taken back first.
    guard try await client.block(.number(last.number))?.hash == last.hash else { return }
    throw .contradiction(
      method: "eth_getLogs", what: "the number of deposits up to block \(last.number)",
      found: "\(known.count)", expected: "\(counted)")
  }

  // MARK: - Asking

  /// The logs of a range, or of its first part when the node gives no more at once, and where that ends.
  private func logs(
    in range: ClosedRange<UInt64>, of client: ChainClient
  ) async throws(ChainError) -> (logs: [ChainLog], upper: UInt64) {
    var upper = range.upperBound
    while true {
      do throws(ChainError) {
        return (try await client.logs(of: contracts, in: range.lowerBound...upper), upper)
      } catch {
        guard case .tooMuch? = error.fault, upper > range.lowerBound else { throw error }
        upper = range.lowerBound + (upper - range.lowerBound) / 2
      }
    }
  }

  /// Takes back what is no part of the chain any more.
  ///
  /// A block that the node does not have is no sign of a reorganisation, it may lag; only another hash is one.
  ///
  /// - Returns: how many of the blocks that were read; nil when the node is behind them, and nothing can be said.
  private func takeBack(head: UInt64) async throws(ChainError) -> Int? {
    let all = try store.remembered(limit: EventStore.rememberedBlocks)
    guard let newest = all.first else { return 0 }
    guard head >= newest.number else { return nil }
    var rest = all[...]
    var isNewest = true
    while !rest.isEmpty {
      // Most often nothing has changed: one question tells.
      let some = Array(rest.prefix(isNewest ? 1 : client.settings.batchLimit))
      let found = try await client.blocks(some.map { .number($0.number) })
      if let index = zip(some, found).enumerated().first(where: { $1.0.hash == $1.1?.hash })?.offset {
        let kept = some[index].number
        guard kept < newest.number else { return 0 }
        try store.rollBack(to: kept)
        logger?.warning(
          "the chain was reorganised", metadata: ["from": "\(kept + 1)", "to": "\(newest.number)"])
        return Int(newest.number - kept)
      }
      if found.contains(nil) { return nil }
      rest = rest.dropFirst(some.count)
      isNewest = false
    }
    // The first of all may be replaced as well: nothing before it was read.
    let oldest = all[all.count - 1].number
    guard all.count < EventStore.rememberedBlocks, oldest == firstBlock else {
      throw .reorganisedTooDeep(from: oldest, remembered: all.count)
    }
    if firstBlock == 0 { throw .reorganisedTooDeep(from: 0, remembered: all.count) }
    try store.rollBack(to: firstBlock - 1)
    return all.count
  }
}
