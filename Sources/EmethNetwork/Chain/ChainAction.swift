/// One transaction that a command wants, whether or not an earlier command sent it.
final class ChainAction: Sendable {
  /// What one that an earlier command sent, and that has arrived without a report, means for this command.
  enum Earlier: Sendable {
    /// Money has moved: it is told, and nothing is sent, unless it is wanted again.
    case isTold
    /// What it was for is done, and is reported as its result.
    case stands
    /// Nothing: once more does no harm.
    case isNothing
  }

  let request: TransactionRequest
  /// The contract's function, or the contract that is created.
  let function: String
  let earlier: Earlier
  /// What all journal entries of this action begin with; nil where the same data means the same action.
  let mark: String?

  init(_ request: TransactionRequest, _ function: String, _ earlier: Earlier, mark: String? = nil) {
    self.request = request
    self.function = function
    self.earlier = earlier
    self.mark = mark
  }

  /// Whether a journal's entry was sent for this.
  func isMeant(by entry: NonceJournal.Entry) -> Bool {
    let transaction = entry.newest.transaction
    if let mark { return entry.key.hasPrefix(mark) && transaction.to == request.to }
    return transaction.to == request.to && transaction.data == request.data
  }
}
