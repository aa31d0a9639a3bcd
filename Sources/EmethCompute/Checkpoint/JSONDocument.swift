import Foundation

/// A JSON text as read: members in their order, numbers as written, nothing guessed.
///
/// Stricter than RFC 8259 where files are hostile: a key twice in one object, nesting beyond 64 levels, bytes
/// that are not UTF-8, and anything after the value are refused.
enum JSONDocument: Equatable, Sendable {
  case object([(key: String, value: JSONDocument)])
  case array([JSONDocument])
  case string(String)
  case number(String)
  case bool(Bool)
  case null

  /// Reads a file of at most `byteLimit` bytes.
  init(contentsOf file: URL, byteLimit: Int) throws(ComputeError) {
    try self.init(parsing: WholeFile.read(file, byteLimit: byteLimit), path: file.path)
  }

  /// Reads JSON text; `path` names it in errors.
  init(parsing bytes: [UInt8], path: String) throws(ComputeError) {
    var check = UTF8Check()
    if let offset = bytes.withUnsafeBufferPointer({ check.read($0) }) {
      throw .malformedFile(
        path: path, what: "byte \(offset)", found: "0x" + String(bytes[offset], radix: 16), allowed: "UTF-8")
    }
    var parser = JSONParser(bytes: bytes, path: path)
    self = try parser.document()
  }

  /// The member of an object, nil when there is none. O(members).
  subscript(key: String) -> JSONDocument? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// The text of a string.
  var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The value of a number written as an integer that fits.
  var integer: Int? {
    if case .number(let text) = self { Int(text) } else { nil }
  }

  /// The binary64 value of a number.
  var double: Double? {
    if case .number(let text) = self { Double(text) } else { nil }
  }

  /// The value of true or false.
  var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// What an error says of the value: short, whatever it holds.
  var brief: String {
    switch self {
    case .object(let members): "an object of \(members.count)"
    case .array(let elements): "an array of \(elements.count)"
    case .string(let text): "\"\(text.prefix(40))\""
    case .number(let text): String(text.prefix(40))
    case .bool(let value): "\(value)"
    case .null: "null"
    }
  }

  /// Members are compared in their order.
  static func == (left: JSONDocument, right: JSONDocument) -> Bool {
    switch (left, right) {
    case (.object(let a), .object(let b)):
      a.elementsEqual(b) { $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value }
    case (.array(let a), .array(let b)): a == b
    case (.string(let a), .string(let b)), (.number(let a), .number(let b)): a.utf8.elementsEqual(b.utf8)
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    case (.object, _), (.array, _), (.string, _), (.number, _), (.bool, _), (.null, _): false
    }
  }

  /// Appends `text` as a JSON string: quote, backslash and control characters escaped, the rest as UTF-8.
  static func append(string text: String, to json: inout [UInt8]) {
    json.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        json += "\\u00".utf8
        json += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: json.append(byte)
      }
    }
    json.append(UInt8(ascii: "\""))
  }
}
