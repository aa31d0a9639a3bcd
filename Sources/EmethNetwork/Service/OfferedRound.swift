import EmethKit

/// What has to be known of a job to offer its SubJobs, and never changes.
struct OfferedJob: Sendable {
  let request: JobRequest
  let cost: JobCost
  /// Bytes of the model that a text generation needs; 0 of other jobs.
  let modelBytes: UInt64

  init(_ id: JobID, _ store: ContentStore, in db: SQLSession) throws {
    request = try JobStore.request(of: id, in: db)
    cost = try JobCost(request)
    modelBytes = request.isTraining ? 0 : request.models.reduce(0) { $0 + (store.byteCount(of: $1) ?? 0) }
  }
}

/// What has to be known of a training's round to offer its SubJobs: who computes what is added with them.
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

  private let places: [JobID: Int]

  /// A SubJob of the round.
  func subJob(_ id: JobID) -> SubJobRecord? { places[id].map { subJobs[$0] } }

  /// - Parameter parent: the job, where it was read already.
  init(_ place: Place, of parent: JobRecord? = nil, in db: SQLSession) throws {
    self.parent = try parent ?? JobStore.job(place.parent, in: db)
    let subJobs = try JobStore.subJobs(of: place.parent, round: place.round, in: db)
    self.subJobs = subJobs
    places = Dictionary(
      subJobs.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
    cohorts = try CohortStore.cohorts(of: place.parent, round: place.round, in: db).map { cohort in
      let seats = cohort.drawn.cohort.seats.map(\.jobID)
      return Set(subJobs.filter { seats.contains($0.id) }.map(\.position.part))
    }
  }
}
