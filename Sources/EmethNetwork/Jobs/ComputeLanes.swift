import EmethCompute
import Foundation
import Synchronization

/// Devices side by side on one machine, one thread of control each, off the cooperative pool.
///
/// `threads` CPU threads are shared among `count` lanes; a lane computes one SubJob at a time, on the CPU or the
/// GPU. Results never depend on which, nor on how many lanes or threads there are (PROTOCOL 6).
final class ComputeLanes: Sendable {
  private struct Lane {
    /// Nil after it failed, until the next item.
    var device: Device?
    let threads: Int
    let queue: DispatchQueue
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
        lanes.append(
          Lane(
            device: try Device.open(choice, threads: share), threads: share,
            queue: DispatchQueue(label: "emeth.lane.\(index)")))
      } catch {
        throw .compute(error)
      }
    }
    free = Mutex(lanes)
  }

  /// Runs `body` for every item, as many at once as there are lanes; results come back in the items' order.
  ///
  /// The first error ends the call after the running items have ended; items not begun are not run.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item, Device) throws -> Result
  ) async throws(NetworkError) -> [Result] {
    do {
      return try await withThrowingTaskGroup(of: (Int, Result).self) { group in
        var results: [Int: Result] = [:]
        var next = 0
        while next < min(count, items.count) {
          add(items[next], at: next, to: &group, body)
          next += 1
        }
        while let (index, result) = try await group.next() {
          results[index] = result
          if next < items.count {
            add(items[next], at: next, to: &group, body)
            next += 1
          }
        }
        return items.indices.compactMap { results[$0] }
      }
    } catch {
      throw NetworkError(error)
    }
  }

  private func add<Item: Sendable, Result: Sendable>(
    _ item: Item, at index: Int, to group: inout ThrowingTaskGroup<(Int, Result), any Error>,
    _ body: @escaping @Sendable (Item, Device) throws -> Result
  ) {
    group.addTask {
      try await withCheckedThrowingContinuation { continuation in
        guard let lane = self.free.withLock({ $0.popLast() }) else {
          preconditionFailure("a lane must be free: no more items run than there are lanes")
        }
        lane.queue.async {
          var lane = lane
          let outcome = Swift.Result {
            let device = try lane.device ?? Device.open(self.choice, threads: lane.threads)
            lane.device = device
            return (index, try body(item, device))
          }
          // A GPU that failed never works again in its context: that goes before it is opened anew.
          if case .failure = outcome, lane.device?.hasFailed ?? false { lane.device = nil }
          self.free.withLock { $0.append(lane) }
          continuation.resume(with: outcome)
        }
      }
    }
  }
}
