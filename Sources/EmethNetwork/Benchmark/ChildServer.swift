import Foundation

/// A server in a process of its own: what it takes of the machine is counted apart from its client's.
final class ChildServer {
  /// Where it listens.
  let address: ServerAddress
  private let process: Process
  private let log: URL

  /// Starts one and waits until it says where it listens.
  ///
  /// - Parameters:
  ///   - words: its arguments. Its first line on standard output is `{"url":"http://…"}`.
  ///   - log: takes its standard error.
  init(
    _ program: URL, _ words: [String], environment: [String: String] = [:], log: URL
  ) throws(NetworkError) {
    self.log = log
    process = Process()
    process.executableURL = program
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    let process = process
    let line: String = try asNetworkError {
      try Data().write(to: log)
      process.standardError = try FileHandle(forWritingTo: log)
      try process.run()
      var line = Data()
      while !line.contains(UInt8(ascii: "\n")) {
        let more = output.fileHandleForReading.availableData
        guard !more.isEmpty else { break }
        line.append(more)
      }
      return String(decoding: line, as: UTF8.self)
    }
    struct Listening: Decodable { var url: String }
    guard let listening = try? JSONDecoder().decode(Listening.self, from: Data(line.utf8)) else {
      process.waitUntilExit()
      let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      throw .unreachable(
        server: program.path,
        reason: "it did not listen: \(said.suffix(500).trimmingCharacters(in: .newlines))")
    }
    address = try ServerAddress(listening.url)
  }

  /// Asks it to stop and waits until it has. Whoever is connected to it lets go first.
  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  deinit { stop() }

  /// Processor time that it has taken so far, seconds; 0 where the system has no /proc.
  var processorSeconds: Double {
    // The name, which may hold anything, is in brackets.
    guard
      let fields = Self.procfs("stat", of: process.processIdentifier).split(separator: ")").last?.split(
        separator: " "), fields.count > 12,
      let user = Double(fields[11]), let system = Double(fields[12])
    else { return 0 }
    return (user + system) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
  }

  /// Memory that it has, bytes; 0 where the system has no /proc.
  var residentBytes: Int { Self.bytes("VmRSS", of: process.processIdentifier) }

  /// The most that it has had.
  var mostResidentBytes: Int { Self.mostResidentBytes(of: process.processIdentifier) }

  /// The most memory that a process has had, bytes; 0 where the system has no /proc.
  static func mostResidentBytes(of process: Int32) -> Int { bytes("VmHWM", of: process) }

  private static func bytes(_ name: String, of process: Int32) -> Int {
    let line = procfs("status", of: process).split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  private static func procfs(_ name: String, of process: Int32) -> String {
    (try? String(contentsOfFile: "/proc/\(process)/\(name)", encoding: .utf8)) ?? ""
  }
}
