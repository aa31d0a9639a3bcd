import EmethCompute
import EmethKit
import Foundation

/// What was generated for one prompt: a line of a part's output, canonical JSON.
///
/// ```json
/// {"ending":"maxTokens","id":"greeting","promptTokens":6,"text":" What","tokens":5}
/// ```
public struct GeneratedText: Sendable, Hashable {
  /// Why a text ends.
  public enum Ending: String, Sendable, Hashable, CaseIterable, Encodable {
    /// There are as many tokens as were asked for.
    case maxTokens
    /// The model drew its end-of-text mark.
    case endOfText
    /// A stop text was complete.
    case stop
  }

  /// The prompt's id.
  public var id: String
  /// What follows the prompt, up to a stop text.
  public var text: String
  /// Why it ends.
  public var ending: Ending
  /// Tokens of the prompt.
  public var promptTokens: UInt32
  /// Tokens drawn, those of a stop text too.
  public var tokens: UInt32

  /// The line, with its line feed.
  func line() throws(NetworkError) -> Data {
    let value = JSONValue.object([
      .init("ending", .string(ending.rawValue)), .init("id", .string(id)),
      .init("promptTokens", .integer(promptTokens)), .init("text", .string(text)),
      .init("tokens", .integer(tokens)),
    ])
    let text = try asNetworkError { try value.canonical }
    return Data((text + "\n").utf8)
  }

  /// Reads a line; nothing but what ``line()`` writes.
  init(_ line: some Collection<UInt8>) throws(NetworkError) {
    let value = try asNetworkError { try JSONValue(parsing: String(decoding: line, as: UTF8.self)) }
    let read = try asNetworkError {
      guard let ending = Ending(rawValue: try value.required("ending").stringText()) else {
        throw NetworkError.malformed(what: "generated text", reason: "its ending is unknown")
      }
      return GeneratedText(
        id: try value.required("id").stringText(), text: try value.required("text").stringText(),
        ending: ending,
        promptTokens: try value.required("promptTokens").unsigned(),
        tokens: try value.required("tokens").unsigned())
    }
    guard try read.line().elementsEqual(line) else {
      throw .malformed(what: "generated text", reason: "a line is not in canonical form")
    }
    self = read
  }

  init(id: String, text: String, ending: Ending, promptTokens: UInt32, tokens: UInt32) {
    (self.id, self.text, self.ending) = (id, text, ending)
    (self.promptTokens, self.tokens) = (promptTokens, tokens)
  }

  /// The lines of an output.
  static func lines(of output: Data) throws(NetworkError) -> [GeneratedText] {
    let whole = Array(output)
    var texts: [GeneratedText] = []
    for range in try asNetworkError({ try RecordKind.json.records(in: whole) }) {
      texts.append(try GeneratedText(whole[range]))
    }
    return texts
  }
}
