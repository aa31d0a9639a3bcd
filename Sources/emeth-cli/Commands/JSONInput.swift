import EmethKit
import Foundation

/// Reads JSON that comes from others: strictly, and with errors that name the place.
enum JSONInput {
  /// The parsed document and the file's text.
  static func parse(_ file: InputFile) throws -> (value: JSONValue, text: String) {
    let text = try file.text(limit: JSONValue.defaultByteLimit)
    guard !text.isEmpty else { throw FileError.empty(path: file.name) }
    do throws(FormatError) {
      return (try JSONValue(parsing: text), text)
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "\(file.name): \(error.message)", hint: error.hint)
    }
  }

  /// A value of the type, read from JSON text of a file.
  static func decode<Value: Decodable>(_ type: Value.Type, from text: String, of file: InputFile) throws
    -> Value
  {
    try decode(type, from: text, named: file.name)
  }

  /// A value of the type, read from JSON text that messages call by this name.
  static func decode<Value: Decodable>(_ type: Value.Type, from text: String, named name: String) throws
    -> Value
  {
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch let error as DecodingError {
      throw failure(error, name)
    }
  }

  private static func failure(_ error: DecodingError, _ name: String) -> CommandFailure {
    let (path, problem, cause): ([any CodingKey], String, (any Error)?) =
      switch error {
      case .keyNotFound(let key, let context): (context.codingPath + [key], "is missing", nil)
      case .typeMismatch(let type, let context): (context.codingPath, "is not a \(type)", nil)
      case .valueNotFound(_, let context): (context.codingPath, "is null", nil)
      case .dataCorrupted(let context):
        (context.codingPath, context.debugDescription, context.underlyingError)
      @unknown default: ([], "\(error)", nil)
      }
    let place = path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    let subject = place.isEmpty ? name : "\(name) at \(place)"
    guard let cause = cause as? any EmethError else {
      return CommandFailure(
        .badInput, code: "json.content", "\(subject): \(problem)", details: ["at": place])
    }
    return CommandFailure(
      .badInput, code: cause.code, "\(subject): \(cause.message)", hint: cause.hint, details: ["at": place])
  }
}
