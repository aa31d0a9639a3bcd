/// Reads one JSON text from bytes that are known to be UTF-8. O(n).
struct JSONParser {
  private static let depthLimit = 64

  private let bytes: [UInt8]
  private let path: String
  private var position = 0

  /// A parser at the start of `bytes`.
  init(bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// The one value of the text.
  mutating func document() throws(ComputeError) -> JSONDocument {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end of the JSON text") }
    return value
  }

  private mutating func value(depth: Int) throws(ComputeError) -> JSONDocument {
    guard depth < Self.depthLimit else { throw unexpected("at most \(Self.depthLimit) levels of nesting") }
    skipSpace()
    guard position < bytes.count else { throw unexpected("a JSON value") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(ComputeError) -> JSONDocument {
    position += 1
    var members: [(key: String, value: JSONDocument)] = []
    var keys: Set<[UInt8]> = []
    if take(UInt8(ascii: "}")) { return .object([]) }
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw unexpected("a key") }
      let key = try string()
      guard keys.insert(Array(key.utf8)).inserted else {
        throw .malformedFile(path: path, what: "key \(key.prefix(80))", found: "twice", allowed: "once")
      }
      guard take(UInt8(ascii: ":")) else { throw unexpected(":") }
      members.append((key, try value(depth: depth + 1)))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw unexpected(", or }") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(ComputeError) -> JSONDocument {
    position += 1
    var elements: [JSONDocument] = []
    if take(UInt8(ascii: "]")) { return .array([]) }
    repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw unexpected(", or ]") }
    return .array(elements)
  }

  private mutating func string() throws(ComputeError) -> String {
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text += try escape()
      case 0..<0x20: throw unexpected("no control characters in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw unexpected("the string's closing quote")
  }

  private mutating func escape() throws(ComputeError) -> [UInt8] {
    position += 1
    guard position < bytes.count else { throw unexpected("an escape") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
          bytes[position + 1] == UInt8(ascii: "u")
        else { throw unexpected("the second half of a surrogate pair") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw unexpected("a low surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw unexpected("a Unicode character") }
      return Array(String(scalar).utf8)
    default: throw unexpected("an escape")
    }
  }

  private mutating func hexadecimal() throws(ComputeError) -> UInt32 {
    guard position + 4 <= bytes.count else { throw unexpected("four hexadecimal digits") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }

  private mutating func number() throws(ComputeError) -> JSONDocument {
    let start = position
    if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
    let whole = try digits()
    if whole.count > 1, whole.first == UInt8(ascii: "0") { throw unexpected("no leading zeros") }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      _ = try digits()
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[position]) {
        position += 1
      }
      _ = try digits()
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func digits() throws(ComputeError) -> ArraySlice<UInt8> {
    let start = position
    while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      position += 1
    }
    guard position > start else { throw unexpected("a JSON value") }
    return bytes[start..<position]
  }

  private mutating func word(_ text: String, _ value: JSONDocument) throws(ComputeError) -> JSONDocument {
    guard bytes[position...].starts(with: text.utf8) else { throw unexpected("a JSON value") }
    position += text.utf8.count
    return value
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
  }

  private func unexpected(_ allowed: String) -> ComputeError {
    let found = position < bytes.count ? "byte 0x" + String(bytes[position], radix: 16) : "the end"
    return .malformedFile(path: path, what: "JSON at byte \(position)", found: found, allowed: allowed)
  }
}
