/// Reads one JSON document from bytes of UTF-8 in a single pass; what it makes of it, its product says.
///
/// The bytes must be well-formed UTF-8.
struct JSONReader<Product: JSONProduct> {
  private let bytes: UnsafeRawBufferPointer
  private let depthLimit: Int
  private var position: Int
  private var depth = 0

  /// Reads one document; white space around it is allowed.
  ///
  /// - Throws: ``FormatError``: `jsonSyntax`, `jsonDepth`, `jsonDuplicateKey`.
  static func read(_ bytes: UnsafeRawBufferPointer, depthLimit: Int) throws(FormatError) -> Product {
    var reader = JSONReader(bytes: bytes, depthLimit: depthLimit, position: 0)
    let value = try reader.readValue()
    reader.skipSpace()
    guard reader.position == bytes.count else { throw reader.broken("text behind the end of the document") }
    return value
  }

  private init(bytes: UnsafeRawBufferPointer, depthLimit: Int, position: Int) {
    self.bytes = bytes
    self.depthLimit = depthLimit
    self.position = position
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

  private mutating func readValue() throws(FormatError) -> Product {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"):
      try open()
      let members = try readMembers()
      depth -= 1
      return Product(members: members)
    case UInt8(ascii: "["):
      try open()
      let elements = try readElements()
      depth -= 1
      return Product(elements: elements)
    case UInt8(ascii: "\""): return Product(string: try readString(), in: bytes)
    case UInt8(ascii: "t"): return try read(literal: "true", as: Product(truth: true))
    case UInt8(ascii: "f"): return try read(literal: "false", as: Product(truth: false))
    case UInt8(ascii: "n"): return try read(literal: "null", as: Product.null)
    default: return Product(number: try readNumber(), in: bytes)
    }
  }

  private mutating func open() throws(FormatError) {
    guard depth < depthLimit else { throw .jsonDepth(allowed: depthLimit) }
    depth += 1
    position += 1
  }

  private mutating func read(literal: StaticString, as value: Product) throws(FormatError) -> Product {
    let matches = literal.withUTF8Buffer { bytes[position...].starts(with: $0) }
    guard matches else { throw broken("a word that is not true, false or null") }
    position += literal.utf8CodeUnitCount
    return value
  }

  private mutating func readElements() throws(FormatError) -> Product.Elements {
    var elements = Product.noElements
    skipSpace()
    if take("]") { return elements }
    while true {
      Product.append(try readValue(), to: &elements)
      skipSpace()
      if take("]") { return elements }
      guard take(",") else { throw broken("a comma or a closing bracket must follow an element") }
    }
  }

  private mutating func readMembers() throws(FormatError) -> Product.Members {
    var members = Product.noMembers
    skipSpace()
    if take("}") { return members }
    var keys = JSONKeys()
    while true {
      skipSpace()
      let start = position
      guard current == UInt8(ascii: "\"") else { throw broken("a key must be a string") }
      let key = try readString()
      guard keys.insert(key, of: bytes) else {
        throw .jsonDuplicateKey(key: key.text(in: bytes), at: start)
      }
      skipSpace()
      guard take(":") else { throw broken("a colon must follow a key") }
      Product.append(key, in: bytes, try readValue(), to: &members)
      skipSpace()
      if take("}") { return members }
      guard take(",") else { throw broken("a comma or a closing brace must follow a member") }
    }
  }

  private mutating func readNumber() throws(FormatError) -> Range<Int> {
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
    return start..<position
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

extension JSONReader {
  private mutating func readString() throws(FormatError) -> JSONString {
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
        return JSONString(place: start..<stop, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        _ = try readEscape()
      default:
        throw broken("a control character stands in a string")
      }
    }
    position = bytes.count
    throw broken("")
  }

  /// The scalar that an escape stands for; two of them when it is above 0xFFFF.
  private mutating func readEscape() throws(FormatError) -> Unicode.Scalar {
    position += 1
    guard let byte = current else { throw broken("") }
    let scalar: Unicode.Scalar
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = Unicode.Scalar(byte)
    case UInt8(ascii: "b"): scalar = "\u{8}"
    case UInt8(ascii: "f"): scalar = "\u{C}"
    case UInt8(ascii: "n"): scalar = "\n"
    case UInt8(ascii: "r"): scalar = "\r"
    case UInt8(ascii: "t"): scalar = "\t"
    case UInt8(ascii: "u"):
      position += 1
      return try readCodeUnits()
    default: throw broken("an unknown escape stands in a string")
    }
    position += 1
    return scalar
  }

  private mutating func readCodeUnits() throws(FormatError) -> Unicode.Scalar {
    let start = position
    var code = UInt32(try readCodeUnit())
    if (0xD800...0xDBFF).contains(code), take("\\"), take("u") {
      let low = UInt32(try readCodeUnit())
      if (0xDC00...0xDFFF).contains(low) {
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
    }
    guard let scalar = Unicode.Scalar(code) else {
      position = start
      throw broken("half of a surrogate pair stands alone")
    }
    return scalar
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

  /// The text of a string that was read already.
  static func unescaped(_ string: Range<Int>, in bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var reader = JSONReader(
      bytes: UnsafeRawBufferPointer(rebasing: bytes[..<string.upperBound]), depthLimit: 0,
      position: string.lowerBound)
    var text: [UInt8] = []
    text.reserveCapacity(string.count)
    while let byte = reader.current {
      if byte == UInt8(ascii: "\\") {
        guard let scalar = try? reader.readEscape() else {
          preconditionFailure("a string was read and can't be read again")
        }
        text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
      } else {
        text.append(byte)
        reader.position += 1
      }
    }
    return text
  }
}
