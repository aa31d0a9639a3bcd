/// An event of a contract, as it stands in the logs of a transaction.
///
/// ```swift
/// let transfer: ABIEvent = "Transfer(address indexed from,address indexed to,uint256 amount)"
/// let values = try transfer.decode(topics: log.topics, data: log.data)   // from, to, amount
/// ```
/// Events without a topic 0 (`anonymous`) are not read.
public struct ABIEvent: Hashable, Sendable {
  private let declaration: ABIDeclaration
  /// The first topic of the event's logs: the Keccak-256 of the signature.
  public let topic0: Bytes32

  /// The most parameters that can have a topic of their own.
  public static let indexedLimit = 3

  /// An event of these parts.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` for a name that is none, and above ``indexedLimit``.
  public init(name: String, parameters: [ABIParameter]) throws(FormatError) {
    try self.init(try ABIDeclaration(name: name, inputs: parameters))
  }

  /// The event of a text `Name(type indexed name,...)`.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` with the position in bytes.
  public init(parsing text: String) throws(FormatError) {
    try self.init(try ABIDeclaration(parsing: text, isEvent: true))
  }

  private init(_ declaration: ABIDeclaration) throws(FormatError) {
    guard declaration.inputs.count(where: \.isIndexed) <= Self.indexedLimit else {
      throw .abiType(problem: "more than \(Self.indexedLimit) parameters are indexed", at: 0)
    }
    self.declaration = declaration
    topic0 = Keccak256.hash(declaration.signature.utf8)
  }

  /// The name.
  public var name: String { declaration.name }
  /// The parameters in their order.
  public var parameters: [ABIParameter] { declaration.inputs }
  /// The canonical text, such as `Transfer(address,address,uint256)`.
  public var signature: String { declaration.signature }

  /// The values of a log, in the order of the parameters.
  ///
  /// An indexed parameter of more than one word (`string`, `bytes`, arrays, tuples) is in the log as a hash
  /// only, and is given as ``ABIValue/bytes32(_:)`` of that hash.
  ///
  /// - Throws: ``FormatError/abi(_:at:path:)``: the topics of another event, or data that is no encoding.
  public func decode(topics: [Bytes32], data: [UInt8]) throws(FormatError) -> [ABIValue] {
    let expected = 1 + parameters.count(where: \.isIndexed)
    guard let first = topics.first, topics.count == expected else {
      throw .abi(.topicCount(found: topics.count, allowed: expected), at: 0, path: "topics")
    }
    guard first == topic0 else {
      throw .abi(
        .selector(found: first.description, allowed: topic0.description), at: 0, path: "topics[0]")
    }
    var rest = try ABI.decode(
      data, from: 0, as: parameters.filter { !$0.isIndexed }, canonical: false)[...]
    var indexed = topics.dropFirst()
    var values: [ABIValue] = []
    for parameter in parameters {
      if !parameter.isIndexed {
        values += rest.prefix(1)
        rest = rest.dropFirst()
      } else if let topic = indexed.popFirst() {
        values.append(try Self.value(of: topic, parameter))
      }
    }
    return values
  }

  /// The topics and the data of a log.
  ///
  /// - Throws: ``FormatError/abiValue(at:problem:)`` when the values are not those of the parameters.
  public func encode(_ values: [ABIValue]) throws(FormatError) -> (topics: [Bytes32], data: [UInt8]) {
    // Checks all of them; only the data is then made of those that are not indexed.
    _ = try ABI.encode(values, as: parameters)
    let pairs = zip(parameters, values)
    let topics = pairs.filter(\.0.isIndexed).map { ABIEvent.topic(of: $1) }
    return ([topic0] + topics, ABI.encode(pairs.filter { !$0.0.isIndexed }.map(\.1)))
  }

  /// The topic that an indexed value has, to search logs by: its word, or the hash of what has more than one.
  public static func topic(of value: ABIValue) -> Bytes32 {
    var writer = ABIWriter()
    writer.appendInPlace(value)
    switch value {
    case .uint, .address, .bytes32, .fixedBytes, .bool:
      return Bytes32(writer.bytes) ?? .zero
    case .bytes(let content): return Keccak256.hash(content)
    case .string(let text): return Keccak256.hash(text.utf8)
    case .array, .tuple: return Keccak256.hash(writer.bytes)
    }
  }

  private static func value(of topic: Bytes32, _ parameter: ABIParameter) throws(FormatError) -> ABIValue {
    switch parameter.type.form {
    case .bytes, .string, .array, .fixedArray, .tuple: return .bytes32(topic)
    case .uint, .int, .address, .bool, .fixedBytes:
      var decoder = ABIDecoder(data: topic.bytes, start: 0, isCanonical: true)
      return try decoder.decode([parameter])[0]
    }
  }
}

extension ABIEvent: ExpressibleByStringLiteral, CustomStringConvertible {
  /// The event of a text that is part of the program; traps when it is broken.
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
