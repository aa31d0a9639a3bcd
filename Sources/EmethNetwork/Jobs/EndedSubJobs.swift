import EmethKit
import Synchronization

/// The SubJobs of a round that have ended.
final class EndedSubJobs: Sendable {
  private let records = Mutex<[JobID: SubJobRecord]>([:])

  func record(_ id: JobID) -> SubJobRecord? { records.withLock { $0[id] } }

  /// Keeps one, and forgets those of other rounds.
  func keep(_ record: SubJobRecord) {
    records.withLock { records in
      if let other = records.first, other.value.position.round != record.position.round { records = [:] }
      records[record.id] = record
    }
  }
}
