import EmethKit
import Foundation

/// Errands in the database, inside the caller's transaction.
enum ErrandStore {
  /// An errand and what came of it.
  struct Record {
    var errand: Errand
    var job: JobID
    var answer: String?
  }

  /// The id of an errand: it follows from who is asked what.
  ///
  /// - Parameter key: what tells it from other questions of its kind about the same SubJob to the same
  ///   account.
  static func id(_ kind: Errand.Kind, of account: Address, subJob: JobID, key: [UInt8]) -> String {
    let hash = SHA256.hash(Array("errand \(kind.rawValue)".utf8) + account.bytes + subJob.bytes + key)
    return Hex.encode(Array(hash.bytes.prefix(16)))
  }

  /// Asks, unless it was asked before, and says what has come of it.
  static func ask(
    _ question: Errand.Question, of account: Address, key: [UInt8], job: JobID, due: UInt64,
    at now: UInt64,
    in db: SQLSession
  ) throws -> Reply<String> {
    let id = id(question.kind, of: account, subJob: question.subJob, key: key)
    if let known = try record(id, in: db) {
      if let answer = known.answer { return .given(answer) }
      return now < known.errand.due ? .pending : .silent
    }
    guard now < due else { return .silent }
    db.concerns(job)
    try db.execute(
      sql: """
        INSERT INTO errand (id, account, job, subJob, kind, question, postedAt, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, "\(account)", "\(job)", "\(question.subJob)", question.kind.rawValue, try question.wireText(),
        Int64(now), Int64(clamping: due),
      ])
    return .pending
  }

  /// Whether an errand was asked, has no answer, and may still get one.
  static func isPending(_ id: String, at now: UInt64, in db: SQLSession) throws -> Bool {
    try SQLRow.fetchOne(
      db, sql: "SELECT 1 FROM errand WHERE id = ? AND answer IS NULL AND due > ?",
      arguments: [id, Int64(now)]
    ) != nil
  }

  static func record(_ id: String, in db: SQLSession) throws -> Record? {
    try SQLRow.fetchOne(db, sql: "SELECT * FROM errand WHERE id = ?", arguments: [id]).map(record)
  }

  /// So many errands are given at once.
  static let openLimit = 64

  /// What an account has not answered yet and still may: what is due first, and behind that what takes long, judgements,
  /// those of the best paid work first.
  ///
  /// - Parameter known: errands that it has in hand.
  static func open(
    of account: Address, kinds: Set<Errand.Kind>, except known: Set<String>, at now: UInt64, in db: SQLSession
  ) throws -> [Errand] {
    let judge = Errand.Kind.judge.rawValue
    let wanted = kinds.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
    guard !wanted.isEmpty else { return [] }
    let rows = try SQLRow.fetchCursor(
      db,
      sql: """
        SELECT errand.id FROM errand LEFT JOIN subJob ON subJob.id = errand.subJob
        WHERE errand.account = ? AND errand.answer IS NULL AND errand.due > ? AND errand.kind IN (\(wanted))
        ORDER BY CASE errand.kind WHEN '\(judge)' THEN 1 ELSE 0 END,
          CASE errand.kind WHEN '\(judge)' THEN coalesce(subJob.price, '') ELSE '' END DESC, errand.due, errand.number
        """, arguments: ["\(account)", Int64(now)])
    var errands: [Errand] = []
    while errands.count < openLimit, let row = try rows.next() {
      let id: String = try row["id"]
      if !known.contains(id), let record = try record(id, in: db) { errands.append(record.errand) }
    }
    return errands
  }

  /// What a job has asked and was told, oldest first.
  static func answered(of job: JobID, in db: SQLSession) throws -> [Record] {
    try SQLRow.fetchAll(
      db, sql: "SELECT * FROM errand WHERE job = ? AND answer IS NOT NULL ORDER BY number",
      arguments: ["\(job)"]
    ).map(record)
  }

  static func answer(_ record: Record, _ text: String, at now: UInt64, in db: SQLSession) throws {
    db.concerns(record.job)
    try db.execute(
      sql: "UPDATE errand SET answer = ?, answeredAt = ? WHERE id = ?",
      arguments: [text, Int64(now), record.errand.id])
  }

  /// Gives everybody more time who has not answered.
  static func extend(by seconds: UInt64, in db: SQLSession) throws {
    try db.execute(
      sql: "UPDATE errand SET due = due + ? WHERE answer IS NULL", arguments: [Int64(clamping: seconds)])
  }

  static func removeAll(of job: JobID, in db: SQLSession) throws {
    db.concerns(job)
    try db.execute(sql: "DELETE FROM errand WHERE job = ?", arguments: ["\(job)"])
  }

  private static func record(_ row: SQLRow) throws -> Record {
    let question = try Errand.Question(wireText: row["question"])
    return Record(
      errand: Errand(
        id: try row["id"], account: try Address(row["account"]), kind: question.kind,
        question: question,
        postedAt: try row["postedAt"], due: try row["due"]),
      job: try JobID(hex: row["job"]), answer: try row["answer"])
  }
}
