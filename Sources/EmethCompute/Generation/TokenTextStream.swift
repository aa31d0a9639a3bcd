/// Text out of tokens as they come: bytes that do not yet make a whole character wait for the rest, and so
/// does what may become a stop text.
///
/// ```swift
/// var stream = TokenTextStream(ByteTokenizer())
/// stream.append(0xE7)  // ""
/// stream.append(0x8C)  // ""
/// stream.append(0xAB)  // "猫"
/// ```
public struct TokenTextStream: Sendable {
  /// Whether a stop text has appeared: the text ended right before it, and nothing more is added.
  public private(set) var isStopped = false

  private let tokenizer: any Tokenizer
  private let stops: [[UInt8]]
  private var pending: [UInt8] = []

  /// An empty stream.
  ///
  /// - Parameter stops: texts that end the stream where the first of them is complete; if several are at the
  ///   same byte, before the longest. Empty ones do not count.
  public init(_ tokenizer: any Tokenizer, stops: [String] = []) {
    self.tokenizer = tokenizer
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// The text that `token` completes; what can never become UTF-8 shows as U+FFFD.
  public mutating func append(_ token: UInt32) -> String {
    for byte in tokenizer.bytes(of: token) ?? [0xEF, 0xBF, 0xBD] where !isStopped {
      pending.append(byte)
      if let stop = longestStop() {
        isStopped = true
        pending.removeLast(stop)
      }
    }
    if isStopped { return release(pending.count) }
    let settled = pending.count - longestBeginning()
    return release(settled - Self.openCount(of: pending[..<settled]))
  }

  /// What is left at the end, U+FFFD for an open character.
  public mutating func finish() -> String { release(pending.count) }

  private mutating func release(_ count: Int) -> String {
    defer { pending.removeFirst(count) }
    return String(decoding: pending[..<count], as: UTF8.self)
  }

  /// The length of the longest stop text that ends here.
  private func longestStop() -> Int? {
    stops.filter { pending.count >= $0.count && pending.suffix($0.count).elementsEqual($0) }.map(\.count)
      .max()
  }

  /// How many bytes at the end begin a stop text.
  private func longestBeginning() -> Int {
    var longest = 0
    for stop in stops {
      var count = min(stop.count - 1, pending.count)
      while count > longest, !pending.suffix(count).elementsEqual(stop[..<count]) { count -= 1 }
      longest = max(longest, count)
    }
    return longest
  }

  /// How many bytes at the end begin a character without ending it, 0 to 3.
  private static func openCount(of bytes: ArraySlice<UInt8>) -> Int {
    for count in 1...3 where count <= bytes.count {
      let byte = bytes[bytes.endIndex - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 && byte < 0xF8 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
      return byte < 0xF8 && length > count ? count : 0
    }
    return 0
  }
}
