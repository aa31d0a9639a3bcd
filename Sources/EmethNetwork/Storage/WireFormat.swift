import EmethKit
import Foundation

/// How the network writes JSON (PROTOCOL 10): camelCase, sorted keys, no escaped slashes.
public enum WireFormat {
  /// An encoder of that form.
  public static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  /// The same with line breaks and indentation, for files that people read.
  public static var readableEncoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return encoder
  }

  /// What is wrong with JSON that could not be read: where, and what, in one line.
  static func problem(of error: any Error) -> String {
    let context: DecodingError.Context
    switch error as? DecodingError {
    case .typeMismatch(_, let found): context = found
    case .valueNotFound(_, let found): context = found
    case .keyNotFound(let key, let found):
      return "\(place(of: found.codingPath)) lacks \"\(key.stringValue)\""
    case .dataCorrupted(let found): context = found
    default: return "it can't be read"
    }
    if let cause = context.underlyingError as? any EmethError {
      return "\(place(of: context.codingPath)): \(cause.message)"
    }
    return "\(place(of: context.codingPath)): \(context.debugDescription)"
  }

  /// A place such as `parts[2].hash`.
  private static func place(of path: [any CodingKey]) -> String {
    let text = path.reduce("") { text, key in
      key.intValue.map { "\(text)[\($0)]" } ?? (text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)")
    }
    return text.isEmpty ? "the value" : text
  }
}

extension Encodable {
  /// The value as one line of JSON.
  func wireText() throws -> String { String(decoding: try WireFormat.encoder.encode(self), as: UTF8.self) }
}

extension Decodable {
  /// Reads a value from JSON text.
  init(wireText: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(wireText.utf8)) }
}
