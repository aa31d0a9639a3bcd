/// What a node means by an error, out of its number and its words: nodes agree on few numbers and fewer words.
enum RPCFault: Sendable {
  /// Asked too often.
  case rateLimited
  /// More blocks or logs than it gives at once.
  case tooMuch
  /// It does not have that state or those blocks any more.
  case pruned
  /// Something that may be gone in a moment.
  case passing
  /// The contract reverted.
  case reverted
  /// The transaction is in its pool already.
  case alreadyKnown
  /// The nonce was used.
  case nonceTooLow
  /// The fees are too low, for the block or to displace another transaction.
  case underpriced
  /// The account can't pay for gas and value.
  case insufficientFunds
  /// The transaction is one that no block can take as it is.
  case unacceptable
  /// Anything else.
  case other

  init(number: Int, message: String) {
    let words = message.lowercased()
    func says(_ some: String...) -> Bool { some.contains { words.contains($0) } }
    if says("already known", "alreadyknown", "already imported", "alreadyexists")
      || words.replacing("unknown transaction", with: "").contains("known transaction")
    {
      self = .alreadyKnown
    } else if says("nonce too low", "nonce is too low", "oldnonce") {
      self = .nonceTooLow
    } else if says(
      "underpriced", "less than block base fee", "fee too low", "feetoolow", "replacementnotallowed",
      "max fee per gas less")
    {
      self = .underpriced
    } else if says("insufficient funds", "insufficientfunds", "insufficient balance", "cannot afford") {
      self = .insufficientFunds
    } else if says(
      "intrinsic gas too low", "exceeds block gas limit", "initcode size", "exceeds the configured cap",
      "invalid chain id", "transaction type not supported")
    {
      self = .unacceptable
    } else if number == 3 || says("revert") {
      self = .reverted
    } else if says(
      "block range", "blocks in one query", "query returned more", "too many results", "response size")
    {
      self = .tooMuch
    } else if number == 429 || number == -32005 || says("rate limit", "too many requests", "compute units") {
      self = .rateLimited
    } else if number == 4444
      || says(
        "missing trie node", "pruned", "pruning", "historical state", "state is not available",
        "state not available")
    {
      self = .pruned
    } else if number == -32603
      || says("timeout", "timed out", "temporarily", "try again", "header not found", "unavailable")
    {
      self = .passing
    } else {
      self = .other
    }
  }

  /// Whether the same request may be answered in a moment.
  var isPassing: Bool {
    switch self {
    case .rateLimited, .passing: true
    case .tooMuch, .pruned, .reverted, .alreadyKnown, .nonceTooLow, .underpriced, .insufficientFunds,
      .unacceptable, .other:
      false
    }
  }
}
