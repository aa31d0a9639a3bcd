import EmethKit

/// Cuts bytes, as they come, into the JSON objects that they hold: one a line, one behind the other, or the
/// elements of one array.
///
/// It finds where objects end and no more: a strict reader says what is wrong inside of them.
struct JSONSplitter {
  /// One object's text, and where it stands.
  struct Piece: Sendable {
    var bytes: [UInt8]
    var place: Place
  }

  /// Where a piece stands.
  enum Place: Sendable, Equatable, CustomStringConvertible {
    /// Its first line, counted from 1.
    case line(Int)
    /// Its index in the array.
    case element(Int)

    var description: String {
      switch self {
      case .line(let number): "line \(number)"
      case .element(let index): "[\(index)]"
      }
    }
  }

  /// How the objects stand, as the first one shows.
  enum Form: Sendable {
    case unknown
    /// One a line: a broken line leaves the others readable.
    case lines
    /// One behind the other, over several lines.
    case documents
    case array
  }

  private enum ArrayState { case first, element, separator, finished }

  private(set) var form = Form.unknown
  private let name: String
  private let limit: Int
  private var buffer: [UInt8] = []
  /// Where the next piece begins.
  private var start = 0
  /// How far the piece was looked at, counted from `start`.
  private var seen = 0
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private var line = 1
  private var arrayState = ArrayState.first
  private var elementCount = 0

  /// - Parameters:
  ///   - name: How the input is called in messages.
  ///   - limit: The most bytes of one object.
  init(name: String, limit: Int = JSONValue.defaultByteLimit) {
    self.name = name
    self.limit = limit
  }

  /// Adds what was read next.
  mutating func append(_ bytes: [UInt8]) {
    buffer.removeSubrange(..<start)
    start = 0
    buffer += bytes
  }

  /// The next object's text; nil when more bytes are needed, or at the end when there is none.
  ///
  /// - Parameter isEnd: Whether nothing follows: what is there is then the last piece, whole or not.
  mutating func next(isEnd: Bool) throws -> Piece? {
    if form == .unknown, try !findForm(isEnd: isEnd) { return nil }
    switch form {
    case .unknown: return nil
    case .lines: return try nextLine(isEnd: isEnd)
    case .documents: return try nextDocument(isEnd: isEnd)
    case .array: return try nextElement(isEnd: isEnd)
    }
  }

  /// Finds out the form; false when the bytes so far don't tell.
  private mutating func findForm(isEnd: Bool) throws -> Bool {
    guard let first = skipSpace() else { return false }
    if first == UInt8(ascii: "[") {
      start += 1
      form = .array
      return true
    }
    guard first == UInt8(ascii: "{") else { throw unexpected(first, allowed: "{ or [") }
    let isWhole = scan(stoppingAtLineEnd: true)
    if isWhole {
      form = .lines
    } else if seen < buffer.count - start {
      form = .documents
      return true
    } else {
      try checkSize()
      guard isEnd else { return false }
      form = .lines
    }
    seen = 0
    return true
  }

  private mutating func nextLine(isEnd: Bool) throws -> Piece? {
    while true {
      let rest = buffer[(start + seen)...]
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
        seen = buffer.count - start
        try checkSize()
        guard isEnd, skipSpace() != nil else { return nil }
        return take(buffer.count, at: .line(line))
      }
      let number = line
      seen = 0
      line += 1
      if buffer[start..<end].allSatisfy(Self.isSpace) {
        start = end + 1
        continue
      }
      defer { start = end + 1 }
      return Piece(bytes: Array(buffer[start..<end]), place: .line(number))
    }
  }

  private mutating func nextDocument(isEnd: Bool) throws -> Piece? {
    guard depth > 0 || seen > 0 || skipSpace() != nil else { return nil }
    let first = buffer[start]
    guard first == UInt8(ascii: "{") else { throw unexpected(first, allowed: "{") }
    guard try scanWhole(isEnd: isEnd) else { return nil }
    return takeScanned(at: .line(line))
  }

  private mutating func nextElement(isEnd: Bool) throws -> Piece? {
    while true {
      if depth == 0, seen == 0 {
        guard let byte = skipSpace() else {
          guard isEnd, arrayState != .finished else { return nil }
          throw failure("the array ends too early")
        }
        switch (arrayState, byte) {
        case (.first, UInt8(ascii: "]")), (.separator, UInt8(ascii: "]")):
          arrayState = .finished
          start += 1
          continue
        case (.separator, UInt8(ascii: ",")):
          arrayState = .element
          start += 1
          continue
        case (.first, UInt8(ascii: "{")), (.element, UInt8(ascii: "{")): break
        case (.first, _): throw unexpected(byte, allowed: "{ or ]")
        case (.element, _): throw unexpected(byte, allowed: "{")
        case (.separator, _): throw unexpected(byte, allowed: ", or ]")
        case (.finished, _): throw unexpected(byte, allowed: "nothing behind the array")
        }
      }
      guard try scanWhole(isEnd: isEnd) else { return nil }
      arrayState = .separator
      elementCount += 1
      return takeScanned(at: .element(elementCount - 1))
    }
  }
}

extension JSONSplitter {
  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  /// Goes to the next byte that is no space, counts lines on the way, and gives that byte.
  private mutating func skipSpace() -> UInt8? {
    while start < buffer.count {
      let byte = buffer[start]
      guard Self.isSpace(byte) else { return byte }
      if byte == UInt8(ascii: "\n") { line += 1 }
      start += 1
    }
    seen = 0
    return nil
  }

  /// Whether the object is there to its end; at the end of the input what is there counts as an object.
  private mutating func scanWhole(isEnd: Bool) throws -> Bool {
    if scan(stoppingAtLineEnd: false) { return true }
    try checkSize()
    return isEnd
  }

  /// Looks at the bytes of an object until it ends: true. False when the bytes, or the line, end before.
  private mutating func scan(stoppingAtLineEnd: Bool) -> Bool {
    buffer.withUnsafeBufferPointer { bytes in
      var index = start + seen
      defer { seen = index - start }
      while index < bytes.count {
        let byte = bytes[index]
        if byte == UInt8(ascii: "\n"), stoppingAtLineEnd { return false }
        index += 1
        if isInString {
          if isEscaped {
            isEscaped = false
          } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
          } else if byte == UInt8(ascii: "\"") {
            isInString = false
          }
        } else {
          switch byte {
          case UInt8(ascii: "\""): isInString = true
          case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
          case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { return true }
          default: break
          }
        }
      }
      return false
    }
  }

  private mutating func takeScanned(at place: Place) -> Piece {
    let end = start + seen
    let piece = take(end, at: place)
    line += piece.bytes.count { $0 == UInt8(ascii: "\n") }
    (depth, isInString, isEscaped) = (0, false, false)
    return piece
  }

  private mutating func take(_ end: Int, at place: Place) -> Piece {
    defer { (start, seen) = (end, 0) }
    return Piece(bytes: Array(buffer[start..<end]), place: place)
  }

  private func checkSize() throws {
    guard buffer.count - start <= limit else {
      throw failure("an object has more than \(limit) bytes, which is what is allowed")
    }
  }

  private func unexpected(_ byte: UInt8, allowed: String) -> CommandFailure {
    let found =
      (0x21...0x7E).contains(byte)
      ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(Hex.encode([byte]))"
    return failure("found \(found), allowed is \(allowed)")
  }

  private func failure(_ problem: String) -> CommandFailure {
    CommandFailure(
      .badInput, code: "format.jsonSyntax", "\(name), line \(line): \(problem)",
      details: ["at": "line \(line)"])
  }
}
