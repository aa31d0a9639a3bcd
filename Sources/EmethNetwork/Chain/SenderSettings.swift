import EmethKit

/// How transactions are sent and waited for.
public struct SenderSettings: Sendable {
  /// Percent of gas above what the node estimates.
  public var gasMarginPercent: UInt64 = 25
  /// The most that one gas may cost, in wei: 500 gwei.
  public var maxFeePerGasLimit: UInt256 = 500_000_000_000
  /// In how many blocks a transaction must lie until it counts, its own included.
  public var confirmations: UInt64 = 12
  /// Seconds until a transaction that no block takes is sent again with higher fees.
  public var stuckSeconds: UInt64 = 90
  /// How often it may be, under one nonce.
  public var attemptLimit = 8
  /// Seconds between two looks.
  public var pollSeconds = 2.0
  /// Seconds after which waiting ends, however it stands.
  public var patienceSeconds = 1_200
  /// Whether a payment is wanted once more, where an earlier command sent the same one and it has arrived.
  public var again = false

  /// The default settings.
  public init() {}
}
