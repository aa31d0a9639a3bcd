import EmethKit

/// Something that a contract logged, and where it stands in the chain.
public struct ChainLog: Hashable, Sendable {
  /// The contract.
  public let address: Address
  /// What it is searched by; the first names the event.
  public let topics: [Bytes32]
  /// The rest.
  public let data: [UInt8]
  /// The block's height.
  public let blockNumber: UInt64
  /// The block's hash.
  public let blockHash: Bytes32
  /// The transaction that made it.
  public let transaction: Bytes32
  /// Its place among the block's logs.
  public let index: UInt64

  /// A log of these values.
  public init(
    address: Address, topics: [Bytes32], data: [UInt8], blockNumber: UInt64, blockHash: Bytes32,
    transaction: Bytes32, index: UInt64
  ) {
    self.address = address
    self.topics = topics
    self.data = data
    self.blockNumber = blockNumber
    self.blockHash = blockHash
    self.transaction = transaction
    self.index = index
  }

  init(_ json: JSONValue, method: String) throws(ChainError) {
    let reader = RPCReader(method: method, json: json)
    if json["removed"] == .bool(true) {
      throw .malformed(method: method, reason: "a log is of a block that is no part of the chain any more")
    }
    var topics: [Bytes32] = []
    for topic in try reader.elements("topics") {
      guard let text = try? topic.stringText(), let word = try? Bytes32(hex: text) else {
        throw .malformed(method: method, reason: "a topic is broken")
      }
      topics.append(word)
    }
    self.init(
      address: try reader.address("address"), topics: topics, data: try reader.bytes("data"),
      blockNumber: try reader.quantity("blockNumber"), blockHash: try reader.bytes32("blockHash"),
      transaction: try reader.bytes32("transactionHash"), index: try reader.quantity("logIndex"))
  }
}

/// What became of a transaction in the block that took it in.
public struct ChainReceipt: Hashable, Sendable {
  /// The transaction.
  public let transaction: Bytes32
  /// The block's height.
  public let blockNumber: UInt64
  /// The block's hash.
  public let blockHash: Bytes32
  /// The contract that it created; nil when it called one.
  public let createdContract: Address?
  /// Whether it did what it was for; otherwise it cost gas and changed nothing.
  public let hasSucceeded: Bool
  /// The gas that it used.
  public let gasUsed: UInt64
  /// What one gas cost, in wei; nil when the node does not say.
  public let effectiveGasPrice: UInt256?
  /// What contracts logged.
  public let logs: [ChainLog]

  /// The receipt of an answer; nil when there is none.
  init?(_ json: JSONValue, of transaction: Bytes32, method: String) throws(ChainError) {
    if json == .null { return nil }
    let reader = RPCReader(method: method, json: json)
    self.transaction = try reader.bytes32("transactionHash")
    guard self.transaction == transaction else {
      throw .contradiction(
        method: method, what: "the transaction", found: "\(self.transaction)", expected: "\(transaction)")
    }
    blockNumber = try reader.quantity("blockNumber")
    blockHash = try reader.bytes32("blockHash")
    createdContract = try reader.address(ifPresent: "contractAddress")
    let status: UInt64 = try reader.quantity("status")
    hasSucceeded = status == 1
    gasUsed = try reader.quantity("gasUsed")
    effectiveGasPrice = try reader.quantity(ifPresent: "effectiveGasPrice")
    var logs: [ChainLog] = []
    for log in try reader.elements("logs") { logs.append(try ChainLog(log, method: method)) }
    for log in logs where log.transaction != transaction || log.blockHash != blockHash {
      throw .contradiction(
        method: method, what: "the place of log \(log.index)", found: "\(log.transaction)",
        expected: "\(transaction)")
    }
    self.logs = logs
  }
}
