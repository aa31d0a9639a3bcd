import EmethKit

// What this project asks nodes, and what must be true of the answers.
extension ChainClient {
  /// The chain's number (EIP-155).
  public func chainID() async throws(ChainError) -> UInt64 {
    try await request("eth_chainId").quantity(of: "eth_chainId")
  }

  /// The newest block's height.
  public func blockNumber() async throws(ChainError) -> UInt64 {
    try await request("eth_blockNumber").quantity(of: "eth_blockNumber")
  }

  /// A block; nil when the node has none of that height.
  public func block(_ tag: BlockTag) async throws(ChainError) -> ChainBlock? {
    try await blocks([tag]).first ?? nil
  }

  /// Several blocks.
  func blocks(_ tags: [BlockTag]) async throws(ChainError) -> [ChainBlock?] {
    let method = "eth_getBlockByNumber"
    let results = try await batch(tags.map { RPCCall(method, [$0.json, .bool(false)]) })
    var blocks: [ChainBlock?] = []
    for (tag, result) in zip(tags, results) {
      let block = try ChainBlock(try result.get(), method: method)
      if case .number(let number) = tag, let block, block.number != number {
        throw .contradiction(
          method: method, what: "the block's number", found: "\(block.number)", expected: "\(number)")
      }
      blocks.append(block)
    }
    return blocks
  }

  /// An account's coin, in wei.
  public func balance(of account: Address) async throws(ChainError) -> UInt256 {
    let method = "eth_getBalance"
    return try await request(method, [.hex(account), BlockTag.latest.json]).quantity(of: method)
  }

  /// How many transactions an account has sent.
  public func transactionCount(
    of account: Address, at tag: BlockTag = .latest
  ) async throws(ChainError) -> UInt64 {
    let method = "eth_getTransactionCount"
    return try await request(method, [.hex(account), tag.json]).quantity(of: method)
  }

  /// A contract's code; empty when there is none.
  public func code(at address: Address) async throws(ChainError) -> [UInt8] {
    let method = "eth_getCode"
    return try await request(method, [.hex(address), BlockTag.latest.json]).hexBytes(of: method)
  }

  /// What a function of a contract returns, without a transaction.
  ///
  /// - Throws: ``ChainError/reverted(function:reason:)`` when the contract refuses,
  ///   ``ChainError/noContract(address:chainID:)`` where there is none.
  public func call<Output>(
    _ call: ContractCall<Output>, at contract: Address, from sender: Address? = nil, block: BlockTag = .latest
  ) async throws(ChainError) -> Output {
    let results = try await batch([Self.ethCall(call, contract, sender, block)])
    return try await output(of: call, at: contract, results.first)
  }

  static func ethCall<Output>(
    _ call: ContractCall<Output>, _ contract: Address, _ sender: Address? = nil, _ block: BlockTag = .latest
  ) -> RPCCall {
    RPCCall(
      "eth_call",
      [TransactionRequest(from: sender, to: contract, data: call.data, value: .zero).json, block.json])
  }

  /// Reads the result of an `eth_call`.
  func output<Output>(
    of call: ContractCall<Output>, at contract: Address, _ result: Result<JSONValue, ChainError>?
  ) async throws(ChainError) -> Output {
    guard let result else { throw .malformed(method: "eth_call", reason: "it is missing") }
    let returned: [UInt8]
    do throws(ChainError) {
      returned = try result.get().hexBytes(of: "eth_call")
    } catch {
      throw error.naming(call.function.name)
    }
    if returned.isEmpty, !call.function.outputs.isEmpty, try await code(at: contract).isEmpty {
      throw .noContract(address: contract, chainID: try await chainID())
    }
    do throws(ContractError) {
      return try call.result(returned)
    } catch {
      throw .contract(error)
    }
  }

  /// The gas that a transaction needs on the newest state.
  ///
  /// - Throws: ``ChainError/reverted(function:reason:)``.
  func estimateGas(_ request: TransactionRequest, function: String) async throws(ChainError) -> UInt64 {
    let method = "eth_estimateGas"
    do throws(ChainError) {
      return try await self.request(method, [request.json]).quantity(of: method)
    } catch {
      throw error.naming(function)
    }
  }

  /// Hands a signed transaction in; one that the node has already is no error.
  func sendRaw(_ raw: [UInt8], hash: Bytes32) async throws(ChainError) {
    let method = RPCCall.sendRaw
    do throws(ChainError) {
      let found = try await request(method, [.hex(raw)]).hexBytes(of: method)
      guard found == hash.bytes else {
        throw .contradiction(
          method: method, what: "the transaction's hash", found: Hex.encode(found.prefix(32)),
          expected: "\(hash)")
      }
    } catch {
      guard case .alreadyKnown? = error.fault else { throw error }
    }
  }

  /// What became of transactions; nil for those that no block has.
  func receipts(of transactions: [Bytes32]) async throws(ChainError) -> [ChainReceipt?] {
    let method = "eth_getTransactionReceipt"
    let results = try await batch(transactions.map { RPCCall(method, [.hex($0.bytes)]) })
    var receipts: [ChainReceipt?] = []
    for (transaction, result) in zip(transactions, results) {
      receipts.append(try ChainReceipt(try result.get(), of: transaction, method: method))
    }
    return receipts
  }

  /// Whether the node knows a transaction, in a block or in its pool.
  func knows(_ transaction: Bytes32) async throws(ChainError) -> Bool {
    try await request("eth_getTransactionByHash", [.hex(transaction.bytes)]) != .null
  }

  /// What contracts logged in a range of blocks, in the chain's order.
  func logs(of contracts: [Address], in blocks: ClosedRange<UInt64>) async throws(ChainError) -> [ChainLog] {
    let answer = try await request(
      Self.getLogs,
      [
        .object([
          .init("fromBlock", .hex(blocks.lowerBound)), .init("toBlock", .hex(blocks.upperBound)),
          .init("address", .array(contracts.map { .hex($0) })),
        ])
      ])
    return try Self.logs(answer, of: contracts, in: blocks)
  }

  /// What a contract logged with some topics, in the chain's order.
  func logs(_ filter: LogFilter) async throws(ChainError) -> [ChainLog] {
    let blocks = filter.blocks
    let topics: [JSONValue] = filter.topics.map { topic in
      guard let topic else { return .null }
      return .hex(topic.bytes)
    }
    let answer = try await request(
      Self.getLogs,
      [
        .object([
          .init("fromBlock", .hex(blocks.lowerBound)), .init("toBlock", .hex(blocks.upperBound)),
          .init("address", .array([.hex(filter.contract)])),
          .init("topics", .array(topics)),
        ])
      ])
    return try Self.logs(answer, of: [filter.contract], in: blocks)
  }

  /// What contracts logged in blocks that are named by their hashes, in the chain's order: a node that does not have one of
  /// them says so, where it would leave logs out of a range.
  func logs(of contracts: [Address], in blocks: [ChainBlock]) async throws(ChainError) -> [ChainLog] {
    let calls = blocks.map { block in
      RPCCall(
        Self.getLogs,
        [
          .object([
            .init("blockHash", .hex(block.hash.bytes)),
            .init("address", .array(contracts.map { .hex($0) })),
          ])
        ])
    }
    var logs: [ChainLog] = []
    for (block, answer) in zip(blocks, try await batch(calls)) {
      let found = try Self.logs(try answer.get(), of: contracts, in: block.number...block.number)
      for log in found where log.blockHash != block.hash {
        throw .contradiction(
          method: Self.getLogs, what: "the block of log \(log.index) in block \(log.blockNumber)",
          found: "\(log.blockHash)", expected: "\(block.hash)")
      }
      logs += found
    }
    return logs
  }

  private static let getLogs = "eth_getLogs"

  private static func logs(
    _ answer: JSONValue, of contracts: [Address], in blocks: ClosedRange<UInt64>
  ) throws(ChainError) -> [ChainLog] {
    let method = getLogs
    guard case .array(let elements) = answer else {
      throw .malformed(method: method, reason: "it is \(answer.kind), not an array")
    }
    var logs: [ChainLog] = []
    for element in elements {
      let log = try ChainLog(element, method: method)
      guard blocks.contains(log.blockNumber), contracts.contains(log.address) else {
        throw .contradiction(
          method: method, what: "a log's place", found: "block \(log.blockNumber), contract \(log.address)",
          expected: "blocks \(blocks.lowerBound) to \(blocks.upperBound) and the contracts asked for")
      }
      logs.append(log)
    }
    logs.sort { ($0.blockNumber, $0.index) < ($1.blockNumber, $1.index) }
    for (log, next) in zip(logs, logs.dropFirst())
    where (log.blockNumber, log.index) == (next.blockNumber, next.index) {
      throw .contradiction(
        method: method, what: "log \(log.index) of block \(log.blockNumber)", found: "there twice",
        expected: "there once")
    }
    return logs
  }

  /// What gas costs now: twice the next block's base fee, and the priority fee that half of the recent blocks'
  /// transactions paid less than.
  public func fees() async throws(ChainError) -> ChainFees {
    let method = "eth_feeHistory"
    let results = try await batch([
      RPCCall(method, [.hex(UInt64(20)), BlockTag.latest.json, .array([.number("50")])]),
      RPCCall("eth_getBlockByNumber", [BlockTag.latest.json, .bool(false)]),
    ])
    guard results.count == 2 else { throw .malformed(method: method, reason: "it is missing") }
    if case .success(let history) = results[0] { return try ChainFees(feeHistory: history) }
    // Some nodes have no history of fees.
    let block = try ChainBlock(try results[1].get(), method: "eth_getBlockByNumber")
    guard let base = block?.baseFeePerGas else { throw .malformed(method: method, reason: "no base fee") }
    return ChainFees(nextBaseFeePerGas: base, priorityFeePerGas: ChainFees.usualPriorityFeePerGas)
  }
}

extension ChainError {
  /// The same, where the node's method stands for a contract's function.
  func naming(_ function: String) -> ChainError {
    if case .reverted(_, let reason) = self { return .reverted(function: function, reason: reason) }
    return self
  }
}

/// Which logs of a contract are asked for.
final class LogFilter: Sendable {
  let contract: Address
  /// What they are searched by, the event first; nil is anything.
  let topics: [Bytes32?]
  let blocks: ClosedRange<UInt64>

  init(contract: Address, topics: [Bytes32?], blocks: ClosedRange<UInt64>) {
    (self.contract, self.topics, self.blocks) = (contract, topics, blocks)
  }
}
