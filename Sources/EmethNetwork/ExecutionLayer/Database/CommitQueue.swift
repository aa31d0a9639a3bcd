import Dispatch
import EmethKit
import Synchronization

/// Changes that come while others are being made durable wait for those, and are then one transaction together: the disk
/// is waited for once.
///
/// Each is carried out by itself inside of it, in the order in which they came: one that is refused changes nothing, and the
/// others go on. Nobody hears of a change before all of the transaction is durable. Who comes first carries out what
/// the others brought, on its own thread.
final class CommitQueue: Sendable {
  /// One change, and what came of it.
  ///
  /// Unchecked: who carries it out has it alone until the other waits no more.
  private final class Change: @unchecked Sendable {
    /// Gone before anybody hears of the outcome: the closure is its caller's.
    var body: ((SQLSession) throws -> Void)?
    /// `nil` until it is known.
    var outcome: Result<Void, any Error>?
    /// Ends the wait: the outcome is there, or it is this one's turn to carry out what waits.
    let turn = DispatchSemaphore(value: 0)

    init(_ body: @escaping (SQLSession) throws -> Void) { self.body = body }

    func run(_ db: SQLSession) throws { try body?(db) }
  }

  private struct State {
    var waiting: [Change] = []
    /// Transactions that are open now.
    var open = 0
  }

  /// A transaction of several that did not come to its end, and is not begun again.
  private struct Broken: Error {}

  /// More changes than these are not in one transaction: who came first would wait for the last one.
  private static let groupLimit = 64

  private let state = Mutex(State())
  private let backend: any DatabaseBackend
  private let mode: WriteMode

  init(_ backend: any DatabaseBackend, _ mode: WriteMode) {
    self.backend = backend
    self.mode = mode
  }

  /// How many changes wait for an open transaction's end.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Carries a change out; once this returns it is what `mode` promises.
  func write<Result>(_ body: (SQLSession) throws -> Result) throws -> Written<Result> {
    var written: Written<Result>?
    try withoutActuallyEscaping({ db in written = Written(try body(db), in: db) }) { body in
      try carryOut(Change(body))
    }
    guard let written else { throw NetworkError.inconsistent(what: "a transaction without a result") }
    return written
  }

  private func carryOut(_ change: Change) throws {
    let mustWait = state.withLock { state in
      if state.open < backend.writersAtOnce {
        state.open += 1
        return false
      }
      state.waiting.append(change)
      return true
    }
    if mustWait { change.turn.wait() }
    // Not carried out by another: it is this one's turn.
    if change.outcome == nil { lead(change) }
    try change.outcome?.get()
  }

  /// Carries out a change with those that wait, and hands the turn on.
  private func lead(_ first: Change) {
    let others = state.withLock { state in
      let taken = Array(state.waiting.prefix(Self.groupLimit - 1))
      state.waiting.removeFirst(taken.count)
      return taken
    }
    commit([first] + others)
    let next = state.withLock { state -> Change? in
      if state.waiting.isEmpty {
        state.open -= 1
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.turn.signal()
    for other in others { other.turn.signal() }
  }

  private func commit(_ group: [Change]) {
    if group.count == 1 || !commitTogether(group) {
      var down: NetworkError?
      for change in group {
        if let down {
          change.outcome = .failure(down)
          continue
        }
        change.outcome = Result { _ = try backend.write(mode) { db in try change.run(db) } }
        down = change.outcome.flatMap(Self.outage)
      }
    }
    for change in group { change.body = nil }
  }

  /// Why the changes behind this one are not tried: the database is away or full, and each would wait for that anew.
  private static func outage(_ outcome: Result<Void, any Error>) -> NetworkError? {
    guard case .failure(let error) = outcome, case .databaseFailed(let fault) = NetworkError(error) else {
      return nil
    }
    switch fault.kind {
    case .busy: return nil
    // Nothing of the others was begun.
    case .outcomeUnknown:
      return .databaseFailed(
        DatabaseFault(kind: .unreachable, database: fault.database, reason: fault.reason))
    default: return .databaseFailed(fault)
    }
  }

  /// - Returns: false when nothing was changed, and each is to be tried by itself.
  private func commitTogether(_ group: [Change]) -> Bool {
    var isFirst = true
    do {
      _ = try backend.write(mode) { db in
        // Others were in the way of one of them: not all have to be tried again for that.
        guard isFirst else { throw Broken() }
        isFirst = false
        for change in group { change.outcome = try db.part { try change.run($0) } }
      }
      return true
    } catch {
      // What is wrong with the database is so for each of them, also for who was refused: by changes, maybe, that were
      // never made. Least of all is one repeated of which nobody knows whether it was done.
      guard case .databaseFailed = NetworkError(error) else { return false }
      for change in group { change.outcome = .failure(error) }
      return true
    }
  }
}
