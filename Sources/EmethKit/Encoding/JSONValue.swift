/// A JSON document that was read strictly, with every number as the text it was written as.
///
/// ```swift
/// let value = try JSONValue(parsing: #"{"b": [1, 2], "a": "text"}"#)
/// print(try value.canonical)     // {"a":"text","b":[1,2]}
/// ```
/// Strict: RFC 8259 without exceptions, no key twice in one object, no lone surrogates, limits on size and
/// depth.
public indirect enum JSONValue: Hashable, Sendable {
  /// An object's members in the order of the text.
  case object([Member])
  /// An array.
  case array([JSONValue])
  /// A string.
  case string(String)
  /// A number, as it was written.
  case number(String)
  /// A truth value.
  case bool(Bool)
  /// null.
  case null

  /// One member of an object.
  public struct Member: Hashable, Sendable {
    /// The key.
    public let key: String
    /// The value.
    public let value: JSONValue

    /// A member.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// The most bytes that are read unless the caller says otherwise: 16 MiB.
  public static let defaultByteLimit = 16 << 20
  /// The deepest nesting that is read unless the caller says otherwise.
  public static let defaultDepthLimit = 64

  /// The document of a text.
  ///
  /// - Parameters:
  ///   - text: The whole document; white space around it is allowed, nothing else.
  ///   - byteLimit: The most bytes of UTF-8.
  ///   - depthLimit: How many arrays and objects may lie in each other.
  /// - Throws: ``FormatError``: `jsonSyntax`, `jsonSize`, `jsonDepth`, `jsonDuplicateKey`.
  public init(
    parsing text: String, byteLimit: Int = defaultByteLimit, depthLimit: Int = defaultDepthLimit
  ) throws(FormatError) {
    let bytes = Array(text.utf8)
    guard bytes.count <= byteLimit else { throw .jsonSize(found: bytes.count, allowed: byteLimit) }
    self = try bytes.withUnsafeBufferPointer { (bytes) throws(FormatError) in
      try JSONReader<JSONValue>.read(UnsafeRawBufferPointer(bytes), depthLimit: depthLimit)
    }
  }

  /// An integer of at most 32 bits, as numbers of this protocol travel.
  public static func integer(_ value: UInt32) -> JSONValue {
    .number(String(value))
  }
}

extension JSONValue {
  /// The value of a key, or nil when this is no object or has no such key.
  ///
  /// Keys are compared by their bytes, not by what looks the same in Unicode.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// What kind of value this is, for messages: `object`, `array`, `string`, `number`, `boolean` or `null`.
  public var kind: String {
    switch self {
    case .object: "object"
    case .array: "array"
    case .string: "string"
    case .number: "number"
    case .bool: "boolean"
    case .null: "null"
    }
  }

  /// The value of a key.
  /// - Throws: ``FormatError``: `jsonKind` when this is no object, `jsonMissing` when it has no such key.
  public func required(_ key: String) throws(FormatError) -> JSONValue {
    guard case .object = self else { throw .jsonKind(found: kind, allowed: "object") }
    guard let value = self[key] else { throw .jsonMissing(key: key) }
    return value
  }

  /// The members of an object.
  /// - Throws: ``FormatError/jsonKind(found:allowed:)``.
  public func objectMembers() throws(FormatError) -> [Member] {
    guard case .object(let members) = self else { throw .jsonKind(found: kind, allowed: "object") }
    return members
  }

  /// The elements of an array.
  /// - Throws: ``FormatError/jsonKind(found:allowed:)``.
  public func arrayElements() throws(FormatError) -> [JSONValue] {
    guard case .array(let elements) = self else { throw .jsonKind(found: kind, allowed: "array") }
    return elements
  }

  /// The text of a string.
  /// - Throws: ``FormatError/jsonKind(found:allowed:)``.
  public func stringText() throws(FormatError) -> String {
    guard case .string(let text) = self else { throw .jsonKind(found: kind, allowed: "string") }
    return text
  }

  /// A truth value.
  /// - Throws: ``FormatError/jsonKind(found:allowed:)``.
  public func truth() throws(FormatError) -> Bool {
    guard case .bool(let truth) = self else { throw .jsonKind(found: kind, allowed: "boolean") }
    return truth
  }

  /// An integer without a sign, written as a number or as a decimal string (PROTOCOL 10), within the type's
  /// range.
  /// - Throws: ``FormatError/jsonKind(found:allowed:)``, ``FormatError/jsonNumber(found:)``.
  public func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type = Number.self
  ) throws(FormatError) -> Number {
    switch self {
    case .number(let text), .string(let text):
      guard let number = Number(decimal: text) else { throw .jsonNumber(found: text) }
      return number
    case .object, .array, .bool, .null:
      throw .jsonKind(found: kind, allowed: "number or decimal string")
    }
  }
}
