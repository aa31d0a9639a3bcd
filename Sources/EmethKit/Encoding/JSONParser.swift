/// Reads one JSON document from bytes of UTF-8 in a single pass.
struct JSONParser {
  private let bytes: [UInt8]
  private let depthLimit: Int
  private var position = 0
  private var depth = 0

  init(bytes: [UInt8], depthLimit: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  mutating func document() throws(FormatError) -> JSONValue {
    let value = try parseValue()
    skipSpace()
    guard position == bytes.count else { throw broken("text behind the end of the document") }
    return value
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func broken(_ problem: String) -> FormatError {
    .jsonSyntax(found: position < bytes.count ? problem : "the text ends too early", at: position)
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func parseValue() throws(FormatError) -> JSONValue {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try nested { (parser) throws(FormatError) in try parser.parseObject() }
    case UInt8(ascii: "["): return try nested { (parser) throws(FormatError) in try parser.parseArray() }
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parse(literal: "true", as: .bool(true))
    case UInt8(ascii: "f"): return try parse(literal: "false", as: .bool(false))
    case UInt8(ascii: "n"): return try parse(literal: "null", as: .null)
    default: return .number(try parseNumber())
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(FormatError) -> JSONValue
  ) throws(FormatError) -> JSONValue {
    guard depth < depthLimit else { throw .jsonDepth(allowed: depthLimit) }
    depth += 1
    position += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func parse(literal: StaticString, as value: JSONValue) throws(FormatError) -> JSONValue {
    let matches = literal.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw broken("a word that is not true, false or null") }
    position += literal.utf8CodeUnitCount
    return value
  }

  private mutating func parseObject() throws(FormatError) -> JSONValue {
    var members: [JSONValue.Member] = []
    // By bytes: Swift's own comparison takes some different keys for the same text.
    var keys: Set<[UInt8]> = []
    skipSpace()
    if take("}") { return .object([]) }
    while true {
      skipSpace()
      let start = position
      guard current == UInt8(ascii: "\"") else { throw broken("a key must be a string") }
      let key = try parseString()
      guard keys.insert(Array(key.utf8)).inserted else { throw .jsonDuplicateKey(key: key, at: start) }
      skipSpace()
      guard take(":") else { throw broken("a colon must follow a key") }
      members.append(.init(key, try parseValue()))
      skipSpace()
      if take("}") { return .object(members) }
      guard take(",") else { throw broken("a comma or a closing brace must follow a member") }
    }
  }

  private mutating func parseArray() throws(FormatError) -> JSONValue {
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return .array([]) }
    while true {
      elements.append(try parseValue())
      skipSpace()
      if take("]") { return .array(elements) }
      guard take(",") else { throw broken("a comma or a closing bracket must follow an element") }
    }
  }

  private mutating func parseNumber() throws(FormatError) -> String {
    let start = position
    _ = take("-")
    let leadingZero = current == UInt8(ascii: "0")
    let count = try skipDigits()
    guard !leadingZero || count == 1 else {
      position = start
      throw broken("a number starts with 0")
    }
    if take(".") { _ = try skipDigits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      _ = try skipDigits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Skips at least one digit and says how many there were.
  private mutating func skipDigits() throws(FormatError) -> Int {
    let start = position
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      position += 1
    }
    guard position > start else { throw broken("a value or a digit is missing") }
    return position - start
  }
}

extension JSONParser {
  private mutating func parseString() throws(FormatError) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        position += 1
        try appendEscape(to: &text)
      case 0..<0x20:
        throw broken("a control character stands in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw broken("")
  }

  private mutating func appendEscape(to text: inout [UInt8]) throws(FormatError) {
    guard let byte = current else { throw broken("") }
    let plain: UInt8
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0C
    case UInt8(ascii: "n"): plain = 0x0A
    case UInt8(ascii: "r"): plain = 0x0D
    case UInt8(ascii: "t"): plain = 0x09
    case UInt8(ascii: "u"):
      position += 1
      text += Array(String(try parseScalar()).utf8)
      return
    default: throw broken("an unknown escape stands in a string")
    }
    text.append(plain)
    position += 1
  }

  /// The scalar of four hexadecimal digits, or of two such escapes when it is above 0xFFFF.
  private mutating func parseScalar() throws(FormatError) -> Character {
    let start = position
    var code = UInt32(try parseCodeUnit())
    if (0xD800...0xDBFF).contains(code), take("\\"), take("u") {
      let low = UInt32(try parseCodeUnit())
      if (0xDC00...0xDFFF).contains(low) {
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
    }
    guard let scalar = Unicode.Scalar(code) else {
      position = start
      throw broken("half of a surrogate pair stands alone")
    }
    return Character(scalar)
  }

  private mutating func parseCodeUnit() throws(FormatError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Hex.digitValue(byte) else {
        throw broken("four hexadecimal digits must follow \\u")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }
}
