/// A call of a contract's function: the calldata to send, and how to read what comes back.
///
/// ```swift
/// let call = EmethCore.deposits(of: node)
/// let returned = try await chain.call(core, data: call.data)   // by whatever speaks to the chain
/// let deposit: TokenAmount = try call.result(returned)
/// ```
/// The same for functions that change something (their data goes into a transaction) and for views.
public struct ContractCall<Output: Sendable>: Sendable {
  /// The function that is called.
  public let function: ABIFunction
  /// The calldata: selector and arguments.
  public let data: [UInt8]
  private let read: @Sendable (inout ContractFields) throws(ContractError) -> Output

  /// A call of a function whose table entry is part of the program; traps when the values don't fit it.
  init(
    _ function: ABIFunction, _ values: [ABIValue] = [],
    read: @escaping @Sendable (inout ContractFields) throws(ContractError) -> Output
  ) {
    do throws(FormatError) {
      data = try function.encodeCall(values)
    } catch {
      preconditionFailure("\(function): \(error.message)")
    }
    self.function = function
    self.read = read
  }

  /// What the function returned. What is no UTF-8 in its texts is replaced by U+FFFD: whoever writes such a text into a contract
  /// must not make a job unreadable for those who check it.
  ///
  /// - Throws: ``ContractError/data(of:cause:)``, ``ContractError/value(of:member:found:allowed:)``.
  public func result(_ returned: [UInt8]) throws(ContractError) -> Output {
    let values: [ABIValue]
    do throws(FormatError) {
      values = try function.decodeResult(returned, repairingText: true)
    } catch {
      throw .data(of: function.name, cause: error)
    }
    var fields = ContractFields(source: function.name, parameters: function.outputs, values: values)
    return try read(&fields)
  }
}

extension ContractCall where Output == Void {
  /// A call that returns nothing.
  init(_ function: ABIFunction, _ values: [ABIValue] = []) {
    self.init(function, values) { (_) throws(ContractError) in }
  }
}

extension ContractCall where Output == Bool {
  /// A call that returns a truth value.
  static func bool(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall {
    ContractCall(function, values) { fields throws(ContractError) in try fields.bool() }
  }
}

extension ContractCall where Output == TokenAmount {
  /// A call that returns an amount.
  static func amount(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall {
    ContractCall(function, values) { fields throws(ContractError) in try fields.amount() }
  }
}

extension ContractCall where Output == Fuel {
  /// A call that returns fuel.
  static func fuel(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall {
    ContractCall(function, values) { fields throws(ContractError) in try fields.fuel() }
  }
}

extension ContractCall where Output == UInt64 {
  /// A call that returns a count, an epoch, a slot or a time.
  static func count(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall {
    ContractCall(function, values) { fields throws(ContractError) in try fields.count() }
  }
}

extension ContractCall where Output == Address {
  /// A call that returns an address.
  static func address(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall {
    ContractCall(function, values) { fields throws(ContractError) in try fields.address() }
  }
}
