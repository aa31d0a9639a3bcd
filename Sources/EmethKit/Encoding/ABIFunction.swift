/// A function of a contract: its name, what it takes and what it returns.
///
/// ```swift
/// let transfer: ABIFunction = "transfer(address to,uint256 amount) returns (bool)"
/// let data = try transfer.encodeCall([.address(node), .uint(7)])   // calldata: selector and arguments
/// let done = try transfer.decodeResult(returned)                   // [.bool(true)]
/// ```
/// Names are optional and show up in errors only; members of a tuple may have names too.
public struct ABIFunction: Hashable, Sendable {
  private let declaration: ABIDeclaration
  /// The first four bytes of calldata.
  public let selector: ABISelector

  /// A function of these parts.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` for a name that is none.
  public init(name: String, inputs: [ABIParameter], outputs: [ABIParameter] = []) throws(FormatError) {
    self.init(try ABIDeclaration(name: name, inputs: inputs, outputs: outputs))
  }

  /// The function of a text `name(type name,...) returns (type name,...)`.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` with the position in bytes.
  public init(parsing text: String) throws(FormatError) {
    self.init(try ABIDeclaration(parsing: text, isFunction: true))
  }

  private init(_ declaration: ABIDeclaration) {
    self.declaration = declaration
    selector = ABISelector(signature: declaration.signature)
  }

  /// The name.
  public var name: String { declaration.name }
  /// What it takes.
  public var inputs: [ABIParameter] { declaration.inputs }
  /// What it returns.
  public var outputs: [ABIParameter] { declaration.outputs }
  /// The canonical text, such as `transfer(address,uint256)`.
  public var signature: String { declaration.signature }

  /// The calldata of a call: the selector, then the arguments.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)`` when the values are not what the function takes.
  public func encodeCall(_ values: [ABIValue]) throws(FormatError) -> [UInt8] {
    selector.bytes + (try ABI.encode(values, as: inputs))
  }

  /// The arguments of calldata.
  ///
  /// - Parameter canonical: Whether the arguments must be exactly what ``encodeCall(_:)`` writes.
  /// - Throws: ``FormatError/abi(_:at:path:)``, positions counted from the selector on.
  public func decodeCall(_ data: [UInt8], canonical: Bool = false) throws(FormatError) -> [ABIValue] {
    try selector.check(data)
    return try ABI.decode(data, from: 4, as: inputs, canonical: canonical)
  }

  /// The data that the function returns.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)`` when the values are not what the function returns.
  public func encodeResult(_ values: [ABIValue]) throws(FormatError) -> [UInt8] {
    try ABI.encode(values, as: outputs)
  }

  /// The values of returned data.
  ///
  /// - Parameters:
  ///   - canonical: Whether the data must be exactly what ``encodeResult(_:)`` writes.
  ///   - repairingText: Whether bytes of a text that are no UTF-8 become U+FFFD: contracts take any bytes as text.
  /// - Throws: ``FormatError/abi(_:at:path:)``.
  public func decodeResult(
    _ data: [UInt8], canonical: Bool = false, repairingText: Bool = false
  ) throws(FormatError) -> [ABIValue] {
    try ABI.decode(data, from: 0, as: outputs, canonical: canonical, repairingText: repairingText)
  }
}

extension ABIFunction: ExpressibleByStringLiteral, CustomStringConvertible {
  /// The function of a text that is part of the program; traps when it is broken.
  public init(stringLiteral text: StaticString) {
    self.init(known: text.description)
  }

  /// The function of a text that the program makes from constants; traps when it is broken.
  init(known text: String) {
    do throws(FormatError) {
      try self.init(parsing: text)
    } catch {
      preconditionFailure("\(text): \(error.message)")
    }
  }

  /// The text, as ``init(parsing:)`` reads it.
  public var description: String {
    let inputs = inputs.map(\.description).joined(separator: ",")
    let outputs = outputs.map(\.description).joined(separator: ",")
    return "\(name)(\(inputs))\(outputs.isEmpty ? "" : " returns (\(outputs))")"
  }
}
