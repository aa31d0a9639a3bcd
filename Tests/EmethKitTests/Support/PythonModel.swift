import Foundation
import Testing

/// Independent models in plain Python: scripts of Fixtures, run by the Python that EMETH_PYTHON names.
///
/// A script reads one JSON object a line and answers each with one line, so that ten thousand cases take one
/// process.
enum PythonModel {
  private static let interpreter: String? = {
    guard let path = ProcessInfo.processInfo.environment["EMETH_PYTHON"], !path.isEmpty else { return nil }
    return path
  }()

  static var isAvailable: Bool { interpreter != nil }

  /// Why tests that ask a model are skipped.
  static let reason: Comment = "EMETH_PYTHON names no Python"

  /// A script's answers, as many as there are questions.
  static func answers<Question: Encodable, Answer: Decodable>(
    of script: String, to questions: [Question], as type: Answer.Type
  ) throws -> [Answer] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "emeth-model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files, not pipes: whoever writes all before reading any would wait for ever on a full pipe.
    let (input, output) = (folder.appending(path: "in"), folder.appending(path: "out"))
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var lines = Data()
    for question in questions { lines += try encoder.encode(question) + [UInt8(ascii: "\n")] }
    try lines.write(to: input)
    try Data().write(to: output)

    let process = Process()
    process.executableURL = URL(filePath: try #require(interpreter))
    process.arguments = [try fixture(script).path(percentEncoded: false)]
    process.standardInput = try FileHandle(forReadingFrom: input)
    process.standardOutput = try FileHandle(forWritingTo: output)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(script) failed; what it says stands above")

    let decoder = JSONDecoder()
    let answers = try Data(contentsOf: output).split(separator: UInt8(ascii: "\n"))
      .map { try decoder.decode(type, from: $0) }
    try #require(answers.count == questions.count)
    return answers
  }

  /// The lines of a fixture as values.
  static func recorded<Value: Decodable>(_ name: String, as type: Value.Type) throws -> [Value] {
    let decoder = JSONDecoder()
    return try Data(contentsOf: fixture(name)).split(separator: UInt8(ascii: "\n"))
      .map { try decoder.decode(type, from: $0) }
  }

  private static func fixture(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
  }
}
