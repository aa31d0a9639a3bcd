import EmethKit

/// One finished or running round of a training job.
public struct RoundRecord: Codable, Sendable, Hashable {
  /// Counted from 0.
  public var round: UInt32
  /// Object: parameters the round began with.
  var startingParameters: Bytes32
  /// State root the round began with.
  public var initRoot: Bytes32
  /// Quantiser exponents of the round, one a tensor.
  var exponents: [Int32]
  /// Object: the outer optimizer's velocity at the beginning; `nil` when it is zero.
  var velocity: Bytes32?
  /// When the round began, seconds on the network's clock.
  var beganAt: UInt64
  /// Mean of the nodes' training losses; `nil` until the round is done.
  public var trainLoss: Double?
  /// Loss on the validation share after the round; `nil` until the round is done.
  public var validationLoss: Double?
  /// Coordinates clipped by the quantiser, over all parts.
  public var clipped: Int = 0
  /// The epoch in which the last part was accepted: the batch after the one that holds it draws the cohorts.
  /// `nil` until then, and where updates are added plainly.
  var acceptedEpoch: UInt64?
}

/// How far a job has come.
struct JobProgress: Codable, Sendable, Hashable {
  /// Set when the data set is divided.
  var plan: SplitPlan?
  /// Objects: the parts' records, sealed, without headers.
  var parts: [Bytes32] = []
  /// Object of the Splitter's own store: the validation records.
  var validation: Bytes32?
  /// Validation loss of the model the job began with.
  var initialLoss: Double?
  /// Rounds done and the one that runs; a job that is done has one more, whose starting parameters are the
  /// result.
  var rounds: [RoundRecord] = []
  /// Tokens trained by nodes in this process and before a restart.
  var trainedTokens: UInt64 = 0
  /// Wall-clock seconds that took.
  var trainingSeconds = 0.0
  /// Seconds that nodes worked, added up over the nodes, and how many of them they spent on their traces;
  /// `nil` before the first.
  var nodeSeconds: Double?
  var traceSeconds: Double?
  /// Wall-clock seconds that replays took; `nil` before the first.
  var verificationSeconds: Double?
  /// Wall-clock seconds that masking, adding and checking sums took; `nil` before the first.
  var aggregationSeconds: Double?
  /// Object: what the parts' outputs were joined to; `nil` for a training, and until then.
  var result: Bytes32?
  /// The requester's word on the key that its result, and evidence against nodes, are sealed to; `nil` is a result as it is,
  /// and no evidence.
  var requesterKey: SignedKeyBinding?
  /// The result as it is sealed; `nil` until then.
  var sealed: SealedResult?
  /// What it waits for; `nil` is nothing.
  var wait: JobWait?
  /// What else people should know of how the job went, such as an Aggregator's wrong sum; `nil` is nothing.
  var remarks: [String]?
  /// How often its data set was begun to be divided, and neither done nor given up: the process ended meanwhile. `nil` is
  /// never.
  var preparations: Int?
}

/// A parent job with its machine, request and progress.
struct JobRecord: Sendable {
  var machine: ParentMachine
  var request: JobRequest
  var progress = JobProgress()
  /// Why it ended as it did, with what led to it; empty while it runs.
  var reason = ""

  var job: Job { machine.job }
  var status: JobStatus { machine.status }
  /// Whether it has led to something: a round is complete.
  var hasResult: Bool { progress.rounds.count > 1 }
  /// Whether it has ended, and what it has led to is to be sealed to its requester.
  var awaitsSealing: Bool {
    status.isFinal && hasResult && progress.requesterKey != nil && progress.sealed == nil
  }

  /// Refuses to write a result that nobody can read here.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `job.resultSealed`.
  func refuseIfSealed() throws(NetworkError) {
    guard progress.sealed != nil else { return }
    throw .refused(
      code: "job.resultSealed",
      message: "the result of job \(job.id) is sealed to its requester, \(job.requester)",
      hint: "ask the server with --server and the requester's key")
  }
}

/// What the Execution Layer notes about a SubJob beside its machine.
struct SubJobNotes: Codable, Sendable, Hashable {
  /// Not to be taken before this time, milliseconds on the network's clock.
  var notBefore: UInt64
  /// The header that lets its node open the part; `nil` until a node takes it.
  var header: HexText?
  /// The key that evidence is sealed to for its node; `nil` where it works here.
  var nodeKey: SignedKeyBinding?
  /// What the node handed in.
  var result: NodeResult?
  /// The epoch in which the submission arrived.
  var epoch: UInt64?
  /// The drawn verifiers in turn, with the commitment each used.
  var draws: [VerifierDraw] = []
  /// What the node opened of its trace to them.
  var opened: [BoundaryOpening] = []
  /// Their findings, in turn.
  var judgements: [Judgement] = []
  /// Second verdicts of verifiers that signed two.
  var contradictions: [SignedVerdict]?
  /// Objects: the evidence that those who rejected it have handed in, under seal; `nil` is none.
  var evidence: [Bytes32]?
  /// The epochs in which the judgements arrived: the batch after one says whether it is replayed.
  var judgedIn: [UInt64]?
  /// The node's account of the segment that it was rejected for, and where it parts from the replay.
  var appeal: Appeal?
  var divergence: Divergence?
  /// A verifier that is drawn and has not revealed its secret yet; `nil` is none.
  var pendingDraw: PendingDraw?
  /// Since when nobody was there who could be drawn, seconds on the network's clock; `nil` when somebody was.
  var undrawnSince: UInt64?
  /// Drawn verifiers that stayed silent, in turn; `nil` is none.
  var silent: [Address]?
  /// Drawn verifiers that were asked whether the node masked another update than it submitted; `nil` is none.
  var examiners: [Address]?
  /// Verifiers that vouched for the update and were replaced: they said nothing to its sum, or were overruled; `nil` is
  /// none.
  var replaced: [Address]?
  /// Object: the update as its verifier recomputed it, where updates are added plainly, or an output that
  /// proved itself.
  var update: Bytes32?
  /// Why the SubJob ended as it did.
  var reason = ""

  /// Whether the verifier drawn last has not judged yet.
  var awaitsJudgement: Bool { draws.count > judgements.count + (silent?.count ?? 0) }
}

/// A verifier drawn by a beacon, before its secret is known.
struct PendingDraw: Codable, Sendable, Hashable {
  var verifier: Address
  var commitment: UInt32
}

/// A verifier drawn by a beacon, and the challenge that follows.
struct VerifierDraw: Codable, Sendable, Hashable {
  var verifier: Address
  /// The commitment that it used; `nil` where nothing else was drawn.
  var commitment: UInt32?
  var seed: Bytes32
  var segments: [Int]
  /// What the seed was made of besides submission and beacon: the first one's secret, zero where it revealed none or had
  /// nothing to draw; `nil` for those who came after it.
  var secret: Bytes32?
}

/// A SubJob with its machine and notes.
struct SubJobRecord: Sendable {
  var machine: JobMachine
  var notes: SubJobNotes
  let position: SubJobPosition

  var id: JobID { machine.job.id }
  var status: JobStatus { machine.status }
  /// Whether it is submitted and has no accepting verdict yet.
  var awaitsVerdict: Bool { status == .submitted && machine.verdict == nil }
  /// Whether its node says that the module refuses the part.
  var isRefusal: Bool { notes.result?.refusal != nil }
  /// Whether it has an accepting verdict and waits for its cohort's sum.
  var awaitsSum: Bool { status == .submitted && machine.verdict != nil }
}

/// Reading and writing job rows inside the caller's transaction.
enum JobStore {
  static func insert(_ record: JobRecord, in db: SQLSession) throws {
    db.concerns(record.job.id)
    let number = (try Int.fetchOne(db, sql: "SELECT max(number) FROM job") ?? 0) + 1
    try db.execute(
      sql:
        """
        INSERT INTO job (id, number, requester, requestedAt, status, machine, request, progress, reason, line, view)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        "\(record.job.id)", number, "\(record.job.requester)", Int64(clamping: record.job.requestedAt),
        Int(record.status.rawValue), try record.machine.wireText(), try record.request.wireText(),
        try record.progress.wireText(), record.reason, try JobLine(record).wireText(),
        try JobView(record).wireText(),
      ])
  }

  static func update(_ record: JobRecord, in db: SQLSession) throws {
    db.concerns(record.job.id)
    try db.execute(
      sql: """
        UPDATE job SET status = ?, machine = ?, progress = ?, reason = ?, line = ?, view = ?, dueAt = 0 WHERE id = ?
        """,
      arguments: [
        Int(record.status.rawValue), try record.machine.wireText(), try record.progress.wireText(),
        record.reason, try JobLine(record).wireText(), try JobView(record).wireText(), "\(record.job.id)",
      ])
  }

  /// A verifier's commitment as it was posted; nil where it has posted none with that number.
  static func commitment(_ number: UInt32, of verifier: Address, in db: SQLSession) throws -> Bytes32? {
    try String.fetchOne(
      db, sql: "SELECT hash FROM commitment WHERE verifier = ? AND number = ?",
      arguments: ["\(verifier)", Int64(number)]
    ).flatMap { try? Bytes32(hex: $0) }
  }

  static func exists(_ id: JobID, in db: SQLSession) throws -> Bool {
    try SQLRow.fetchOne(db, sql: "SELECT 1 FROM job WHERE id = ?", arguments: ["\(id)"]) != nil
  }

  static func job(_ id: JobID, in db: SQLSession) throws -> JobRecord {
    guard let row = try SQLRow.fetchOne(db, sql: "SELECT * FROM job WHERE id = ?", arguments: ["\(id)"])
    else {
      throw NetworkError.unknownJob(id: "\(id)")
    }
    return try record(row)
  }

  /// Those of some jobs that there are.
  static func jobs(_ ids: [JobID], in db: SQLSession) throws -> [JobRecord] {
    if ids.isEmpty { return [] }
    return try SQLRow.fetchAll(
      db, sql: "SELECT * FROM job WHERE id IN (\(ids.filledUp.marks))",
      arguments: SQLArguments(ids.filledUp.map { "\($0)" })
    ).map(record)
  }

  /// What was asked for with some jobs.
  static func requests(of ids: Set<JobID>, in db: SQLSession) throws -> [JobID: JobRequest] {
    let ids = Array(ids)
    if ids.isEmpty { return [:] }
    let rows = try SQLRow.fetchAll(
      db, sql: "SELECT id, request FROM job WHERE id IN (\(ids.filledUp.marks))",
      arguments: SQLArguments(ids.filledUp.map { "\($0)" }))
    return try Dictionary(
      rows.map { row in
        let id: String = try row["id"]
        return (try JobID(hex: id), try requests.value(id, row["request"]))
      }, uniquingKeysWith: { first, _ in first })
  }

  /// What was asked for; it never changes.
  static func request(of id: JobID, in db: SQLSession) throws -> JobRequest {
    let text = try String.fetchOne(db, sql: "SELECT request FROM job WHERE id = ?", arguments: ["\(id)"])
    guard let text else { throw NetworkError.unknownJob(id: "\(id)") }
    return try requests.value("\(id)", text)
  }

  /// Whether a node has had a part of a round and lost it.
  static func hasLost(_ position: SubJobPosition, node: Address, in db: SQLSession) throws -> Bool {
    let ids = (0..<position.attempt).map { attempt in
      let earlier = SubJobPosition(
        parent: position.parent, round: position.round, part: position.part, attempt: attempt)
      return "'\(earlier.id)'"
    }
    guard !ids.isEmpty else { return false }
    let final = JobStatus.allCases.filter(\.isFinal).map { "\($0.rawValue)" }.joined(separator: ", ")
    return try SQLRow.fetchOne(
      db,
      sql: """
        SELECT 1 FROM subJob WHERE id IN (\(ids.joined(separator: ", "))) AND node = ? AND status IN (\(final)) LIMIT 1
        """, arguments: ["\(node)"]) != nil
  }

  /// Rows of the jobs that a filter lets through, newest first, and one more where there are more.
  ///
  /// - Parameter columns: `number` is one of them.
  static func rows(_ columns: String, _ filter: JobFilter, in db: SQLSession) throws -> [SQLRow] {
    var conditions: [String] = []
    var arguments: [any SQLConvertible] = []
    if let requester = filter.requester {
      conditions.append("requester = ?")
      arguments.append("\(requester)")
    }
    if let before = filter.before {
      conditions.append("number < ?")
      arguments.append(Int64(before))
    }
    // One status after the other, each by an index: of several together a database would sort all jobs there are.
    let statuses: [String?] =
      filter.statuses.isEmpty ? [nil] : filter.statuses.map { "status = \($0.rawValue)" }
    var found: [(number: Int64, row: SQLRow)] = []
    for status in statuses {
      let all = conditions + (status.map { [$0] } ?? [])
      let condition = all.isEmpty ? "" : "WHERE " + all.joined(separator: " AND ")
      for row in try SQLRow.fetchAll(
        db,
        sql: "SELECT \(columns) FROM job \(condition) ORDER BY number DESC LIMIT \(filter.pageLength + 1)",
        arguments: SQLArguments(arguments))
      {
        found.append((try row["number"], row))
      }
    }
    return found.sorted { $0.number > $1.number }.prefix(filter.pageLength + 1).map(\.row)
  }

  /// The columns of ``JobText`` in a query of jobs.
  static func textColumns(_ dialect: SQLDialect) -> String {
    let counts = dialect.list("counts.status || ':' || counts.amount")
    return """
      id, number, view, (SELECT \(counts) FROM (
        SELECT status, count(*) AS amount FROM subJob WHERE parent = job.id GROUP BY status ORDER BY status) AS counts
      ) AS subJobs
      """
  }

  /// A job of a row with these columns; `record` reads it where it was last changed by a program that kept no view.
  static func text(_ row: SQLRow, record: (JobID) throws -> JobRecord) throws -> JobText {
    let view: String = try row["view"]
    let subJobs: String? = try row["subJobs"]
    return JobText(
      number: try row["number"],
      view: try view.isEmpty ? JobView(record(JobID(hex: row["id"]))).wireText() : view,
      subJobs: subJobs ?? "")
  }

  /// All jobs, oldest first.
  static func jobs(in db: SQLSession) throws -> [JobRecord] {
    try SQLRow.fetchAll(db, sql: "SELECT * FROM job ORDER BY number").map(record)
  }

  static func insert(_ record: SubJobRecord, in db: SQLSession) throws {
    db.concerns(record.position.parent)
    let number = (try Int.fetchOne(db, sql: "SELECT max(number) FROM subJob") ?? 0) + 1
    try db.execute(
      sql: """
        INSERT INTO subJob (
          id, number, parent, round, part, attempt, node, status, program, price, machine, record, dueAt)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        "\(record.id)", number, "\(record.position.parent)", Int64(record.position.round),
        Int64(record.position.part), Int64(record.position.attempt), record.machine.node.map { "\($0)" },
        Int(record.status.rawValue), Int64(clamping: record.machine.job.programID.rawValue),
        priceText(record.machine.job.fuelPrice), try record.machine.wireText(), try record.notes.wireText(),
        Int64(clamping: record.machine.dueAt),
      ])
  }

  /// A price as it is compared in the database: with as many digits as the highest one has.
  private static func priceText(_ price: FuelPrice) -> String {
    let digits = "\(price.holonPerFuel)"
    return String(repeating: "0", count: 78 - digits.utf8.count) + digits
  }

  static func update(_ record: SubJobRecord, in db: SQLSession) throws {
    db.concerns(record.position.parent)
    try db.execute(
      sql: "UPDATE subJob SET node = ?, status = ?, machine = ?, record = ?, dueAt = ? WHERE id = ?",
      arguments: [
        record.machine.node.map { "\($0)" },
        Int(record.status.rawValue), try record.machine.wireText(), try record.notes.wireText(),
        Int64(clamping: record.machine.dueAt), "\(record.id)",
      ])
  }

  static func subJob(_ id: JobID, in db: SQLSession) throws -> SubJobRecord {
    guard let row = try SQLRow.fetchOne(db, sql: "SELECT * FROM subJob WHERE id = ?", arguments: ["\(id)"])
    else {
      throw NetworkError.unknownJob(id: "\(id)")
    }
    return try subJobRecord(row)
  }

  /// Those of some SubJobs that there are.
  static func subJobs(_ ids: [JobID], in db: SQLSession) throws -> [JobID: SubJobRecord] {
    if ids.isEmpty { return [:] }
    let found = try SQLRow.fetchAll(
      db, sql: "SELECT * FROM subJob WHERE id IN (\(ids.filledUp.marks))",
      arguments: SQLArguments(ids.filledUp.map { "\($0)" })
    ).map(subJobRecord)
    return Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The SubJobs of a round of several jobs, in the order of registration.
  static func subJobs(of parents: [JobID], round: UInt32, in db: SQLSession) throws -> [SubJobRecord] {
    if parents.isEmpty { return [] }
    return try SQLRow.fetchAll(
      db,
      sql: "SELECT * FROM subJob WHERE parent IN (\(parents.filledUp.marks)) AND round = ? ORDER BY number",
      arguments: SQLArguments(parents.filledUp.map { "\($0)" } + [Int64(round)])
    ).map(subJobRecord)
  }

  /// A SubJob and its job, by one statement.
  static let withParent = """
    SELECT job.id, job.machine, job.request, job.progress, job.reason,
      subJob.id AS subJob, subJob.machine AS subJobMachine, subJob.record
    FROM subJob JOIN job ON job.id = subJob.parent WHERE subJob.id = ?
    """

  /// Those of this statement's rows.
  static func withParent(_ rows: [SQLRow], _ id: JobID) throws -> (subJob: SubJobRecord, parent: JobRecord) {
    guard let row = rows.first else { throw NetworkError.unknownJob(id: "\(id)") }
    return (try subJobRecord(row["subJob"], row["subJobMachine"], row["record"]), try record(row))
  }

  /// A SubJob and its job.
  static func withParent(
    _ id: JobID, in db: SQLSession
  ) throws -> (subJob: SubJobRecord, parent: JobRecord) {
    try withParent(SQLRow.fetchAll(db, sql: withParent, arguments: ["\(id)"]), id)
  }

  /// The nodes that took SubJobs of a job.
  static func nodes(of parent: JobID, in db: SQLSession) throws -> Set<Address> {
    Set(
      try String.fetchAll(
        db, sql: "SELECT DISTINCT node FROM subJob WHERE parent = ? AND node IS NOT NULL",
        arguments: ["\(parent)"]
      ).map { try Address($0) })
  }

  /// The SubJobs of a round that stand so, in the order of registration.
  static func subJobs(
    of parent: JobID, round: UInt32, in statuses: [JobStatus], in db: SQLSession
  ) throws -> [SubJobRecord] {
    let list = statuses.map { "\($0.rawValue)" }.joined(separator: ", ")
    return try SQLRow.fetchAll(
      db, sql: "SELECT * FROM subJob WHERE parent = ? AND round = ? AND status IN (\(list)) ORDER BY number",
      arguments: ["\(parent)", Int64(round)]
    ).map(subJobRecord)
  }

  /// The SubJobs of a job in the order of registration; of one round when `round` is given.
  static func subJobs(of parent: JobID, round: UInt32? = nil, in db: SQLSession) throws -> [SubJobRecord] {
    let rows =
      if let round {
        try SQLRow.fetchAll(
          db, sql: "SELECT * FROM subJob WHERE parent = ? AND round = ? ORDER BY number",
          arguments: ["\(parent)", Int64(round)])
      } else {
        try SQLRow.fetchAll(
          db, sql: "SELECT * FROM subJob WHERE parent = ? ORDER BY number", arguments: ["\(parent)"])
      }
    return try rows.map(subJobRecord)
  }

  /// SubJobs that wait for a node, of these programs at these prices, and their rounds: the best paid first, then the
  /// oldest.
  static func openSubJobs(
    _ filter: SubJobFilter, in db: SQLSession
  ) throws -> () throws -> (id: JobID, place: OfferedRound.Place)? {
    func list(_ programs: Set<ProgramID>) -> String {
      programs.map(\.rawValue).sorted().map { "\(Int64(clamping: $0))" }.joined(separator: ", ")
    }
    var conditions = ["status = \(JobStatus.requested.rawValue)", "price >= ?"]
    if !filter.programs.isEmpty { conditions.append("program IN (\(list(filter.programs)))") }
    if !filter.withoutPrograms.isEmpty {
      conditions.append("program NOT IN (\(list(filter.withoutPrograms)))")
    }
    let rows = try SQLRow.fetchCursor(
      db,
      sql: """
        SELECT id, parent, round FROM subJob\(db.dialect.by(index: "subJobOffer"))
        WHERE \(conditions.joined(separator: " AND "))
        ORDER BY price DESC, number
        """, arguments: [priceText(filter.minimumFuelPrice)])
    return {
      guard let row = try rows.next() else { return nil }
      let place = OfferedRound.Place(parent: try JobID(hex: row["parent"]), round: try row["round"])
      return (try JobID(hex: row["id"]), place)
    }
  }

  private static func record(_ row: SQLRow) throws -> JobRecord {
    let id: String = try row["id"]
    return JobRecord(
      machine: try parentMachines.value(id, row["machine"]),
      request: try requests.value(id, row["request"]),
      progress: try progresses.value(id, row["progress"]), reason: try row["reason"])
  }

  // What was read last: job by job, tasks read the same again and again.
  private static let parentMachines = DecodedTexts<ParentMachine>(byteLimit: 4 << 20)
  private static let requests = DecodedTexts<JobRequest>(byteLimit: 4 << 20)
  private static let progresses = DecodedTexts<JobProgress>(byteLimit: 4 << 20)
  private static let machines = DecodedTexts<JobMachine>(byteLimit: 4 << 20)
  private static let notes = DecodedTexts<SubJobNotes>(byteLimit: 4 << 20)

  private static func subJobRecord(_ row: SQLRow) throws -> SubJobRecord {
    try subJobRecord(row["id"], row["machine"], row["record"])
  }

  private static func subJobRecord(
    _ id: String, _ machineText: String, _ notesText: String
  ) throws -> SubJobRecord {
    let machine = try machines.value(id, machineText)
    guard let position = machine.job.position else {
      throw NetworkError.inconsistent(what: "SubJob \(machine.job.id) has no place in a parent")
    }
    return SubJobRecord(machine: machine, notes: try notes.value(id, notesText), position: position)
  }
}

extension JobMachine {
  /// When nothing has come from its node, or nobody has taken it, and it may be timed out.
  var dueAt: UInt64 { min(deadline, leaseExpiresAt ?? .max) }
}
