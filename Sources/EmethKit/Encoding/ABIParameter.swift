/// One argument or result of a function, event or custom error: a type and, where it has one, a name.
public struct ABIParameter: Hashable, Sendable {
  /// The name; empty when it has none.
  public let name: String
  /// The type.
  public let type: ABIType
  /// Whether an event keeps it in a topic of its own, so that it can be searched for.
  public let isIndexed: Bool

  /// A parameter.
  public init(_ name: String, _ type: ABIType, isIndexed: Bool = false) {
    self.name = name
    self.type = type
    self.isIndexed = isIndexed
  }
}

extension ABIParameter: CustomStringConvertible {
  /// The text as a declaration has it, such as `bytes16 indexed jobId`.
  public var description: String {
    "\(type)\(isIndexed ? " indexed" : "")\(name.isEmpty ? "" : " \(name)")"
  }
}

extension ValuePath {
  /// Goes down to a parameter, by its name when it has one.
  mutating func enter(_ parameter: ABIParameter, index: Int) {
    if parameter.name.isEmpty {
      enter(member: index)
    } else {
      enter(name: parameter.name)
    }
  }
}

/// What functions, events and custom errors have in common: a name and parameters, as text
/// `name(type name,...)`, for a function followed by ` returns (type name,...)`.
struct ABIDeclaration: Hashable, Sendable {
  let name: String
  let inputs: [ABIParameter]
  let outputs: [ABIParameter]

  /// A declaration of these parts.
  init(name: String, inputs: [ABIParameter], outputs: [ABIParameter] = []) throws(FormatError) {
    for name in [name] + (inputs + outputs).map(\.name).filter({ !$0.isEmpty }) {
      var parser = try ABITypeParser(name)
      guard parser.name() != nil else { throw .abiType(problem: "\(quoted(name)) is no name", at: 0) }
      try parser.finish()
    }
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
  }

  /// The declaration of a text.
  init(parsing text: String, isEvent: Bool = false, isFunction: Bool = false) throws(FormatError) {
    var parser = try ABITypeParser(text, allowsNames: true)
    guard let name = parser.name() else { throw parser.broken("a name is missing") }
    self.name = name
    inputs = try parser.parameters(areIndexed: isEvent)
    outputs = isFunction && parser.take(" returns ") ? try parser.parameters(areIndexed: false) : []
    try parser.finish()
  }

  /// The canonical text that selectors and topics are the hash of: `name(type,type)`.
  var signature: String {
    "\(name)(\(inputs.map(\.type.description).joined(separator: ",")))"
  }
}

extension ABITypeParser {
  /// Reads `(type name,...)`.
  fileprivate mutating func parameters(areIndexed: Bool) throws(FormatError) -> [ABIParameter] {
    guard take("(") else { throw broken("an opening parenthesis is missing") }
    var parameters: [ABIParameter] = []
    guard !take(")") else { return parameters }
    repeat {
      let type = try type()
      let isIndexed = areIndexed && take(" indexed")
      var parameterName = ""
      if take(" ") {
        guard let name = name() else { throw broken("a name is missing") }
        parameterName = name
      }
      parameters.append(ABIParameter(parameterName, type, isIndexed: isIndexed))
    } while separator()
    guard take(")") else { throw broken("a comma or a closing parenthesis is missing") }
    return parameters
  }
}
