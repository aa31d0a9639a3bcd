import EmethKit

/// What a PostgreSQL server or libpq said when something failed.
struct PostgresFailure: Error {
  /// Five characters of the SQL standard; empty when the connection broke and nobody said anything.
  var state: String
  var message: String
  /// Whether the connection is of no use any more.
  var isLost: Bool
  /// Whether the commit had been sent: only its server knows whether it was done.
  var isCommit = false

  /// Whether the same transaction may succeed when it is run again, nothing of it having been done.
  var isConflict: Bool { ["40001", "40P01"].contains(state) }

  /// Whether it may be a conflict: what was looked up was not there, and was when it was inserted.
  var isDuplicate: Bool { state == "23505" }

  /// What is wrong with the database as a whole; nil for an error of the statement.
  var kind: DatabaseFault.Kind? {
    switch state {
    case "28P01", "28000": .refused
    case "3D000": .missing
    case "53100": .full
    case "53300", "53200", "55P03": .busy
    case "40001", "40P01": .busy
    // Read-only: a standby, or one that just became one.
    case "25006": .unreachable
    default: isLost ? .unreachable : nil
    }
  }

  /// Whether waiting may help.
  var isPassing: Bool {
    switch kind {
    case .unreachable, .busy: true
    default: false
    }
  }

  func asNetworkError(_ address: PostgresAddress) -> NetworkError {
    if isCommit, isLost { return .databaseFailed(fault(.outcomeUnknown, address)) }
    guard let kind else { return .database(reason: "\(state): \(message)") }
    return .databaseFailed(fault(kind, address))
  }

  private func fault(_ kind: DatabaseFault.Kind, _ address: PostgresAddress) -> DatabaseFault {
    DatabaseFault(
      kind: kind, database: "\(address)", reason: state.isEmpty ? message : "\(message) (\(state))")
  }
}
