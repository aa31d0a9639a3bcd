/// What counts as one record of a data set (PROTOCOL 4).
///
/// Records are runs of the data set's own bytes: put together in order they are the data set again, byte for
/// byte. Their text form is what `--records` takes: `line`, `sentence`, `json` or `binary:BYTES`.
///
/// ```swift
/// let kind = RecordKind("sentence") ?? .line
/// let ranges = try kind.records(in: Array("One. \"Two!\" Three".utf8))   // [0..<5, 5..<12, 12..<17]
/// ```
public enum RecordKind: Hashable, Sendable {
  /// UTF-8 text up to and with each line feed; a last line may lack it. A carriage return is text.
  case line
  /// UTF-8 text up to and with `.`, `?` or `!`, the quotes and brackets that close behind it, and the white
  /// space that follows; see ``RecordScanner``.
  case sentence
  /// Lines that are one JSON document each, read as strictly as ``JSONValue`` does.
  case json
  /// Exactly so many bytes, from 1 to ``RecordScanner/recordByteLimit``.
  case binary(byteCount: Int)

  /// The kind of a text such as `line` or `binary:512`, or nil when it names none.
  public init?(_ text: String) {
    switch text {
    case "line": self = .line
    case "sentence": self = .sentence
    case "json": self = .json
    default:
      guard text.hasPrefix("binary:"), let count = UInt32(decimal: text.dropFirst("binary:".count)),
        (1...RecordScanner.recordByteLimit).contains(Int(count))
      else { return nil }
      self = .binary(byteCount: Int(count))
    }
  }

  /// Whether records are UTF-8 text.
  public var isText: Bool {
    switch self {
    case .line, .sentence, .json: true
    case .binary: false
    }
  }

  /// The most bytes that a record may have: 64 MiB, and 16 MiB for a line of JSON.
  public var recordByteLimit: Int {
    self == .json ? JSONValue.defaultByteLimit : RecordScanner.recordByteLimit
  }

  /// The places of all records of a data set in memory, in order.
  ///
  /// - Throws: ``SplittingError``: `notText`, `recordTooLong`, `leftOver`, `notJSON`.
  public func records(in bytes: [UInt8]) throws(SplittingError) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var scanner = RecordScanner(self)
    try bytes.withUnsafeBufferPointer { (bytes) throws(SplittingError) in
      let bytes = UnsafeRawBufferPointer(bytes)
      try scanner.scan(bytes) { (end) throws(SplittingError) in try append(end, of: bytes, to: &ranges) }
      try scanner.finish { (end) throws(SplittingError) in try append(end, of: bytes, to: &ranges) }
    }
    return ranges
  }

  private func append(
    _ end: UInt64, of bytes: UnsafeRawBufferPointer, to ranges: inout [Range<Int>]
  ) throws(SplittingError) {
    let range = (ranges.last?.upperBound ?? 0)..<Int(end)
    try check(
      UnsafeRawBufferPointer(rebasing: bytes[range]), record: UInt64(ranges.count),
      at: UInt64(range.lowerBound))
    ranges.append(range)
  }

  /// Checks what a record must be beyond its length: a line of JSON is read through; all others pass.
  ///
  /// - Parameters:
  ///   - record: Its bytes, cut by ``RecordScanner``.
  ///   - place: Its place in the data set, from 0.
  ///   - offset: Where it begins in the data set, in bytes.
  /// - Throws: ``SplittingError/notJSON(record:at:cause:)``.
  public func check(
    _ record: UnsafeRawBufferPointer, record place: UInt64, at offset: UInt64
  ) throws(SplittingError) {
    guard self == .json else { return }
    do throws(FormatError) {
      try JSONSyntax.check(record)
    } catch {
      throw .notJSON(record: place, at: offset, cause: error)
    }
  }
}

extension RecordKind: CustomStringConvertible, Codable {
  /// The text form: `line`, `sentence`, `json` or `binary:512`.
  public var description: String {
    switch self {
    case .line: "line"
    case .sentence: "sentence"
    case .json: "json"
    case .binary(let byteCount): "binary:\(byteCount)"
    }
  }

  /// What is allowed as a text form, in words.
  public static let allowed =
    "line, sentence, json, or binary:BYTES with 1 to \(RecordScanner.recordByteLimit) bytes"

  /// Reads the text form.
  public init(from decoder: any Decoder) throws {
    self = try decoder.decodeText { text throws(SplittingError) in
      guard let kind = RecordKind(text) else { throw .unknownKind(found: text) }
      return kind
    }
  }

  /// Writes the text form.
  public func encode(to encoder: any Encoder) throws {
    try encoder.encodeText(description)
  }
}
