/// A transaction before it is signed: what an account asks a chain to do, and what it pays for that.
///
/// ```swift
/// let transaction = try Transaction(
///   kind: .dynamicFee(chainId: 1, maxPriorityFeePerGas: 1_000_000_000, maxFeePerGas: 30_000_000_000),
///   nonce: 7, gasLimit: 60_000, to: token, data: calldata)
/// let raw = transaction.signed(with: key).encoded      // for eth_sendRawTransaction
/// ```
/// Always one that a chain could take: a nonce below 2^64 − 1 (EIP-2681) and no priority fee above the
/// maximum fee (EIP-1559). Fees and values are in wei.
public struct Transaction: Hashable, Sendable {
  /// How the transaction is written, where it counts, and how its gas is paid.
  public enum Kind: Hashable, Sendable {
    /// The first form; with a chain ID it counts on that chain only (EIP-155), without one on every chain.
    case legacy(chainId: UInt64?, gasPrice: UInt256)
    /// Type 1: with a list of the storage it will read or write (EIP-2930).
    case accessList(chainId: UInt64, gasPrice: UInt256, accessList: [AccessListEntry] = [])
    /// Type 2: the base fee of the block and a priority fee, at most a maximum in all (EIP-1559).
    case dynamicFee(
      chainId: UInt64, maxPriorityFeePerGas: UInt256, maxFeePerGas: UInt256,
      accessList: [AccessListEntry] = [])
  }

  /// Form, chain and fees.
  public internal(set) var kind: Kind
  /// How many transactions the sender has sent before.
  public let nonce: UInt64
  /// The most gas that may be used.
  public let gasLimit: UInt64
  /// The account or contract called, nil for a contract to be created.
  public let to: Address?
  /// The wei that go with it.
  public let value: UInt256
  /// The calldata, or the code that makes a new contract.
  public let data: [UInt8]

  /// A transaction.
  ///
  /// - Throws: ``TransactionError/nonce``, ``TransactionError/priorityFee(found:maximum:)``.
  public init(
    kind: Kind, nonce: UInt64, gasLimit: UInt64, to: Address?, value: UInt256 = .zero, data: [UInt8] = []
  ) throws(TransactionError) {
    guard nonce < UInt64.max else { throw .nonce }
    if case .dynamicFee(_, let priority, let maximum, _) = kind, priority > maximum {
      throw .priorityFee(found: priority, maximum: maximum)
    }
    self.kind = kind
    self.nonce = nonce
    self.gasLimit = gasLimit
    self.to = to
    self.value = value
    self.data = data
  }

  /// The chain on which it counts, nil for every chain.
  public var chainId: UInt64? {
    switch kind {
    case .legacy(let chainId, _): chainId
    case .accessList(let chainId, _, _), .dynamicFee(let chainId, _, _, _): chainId
    }
  }

  /// The storage that it announces; a legacy transaction none.
  public var accessList: [AccessListEntry] {
    switch kind {
    case .legacy: []
    case .accessList(_, _, let accessList), .dynamicFee(_, _, _, let accessList): accessList
    }
  }

  /// Its number in EIP-2718: 0 for legacy, 1 or 2.
  public var type: UInt8 {
    switch kind {
    case .legacy: 0
    case .accessList: 1
    case .dynamicFee: 2
    }
  }
}
