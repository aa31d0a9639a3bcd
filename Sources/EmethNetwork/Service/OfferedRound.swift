import EmethKit

/// What has to be known of a job to offer its SubJobs, and never changes.
struct OfferedJob: Sendable {
  let request: JobRequest
  let cost: JobCost
  /// Bytes of the model that a text generation needs; 0 of other jobs.
  let modelBytes: UInt64
  /// Of a training.
  let training: TrainingTerms?
  /// Of a proof of work's target.
  let proofZeroBits: UInt32?

  init(_ request: JobRequest, _ service: NetworkService) throws {
    let store = service.store
    self.request = request
    cost = try JobCost(request)
    modelBytes = request.isTraining ? 0 : request.models.reduce(0) { $0 + (store.byteCount(of: $1) ?? 0) }
    // What this network can't say is not said: it is offered all the same.
    training = (try? TrainingTerms(request, check: request.check ?? service.check)) ?? nil
    proofZeroBits =
      request.provesItself
      ? (try? ProofOfWork(record: String(decoding: service.dataSet(request.dataSet), as: UTF8.self)))?
        .zeroBits
      : nil
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

  private init(of parent: JobRecord, _ subJobs: [SubJobRecord], _ cohorts: [CohortRecord]) {
    self.parent = parent
    self.subJobs = subJobs
    places = Dictionary(
      subJobs.enumerated().map { ($0.element.id, $0.offset) }, uniquingKeysWith: { first, _ in first })
    self.cohorts = cohorts.map { cohort in
      let seats = cohort.drawn.cohort.seats.map(\.jobID)
      return Set(subJobs.filter { seats.contains($0.id) }.map(\.position.part))
    }
  }

  /// A round of a job that was read already.
  init(_ round: UInt32, of parent: JobRecord, in db: SQLSession) throws {
    self.init(
      of: parent, try JobStore.subJobs(of: parent.job.id, round: round, in: db),
      try CohortStore.cohorts(of: parent.job.id, round: round, in: db))
  }

  /// Several rounds, by three statements for all that have the same number.
  static func rounds(_ places: Set<Place>, in db: SQLSession) throws -> [Place: OfferedRound] {
    var found: [Place: OfferedRound] = [:]
    for (round, places) in Dictionary(grouping: places, by: \.round) {
      let ids = places.map(\.parent)
      let subJobs = Dictionary(
        grouping: try JobStore.subJobs(of: ids, round: round, in: db), by: \.position.parent)
      let cohorts = try CohortStore.cohorts(of: ids, round: round, in: db)
      for parent in try JobStore.jobs(ids, in: db) {
        let id = parent.job.id
        found[Place(parent: id, round: round)] = OfferedRound(
          of: parent, subJobs[id] ?? [], cohorts[id] ?? [])
      }
    }
    return found
  }
}
