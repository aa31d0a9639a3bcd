import EmethKit

/// What a transaction offers for gas (EIP-1559), in wei.
///
/// ```swift
/// let fees = try await client.fees()
/// let dearer = fees.raised()     // enough to displace a transaction that offers `fees`
/// ```
public struct ChainFees: Hashable, Sendable {
  /// What the maker of the block gets of each gas.
  public let maxPriorityFeePerGas: UInt256
  /// The most that one gas may cost in all.
  public let maxFeePerGas: UInt256

  /// 1 gwei, where nothing better is known.
  static let usualPriorityFeePerGas: UInt256 = 1_000_000_000

  /// Fees of these values; the priority fee is a part of the maximum.
  public init(maxPriorityFeePerGas: UInt256, maxFeePerGas: UInt256) {
    self.maxPriorityFeePerGas = min(maxPriorityFeePerGas, maxFeePerGas)
    self.maxFeePerGas = maxFeePerGas
  }

  /// Twice the base fee, which it takes six full blocks to reach, and the priority fee.
  init(nextBaseFeePerGas: UInt256, priorityFeePerGas: UInt256) {
    // Amounts beyond 2^128 wei are nobody's fees: they stay a number that the limit refuses.
    let cap: UInt256 = UInt256(high: 1, low: 0)
    let base = min(nextBaseFeePerGas, cap)
    let priority = min(priorityFeePerGas, cap)
    self.init(maxPriorityFeePerGas: priority, maxFeePerGas: 2 * base + priority)
  }

  /// Those that follow from an `eth_feeHistory` with one percentile.
  init(feeHistory: JSONValue) throws(ChainError) {
    let method = "eth_feeHistory"
    let reader = RPCReader(method: method, json: feeHistory)
    guard let last = try reader.elements("baseFeePerGas").last else {
      throw .malformed(method: method, reason: "there is no base fee")
    }
    let base: UInt256 = try last.quantity(of: method)
    var priorities: [UInt256] = []
    if feeHistory["reward"] != nil, feeHistory["reward"] != .null {
      for block in try reader.elements("reward") {
        guard case .array(let values) = block, let first = values.first else { continue }
        priorities.append(try first.quantity(of: method))
      }
    }
    priorities.sort()
    let median = priorities.isEmpty ? Self.usualPriorityFeePerGas : priorities[priorities.count / 2]
    // Empty blocks pay nothing, and who offers nothing waits.
    self.init(nextBaseFeePerGas: base, priorityFeePerGas: max(median, 100_000_000))
  }

  /// An eighth more of both, rounded up: nodes let a transaction displace another one from a tenth more on.
  public func raised() -> ChainFees {
    func raised(_ fee: UInt256) -> UInt256 { fee + (fee + 7) / 8 }
    return ChainFees(
      maxPriorityFeePerGas: raised(maxPriorityFeePerGas), maxFeePerGas: raised(maxFeePerGas))
  }

  /// The larger of each.
  func atLeast(_ other: ChainFees) -> ChainFees {
    ChainFees(
      maxPriorityFeePerGas: max(maxPriorityFeePerGas, other.maxPriorityFeePerGas),
      maxFeePerGas: max(maxFeePerGas, other.maxFeePerGas))
  }
}
