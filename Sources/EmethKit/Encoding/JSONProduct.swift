/// What a ``JSONReader`` makes of a document, built from the inside out.
protocol JSONProduct {
  associatedtype Elements
  associatedtype Members

  static var null: Self { get }
  static var noElements: Elements { get }
  static var noMembers: Members { get }
  init(truth: Bool)
  init(number place: Range<Int>, in bytes: UnsafeRawBufferPointer)
  init(string: JSONString, in bytes: UnsafeRawBufferPointer)
  init(elements: Elements)
  init(members: Members)
  static func append(_ element: Self, to elements: inout Elements)
  static func append(
    _ key: JSONString, in bytes: UnsafeRawBufferPointer, _ value: Self, to members: inout Members)
}

/// A string as it stands in a document, without its quotation marks.
struct JSONString {
  var place: Range<Int>
  var hasEscapes: Bool

  /// The bytes of UTF-8 that it stands for.
  func bytes(in document: UnsafeRawBufferPointer) -> [UInt8] {
    hasEscapes ? JSONReader<JSONSyntax>.unescaped(place, in: document) : Array(document[place])
  }

  /// What it stands for.
  func text(in document: UnsafeRawBufferPointer) -> String {
    hasEscapes
      ? String(decoding: bytes(in: document), as: UTF8.self)
      : String(decoding: UnsafeRawBufferPointer(rebasing: document[place]), as: UTF8.self)
  }
}

extension JSONValue: JSONProduct {
  static var noElements: [JSONValue] { [] }
  static var noMembers: [Member] { [] }

  init(truth: Bool) { self = .bool(truth) }
  init(number place: Range<Int>, in bytes: UnsafeRawBufferPointer) {
    self = .number(String(decoding: UnsafeRawBufferPointer(rebasing: bytes[place]), as: UTF8.self))
  }
  init(string: JSONString, in bytes: UnsafeRawBufferPointer) { self = .string(string.text(in: bytes)) }
  init(elements: [JSONValue]) { self = .array(elements) }
  init(members: [Member]) { self = .object(members) }

  static func append(_ element: JSONValue, to elements: inout [JSONValue]) { elements.append(element) }
  static func append(
    _ key: JSONString, in bytes: UnsafeRawBufferPointer, _ value: JSONValue, to members: inout [Member]
  ) {
    members.append(Member(key.text(in: bytes), value))
  }
}

/// Nothing but the knowledge that a document is one: reading it takes memory for the keys of the objects that
/// are open alone.
struct JSONSyntax: JSONProduct {
  static let null = JSONSyntax()
  static let noElements: Void = ()
  static let noMembers: Void = ()

  private init() {}
  init(truth: Bool) {}
  init(number place: Range<Int>, in bytes: UnsafeRawBufferPointer) {}
  init(string: JSONString, in bytes: UnsafeRawBufferPointer) {}
  init(elements: Void) {}
  init(members: Void) {}

  static func append(_ element: JSONSyntax, to elements: inout Void) {}
  static func append(
    _ key: JSONString, in bytes: UnsafeRawBufferPointer, _ value: JSONSyntax, to members: inout Void
  ) {}

  /// Checks one document as ``JSONValue`` reads it, within the default depth.
  ///
  /// - Throws: ``FormatError``: `jsonSyntax`, `jsonDepth`, `jsonDuplicateKey`.
  static func check(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    _ = try JSONReader<JSONSyntax>.read(bytes, depthLimit: JSONValue.defaultDepthLimit)
  }
}
