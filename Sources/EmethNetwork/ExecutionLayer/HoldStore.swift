import EmethKit

/// An object of a served network, by its store and its key there: as it is called in a bucket, and in the network's folder.
/// A tokenizer's folder is held as objects are.
struct ObjectName: Hashable, Sendable, CustomStringConvertible {
  /// `objects/`, `splitter/` or `tokenizers/`, and the key.
  let description: String

  init(_ description: String) { self.description = description }

  static let objects = "objects/"
  static let splitter = "splitter/"
  static let tokenizers = "tokenizers/"

  /// The key in a store; nil for what is in the other.
  func key(in place: String) -> String? {
    description.hasPrefix(place) ? String(description.dropFirst(place.count)) : nil
  }

  /// What roles share.
  static func object(_ hash: Bytes32) -> ObjectName { ObjectName("\(objects)\(ContentStore.key(of: hash))") }
  /// A masked vector or a sum.
  static func vector(_ root: Bytes32) -> ObjectName {
    ObjectName("\(objects)\(ContentStore.key(ofVector: root))")
  }
  /// What the Splitter keeps to itself.
  static func splitter(_ hash: Bytes32) -> ObjectName {
    ObjectName("\(splitter)\(ContentStore.key(of: hash))")
  }
  /// The tokenizer of a training, as its request names it; nil where it has none.
  static func tokenizer(of request: JobRequest) -> ObjectName? {
    guard case .training(let training) = request else { return nil }
    return training.tokenizer.map { ObjectName($0) }
  }
  /// The hashes of a job's record leaves.
  static func leaves(of job: JobID) -> ObjectName { ObjectName("\(splitter)leaves-\(job)") }
}

extension SealedResult {
  /// The sealed files.
  fileprivate var names: [ObjectName] { objects.values.map { .object($0) } }
}

/// What an object is held for.
enum HoldPurpose: Hashable, Sendable, CustomStringConvertible {
  /// An account has given it, and nobody has named it yet; for a while.
  case upload
  /// A job needs it until it ends.
  case job
  /// The model that a round begins with.
  case round(UInt32)
  /// What is added in a round: masked vectors, updates.
  case vectors(UInt32)
  /// What was added in a round.
  case sums(UInt32)
  /// What a node has opened to a verifier, by the errand's id.
  case opening(String)
  /// What is being sealed of what a job has led to.
  case sealing
  /// What a node was rejected for, under seal.
  case evidence
  /// What a job has led to; for as long as the operator says.
  case result

  var description: String {
    switch self {
    case .upload: "upload"
    case .job: "job"
    case .round(let round): "round \(round)"
    case .vectors(let round): "vectors \(round)"
    case .sums(let round): "sums \(round)"
    case .opening(let errand): "opening \(errand)"
    case .sealing: "sealing"
    case .evidence: "evidence"
    case .result: "result"
    }
  }
}

/// Who needs which object: rows, not counts, so that taking and releasing twice is the same as once. Everything is inside
/// the caller's transaction.
///
/// An object that nobody holds may be deleted. Who is about to store one takes the hold first; who finds one there takes
/// the hold and looks then. Whoever deletes notes it before (``claimRemoval(of:at:in:)``), in a transaction that sees all
/// holds, and while that note is there no hold is given: so nothing is deleted that somebody counts on.
enum HoldStore {
  /// Holds objects for a job or an account.
  ///
  /// - Parameter byteCount: how long the object is, where an account has given it.
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `upload.busy`, while one is being deleted.
  static func take(
    _ objects: some Sequence<ObjectName>, for holder: some CustomStringConvertible, _ purpose: HoldPurpose,
    byteCount: UInt64 = 0, at now: UInt64, in db: SQLSession
  ) throws {
    db.concernsNoJob()
    for object in objects {
      let isGoing = "SELECT 1 FROM removal WHERE object = ?"
      guard try SQLRow.fetchOne(db, sql: isGoing, arguments: ["\(object)"]) == nil else {
        throw NetworkError.refused(
          code: busy, message: "\(object) is being deleted, as nobody held it",
          hint: "send it again in a moment")
      }
      try db.execute(
        sql: """
          INSERT INTO hold (object, holder, purpose, byteCount, at) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (object, holder, purpose) DO UPDATE SET byteCount = excluded.byteCount, at = excluded.at
          """,
        arguments: [
          "\(object)", "\(holder)", "\(purpose)", Int64(clamping: byteCount), Int64(clamping: now),
        ])
    }
  }

  /// The code of what is refused while an object is being deleted.
  static let busy = "upload.busy"

  /// A job takes over what an account has given for it alone: with the job's need of it everybody's ends.
  ///
  /// - Parameter byteCount: how long each is, where the job may hold no more than so many bytes.
  static func takeOver(
    _ objects: some Sequence<ObjectName>, from account: Address, for job: JobID, _ purpose: HoldPurpose,
    byteCount: UInt64 = 0, at now: UInt64, in db: SQLSession
  ) throws {
    let objects = Array(objects)
    try take(objects, for: job, purpose, byteCount: byteCount, at: now, in: db)
    for object in objects {
      try db.execute(
        sql: "DELETE FROM hold WHERE object = ? AND holder = ? AND purpose = ?",
        arguments: ["\(object)", "\(account)", "\(HoldPurpose.upload)"])
    }
  }

  /// Ends what a job holds for a purpose; returns what that was.
  @discardableResult
  static func release(
    _ purpose: HoldPurpose, of job: JobID, except kept: Set<ObjectName> = [], in db: SQLSession
  ) throws -> [ObjectName] {
    db.concernsNoJob()
    let released = try objects(of: job, purpose, in: db).filter { !kept.contains($0) }
    for object in released {
      try db.execute(
        sql: "DELETE FROM hold WHERE object = ? AND holder = ? AND purpose = ?",
        arguments: ["\(object)", "\(job)", "\(purpose)"])
    }
    return released
  }

  /// What a job holds for a purpose.
  static func objects(
    of job: JobID, _ purpose: HoldPurpose, in db: SQLSession
  ) throws -> [ObjectName] {
    try String.fetchAll(
      db, sql: "SELECT object FROM hold WHERE holder = ? AND purpose = ? ORDER BY object",
      arguments: ["\(job)", "\(purpose)"]
    ).map { ObjectName($0) }
  }

  /// Whether anybody holds an object.
  static func isHeld(_ object: ObjectName, in db: SQLSession) throws -> Bool {
    try SQLRow.fetchOne(
      db, sql: "SELECT 1 FROM hold WHERE object = ? LIMIT 1", arguments: ["\(object)"]) != nil
  }

  /// Whether somebody holds an object for a purpose.
  static func isHeld(
    _ object: ObjectName, by holder: some CustomStringConvertible, _ purpose: HoldPurpose, in db: SQLSession
  ) throws -> Bool {
    try SQLRow.fetchOne(
      db, sql: "SELECT 1 FROM hold WHERE object = ? AND holder = ? AND purpose = ?",
      arguments: ["\(object)", "\(holder)", "\(purpose)"]) != nil
  }

  /// Bytes that an account has given and no job holds.
  ///
  /// - Parameter left: an object that does not count.
  static func unusedByteCount(
    of account: Address, except left: ObjectName? = nil, in db: SQLSession
  ) throws -> UInt64 {
    try UInt64.fetchOne(
      db,
      sql: """
        SELECT CAST(coalesce(sum(byteCount), 0) AS bigint) FROM hold WHERE holder = ?1 AND purpose = 'upload' AND object <> ?2
          AND NOT EXISTS (SELECT 1 FROM hold AS other WHERE other.object = hold.object AND other.purpose <> 'upload')
        """, arguments: ["\(account)", left.map { "\($0)" } ?? ""]) ?? 0
  }

  /// Bytes that a job holds for a purpose.
  ///
  /// - Parameter left: an object that does not count.
  static func byteCount(
    of job: JobID, _ purpose: HoldPurpose, except left: ObjectName, in db: SQLSession
  ) throws -> UInt64 {
    try UInt64.fetchOne(
      db,
      sql: """
        SELECT CAST(coalesce(sum(byteCount), 0) AS bigint) FROM hold WHERE holder = ? AND purpose = ? AND object <> ?
        """, arguments: ["\(job)", "\(purpose)", "\(left)"]) ?? 0
  }

  // MARK: - Ends

  /// What a job that has ended has led to is sealed: that is its result from now on.
  ///
  /// - Returns: what it let go of: what was sealed, where it was kept as the result, and what a killed process had begun
  ///   to seal.
  static func keep(
    _ sealed: SealedResult, of job: JobID, at now: UInt64, in db: SQLSession
  ) throws -> [ObjectName] {
    let tokenizer = try ObjectName.tokenizer(of: JobStore.request(of: job, in: db))
    let kept: [ObjectName] =
      try sealed.names + [.leaves(of: job)] + evidence(of: job, in: db) + [tokenizer].compactMap { $0 }
    let released = try release(.result, of: job, in: db)
    try take(kept, for: job, .result, at: now, in: db)
    return try (released + release(.sealing, of: job, in: db)).filter { !kept.contains($0) }
  }

  /// What a job holds of models, updates and sums.
  private static func contents(of job: JobID, in db: SQLSession) throws -> [ObjectName] {
    try String.fetchAll(
      db,
      sql: """
        SELECT DISTINCT object FROM hold WHERE holder = ?
          AND (purpose LIKE 'round %' OR purpose LIKE 'vectors %' OR purpose LIKE 'sums %') ORDER BY object
        """, arguments: ["\(job)"]
    ).map { ObjectName($0) }
  }

  /// What the nodes of a job's failed SubJobs were rejected for.
  private static func evidence(of job: JobID, in db: SQLSession) throws -> [ObjectName] {
    try JobStore.subJobs(of: job, in: db).filter { $0.status == .failed }
      .flatMap { $0.notes.evidence ?? [] }.map { .object($0) }
  }

  /// Ends all holds of a job that has ended, but for what it has led to: its result, and evidence against nodes.
  ///
  /// - Returns: the models, updates and sums that it let go of, where its result is its requester's alone.
  @discardableResult
  static func end(_ record: JobRecord, at now: UInt64, in db: SQLSession) throws -> [ObjectName] {
    let job = record.job.id
    let contents = record.progress.requesterKey == nil ? [] : try Self.contents(of: job, in: db)
    var result = Set(try evidence(of: job, in: db))
    if record.hasResult, let tokenizer = ObjectName.tokenizer(of: record.request) {
      result.insert(tokenizer)
    }
    if let sealed = record.progress.sealed {
      result.formUnion(sealed.names + [.leaves(of: job)])
    } else if let newest = record.progress.rounds.last, record.hasResult {
      result.formUnion([.object(record.progress.result ?? newest.startingParameters), .leaves(of: job)])
      for cohort in try CohortStore.cohorts(of: job, in: db) where cohort.holds {
        // Those that were too large to be kept are not held since their round ended.
        guard let sum = cohort.sum else { continue }
        let name = ObjectName.vector(sum.content.sumRoot)
        if try objects(of: job, .sums(cohort.round), in: db).contains(name) { result.insert(name) }
      }
    }
    for object in result.sorted(by: { $0.description < $1.description }) {
      // Ended twice, it is kept no longer.
      try db.execute(
        sql: """
          INSERT INTO hold (object, holder, purpose, byteCount, at) VALUES (?, ?, 'result', 0, ?)
          ON CONFLICT DO NOTHING
          """, arguments: ["\(object)", "\(job)", Int64(clamping: now)])
    }
    try db.execute(
      sql: "DELETE FROM hold WHERE holder = ? AND purpose NOT IN ('result', 'sealing', 'upload')",
      arguments: ["\(job)"])
    return contents.filter { !result.contains($0) }
  }

  /// Jobs that have ended, with all that belongs to them, and hold more than what they have led to.
  static func endedJobs(in db: SQLSession) throws -> [JobID] {
    let final = JobStatus.allCases.filter(\.isFinal).map { "\($0.rawValue)" }.joined(separator: ", ")
    return try String.fetchAll(
      db,
      sql: """
        SELECT DISTINCT hold.holder FROM hold JOIN job ON job.id = hold.holder
        WHERE hold.purpose NOT IN ('result', 'sealing', 'upload') AND job.status IN (\(final))
          AND NOT EXISTS (SELECT 1 FROM subJob WHERE parent = job.id AND status = \(JobStatus.submitted.rawValue))
          AND NOT EXISTS (SELECT 1 FROM errand WHERE errand.job = job.id)
        """
    ).map { try JobID(hex: $0) }
  }

  /// Ends the holds for a purpose that began before a time.
  static func expire(_ purpose: HoldPurpose, before time: UInt64, in db: SQLSession) throws {
    try db.execute(
      sql: "DELETE FROM hold WHERE purpose = ? AND at < ?",
      arguments: ["\(purpose)", Int64(clamping: time)])
  }

  // MARK: - Removals

  /// Notes those of the objects that nobody holds as being deleted; from now on nobody gets a hold of them.
  static func claimRemoval(
    of objects: [ObjectName], at now: UInt64, in db: SQLSession
  ) throws -> [ObjectName] {
    try objects.filter { object in
      guard try !isHeld(object, in: db) else { return false }
      // What is noted already is another's to delete.
      return try db.execute(
        sql: "INSERT INTO removal (object, at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        arguments: ["\(object)", Int64(clamping: now)]) == 1
    }
  }

  /// Objects that are being deleted, some of those that were noted by a time, in the order of their names.
  ///
  /// - Parameter last: those behind it; `nil` for the first ones.
  static func removals(
    notedBy time: UInt64 = .max, after last: ObjectName? = nil, limit: Int, in db: SQLSession
  ) throws -> [ObjectName] {
    try String.fetchAll(
      db, sql: "SELECT object FROM removal WHERE at <= ? AND object > ? ORDER BY object LIMIT ?",
      arguments: [Int64(clamping: time), last.map { "\($0)" } ?? "", limit]
    ).map { ObjectName($0) }
  }

  /// Notes from when on what deletes them may be on its way.
  static func beginRemoval(of objects: [ObjectName], at now: UInt64, in db: SQLSession) throws {
    for object in objects {
      try db.execute(
        sql: "UPDATE removal SET at = ? WHERE object = ?", arguments: [Int64(clamping: now), "\(object)"])
    }
  }

  /// Notes that objects are deleted, or stay.
  static func endRemoval(of objects: [ObjectName], in db: SQLSession) throws {
    for object in objects {
      try db.execute(sql: "DELETE FROM removal WHERE object = ?", arguments: ["\(object)"])
    }
  }
}
