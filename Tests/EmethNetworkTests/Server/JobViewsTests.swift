import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs that are asked for by many at once, while others change them.
@Suite struct JobViewsTests {
  private let threads = WorkExecutor(threads: 2)

  /// Asks for jobs, and keeps how they stood.
  private final class Asking: Sendable {
    let views: JobViews
    let statuses = Mutex<[JobStatus?]>([])
    var count: Int { statuses.withLock { $0.count } }

    init(_ views: JobViews) { self.views = views }

    func ask(_ job: JobID) {
      Task {
        let answer = try? await views.job(job)
        statuses.withLock { $0.append(answer?.job.summary.status) }
      }
    }
  }

  /// The jobs of each reading, of which the first one waits.
  private final class Readings: Sendable {
    let all = Mutex<[Set<JobID>]>([])
    let mayEnd = DispatchSemaphore(value: 0)

    func note(_ jobs: Set<JobID>) {
      let isFirst = all.withLock { all in
        all.append(jobs)
        return all.count == 1
      }
      if isFirst { mayEnd.wait() }
    }
  }

  @Test func whoAsksMeanwhileIsAnsweredTogetherAndByWhatIsReadThen() async throws {
    let folder = try TemporaryFolder()
    let network = try FakeNetwork(folder)
    let readings = Readings()
    network.onJobTexts.withLock { $0 = { readings.note($0) } }
    let views = JobViews(network, threads: threads)
    let asking = Asking(views)
    let unknown = JobID(requester: TestKeys.other.address, salt: .zero)
    let damaged = JobID(requester: TestKeys.other.address, salt: TestNetwork.seed(2))
    network.change { $0.damaged = [damaged] }
    asking.ask(network.jobID)
    while readings.all.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(1)) }
    for index in 0..<21 { asking.ask(index == 7 ? unknown : index == 9 ? damaged : network.jobID) }
    while views.waitingCount < 21 { try await Task.sleep(for: .milliseconds(1)) }
    network.change { $0.status = .processing }
    readings.mayEnd.signal()
    while asking.count < 22 { try await Task.sleep(for: .milliseconds(1)) }
    let statuses = asking.statuses.withLock { $0 }
    #expect(statuses.count { $0 == nil } == 2, "what is not there or can't be read, and nobody else")
    #expect(statuses.count { $0 == .processing } == 20, "\(statuses)")
    #expect(readings.all.withLock { $0 } == [[network.jobID], [network.jobID, unknown, damaged]])
    for (job, expected) in [
      (unknown, NetworkError.unknownJob(id: "\(unknown)")),
      (damaged, .inconsistent(what: "job \(damaged) can't be read")),
    ] {
      let error = await #expect(throws: NetworkError.self) { _ = try await views.job(job) }
      #expect(error == expected)
    }
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
