import EmethKit
import Synchronization

/// The jobs that a server lists, some of them at each look: the newest, and those that follow where the look before ended.
/// However many there are, none is hidden by them for long, and no look takes longer for them.
final class JobSweep: Sendable {
  /// A page of a server's list: what follows a job, or the newest.
  typealias Page = @Sendable (JobStatus, JobID?) async throws(NetworkError) -> [ServerClient.ListedJob]

  private let page: Page
  /// Behind which job of each status the next look goes on.
  private let reached = Mutex<[JobStatus: JobID]>([:])

  init(_ page: @escaping Page) { self.page = page }

  convenience init(_ files: ServerClient) {
    self.init { (status, before) async throws(NetworkError) in
      try await files.listedJobs(status, before: before)
    }
  }

  /// Some jobs of a status, the newest first.
  ///
  /// - Parameters:
  ///   - limit: of the newest page, and of those that follow what was taken of it, so many at most; nothing is passed over
  ///     because of it.
  ///   - isWanted: which of them count.
  func look(
    at status: JobStatus, limit: Int = .max,
    where isWanted: (ServerClient.ListedJob) -> Bool = { _ in true }
  ) async throws(NetworkError) -> [ServerClient.ListedJob] {
    let newest = try await page(status, nil)
    let wanted = newest.filter(isWanted)
    var found = Array(wanted.prefix(limit))
    // Where they are too many the rest of their page is to be gone through, too.
    let top = found.count < wanted.count ? found : newest
    guard let end = top.last?.id else { return [] }
    let behind = try await page(status, reached.withLock { $0[status] } ?? end)
    let known = Set(top.map(\.id))
    // Behind the last one it begins anew.
    var (last, count): (JobID?, Int) = (nil, 0)
    for job in behind where count < limit {
      last = job.id
      guard !known.contains(job.id), isWanted(job) else { continue }
      found.append(job)
      count += 1
    }
    reached.withLock { [last] in $0[status] = last }
    return found
  }
}
