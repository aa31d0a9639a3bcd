import Foundation
import Testing

/// A running `emeth serve` on a free port.
final class Server {
  let url: String
  let process: Process
  private let errors = Pipe()

  init(in folder: ScratchFolder, logLevel: String = "error", _ flags: [String] = []) throws {
    process = Process()
    process.executableURL = Program.url
    process.arguments =
      ["serve", "--listen", "127.0.0.1:0", "--data", folder.path("net"), "--log-level", logLevel] + flags
    let output = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    url = output.firstLine()
    try #require(url.hasPrefix("http://127.0.0.1:"), "serve printed \(url)")
  }

  deinit { if process.isRunning { process.terminate() } }

  /// What it has logged; it has ended.
  func log() throws -> String {
    String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  }

  /// Ends it with a signal, and says how it ended.
  func stop(_ signal: Int32 = SIGTERM) -> Int32 {
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return process.terminationStatus
  }
}
