import EmethKit

/// How a chain's node is asked, and what it must answer.
public struct ChainSettings: Sendable {
  /// Seconds for a request and its answer.
  public var timeoutSeconds = 20.0
  /// How often a request is sent, the first time included.
  public var attempts = 6
  /// The longest pause before a repetition, in seconds; each is drawn at random below a bound that doubles.
  public var longestPauseSeconds = 8.0
  /// The most calls in one request.
  public var batchLimit = 50
  /// The most requests at once.
  public var concurrentRequests = 4
  /// The most requests that begin in a second.
  public var requestsPerSecond = 25.0
  /// The most bytes of an answer.
  public var answerByteLimit = 32 << 20

  /// The chain that must be meant; nil for the one that the node names.
  public var expectedChainID: UInt64?
  /// The contract that must redeem tickets; nil for the one that Core names.
  public var expectedSettlement: Address?
  /// The contract that must check jobs; nil for the one that Core names.
  public var expectedVerification: Address?

  /// The default settings.
  public init() {}
}
