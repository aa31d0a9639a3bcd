/// Reads a JSON document through without building it: what it refuses is what ``JSONValue`` refuses, in
/// memory for the keys of the objects that are open alone.
///
/// The bytes are UTF-8, as ``RecordScanner`` has checked.
struct JSONCheck {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private var depth = 0

  /// Checks one document; white space around it is allowed.
  ///
  /// - Throws: ``FormatError``: `jsonSyntax`, `jsonDepth`, `jsonDuplicateKey`.
  static func check(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    var check = JSONCheck(bytes: bytes)
    try check.readValue()
    check.skipSpace()
    guard check.position == bytes.count else { throw check.broken("text behind the end of the document") }
  }

  private init(bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func broken(_ problem: String) -> FormatError {
    .jsonSyntax(found: position < bytes.count ? problem : "the text ends too early", at: position)
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func readValue() throws(FormatError) {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"):
      try open()
      try readMembers()
      depth -= 1
    case UInt8(ascii: "["):
      try open()
      try readElements()
      depth -= 1
    case UInt8(ascii: "\""): _ = try readString()
    case UInt8(ascii: "t"): try read(literal: "true")
    case UInt8(ascii: "f"): try read(literal: "false")
    case UInt8(ascii: "n"): try read(literal: "null")
    default: try readNumber()
    }
  }

  private mutating func open() throws(FormatError) {
    guard depth < JSONValue.defaultDepthLimit else {
      throw .jsonDepth(allowed: JSONValue.defaultDepthLimit)
    }
    depth += 1
    position += 1
  }

  private mutating func read(literal: StaticString) throws(FormatError) {
    let matches = literal.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw broken("a word that is not true, false or null") }
    position += literal.utf8CodeUnitCount
  }

  private mutating func readElements() throws(FormatError) {
    skipSpace()
    if take("]") { return }
    while true {
      try readValue()
      skipSpace()
      if take("]") { return }
      guard take(",") else { throw broken("a comma or a closing bracket must follow an element") }
    }
  }

  private mutating func readMembers() throws(FormatError) {
    skipSpace()
    if take("}") { return }
    var keys = JSONKeys()
    while true {
      skipSpace()
      let start = position
      guard current == UInt8(ascii: "\"") else { throw broken("a key must be a string") }
      let key = try readString()
      guard keys.insert(key, of: bytes) else {
        throw .jsonDuplicateKey(key: String(decoding: key.text(in: bytes), as: UTF8.self), at: start)
      }
      skipSpace()
      guard take(":") else { throw broken("a colon must follow a key") }
      try readValue()
      skipSpace()
      if take("}") { return }
      guard take(",") else { throw broken("a comma or a closing brace must follow a member") }
    }
  }

  private mutating func readNumber() throws(FormatError) {
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

extension JSONCheck {
  private mutating func readString() throws(FormatError) -> JSONKeys.Key {
    position += 1
    let start = position
    var hasEscapes = false
    while let text = bytes.baseAddress,
      let stop = ByteSearch.firstStringStop(in: text, from: position, count: bytes.count)
    {
      position = stop
      switch bytes[stop] {
      case UInt8(ascii: "\""):
        position += 1
        return JSONKeys.Key(place: start..<stop, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        position += 1
        hasEscapes = true
        try readEscape()
      default:
        throw broken("a control character stands in a string")
      }
    }
    position = bytes.count
    throw broken("")
  }

  private mutating func readEscape() throws(FormatError) {
    guard let byte = current else { throw broken("") }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    case UInt8(ascii: "u"):
      position += 1
      let start = position
      var unit = try readCodeUnit()
      if (0xD800...0xDBFF).contains(unit), take("\\"), take("u"),
        (0xDC00...0xDFFF).contains(try readCodeUnit())
      {
        unit = 0
      }
      guard !(0xD800...0xDFFF).contains(unit) else {
        position = start
        throw broken("half of a surrogate pair stands alone")
      }
    default: throw broken("an unknown escape stands in a string")
    }
  }

  private mutating func readCodeUnit() throws(FormatError) -> UInt16 {
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
