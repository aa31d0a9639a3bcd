import EmethKit

/// The JSON objects of a file or of standard input, one after another, whatever their number.
struct JSONPieces {
  /// How the input is called in messages.
  let name: String
  private let chunks: InputChunks
  private var splitter: JSONSplitter
  private var isEnd = false
  private var isEmpty = true

  /// Groups hold about so many bytes or objects: enough work for a core, little memory.
  private static let groupByteCount = 1 << 18
  private static let groupCount = 128

  init(_ file: InputFile, cancellation: Cancellation) throws(FileError) {
    name = file.name
    chunks = try InputChunks(file, cancellation: cancellation)
    splitter = JSONSplitter(name: file.name)
  }

  /// How the objects stand; known once the first one was read.
  var form: JSONSplitter.Form { splitter.form }

  /// The next object; nil behind the last one.
  ///
  /// - Throws: `FileError`, with `empty` when there is nothing but white space; `CommandFailure` with the
  ///   line where something else than an object begins.
  mutating func next() async throws -> JSONSplitter.Piece? {
    while true {
      if let piece = try splitter.next(isEnd: isEnd) {
        isEmpty = false
        return piece
      }
      if isEnd {
        if isEmpty, splitter.form == .unknown { throw FileError.empty(path: name) }
        return nil
      }
      if let bytes = try await chunks.next() { splitter.append(bytes) } else { isEnd = true }
    }
  }

  /// Some of the next objects; nil behind the last one.
  mutating func nextGroup() async throws -> [JSONSplitter.Piece]? {
    var group: [JSONSplitter.Piece] = []
    var byteCount = 0
    while group.count < Self.groupCount, byteCount < Self.groupByteCount, let piece = try await next() {
      group.append(piece)
      byteCount += piece.bytes.count
    }
    return group.isEmpty ? nil : group
  }
}

extension JSONSplitter.Piece {
  /// The object, read strictly, with its text.
  ///
  /// - Throws: `CommandFailure` with exit code 3.
  func parsed(in name: String) throws -> (value: JSONValue, text: String) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure(
        .badInput, code: "file.notText", "\(name), \(place): is not UTF-8 text", details: ["at": "\(place)"])
    }
    do throws(FormatError) {
      return (try JSONValue(parsing: text), text)
    } catch {
      throw CommandFailure(
        .badInput, code: error.code, "\(name), \(place): \(error.message)", hint: error.hint,
        details: ["at": "\(place)"])
    }
  }
}
