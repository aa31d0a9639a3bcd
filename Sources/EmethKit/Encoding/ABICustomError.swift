/// An error that a contract declares by name, as it stands in the data of a reverted call.
///
/// ```swift
/// let tooLow: ABICustomError = "BalanceTooLow(uint256 found,uint256 needed)"
/// let reason = RevertReason(data, errors: [tooLow])
/// ```
public struct ABICustomError: Hashable, Sendable {
  private let declaration: ABIDeclaration
  /// The first four bytes of the data.
  public let selector: ABISelector

  /// An error of these parts.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` for a name that is none.
  public init(name: String, parameters: [ABIParameter]) throws(FormatError) {
    self.init(try ABIDeclaration(name: name, inputs: parameters))
  }

  /// The error of a text `Name(type name,...)`.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` with the position in bytes.
  public init(parsing text: String) throws(FormatError) {
    self.init(try ABIDeclaration(parsing: text))
  }

  private init(_ declaration: ABIDeclaration) {
    self.declaration = declaration
    selector = ABISelector(signature: declaration.signature)
  }

  /// The name.
  public var name: String { declaration.name }
  /// The parameters in their order.
  public var parameters: [ABIParameter] { declaration.inputs }
  /// The canonical text, such as `BalanceTooLow(uint256,uint256)`.
  public var signature: String { declaration.signature }

  /// The data of a revert: the selector, then the values.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)`` when the values are not those of the parameters.
  public func encode(_ values: [ABIValue]) throws(FormatError) -> [UInt8] {
    selector.bytes + (try ABI.encode(values, as: parameters))
  }

  /// The values of a revert's data.
  ///
  /// - Throws: ``FormatError/abi(_:at:path:)``, positions counted from the selector on.
  public func decode(_ data: [UInt8]) throws(FormatError) -> [ABIValue] {
    try selector.check(data)
    return try ABI.decode(data, from: 4, as: parameters, canonical: false)
  }
}

extension ABICustomError: ExpressibleByStringLiteral, CustomStringConvertible {
  /// The error of a text that is part of the program; traps when it is broken.
  public init(stringLiteral text: StaticString) {
    do throws(FormatError) {
      try self.init(parsing: text.description)
    } catch {
      preconditionFailure("\(text): \(error.message)")
    }
  }

  /// The text, as ``init(parsing:)`` reads it.
  public var description: String {
    "\(name)(\(parameters.map(\.description).joined(separator: ",")))"
  }
}
