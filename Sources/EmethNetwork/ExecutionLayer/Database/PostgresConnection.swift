import CPostgreSQL
import EmethKit
import Foundation

/// One connection to a PostgreSQL server.
///
/// Unchecked: whoever takes it from the pool has it alone until it is given back.
final class PostgresConnection: @unchecked Sendable {
  /// The oldest server that is worked with, as libpq counts versions: 12.0.
  static let oldestVersion: Int32 = 120_000

  let address: PostgresAddress
  /// Names the connection in its row of `commitMark`.
  let name = UUID().uuidString
  /// The number of the transaction that is open, or was last; it never repeats.
  private var mark: Int64 = 0
  /// What went wrong in the open transaction. A body may have swallowed the error; the transaction is lost all the same.
  private(set) var failure: PostgresFailure?
  private let handle: OpaquePointer
  /// The server's names of statements, by text.
  private var prepared: [String: PreparedStatement] = [:]
  private var cursorCount = 0
  /// Statements with numbers in their text could be many.
  private static let preparedLimit = 400

  /// Connects, within some seconds.
  ///
  /// - Throws: ``PostgresFailure``; ``NetworkError/databaseFailed(_:)`` for a server that is too old.
  init(_ address: PostgresAddress, seconds: Double = 5) throws {
    self.address = address
    handle = try Self.connect(address, seconds: seconds)
    do {
      let version = PQserverVersion(handle)
      if let refusal = Self.refusal(ofVersion: version, address) {
        throw NetworkError.databaseFailed(refusal)
      }
      // Plans without scans: what a scan reads counts as read by the transaction, and in a table of few rows, where
      // the planner prefers one, transactions that have nothing to do with each other would be in each other's way.
      // A transaction that nobody ends must not be in everybody's way.
      try run(
        """
        SET enable_seqscan = off; SET jit = off; SET client_min_messages = warning; SET bytea_output = hex;
        SET standard_conforming_strings = on; SET idle_in_transaction_session_timeout = '60s';
        SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3
        """)
    } catch {
      PQfinish(handle)
      throw error
    }
  }

  deinit { PQfinish(handle) }

  /// Why a version is too old; nil for one that is not.
  static func refusal(ofVersion version: Int32, _ address: PostgresAddress) -> DatabaseFault? {
    guard version < oldestVersion else { return nil }
    return DatabaseFault(
      kind: .tooOld, database: "\(address)",
      reason:
        "found \(version / 10_000).\(version % 10_000), needed \(oldestVersion / 10_000) or newer")
  }

  private static func connect(_ address: PostgresAddress, seconds: Double) throws -> OpaquePointer {
    var keywords = address.parameters.map(\.keyword)
    var values = address.parameters.map(\.value)
    func add(_ keyword: String, _ value: String) {
      if !keywords.contains(keyword) {
        keywords.append(keyword)
        values.append(value)
      }
    }
    add("application_name", "emeth")
    add("client_encoding", "UTF8")
    // A server that is gone without a word is noticed.
    add("keepalives_idle", "10")
    add("keepalives_interval", "5")
    add("keepalives_count", "3")
    add("tcp_user_timeout", "20000")
    let handle = CStrings.with(keywords.map { $0 }) { keywords in
      CStrings.with(values.map { $0 }) { values in PQconnectStartParams(keywords, values, 0) }
    }
    guard let handle else {
      throw PostgresFailure(state: "", message: "libpq has no memory", isLost: true)
    }
    // With it the refusal of a connection has its code, which is in no field otherwise.
    PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
    let end = ContinuousClock.now + .seconds(seconds)
    var direction = PGRES_POLLING_WRITING
    while direction != PGRES_POLLING_OK {
      let left = ContinuousClock.now.duration(to: end)
      var isReady = true
      if PQstatus(handle) != CONNECTION_BAD {
        isReady = wait(
          PQsocket(handle), direction == PGRES_POLLING_READING ? Int16(POLLIN) : Int16(POLLOUT),
          left)
      }
      if isReady { direction = PQconnectPoll(handle) }
      guard isReady, direction != PGRES_POLLING_FAILED else {
        defer { PQfinish(handle) }
        throw isReady
          ? refusal(String(cString: PQerrorMessage(handle)))
          : PostgresFailure(state: "", message: "no answer within \(seconds) s", isLost: true)
      }
    }
    PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
    return handle
  }

  /// Waits until a socket is ready; false when the time is over.
  static func wait(_ socket: Int32, _ events: Int16, _ left: Duration) -> Bool {
    let milliseconds = Int32(clamping: Int(left / .milliseconds(1)))
    guard milliseconds > 0 else { return false }
    var descriptor = pollfd(fd: socket, events: events, revents: 0)
    return poll(&descriptor, 1, milliseconds) != 0
  }

  /// What a refused connection's message says: `…FATAL:  28P01: password authentication failed for user "emeth"`.
  private static func refusal(_ text: String) -> PostgresFailure {
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
    var state = ""
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" })
    where word.utf8.count == 6 && word.hasSuffix(":")
      && word.dropLast().allSatisfy(\.isCodeCharacter)
      && word.contains(where: \.isNumber)
    {
      state = String(word.dropLast())
      break
    }
    let message = lines.joined(separator: "; ")
    return PostgresFailure(state: state, message: message, isLost: true)
  }
}

extension Character {
  fileprivate var isCodeCharacter: Bool { isASCII && (isNumber || (isLetter && isUppercase)) }
}

// MARK: - Statements

extension PostgresConnection {
  /// A statement as the server has it.
  struct PreparedStatement {
    var name: String
    var text: String
  }

  var isAlive: Bool { PQstatus(handle) == CONNECTION_OK }
  var socket: Int32 { PQsocket(handle) }

  /// Carries out one statement or several, without arguments; the last one's result counts.
  ///
  /// - Returns: the last statement's tag, such as `COMMIT`.
  @discardableResult
  func run(_ text: String) throws -> String {
    let result = PQexec(handle, text)
    defer { PQclear(result) }
    try check(result)
    return PQcmdStatus(result).map { String(cString: $0) } ?? ""
  }

  /// Carries out one statement with arguments.
  private func perform(_ sql: String, _ arguments: [SQLValue]) throws -> OpaquePointer? {
    let texts = try arguments.map { try Self.text($0) }
    let statement = try statement(for: sql)
    let result = CStrings.with(texts) { values in
      statement.name.isEmpty
        ? PQexecParams(handle, statement.text, Int32(texts.count), nil, values, nil, nil, 0)
        : PQexecPrepared(handle, statement.name, Int32(texts.count), values, nil, nil, 0)
    }
    do {
      try check(result)
    } catch {
      PQclear(result)
      throw error
    }
    return result
  }

  private func statement(for sql: String) throws -> PreparedStatement {
    if let known = prepared[sql] { return known }
    let text = Self.numbered(sql)
    guard prepared.count < Self.preparedLimit else {
      return PreparedStatement(name: "", text: text)
    }
    let statement = PreparedStatement(name: "s\(prepared.count)", text: text)
    let result = PQprepare(handle, statement.name, text, 0, nil)
    defer { PQclear(result) }
    try check(result)
    prepared[sql] = statement
    return statement
  }

  private func check(_ result: OpaquePointer?) throws {
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return
    default: break
    }
    func field(_ code: Character) -> String? {
      PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
    }
    let state = field("C") ?? ""
    let said = field("M") ?? String(cString: PQerrorMessage(handle))
    // A server that ends says so before the connection breaks.
    let isLost =
      !isAlive || ["57P01", "57P02", "57P03", "25P03"].contains(state) || state.hasPrefix("08")
    let failure = PostgresFailure(
      state: state, message: said.trimmingCharacters(in: .whitespacesAndNewlines), isLost: isLost)
    self.failure = self.failure ?? failure
    throw failure
  }

  /// `?` as `$1`, `$2`, …, `?1` as `$1`, but not inside of texts.
  static func numbered(_ sql: String) -> String {
    var result = ""
    var count = 0
    var isText = false
    var isNumber = false
    for character in sql {
      if isNumber, !character.isNumber {
        count += 1
        result += "\(count)"
      }
      isNumber = false
      if character == "'" { isText.toggle() }
      if character == "?", !isText {
        result += "$"
        isNumber = true
      } else {
        result.append(character)
      }
    }
    return isNumber ? result + "\(count + 1)" : result
  }

  private static func text(_ value: SQLValue) throws -> String? {
    switch value {
    case .null: return nil
    case .integer(let value): return "\(value)"
    case .bytes(let value): return "\\x" + Hex.encode(value, prefixed: false)
    case .text(let value):
      guard !value.utf8.contains(0) else {
        throw NetworkError.malformed(
          what: "a text for the database", reason: "it holds the character U+0000")
      }
      return value
    }
  }
}

// MARK: - Transactions

extension PostgresConnection {
  /// What a server has refused once it lets nothing follow but the end.
  var canGoOn: Bool { failure == nil }

  func begin(_ text: String) throws {
    failure = nil
    try run(text)
  }

  /// Makes the transaction's changes durable.
  ///
  /// - Parameter isMarked: whether ``outcome(ofMark:of:)`` is to be able to say later whether it was done.
  /// - Returns: the mark to ask for.
  /// - Throws: ``PostgresFailure``, with ``PostgresFailure/isCommit`` when it may have been done.
  func commit(isMarked: Bool) throws {
    if let failure { throw failure }
    mark += 1
    let note =
      """
      INSERT INTO commitMark (connection, mark, at) VALUES ('\(name)', \(mark), extract(epoch FROM now())::bigint)
      ON CONFLICT (connection) DO UPDATE SET mark = excluded.mark, at = excluded.at;
      """
    do {
      let tag = try run(isMarked ? note + "COMMIT" : "COMMIT")
      guard tag == "COMMIT" else {
        throw PostgresFailure(
          state: "", message: "the transaction was not committed: \(tag)", isLost: false)
      }
    } catch var failure as PostgresFailure {
      failure.isCommit = failure.isLost
      throw failure
    }
  }

  /// The mark of the last transaction that was committed, or is being committed.
  var lastMark: Int64 { mark }

  /// Ends a transaction without its changes, if the connection is still there.
  func rollBack() {
    guard isAlive else { return }
    _ = try? run("ROLLBACK")
  }

  /// Whether a transaction of a connection that broke was committed. Waits until its server has ended it.
  func wasCommitted(mark: Int64, of connection: String) throws -> Bool {
    failure = nil
    // Whoever inserts or changes the row still holds it: this waits for that one's end.
    let rows = try rows(
      """
      INSERT INTO commitMark (connection, mark, at) VALUES (?, 0, extract(epoch FROM now())::bigint)
      ON CONFLICT (connection) DO UPDATE SET at = excluded.at RETURNING mark
      """, [.text(connection)])
    guard case .integer(let found)? = rows.first?.values.first else { return false }
    return found >= mark
  }
}

// MARK: - Messages

extension PostgresConnection {
  /// Takes the messages that came; returns what those of other processes say.
  func takeNotifications() throws -> [String] {
    guard PQconsumeInput(handle) == 1 else {
      throw PostgresFailure(state: "", message: "the connection broke", isLost: true)
    }
    var payloads: [String] = []
    while let notification = PQnotifies(handle) {
      if notification.pointee.be_pid != PQbackendPID(handle) {
        payloads.append(notification.pointee.extra.map { String(cString: $0) } ?? "")
      }
      PQfreemem(notification)
    }
    return payloads
  }
}

// MARK: - Results

extension PostgresConnection: SQLConnection {
  func execute(_ sql: String, _ arguments: [SQLValue]) throws -> Int {
    if arguments.isEmpty, sql.contains(";") {
      let tag = try run(sql)
      return tag.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }
    let result = try perform(sql, arguments)
    defer { PQclear(result) }
    // A query changes nothing, however many rows it has.
    guard PQresultStatus(result) == PGRES_COMMAND_OK else { return 0 }
    return PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
  }

  func rows(_ sql: String, _ arguments: [SQLValue]) throws -> [SQLRow] {
    let result = try perform(sql, arguments)
    defer { PQclear(result) }
    return Self.rows(of: result)
  }

  /// So many rows come at once when they are read one after the other.
  private static var batch: Int { 200 }

  func cursor(_ sql: String, _ arguments: [SQLValue]) throws -> () throws -> SQLRow? {
    cursorCount += 1
    let name = "c\(cursorCount)"
    let texts = try arguments.map { try Self.text($0) }
    let result = CStrings.with(texts) { values in
      PQexecParams(
        handle, "DECLARE \(name) NO SCROLL CURSOR FOR " + Self.numbered(sql), Int32(texts.count),
        nil, values,
        nil, nil, 0)
    }
    defer { PQclear(result) }
    try check(result)
    var waiting: [SQLRow] = []
    var isOver = false
    return { [self] in
      if waiting.isEmpty, !isOver {
        let result = PQexec(handle, "FETCH \(Self.batch) FROM \(name)")
        defer { PQclear(result) }
        try check(result)
        waiting = Self.rows(of: result).reversed()
        isOver = waiting.count < Self.batch
      }
      return waiting.popLast()
    }
  }

  private static func rows(of result: OpaquePointer?) -> [SQLRow] {
    let count = PQnfields(result)
    let columns = SQLColumns(
      (0..<count).map { PQfname(result, $0).map { String(cString: $0) } ?? "" })
    let kinds = (0..<count).map { PQftype(result, $0) }
    return (0..<PQntuples(result)).map { row in
      SQLRow(
        columns,
        (0..<count).map { column in
          guard PQgetisnull(result, row, column) == 0, let text = PQgetvalue(result, row, column)
          else {
            return .null
          }
          return value(String(cString: text), kind: kinds[Int(column)])
        })
    }
  }

  /// A value in the server's text form, by the number of its type.
  private static func value(_ text: String, kind: UInt32) -> SQLValue {
    switch kind {
    case 20, 21, 23: Int64(text).map { .integer($0) } ?? .text(text)  // int8, int2, int4
    case 16: .integer(text == "t" ? 1 : 0)  // bool
    case 17: (try? Hex.decode("0x" + text.dropFirst(2))).map { .bytes(Data($0)) } ?? .text(text)  // bytea
    default: .text(text)
    }
  }
}

/// Texts as C wants them.
private enum CStrings {
  /// Calls a body with a list of pointers to the texts and a null behind them; null for nil.
  static func with<Result>(
    _ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
  ) rethrows -> Result {
    let copies = texts.map { $0.flatMap { strdup($0) } } + [nil]
    defer { for copy in copies { free(copy) } }
    let pointers = copies.map { UnsafePointer($0) }
    return try pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        preconditionFailure("the list has a null at least")
      }
      return try body(base)
    }
  }
}
