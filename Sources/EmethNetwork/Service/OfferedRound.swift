import EmethKit

/// What has to be known of a job's round to offer its SubJobs.
struct OfferedRound: Sendable {
  /// Which round of which job.
  struct Place: Hashable, Sendable {
    var parent: JobID
    var round: UInt32
  }

  let parent: JobRecord
  /// In the order of registration.
  let subJobs: [SubJobRecord]
  /// The parts that are added together, where that is drawn already.
  let cohorts: [Set<UInt32>]

  init(_ place: Place, in db: SQLSession) throws {
    parent = try JobStore.job(place.parent, in: db)
    let subJobs = try JobStore.subJobs(of: place.parent, round: place.round, in: db)
    self.subJobs = subJobs
    cohorts = try CohortStore.cohorts(of: place.parent, round: place.round, in: db).map { cohort in
      let seats = cohort.drawn.cohort.seats.map(\.jobID)
      return Set(subJobs.filter { seats.contains($0.id) }.map(\.position.part))
    }
  }
}
