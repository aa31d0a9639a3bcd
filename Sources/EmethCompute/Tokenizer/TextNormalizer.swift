import Foundation

/// One step that changes text before it is cut into pieces, as `tokenizer.json` writes it under `normalizer`.
enum TextNormalizer: Sendable {
  case characters(CharacterMap)
  /// All places of some bytes, from the left, become others.
  case replace([UInt8], [UInt8])
  /// Two spaces and more become something else.
  case replaceSpaces([UInt8])
  case strip(left: Bool, right: Bool)

  /// Reads a step; those that would need tables of Unicode are refused by name.
  init(_ step: JSONDocument, path: String) throws(ComputeError) {
    switch step["type"]?.string {
    case "Precompiled":
      guard let text = step["precompiled_charsmap"]?.string, let data = Data(base64Encoded: text),
        let map = CharacterMap([UInt8](data))
      else {
        throw .malformedFile(
          path: path, what: "precompiled_charsmap", found: step["precompiled_charsmap"]?.brief ?? "missing",
          allowed: "a trie and its replacements in base 64")
      }
      self = .characters(map)
    case "Replace":
      guard let content = step["content"]?.string else {
        throw .malformedFile(path: path, what: "Replace", found: "no content", allowed: "a text")
      }
      if let pattern = step["pattern"]?["String"]?.string, !pattern.isEmpty {
        self = .replace(Array(pattern.utf8), Array(content.utf8))
      } else if step["pattern"]?["Regex"]?.string == " {2,}" {
        self = .replaceSpaces(Array(content.utf8))
      } else {
        throw .malformedFile(
          path: path, what: "Replace pattern", found: step["pattern"]?["Regex"]?.brief ?? "none",
          allowed: "a text, or the expression \" {2,}\"")
      }
    case "Strip":
      self = .strip(left: step["strip_left"]?.bool ?? true, right: step["strip_right"]?.bool ?? true)
    default:
      throw .malformedFile(
        path: path, what: "normalizer", found: step["type"]?.string ?? step.brief,
        allowed: "Precompiled, Replace or Strip")
    }
  }

  /// The changed text; nil when it gets longer than so many bytes.
  func normalize(_ text: [UInt8], byteLimit: Int) -> [UInt8]? {
    switch self {
    case .characters(let map): map.normalize(text, byteLimit: byteLimit)
    case .replace(let pattern, let content):
      Self.replace(pattern, content, in: text, byteLimit: byteLimit)
    case .replaceSpaces(let content): Self.replaceSpaces(content, in: text, byteLimit: byteLimit)
    case .strip(let left, let right):
      Array(
        String(decoding: text, as: UTF8.self).unicodeScalars.strip(left: left, right: right)
          .reduce(into: []) { $0 += UTF8.encode($1) ?? .init() })
    }
  }

  /// All places of `pattern`, from the left and not overlapping, replaced.
  static func replace(_ pattern: [UInt8], _ content: [UInt8], in text: [UInt8]) -> [UInt8] {
    replace(pattern, content, in: text, byteLimit: .max) ?? text
  }

  /// As above; nil when the text gets longer than so many bytes.
  private static func replace(
    _ pattern: [UInt8], _ content: [UInt8], in text: [UInt8], byteLimit: Int
  ) -> [UInt8]? {
    guard let first = pattern.first else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      if text[index] == first, text[index...].starts(with: pattern) {
        guard content.count <= byteLimit - result.count else { return nil }
        result += content
        index += pattern.count
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result.count <= byteLimit ? result : nil
  }

  private static func replaceSpaces(_ content: [UInt8], in text: [UInt8], byteLimit: Int) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      var end = index
      while end < text.count, text[end] == UInt8(ascii: " ") { end += 1 }
      if end - index >= 2 {
        guard content.count <= byteLimit - result.count else { return nil }
        result += content
        index = end
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result.count <= byteLimit ? result : nil
  }
}

extension Substring.UnicodeScalarView {
  fileprivate func strip(left: Bool, right: Bool) -> Self {
    var rest = self
    if left { rest = rest.drop { ScalarClass($0) == .space } }
    if right {
      while let last = rest.last, ScalarClass(last) == .space { rest.removeLast() }
    }
    return rest
  }
}

extension String.UnicodeScalarView {
  fileprivate func strip(left: Bool, right: Bool) -> Substring.UnicodeScalarView {
    self[...].strip(left: left, right: right)
  }
}
