/// Reads the header of a sealed file as its bytes arrive, strictly: a header has one encoding, and all others
/// are refused.
///
/// ```swift
/// var reader = SealedHeaderReader()
/// let used = try reader.read(buffer)      // fewer than all: the header is complete
/// if let header = reader.header { let fileKey = try header.fileKey(for: identities) }
/// ```
/// Memory is bounded by ``byteCountLimit``; what is no age file is refused at its first wrong byte.
public struct SealedHeaderReader: Sendable {
  /// The most bytes that a header may have, enough for 10,000 recipients.
  public static let byteCountLimit = 1 << 20

  /// The header, once it is complete.
  public private(set) var header: SealedHeader?
  /// How many bytes of the file were taken in.
  public private(set) var byteCount = 0

  private enum Expectation {
    case version
    /// A stanza's first line, or the last line.
    case stanza
    case body
  }

  private var expectation = Expectation.version
  private var line: [UInt8] = []
  private var stanzas: [SealedHeader.Stanza] = []
  private var arguments: [String] = []
  private var body: [UInt8] = []

  /// A reader at the beginning of a file.
  public init() {}

  /// Takes in bytes up to the header's end.
  ///
  /// - Returns: How many were taken: all, unless the header ended before.
  /// - Throws: ``SealingError``: `notSealed`, `versionUnsupported`, `headerMalformed`, `headerTooLong`.
  public mutating func read(_ bytes: UnsafeRawBufferPointer) throws(SealingError) -> Int {
    var used = 0
    while header == nil, used < bytes.count {
      guard byteCount < Self.byteCountLimit else { throw .headerTooLong(allowed: Self.byteCountLimit) }
      let byte = bytes[used]
      used += 1
      byteCount += 1
      if byte == UInt8(ascii: "\n") {
        try endLine()
        line.removeAll(keepingCapacity: true)
      } else {
        try check(byte)
        line.append(byte)
      }
    }
    return used
  }

  /// Says that the file has no more bytes.
  ///
  /// - Throws: ``SealingError/headerCut(at:)`` unless the header is complete.
  public func finish() throws(SealingError) {
    if header == nil { throw .headerCut(at: UInt64(byteCount)) }
  }

  private var lineStart: UInt64 { UInt64(byteCount - line.count - 1) }

  /// Refuses early what can't become a line, so that no more of it is kept.
  private func check(_ byte: UInt8) throws(SealingError) {
    let position = UInt64(byteCount - 1)
    switch expectation {
    case .version:
      // Up to the slash it must be the line of version 1; behind it, another version has its own error.
      let expected = Array(SealedHeader.versionLine.utf8)
      let isVersion = line.count >= expected.count - 2
      guard isVersion ? line.count < 48 : byte == expected[line.count] else {
        throw .notSealed(at: position)
      }
    case .stanza:
      guard (0x20...0x7E).contains(byte) else {
        throw .headerMalformed(at: position, problem: "found a byte that is not printable ASCII")
      }
    case .body:
      guard line.count < SealedHeader.Stanza.columns else {
        throw .headerMalformed(
          at: position, problem: "a line of a stanza's body is longer than 64 characters")
      }
    }
  }

  private mutating func endLine() throws(SealingError) {
    switch expectation {
    case .version:
      guard line.count >= SealedHeader.versionLine.utf8.count - 2 else {
        throw .notSealed(at: UInt64(byteCount - 1))
      }
      guard line.elementsEqual(SealedHeader.versionLine.utf8) else {
        let version = String(decoding: line.drop { $0 != UInt8(ascii: "/") }.dropFirst(), as: UTF8.self)
        throw .versionUnsupported(found: version)
      }
      expectation = .stanza
    case .stanza:
      if line.starts(with: "---".utf8) { try endHeader() } else { try beginStanza() }
    case .body:
      guard let bytes = Base64.decode(line) else {
        throw .headerMalformed(at: lineStart, problem: "a line of a stanza's body is not canonical base64")
      }
      body += bytes
      if line.count < SealedHeader.Stanza.columns {
        stanzas.append(SealedHeader.Stanza(arguments: arguments, body: body))
        body = []
        expectation = .stanza
      }
    }
  }

  private mutating func beginStanza() throws(SealingError) {
    guard line.starts(with: "-> ".utf8) else {
      throw .headerMalformed(
        at: lineStart, problem: "a stanza begins with \"-> \", the last line with \"---\"")
    }
    let words = line.dropFirst(3).split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.allSatisfy({ !$0.isEmpty }) else {
      throw .headerMalformed(at: lineStart, problem: "a stanza has an empty argument")
    }
    arguments = words.map { String(decoding: $0, as: UTF8.self) }
    expectation = .body
  }

  private mutating func endHeader() throws(SealingError) {
    guard line.starts(with: "--- ".utf8), let bytes = Base64.decode(line.dropFirst(4)),
      let code = Bytes32(bytes)
    else {
      throw .headerMalformed(
        at: lineStart, problem: "the last line is not \"--- \" and canonical base64 of 32 bytes")
    }
    guard !stanzas.isEmpty else {
      throw .headerMalformed(at: lineStart, problem: "there is no stanza")
    }
    header = SealedHeader(stanzas: stanzas, code: code)
    stanzas = []
  }
}
