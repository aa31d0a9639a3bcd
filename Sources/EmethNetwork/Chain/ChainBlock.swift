import EmethKit

/// The head of a block, as far as this project needs it.
public struct ChainBlock: Hashable, Sendable {
  /// Its height.
  public let number: UInt64
  /// Its hash.
  public let hash: Bytes32
  /// The hash of the block before it.
  public let parentHash: Bytes32
  /// When it was made, unix seconds.
  public let timestamp: UInt64
  /// What one gas costs at least in it, in wei; nil on chains without EIP-1559.
  public let baseFeePerGas: UInt256?
  /// The most gas of all its transactions.
  public let gasLimit: UInt64

  /// The block of an answer; nil when the node has none.
  init?(_ json: JSONValue, method: String) throws(ChainError) {
    if json == .null { return nil }
    let reader = RPCReader(method: method, json: json)
    number = try reader.quantity("number")
    hash = try reader.bytes32("hash")
    parentHash = try reader.bytes32("parentHash")
    timestamp = try reader.quantity("timestamp")
    baseFeePerGas = try reader.quantity(ifPresent: "baseFeePerGas")
    gasLimit = try reader.quantity("gasLimit")
  }
}

/// Which state of the chain a question is about.
public enum BlockTag: Hashable, Sendable {
  /// That of the newest block.
  case latest
  /// That of the newest block and what waits in the node's pool.
  case pending
  /// That after a block.
  case number(UInt64)

  var json: JSONValue {
    switch self {
    case .latest: .string("latest")
    case .pending: .string("pending")
    case .number(let number): .hex(number)
    }
  }
}
