import EmethKit

/// The network at a glance.
struct NetworkOverview: Sendable {
  /// Jobs and SubJobs that were ever registered.
  var jobs: UInt64
  var subJobs: UInt64
  /// How many jobs stand where, counted up to ``countLimit``.
  var counts: [JobStatus: Int]
  /// The newest batch; `nil` before the first.
  var batch: SignedBatch?
  /// The newest slots, newest first, as far back as there is anything.
  var slots: [SlotTotals]

  /// Jobs of one status are counted so far, so that the page costs the same however many there are.
  static let countLimit = 1_000
  /// So many slots are shown.
  static let slotLimit = 7
}

/// A job as a line of a list.
struct JobRow: Sendable, Hashable {
  var number: UInt32
  var id: JobID
  var status: JobStatus
  var requester: Address
  /// Unix seconds.
  var requestedAt: UInt64
  var line: JobLine
}

/// A page of jobs, newest first.
struct JobRowPage: Sendable {
  var jobs: [JobRow]
  /// What to ask for as `before` to see more; `nil` at the end.
  var next: UInt32?
}

/// What came to pass in one slot, a UTC day.
struct SlotTotals: Sendable, Hashable {
  var slot: UInt64
  /// Jobs that were registered.
  var jobs: UInt64
  /// Epochs that were closed.
  var epochs: UInt64
  /// What accounts were granted for withdrawal: fees of nodes and verifiers, and withdrawals.
  var granted: TokenAmount
  /// What penalties destroyed.
  var burned: TokenAmount
}

/// A job with one of its rounds.
struct JobDetail: Sendable {
  /// How a result lies with a server.
  enum ResultSeal: Sendable { case sealed, awaited, asItIs }

  var view: JobView
  /// Why it ended; `nil` while it runs.
  var endReason: JobEndReason?
  /// What else people should know of how it went.
  var remarks: [String]
  /// Validation loss of the model that it began with.
  var initialLoss: Double?
  /// Optimizer steps of a round; 0 for a job that is no training.
  var stepsPerRound: UInt32
  /// Parameters of the model; `nil` where there is none.
  var parameters: UInt64?
  /// The escrow that is left.
  var escrow: TokenAmount
  /// How what it has led to lies here; `nil` where there is nothing yet.
  var result: ResultSeal?
  /// Rounds begun.
  var roundsBegun: UInt32
  /// The round that is shown, from 0; `nil` when none has begun.
  var round: UInt32?
  /// The SubJobs of that round in the order of registration.
  var subJobs: [SubJobDetail]
  /// Its cohorts in the order of the draw.
  var cohorts: [CohortDetail]
}

/// One attempt at a part.
struct SubJobDetail: Sendable {
  /// What a submitted SubJob waits for.
  enum Wait: Sendable { case draw, reveal, opening, verdict, sum }

  /// What a verifier said.
  struct Verdict: Sendable {
    var verifier: Address
    var isAccepting: Bool
    /// Segments that it replayed.
    var segments: Int
  }

  var state: SubJobState
  var endReason: JobEndReason?
  var wait: Wait?
  var verdicts: [Verdict]
  /// Drawn verifiers that stayed silent.
  var silent: [Address]
  /// Who got what; `nil` until it has ended.
  var settlement: Settlement?
  /// What the node has locked.
  var deposit: TokenAmount
}

/// One cohort of a round, whose updates are added masked.
struct CohortDetail: Sendable {
  /// Its place in the draw, from 0.
  var number: Int
  /// Its SubJobs in the first attempt.
  var seats: [CohortSeat]
  /// Whether it has a sum, and whether that holds.
  var isSummed: Bool
  var holds: Bool
  /// Sums of the Aggregator that were found wrong.
  var wrongSums: Int
  /// SubJobs whose nodes masked another update than they submitted.
  var liars: [JobID]
}

/// A page of batches, newest first.
struct BatchPage: Sendable {
  var batches: [SignedBatch]
  /// What to ask for as `before` to see more; `nil` at the end.
  var next: UInt64?
}

/// A page of tickets: an account's, newest first, or a batch's leaves, by account.
struct TicketPage: Sendable {
  var tickets: [SignedTicket]
  /// The last of them, when there are more.
  var last: SignedTicket?
}

/// A ticket with the batch of its epoch and its place in it.
struct TicketDetail: Sendable {
  var signed: SignedTicket
  var proven: ProvenTicket
}
