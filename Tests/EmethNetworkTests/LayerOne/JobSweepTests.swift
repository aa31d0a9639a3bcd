import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Lists of jobs, page by page.
@Suite struct JobSweepTests {
  /// A server's list, the newest first.
  private final class List: Sendable {
    let jobs: Mutex<[ServerClient.ListedJob]>
    let asked = Mutex(0)
    let pageLimit: Int

    init(_ count: Int, pageLimit: Int) throws {
      self.pageLimit = pageLimit
      let jobs = try (1...count).map { number in
        let bytes = [UInt8](repeating: 0, count: 31) + [UInt8(number)]
        let salt = try #require(Bytes32(bytes))
        let id = JobID(requester: TestKeys.requester.address, salt: salt)
        let text = #"{"id": "\#(id)", "deadline": 1}"#
        return try JSONDecoder().decode(ServerClient.ListedJob.self, from: Data(text.utf8))
      }
      self.jobs = Mutex(jobs)
    }

    var ids: [JobID] { jobs.withLock { $0.map(\.id) } }

    func page(before: JobID?) -> [ServerClient.ListedJob] {
      asked.withLock { $0 += 1 }
      return jobs.withLock { jobs in
        guard let before else { return Array(jobs.prefix(pageLimit)) }
        guard let place = jobs.firstIndex(where: { $0.id == before }) else { return [] }
        return Array(jobs.dropFirst(place + 1).prefix(pageLimit))
      }
    }

    /// A job changes, and so comes first.
    func change(_ id: JobID) {
      jobs.withLock { jobs in
        guard let place = jobs.firstIndex(where: { $0.id == id }) else { return }
        jobs.insert(jobs.remove(at: place), at: 0)
      }
    }
  }

  /// Many jobs that are looked at again and again hide none, neither on the newest page nor behind it.
  @Test(arguments: [(count: 40, page: 20, limit: 3), (40, 40, 3), (40, 5, 8), (3, 20, 5)])
  func whereAFewAreTakenAtATimeAllAreSeen(count: Int, page: Int, limit: Int) async throws {
    let list = try List(count, pageLimit: page)
    let sweep = JobSweep { (_, before) in list.page(before: before) }
    var seen: Set<JobID> = []
    for _ in 0..<count / min(page, limit) + 2 {
      let found = try await sweep.look(at: .requested, limit: limit)
      #expect(found.count <= 2 * limit && Set(found.map(\.id)).count == found.count)
      seen.formUnion(found.map(\.id))
    }
    #expect(seen == Set(list.ids))
  }

  @Test func whatDoesNotCountTakesNoPlace() async throws {
    let list = try List(40, pageLimit: 20)
    let sweep = JobSweep { (_, before) in list.page(before: before) }
    let wanted = Set(list.ids.suffix(3) + list.ids.prefix(20).suffix(3))
    var seen: Set<JobID> = []
    for _ in 0..<3 {
      seen.formUnion(
        try await sweep.look(at: .requested, limit: 3) { wanted.contains($0.id) }.map(\.id))
    }
    #expect(seen == wanted)
  }

  /// A job at which a page ends changes before the next one is asked for.
  @Test func aJobThatChangesCutsNoListShort() async throws {
    let list = try List(9, pageLimit: 2)
    let ids = Set(list.ids)
    let all = try await ServerClient.all { before in
      if let before, list.asked.withLock({ $0 <= 2 }) { list.change(before) }
      return list.page(before: before)
    }
    #expect(Set(all.map(\.id)) == ids && all.count == ids.count)
  }

  @Test func aListWithoutPagesEnds() async throws {
    let list = try List(5, pageLimit: 5)
    let all = try await ServerClient.all { _ in list.page(before: nil) }
    #expect(all.map(\.id) == list.ids)
    #expect(list.asked.withLock { $0 } == 2)
  }
}
