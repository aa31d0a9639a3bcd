import Foundation

/// Hugging Face's `tokenizer.json` as read, before it is known which tokenizer it is.
struct TokenizerDocument {
  /// The largest file of a tokenizer that is read: a vocabulary of 256,000 tokens takes some 35 MB.
  static let byteLimit = 64 << 20

  /// The file's path, for errors.
  let path: String
  let root: JSONDocument
  /// The section `model`.
  let model: JSONDocument
  /// The model's type; files before 2020 have none, and `BPE` is what they are.
  let modelType: String

  /// Reads a file.
  init(contentsOf file: URL) throws(ComputeError) {
    try self.init(JSONDocument(contentsOf: file, byteLimit: Self.byteLimit), path: file.path)
  }

  /// Takes a document that has been read.
  init(_ root: JSONDocument, path: String) throws(ComputeError) {
    guard let model = root["model"], case .object = model else {
      throw .malformedFile(
        path: path, what: "model", found: root["model"]?.brief ?? "missing", allowed: "an object")
    }
    self.path = path
    self.root = root
    self.model = model
    modelType = model["type"]?.string ?? "BPE"
  }

  /// The pre-tokenizers one after another, those of a sequence by themselves.
  var splitters: [JSONDocument] { Self.sequence(root["pre_tokenizer"], "pretokenizers") }

  /// The normalisers one after another, those of a sequence by themselves.
  var normalizers: [JSONDocument] { Self.sequence(root["normalizer"], "normalizers") }

  /// The decoders one after another, those of a sequence by themselves.
  var decoders: [JSONDocument] { Self.sequence(root["decoder"], "decoders") }

  private static func sequence(_ value: JSONDocument?, _ members: String) -> [JSONDocument] {
    guard let value, value != .null else { return [] }
    guard value["type"]?.string == "Sequence", case .array(let steps)? = value[members] else {
      return [value]
    }
    return steps
  }

  /// Refuses a setting that is neither absent nor one of those allowed.
  func demand(_ what: String, _ value: JSONDocument?, _ allowed: [JSONDocument]) throws(ComputeError) {
    guard let value, value != .null, !allowed.contains(value) else { return }
    throw .malformedFile(
      path: path, what: what, found: value["type"]?.string ?? value.brief,
      allowed: allowed.first?.brief ?? "null")
  }

  /// The added tokens, which no text becomes. Those that text would become are refused.
  func specialTokens() throws(ComputeError) -> [(text: String, id: Int)] {
    guard let list = root["added_tokens"], list != .null else { return [] }
    guard case .array(let tokens) = list else {
      throw .malformedFile(path: path, what: "added_tokens", found: list.brief, allowed: "an array")
    }
    var result: [(text: String, id: Int)] = []
    for (index, token) in tokens.enumerated() {
      guard let text = token["content"]?.string, let id = token["id"]?.integer, (0...1 << 30).contains(id)
      else {
        throw .malformedFile(
          path: path, what: "added token \(index)", found: token.brief, allowed: "a content and an id")
      }
      guard token["special"]?.bool ?? true else {
        throw .malformedFile(
          path: path, what: "added token \(text.prefix(80))", found: "not special",
          allowed: "special tokens, which are not looked for in text")
      }
      result.append((text, id))
    }
    return result
  }

  /// The two sides of a merge written as one text.
  static func pair(_ line: String, path: String) throws(ComputeError) -> (String, String) {
    let sides = line.split(separator: " ", omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
      throw .malformedFile(
        path: path, what: "merge \(line.prefix(80))", found: "no pair", allowed: "two tokens and a space")
    }
    return (String(sides[0]), String(sides[1]))
  }

  /// The tokens by id; every id from 0 has one, and an added token may repeat one of the vocabulary.
  static func texts(
    of vocabulary: JSONDocument, extra: [(String, JSONDocument)], path: String
  ) throws(ComputeError) -> [String] {
    guard case .object(let members) = vocabulary else {
      throw .malformedFile(path: path, what: "vocabulary", found: "no object", allowed: "{\"token\": id, …}")
    }
    let limit = members.count + extra.count
    var texts = [String?](repeating: nil, count: limit)
    for (text, value) in members + extra {
      guard let id = value.integer, (0..<limit).contains(id) else {
        throw .malformedFile(
          path: path, what: "id of \(text.prefix(80))", found: value.brief,
          allowed: "0 to \(limit - 1), without gaps")
      }
      if let other = texts[id], !other.utf8.elementsEqual(text.utf8) {
        throw .malformedFile(
          path: path, what: "id \(id)", found: "\(other.prefix(80)) and \(text.prefix(80))",
          allowed: "one token for each id")
      }
      texts[id] = text
    }
    let known = texts.prefix { $0 != nil }.compactMap { $0 }
    guard texts.dropFirst(known.count).allSatisfy({ $0 == nil }) else {
      throw .malformedFile(
        path: path, what: "id \(known.count)", found: "no token", allowed: "ids without gaps")
    }
    return known
  }
}
