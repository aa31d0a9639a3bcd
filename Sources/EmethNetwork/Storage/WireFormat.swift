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
}

extension Encodable {
  /// The value as one line of JSON.
  func wireText() throws -> String { String(decoding: try WireFormat.encoder.encode(self), as: UTF8.self) }
}

extension Decodable {
  /// Reads a value from JSON text.
  init(wireText: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(wireText.utf8)) }
}
