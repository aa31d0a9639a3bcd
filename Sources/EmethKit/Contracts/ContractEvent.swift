/// An event of a contract, and how its values become one of ours.
struct ContractEvent<Output: Sendable>: Sendable {
  let event: ABIEvent
  private let read: @Sendable (inout ContractFields) throws(ContractError) -> Output

  init(
    _ event: ABIEvent, read: @escaping @Sendable (inout ContractFields) throws(ContractError) -> Output
  ) {
    self.event = event
    self.read = read
  }

  /// What a log says by the one event of the table that it belongs to.
  static func output(
    in table: [ContractEvent], topics: [Bytes32], data: [UInt8]
  ) throws(ContractError) -> Output {
    guard let entry = table.first(where: { $0.event.topic0 == topics.first }) else {
      throw .unknownEvent(topic0: topics.first)
    }
    let values: [ABIValue]
    do throws(FormatError) {
      values = try entry.event.decode(topics: topics, data: data)
    } catch {
      throw .data(of: entry.event.name, cause: error)
    }
    var fields = ContractFields(
      source: entry.event.name, parameters: entry.event.parameters, values: values)
    return try entry.read(&fields)
  }
}
