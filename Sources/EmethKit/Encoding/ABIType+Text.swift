extension ABIType: ExpressibleByStringLiteral {
  /// The type of a text such as `(uint256,bytes16[3],(address,string)[])`.
  ///
  /// Spaces are not read; `uint` and `int` stand for 256 bits, as in Solidity.
  ///
  /// - Throws: ``FormatError/abiType(problem:at:)`` with the position in bytes.
  public init(parsing text: String) throws(FormatError) {
    var parser = try ABITypeParser(text)
    self = try parser.type()
    try parser.finish()
  }

  /// The type of a text that is part of the program; traps when there is no such type.
  public init(stringLiteral text: StaticString) {
    do throws(FormatError) {
      try self.init(parsing: text.description)
    } catch {
      preconditionFailure("\(text): \(error.message)")
    }
  }
}

/// Reads the text of types and of declarations from front to back.
struct ABITypeParser {
  private let bytes: [UInt8]
  private var position = 0
  /// How many tuples are open, so that no text can recurse deeper than a type may.
  private var openTuples = 0
  /// Whether members of tuples may have names, as in a declaration.
  private let allowsNames: Bool

  init(_ text: String, allowsNames: Bool = false) throws(FormatError) {
    bytes = Array(text.utf8)
    self.allowsNames = allowsNames
    guard bytes.count <= ABIType.textLimit else {
      throw .abiType(
        problem: "the text has \(bytes.count) bytes, allowed are \(ABIType.textLimit)", at: ABIType.textLimit)
    }
  }

  /// Reads one type.
  mutating func type() throws(FormatError) -> ABIType {
    let start = position
    var type = try take("(") ? tuple(from: start) : elementary()
    while take("[") {
      let form: ABIType.Form
      if take("]") {
        form = .array(of: type)
      } else {
        let count = try number()
        guard take("]") else { throw broken("a closing bracket is missing") }
        form = .fixedArray(of: type, count: count)
      }
      type = try make(form, from: start)
    }
    return type
  }

  /// Throws unless all of the text was read.
  func finish() throws(FormatError) {
    guard position == bytes.count else { throw broken("nothing may follow here") }
  }

  /// Skips a text, or says false.
  mutating func take(_ text: StaticString) -> Bool {
    let matches = text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    if matches { position += text.utf8CodeUnitCount }
    return matches
  }

  /// Skips a comma and, in a declaration, a space behind it; or says false.
  mutating func separator() -> Bool {
    guard take(",") else { return false }
    if allowsNames { _ = take(" ") }
    return true
  }

  /// Reads letters, digits, `_` and `$`, the first no digit; nil when there is no name here.
  mutating func name() -> String? {
    guard let first = current, first.isNameByte, !first.isDecimalDigit else { return nil }
    let start = position
    while let byte = current, byte.isNameByte { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// The error that says that the text is broken here.
  func broken(_ problem: String) -> FormatError {
    .abiType(problem: position < bytes.count ? problem : "the text ends too early", at: position)
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func tuple(from start: Int) throws(FormatError) -> ABIType {
    guard openTuples < ABIType.depthLimit else {
      throw .abiType(problem: "types lie in each other deeper than \(ABIType.depthLimit)", at: start)
    }
    openTuples += 1
    var members: [ABIType] = []
    repeat {
      members.append(try type())
      if allowsNames, take(" "), name() == nil { throw broken("a name is missing") }
    } while separator()
    guard take(")") else { throw broken("a comma or a closing parenthesis is missing") }
    openTuples -= 1
    return try make(.tuple(members), from: start)
  }

  private mutating func elementary() throws(FormatError) -> ABIType {
    let start = position
    while let byte = current, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) { position += 1 }
    let word = String(decoding: bytes[start..<position], as: UTF8.self)
    let width = current.map(\.isDecimalDigit) == true ? try number() : nil
    let form: ABIType.Form
    switch (word, width) {
    case ("uint", let bits): form = .uint(bits: bits ?? 256)
    case ("int", let bits): form = .int(bits: bits ?? 256)
    case ("bytes", let count?): form = .fixedBytes(count: count)
    case ("bytes", nil): form = .bytes
    case ("address", nil): form = .address
    case ("bool", nil): form = .bool
    case ("string", nil): form = .string
    default:
      guard position > start else { throw broken("a type is missing") }
      let found = String(decoding: bytes[start..<position], as: UTF8.self)
      throw .abiType(problem: "\(quoted(found)) is no type", at: start)
    }
    return try make(form, from: start)
  }

  /// Reads a decimal number without leading zeros, of at most ten digits.
  private mutating func number() throws(FormatError) -> Int {
    let start = position
    while let byte = current, byte.isDecimalDigit { position += 1 }
    let digits = String(decoding: bytes[start..<position].prefix(11), as: UTF8.self)
    guard digits.utf8.count <= 10, let number = UInt64(decimal: digits) else {
      position = start
      throw broken("a number is missing, starts with 0 or is too large")
    }
    return Int(number)
  }

  private func make(_ form: ABIType.Form, from start: Int) throws(FormatError) -> ABIType {
    do throws(ABIType.Flaw) {
      return try ABIType(checking: form)
    } catch {
      throw .abiType(problem: error.problem, at: start)
    }
  }
}

extension UInt8 {
  /// Whether the byte is one of 0 to 9 in ASCII.
  var isDecimalDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  /// Whether the byte may stand in the name of a type, function or member: a letter, a digit, `_` or `$`.
  var isNameByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: "$"):
      true
    default: isDecimalDigit
    }
  }
}
