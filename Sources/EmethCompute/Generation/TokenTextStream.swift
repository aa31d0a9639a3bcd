/// Text out of tokens as they come: bytes that do not yet make a whole character wait for the rest.
///
/// ```swift
/// var stream = TokenTextStream(ByteTokenizer())
/// stream.append(0xE7)  // ""
/// stream.append(0x8C)  // ""
/// stream.append(0xAB)  // "猫"
/// ```
public struct TokenTextStream: Sendable {
  private let tokenizer: any Tokenizer
  private var pending: [UInt8] = []

  /// An empty stream.
  public init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

  /// The text that `token` completes; what can never become UTF-8 shows as U+FFFD.
  public mutating func append(_ token: UInt32) -> String {
    pending += tokenizer.bytes(of: token) ?? [0xEF, 0xBF, 0xBD]
    let complete = pending.count - Self.openCount(of: pending)
    defer { pending.removeFirst(complete) }
    return String(decoding: pending[..<complete], as: UTF8.self)
  }

  /// What is left at the end, U+FFFD for an open character.
  public mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }

  /// How many bytes at the end begin a character without ending it, 0 to 3.
  private static func openCount(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let byte = bytes[bytes.count - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 && byte < 0xF8 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
      return byte < 0xF8 && length > count ? count : 0
    }
    return 0
  }
}
