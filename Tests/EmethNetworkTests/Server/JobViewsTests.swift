import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs that are asked for by many at once, while others change them.
@Suite struct JobViewsTests {
  private let threads = WorkExecutor(threads: 2)

  /// A network whose first reading waits until `mayEnd` is signalled, and the jobs of each reading.
  private func network(
    _ folder: TemporaryFolder, _ mayEnd: DispatchSemaphore
  ) throws -> (FakeNetwork, readings: @Sendable () -> [Set<JobID>]) {
    let network = try FakeNetwork(folder)
    let readings = Shared<[Set<JobID>]>([])
    network.onJobTexts.withLock {
      $0 = { ids in
        let isFirst = readings.value.withLock { all in
          all.append(ids)
          return all.count == 1
        }
        if isFirst { mayEnd.wait() }
      }
    }
    return (network, { readings.value.withLock { $0 } })
  }

  private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
  }

  @Test func whoAsksMeanwhileIsAnsweredTogetherAndByWhatIsReadThen() async throws {
    let folder = try TemporaryFolder()
    let mayEnd = DispatchSemaphore(value: 0)
    let (network, readings) = try network(folder, mayEnd)
    let views = JobViews(network, threads: threads)
    let unknown = JobID(requester: TestKeys.other.address, salt: .zero)
    @Sendable func status(of job: JobID) async -> JobStatus? { try? await views.job(job).job.summary.status }
    await withTaskGroup(of: JobStatus?.self) { group in
      group.addTask { await status(of: network.jobID) }
      while readings().isEmpty { await Task.yield() }
      for index in 0..<20 {
        group.addTask { await status(of: index == 7 ? unknown : network.jobID) }
      }
      while views.waitingCount < 20 { await Task.yield() }
      network.change { $0.status = .processing }
      mayEnd.signal()
      var statuses: [JobStatus?] = []
      for await status in group { statuses.append(status) }
      #expect(statuses.count { $0 == nil } == 1, "the job that is not there, and nobody else")
      #expect(statuses.count { $0 == .processing } == statuses.count - 1, "\(statuses)")
    }
    #expect(readings() == [[network.jobID], [network.jobID, unknown]])
    let error = await #expect(throws: NetworkError.self) { _ = try await views.job(unknown) }
    #expect(error?.code == "job.unknown")
  }

  @Test func whatAnotherProcessChangedIsInTheNextAnswer() async throws {
    let folder = try TemporaryFolder()
    let network = try FakeNetwork(folder)
    let views = JobViews(network, threads: threads)
    let first = try await views.job(network.jobID)
    let same = try await views.job(network.jobID)
    #expect(first.tag == same.tag && first.json == same.json)
    #expect(first.job == (try network.job(network.jobID)))
    network.state.withLock { $0.reason = "another" }
    let other = try await views.job(network.jobID)
    #expect(other.tag != first.tag && other.job.summary.reason == "another")
  }
}
