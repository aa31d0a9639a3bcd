import EmethKit

/// What an account asks a chain to do, before nonce, gas and fees are known.
struct TransactionRequest: Sendable, Hashable {
  var from: Address?
  /// The contract; nil creates one of the data.
  var to: Address?
  var data: [UInt8]
  var value: UInt256

  /// As `eth_call` and `eth_estimateGas` take it.
  var json: JSONValue {
    var members: [JSONValue.Member] = [.init("data", .hex(data))]
    if let from { members.append(.init("from", .hex(from))) }
    if let to { members.append(.init("to", .hex(to))) }
    if value > .zero { members.append(.init("value", .hex(value))) }
    return .object(members)
  }
}
