import Foundation
import Testing

/// Independent implementations in Python, which the environment variable EMETH_PYTHON names.
enum PythonOracle {
  private static let path = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

  static var isAvailable: Bool { path?.isEmpty == false }

  /// Why tests that need it are skipped.
  static let reason: Comment = "EMETH_PYTHON names no Python with eth-account"

  /// What a script of the fixtures prints for a text on its standard input.
  static func run(_ script: String, input: String) throws -> String {
    let file = try #require(
      Bundle.module.url(forResource: script, withExtension: "py", subdirectory: "Fixtures"))
    // Files instead of pipes: neither side can wait for the other.
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: scratch) }
    let inputFile = scratch.appendingPathComponent("input")
    let outputFile = scratch.appendingPathComponent("output")
    try Data(input.utf8).write(to: inputFile)
    try Data().write(to: outputFile)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(path))
    process.arguments = [file.path]
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(script).py ends with \(process.terminationStatus)")
    return String(decoding: try Data(contentsOf: outputFile), as: UTF8.self)
  }
}
