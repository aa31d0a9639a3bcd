import Foundation

/// JSON as commands print it: keys sorted, slashes plain.
enum JSONText {
  /// The value on several lines, indented, with a final newline.
  static func pretty(_ value: some Encodable) -> String { text(value, .prettyPrinted) + "\n" }

  /// The value on one line, with a final newline.
  static func line(_ value: some Encodable) -> String { text(value, []) + "\n" }

  private static func text(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    // A number that is not finite has no JSON form; as a text it is at least not lost.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      preconditionFailure("a value for --json can't be encoded: \(error)")
    }
  }
}
