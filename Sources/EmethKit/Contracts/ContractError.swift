/// Why what a contract returned or logged can't be taken for what it should be.
public enum ContractError: EmethError, Equatable {
  /// Data that is no encoding of what the function returns or the event holds.
  case data(of: String, cause: FormatError)
  /// A value that the contract's type allows, but not ours: a status that does not exist, fuel above 64 bits.
  case value(of: String, member: String, found: String, allowed: String)
  /// A log whose topic 0 is none of the contract's events.
  case unknownEvent(topic0: Bytes32?)

  /// A stable identifier such as `contract.value`.
  public var code: String {
    switch self {
    case .data: "contract.data"
    case .value: "contract.value"
    case .unknownEvent: "contract.unknownEvent"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .data(let source, let cause):
      "\(source) is broken: \(cause.message)"
    case .value(let source, let member, let found, let allowed):
      "\(source) has \(member) \(quoted(found)), allowed is \(allowed)"
    case .unknownEvent(let topic0):
      topic0.map { "log with topic \($0) is no event of this contract" } ?? "log has no topic"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .data: "check that the address is that of the contract, on this chain"
    case .value, .unknownEvent: nil
    }
  }
}
