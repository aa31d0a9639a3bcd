import EmethCompute
import EmethKit
import Foundation

/// One prompt of a text generation: a line of JSON with `id`, `prompt`, and what of ``Drawing`` is to be otherwise for it.
///
/// ```json
/// {"id":"greeting","prompt":"ROMEO:","maxTokens":40,"temperature":0.5,"seed":"7","stop":["JULIET"]}
/// ```
struct Prompt: Sendable, Hashable {
  let id: String
  let text: String
  let drawing: Drawing

  /// The most bytes of an id.
  static let idByteLimit = 256

  /// Reads a line, strictly.
  ///
  /// - Parameter defaults: how it is drawn where the line does not say.
  init(_ line: some Collection<UInt8>, defaults: Drawing) throws(PromptFault) {
    let members: [JSONValue.Member]
    do throws(FormatError) {
      members = try JSONValue(parsing: String(decoding: line, as: UTF8.self)).objectMembers()
    } catch {
      throw PromptFault("not a JSON object", found: error.message, allowed: "one object a line")
    }
    var (id, text, drawing): (String?, String?, Drawing) = (nil, nil, defaults)
    for member in members {
      let (key, value) = (member.key, member.value)
      switch key {
      case "id": id = try Self.text(key, value)
      case "prompt": text = try Self.text(key, value)
      case "maxTokens": drawing.maxTokens = try Self.count(key, value)
      case "temperature": drawing.temperature = try Self.real(key, value)
      case "topK": drawing.topK = try Self.count(key, value)
      case "topP": drawing.topP = try Self.real(key, value)
      case "repetitionPenalty": drawing.repetitionPenalty = try Self.real(key, value)
      case "seed": drawing.seed = try Self.seed(key, value)
      case "stop": drawing.stop = try Self.stops(key, value)
      default: throw PromptFault("field", found: key.debugDescription, allowed: Self.fields)
      }
    }
    guard let id, let text else {
      throw PromptFault(id == nil ? "id" : "prompt", found: "no such field", allowed: "a text")
    }
    guard (1...Self.idByteLimit).contains(id.utf8.count) else {
      throw PromptFault("id", found: "\(id.utf8.count) bytes", allowed: "1 to \(Self.idByteLimit) bytes")
    }
    if let fault = drawing.fault { throw fault }
    (self.id, self.text, self.drawing) = (id, text, drawing)
  }

  private static let fields =
    "id, prompt, maxTokens, temperature, topK, topP, repetitionPenalty, seed, stop"

  private static func text(_ key: String, _ value: JSONValue) throws(PromptFault) -> String {
    guard case .string(let text) = value else { throw PromptFault(key, found: value.kind, allowed: "a text") }
    return text
  }

  private static func count(_ key: String, _ value: JSONValue) throws(PromptFault) -> UInt32 {
    guard case .number(let text) = value, let number = UInt32(text) else {
      throw PromptFault(key, found: shown(value), allowed: "an integer")
    }
    return number
  }

  private static func real(_ key: String, _ value: JSONValue) throws(PromptFault) -> Double {
    guard case .number(let text) = value, let number = Double(text), number.isFinite else {
      throw PromptFault(key, found: shown(value), allowed: "a number")
    }
    return number
  }

  /// As `--seed` reads it.
  private static func seed(_ key: String, _ value: JSONValue) throws(PromptFault) -> Bytes32 {
    switch value {
    case .string(let text) where !text.isEmpty: return Drawing.seed(text)
    case .number(let text) where UInt64(text) != nil: return Drawing.seed(text)
    default: throw PromptFault(key, found: shown(value), allowed: "a text that is not empty, or an integer")
    }
  }

  private static func stops(_ key: String, _ value: JSONValue) throws(PromptFault) -> [String] {
    guard case .array(let elements) = value else { return [try text(key, value)] }
    var texts: [String] = []
    for element in elements { texts.append(try text(key, element)) }
    return texts
  }

  private static func shown(_ value: JSONValue) -> String {
    switch value {
    case .number(let text): text
    case .string(let text): text.debugDescription
    case .object, .array, .bool, .null: value.kind
    }
  }
}

/// The prompts of a data set or of a part of one.
struct PromptList: Sendable {
  let prompts: [Prompt]

  /// Reads JSON lines, strictly: no line is left out.
  ///
  /// - Parameter name: how errors name the file.
  /// - Throws: ``NetworkError/badDataSet(path:what:found:allowed:)`` with the line.
  init(_ bytes: Data, named name: String, defaults: Drawing) throws(NetworkError) {
    var prompts: [Prompt] = []
    try Self.forEach(in: bytes, named: name, defaults: defaults) { _, prompt in prompts.append(prompt) }
    self.prompts = prompts
  }

  /// Half of an id's hash: enough to know it by, and a data set has many.
  private struct IDHash: Hashable {
    let first: UInt64
    let second: UInt64

    init(_ id: String) {
      let hash = SHA256.hash(Array(id.utf8)).bytes
      first = hash[..<8].reduce(0) { $0 << 8 | UInt64($1) }
      second = hash[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  /// Calls `body` with the number of each line, from 1, and its prompt.
  static func forEach(
    in bytes: Data, named name: String, defaults: Drawing,
    _ body: (Int, Prompt) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    let whole = Array(bytes)
    let ranges = try asNetworkError { try RecordKind.json.records(in: whole) }
    guard !ranges.isEmpty else {
      throw .badDataSet(
        path: name, what: "no prompts", found: "\(whole.count) bytes", allowed: "a line of JSON each")
    }
    var ids: Set<IDHash> = []
    for (index, range) in ranges.enumerated() {
      let prompt: Prompt
      do throws(PromptFault) {
        prompt = try Prompt(whole[range], defaults: defaults)
        guard ids.insert(IDHash(prompt.id)).inserted else {
          throw PromptFault(
            "id", found: "\(prompt.id.debugDescription), as in a line before", allowed: "each id once")
        }
      } catch {
        throw Self.error(error, line: index + 1, of: name)
      }
      try body(index + 1, prompt)
    }
  }

  static func error(_ fault: PromptFault, line: Int, of name: String) -> NetworkError {
    .badDataSet(
      path: name, what: "line \(line): \(fault.what)", found: fault.found, allowed: fault.allowed)
  }

  /// The tokens that a model reads first of each prompt.
  ///
  /// - Throws: ``NetworkError/badDataSet(path:what:found:allowed:)`` for a prompt that is longer than the context.
  func tokens(
    _ tokenizer: any Tokenizer, context: Int, named name: String
  ) throws(NetworkError) -> [[UInt32]] {
    var all: [[UInt32]] = []
    for (index, prompt) in prompts.enumerated() {
      all.append(try prompt.tokens(tokenizer, context: context, line: index + 1, of: name))
    }
    return all
  }
}

extension Prompt {
  fileprivate func startTokens(_ tokenizer: any Tokenizer) throws(PromptFault) -> [UInt32] {
    do throws(ComputeError) {
      return try tokenizer.startTokens(of: text)
    } catch {
      throw PromptFault("prompt", found: error.message, allowed: "text")
    }
  }

  /// The tokens that a model reads first.
  ///
  /// - Throws: ``NetworkError/badDataSet(path:what:found:allowed:)`` for a prompt that is longer than the context.
  func tokens(
    _ tokenizer: any Tokenizer, context: Int, line: Int, of name: String
  ) throws(NetworkError) -> [UInt32] {
    do throws(PromptFault) {
      let tokens = try startTokens(tokenizer)
      guard tokens.count <= context else {
        throw PromptFault(
          "prompt", found: "\(tokens.count) tokens", allowed: "at most the model's context, \(context)")
      }
      return tokens
    } catch {
      throw PromptList.error(error, line: line, of: name)
    }
  }
}
