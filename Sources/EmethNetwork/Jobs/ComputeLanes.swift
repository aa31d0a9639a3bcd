import EmethCompute
import Foundation
import Synchronization

/// Devices side by side on one machine, one thread of control each, off the cooperative pool.
///
/// `threads` CPU threads are shared among `count` lanes; a lane computes one SubJob at a time, on the CPU or the
/// GPU. Results never depend on which, nor on how many lanes or threads there are (PROTOCOL 6).
final class ComputeLanes: Sendable {
  private final class Lane: Sendable {
    /// Nil after a device failed, until the next item. Whoever holds the lane does not hold its device.
    let device: Mutex<Device?>
    let threads: Int
    let queue: DispatchQueue

    init(_ device: Device, threads: Int, number: Int) {
      self.device = Mutex(device)
      self.threads = threads
      queue = DispatchQueue(label: "emeth.lane.\(number)")
    }
  }

  /// All that there are in this process: a GPU's context, which its devices share, is everywhere or nowhere.
  private static let all = Mutex<[WeakLanes]>([])

  private struct WeakLanes: Sendable {
    weak let lanes: ComputeLanes?
  }

  private let free: Mutex<[Lane]>
  private let choice: DeviceChoice
  /// How many SubJobs can compute at once.
  let count: Int

  /// Shares `threads` threads among at most `count` lanes of a device.
  init(threads: Int, count wanted: Int, device choice: DeviceChoice) throws(NetworkError) {
    self.choice = choice
    count = max(1, min(threads, wanted))
    var lanes: [Lane] = []
    for index in 0..<count {
      let share = max(1, threads / count + (index < threads % count ? 1 : 0))
      do throws(ComputeError) {
        lanes.append(Lane(try Device.open(choice, threads: share), threads: share, number: index))
      } catch {
        throw .compute(error)
      }
    }
    free = Mutex(lanes)
    Self.all.withLock { all in
      all.removeAll { $0.lanes == nil }
      all.append(WeakLanes(lanes: self))
    }
  }

  /// Takes GPUs from all lanes that do nothing. The others find out themselves that theirs failed.
  private func letGo() {
    let all = Self.all.withLock { $0.compactMap(\.lanes) }
    for lanes in all where lanes.choice != .cpu {
      let idle = lanes.free.withLock { $0 }
      for lane in idle { lane.device.withLock { $0 = nil } }
    }
  }

  /// Opens the device anew: of a GPU that failed that works when nobody has the old context any more.
  private func reopen(threads: Int) throws(ComputeError) -> Device {
    for _ in 0..<Self.attempts {
      do throws(ComputeError) {
        return try Device.open(choice, threads: threads)
      } catch {
        guard case .deviceFailed = error else { throw error }
      }
      letGo()
      Thread.sleep(forTimeInterval: Self.pauseSeconds)
    }
    return try Device.open(choice, threads: threads)
  }

  /// Others that work on the GPU fail at their next operation.
  private static let (attempts, pauseSeconds) = (20, 0.1)

  /// Runs `body` for every item, as many at once as there are lanes; results come back in the items' order.
  ///
  /// The first error ends the call after the running items have ended; items not begun are not run. Items whose GPU
  /// failed are run once more, from their beginning, when it was opened anew: their results are what they would have
  /// been.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item, Device) throws -> Result
  ) async throws(NetworkError) -> [Result] {
    do {
      var (results, losses) = try await run(Array(items.indices), of: items, body)
      if !losses.isEmpty {
        // A context in which something failed never works again; it goes with the last device in it.
        letGo()
        let again = try await run(losses.keys.sorted(), of: items, after: losses, body)
        for index in again.losses.keys.sorted() { throw again.losses[index] ?? .interrupted }
        results.merge(again.results) { $1 }
        losses = [:]
      }
      return items.indices.compactMap { results[$0] }
    } catch {
      throw NetworkError(error)
    }
  }

  /// What became of an item.
  private enum Outcome<Result: Sendable>: Sendable {
    case done(Result)
    /// Its device failed.
    case lost(NetworkError)
  }

  /// Runs the items with these numbers.
  ///
  /// - Parameter losses: why they are run again; told in the place of a device that can't be opened anew.
  private func run<Item: Sendable, Result: Sendable>(
    _ indices: [Int], of items: [Item], after losses: [Int: NetworkError] = [:],
    _ body: @escaping @Sendable (Item, Device) throws -> Result
  ) async throws -> (results: [Int: Result], losses: [Int: NetworkError]) {
    try await withThrowingTaskGroup(of: (Int, Outcome<Result>).self) { group in
      var results: [Int: Result] = [:]
      var lost: [Int: NetworkError] = [:]
      var waiting = indices[...]
      func begin() {
        guard let index = waiting.popFirst() else { return }
        let (item, loss) = (items[index], losses[index])
        group.addTask { (index, try await self.run(item, after: loss, body)) }
      }
      for _ in 0..<count { begin() }
      while let (index, outcome) = try await group.next() {
        switch outcome {
        case .done(let result): results[index] = result
        case .lost(let failure): lost[index] = failure
        }
        begin()
      }
      return (results, lost)
    }
  }

  private func run<Item: Sendable, Result: Sendable>(
    _ item: Item, after loss: NetworkError?, _ body: @escaping @Sendable (Item, Device) throws -> Result
  ) async throws -> Outcome<Result> {
    try await withCheckedThrowingContinuation { continuation in
      guard let lane = free.withLock({ $0.popLast() }) else {
        preconditionFailure("a lane must be free: no more items run than there are lanes")
      }
      lane.queue.async {
        let outcome = Swift.Result { try self.run(item, on: lane, after: loss, body) }
        self.free.withLock { $0.append(lane) }
        continuation.resume(with: outcome)
      }
    }
  }

  private func run<Item, Result: Sendable>(
    _ item: Item, on lane: Lane, after loss: NetworkError?, _ body: (Item, Device) throws -> Result
  ) throws -> Outcome<Result> {
    let device: Device
    do {
      device = try lane.device.withLock { $0 } ?? reopen(threads: lane.threads)
    } catch {
      throw loss ?? NetworkError(error)
    }
    lane.device.withLock { $0 = device }
    do {
      return .done(try body(item, device))
    } catch {
      guard device.hasFailed else { throw error }
      return .lost(NetworkError(error))
    }
  }
}
