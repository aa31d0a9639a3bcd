/// How a job ended, as far as money is concerned: the rows of PROTOCOL 3.
public enum JobEnd: Hashable, Sendable {
  /// The drawn verifier accepted.
  case verified(fuelUsed: Fuel)
  /// Two drawn verifiers stayed silent: the node is paid, no verifier is.
  case verifiedByExpiry(fuelUsed: Fuel)
  /// Taken back before a node took it.
  case canceled
  /// Ended with its parent while a node was computing: the node keeps its whole deposit.
  case canceledByParent
  /// Nobody was there to check what the node handed in: nobody pays, and the node keeps its whole deposit.
  case unchecked
  /// The deadline passed before a node took it.
  case timeoutUntaken
  /// The node was late, silent or absent.
  case timeoutByNode
  /// The node gave up; without fault only with evidence against what it was given.
  case declined(atFault: Bool)
  /// The result did not stand the check, or was not opened to it.
  case failed

  /// Whether a node had locked its deposit.
  public var depositLocked: Bool {
    switch self {
    case .canceled, .timeoutUntaken: false
    case .verified, .verifiedByExpiry, .canceledByParent, .unchecked, .timeoutByNode, .declined, .failed: true
    }
  }
}
