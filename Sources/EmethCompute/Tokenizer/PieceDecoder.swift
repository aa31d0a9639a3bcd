/// One step from a list of tokens' texts back to a text, as `tokenizer.json` writes it under `decoder`.
enum PieceDecoder: Sendable {
  /// The word mark becomes a space, and is left out of the first token where a mark was put in front of the
  /// text.
  case metaspace(mark: [UInt8], dropsFirst: Bool)
  case replace([UInt8], [UInt8])
  /// `<0xE3>` becomes the byte; bytes that together are no text become one U+FFFD each.
  case byteFallback
  /// All tokens become one.
  case fuse
  /// At most so many times a character in front of and behind each token is left out.
  case strip([UInt8], start: Int, stop: Int)

  /// Reads a step.
  init(_ step: JSONDocument, path: String) throws(ComputeError) {
    func text(_ value: JSONDocument?, _ what: String) throws(ComputeError) -> [UInt8] {
      guard let value = value?.string, !value.isEmpty else {
        throw .malformedFile(path: path, what: what, found: value?.brief ?? "missing", allowed: "a text")
      }
      return Array(value.utf8)
    }
    switch step["type"]?.string {
    case "Metaspace":
      self = .metaspace(
        mark: try text(step["replacement"], "replacement"),
        dropsFirst: try WordMark.isPut(by: step, path: path))
    case "Replace":
      guard let content = step["content"]?.string else {
        throw .malformedFile(path: path, what: "Replace", found: "no content", allowed: "a text")
      }
      self = .replace(try text(step["pattern"]?["String"], "Replace pattern"), Array(content.utf8))
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Strip":
      guard let start = step["start"]?.integer, let stop = step["stop"]?.integer, start >= 0, stop >= 0 else {
        throw .malformedFile(path: path, what: "Strip", found: step.brief, allowed: "a start and a stop")
      }
      self = .strip(try text(step["content"], "Strip content"), start: start, stop: stop)
    default:
      throw .malformedFile(
        path: path, what: "decoder", found: step["type"]?.string ?? step.brief,
        allowed: "Metaspace, Replace, ByteFallback, Fuse or Strip")
    }
  }

  /// How many times as long it may make a text at most.
  var growth: Int {
    switch self {
    case .replace(let pattern, let content): max(1, (content.count + pattern.count - 1) / pattern.count)
    case .metaspace, .byteFallback, .fuse, .strip: 1
    }
  }

  /// The changed tokens.
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .metaspace(let mark, let dropsFirst):
      tokens.enumerated().map { index, token in
        TextNormalizer.replace(mark, index == 0 && dropsFirst ? [] : [UInt8(ascii: " ")], in: token)
      }
    case .replace(let pattern, let content):
      tokens.map { TextNormalizer.replace(pattern, content, in: $0) }
    case .byteFallback: Self.joinBytes(tokens)
    case .fuse: [Array(tokens.joined())]
    case .strip(let content, let start, let stop):
      tokens.map { Self.strip($0, content, start: start, stop: stop) }
    }
  }

  /// The byte that a token such as `<0xE3>` spells.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var bytes: [UInt8] = []
    func flush() {
      if String(validating: bytes, as: UTF8.self) != nil {
        if !bytes.isEmpty { result.append(bytes) }
      } else {
        result += bytes.map { _ in [0xEF, 0xBF, 0xBD] }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = byte(of: token) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  private static func strip(_ token: [UInt8], _ content: [UInt8], start: Int, stop: Int) -> [UInt8] {
    var rest = token[...]
    for _ in 0..<min(start, token.count) where rest.starts(with: content) {
      rest = rest.dropFirst(content.count)
    }
    for _ in 0..<min(stop, token.count) where rest.suffix(content.count).elementsEqual(content) {
      rest = rest.dropLast(content.count)
    }
    return Array(rest)
  }
}
