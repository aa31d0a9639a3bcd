import Foundation

/// Starts a process of a sandbox, waits for it no longer than it may run, and keeps the end of what it says.
enum ModuleProcess {
  /// How a process ended.
  enum Status: Sendable, Equatable {
    /// By itself, or by a signal: 128 and the signal's number then.
    case exited(Int32)
    case outOfTime
    /// Somebody asked to stop.
    case stopped
  }

  struct Ended: Sendable {
    var status: Status
    /// Whether the sandbox was there and the command in it came to its end: bubblewrap's own word, on a
    /// descriptor that the command does not have.
    var commandEnded = false
    /// The last line on standard error, or on standard output.
    var lastLine: String?
    /// The last line on standard output.
    var lastOutputLine: String?
  }

  /// The descriptor on which bubblewrap waits where a cgroup is to be entered first.
  static let gate: Int32 = 3
  /// The descriptor on which bubblewrap says how the command ended.
  static let report: Int32 = 4
  /// Bytes of each stream that are kept, the last ones.
  private static let keptBytes = 4 << 10

  /// Where a program is found; nil where it is not.
  ///
  /// - Parameter path: the folders, with colons between them.
  static func program(_ name: String, in path: String) -> String? {
    path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a command: its own process group, no input, no descriptor but the three streams, the gate and the report.
  ///
  /// This thread waits: bubblewrap dies with the thread that started it. Not for the cooperative pool.
  ///
  /// - Parameters:
  ///   - environment: all that it gets.
  ///   - begun: called before the gate opens.
  static func run(
    _ words: [String], environment: [String: String] = [:], seconds: UInt64, stop: StopFlag,
    begun: (pid_t) throws(NetworkError) -> Void = { (_) throws(NetworkError) in }
  ) throws(NetworkError) -> Ended {
    let (output, errors, gate, report) = (try Pipe(), try Pipe(), try Pipe(), try Pipe())
    let process = try spawn(words, environment, output: output, errors: errors, gate: gate, report: report)
    output.closeWriting()
    errors.closeWriting()
    report.closeWriting()
    do throws(NetworkError) {
      try begun(process)
    } catch {
      kill(process)
      throw error
    }
    // Bubblewrap waits for something to read: the end of the pipe would do as well.
    gate.closeWriting()
    var (said, complained) = (Tail(), Tail())
    let deadline = ContinuousClock.now + .seconds(Int64(clamping: seconds))
    while true {
      let isSilent = wait(for: [output, errors])
      said.take(from: output)
      complained.take(from: errors)
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        said.take(from: output)
        complained.take(from: errors)
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        var reported = Tail()
        reported.take(from: report)
        return Ended(
          status: .exited(code), commandEnded: reported.namesExitCode,
          lastLine: complained.lastLine ?? said.lastLine, lastOutputLine: said.lastLine)
      }
      // Both streams may be closed long before the process ends.
      if isSilent { usleep(10_000) }
      let isLate = ContinuousClock.now >= deadline
      if isLate || stop.isRaised {
        kill(process)
        return Ended(status: isLate ? .outOfTime : .stopped, lastLine: complained.lastLine ?? said.lastLine)
      }
    }
  }

  /// Ends a process, and with it all that is inside its sandbox.
  private static func kill(_ process: pid_t) {
    _ = Foundation.kill(-process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
  }

  private static func spawn(
    _ words: [String], _ environment: [String: String], output: Pipe, errors: Pipe, gate: Pipe, report: Pipe
  ) throws(NetworkError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
    posix_spawn_file_actions_adddup2(&actions, gate.reading, Self.gate)
    posix_spawn_file_actions_adddup2(&actions, report.writing, Self.report)
    try closeOthers(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    let texts: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let settings: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in texts + settings { free(text) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, words.first ?? "", &actions, &attributes, texts, settings)
    guard failure == 0 else {
      throw .sandboxFailed(
        reason: "\(words.first ?? "the program") does not start: \(String(cString: strerror(failure)))")
    }
    return process
  }

  /// Closes all other descriptors in the new process, those of other threads included. The function is looked
  /// for by its name: the headers show it to GNU's own dialect only.
  private static func closeOthers(
    _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>
  ) throws(NetworkError) {
    typealias CloseFrom =
      @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    guard let found = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"),
      unsafeBitCast(found, to: CloseFrom.self)(actions, report + 1) == 0
    else {
      throw .sandboxFailed(reason: "descriptors can't be closed before it starts: glibc 2.34 is needed")
    }
  }

  /// Waits a little for one of these to have something; whether none can have any more.
  private static func wait(for pipes: [Pipe]) -> Bool {
    var polled = pipes.map { pollfd(fd: $0.reading, events: Int16(POLLIN), revents: 0) }
    _ = poll(&polled, nfds_t(polled.count), 20)
    return polled.allSatisfy { $0.revents & Int16(POLLIN) == 0 && $0.revents & Int16(POLLHUP) != 0 }
  }

  /// Text of a stranger as it may be shown: one short line without control characters.
  static func shown(_ text: String) -> String {
    let line = String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.isPrintable }))
    return line.count > 200 ? line.prefix(200) + "…" : line
  }

  /// The last bytes of a stream.
  private struct Tail {
    private var bytes: [UInt8] = []

    /// Takes what is there, however much: nobody is kept waiting for us.
    mutating func take(from pipe: Pipe) {
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      // A stream that never ends is looked at again later.
      for _ in 0..<16 {
        let count = buffer.withUnsafeMutableBytes { Foundation.read(pipe.reading, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes += buffer[..<count]
        if bytes.count > ModuleProcess.keptBytes { bytes.removeFirst(bytes.count - ModuleProcess.keptBytes) }
      }
    }

    /// Whether one of its lines is a JSON object with an exit code.
    var namesExitCode: Bool {
      struct Line: Decodable {
        var code: Int32
        enum CodingKeys: String, CodingKey { case code = "exit-code" }
      }
      return bytes.split(separator: UInt8(ascii: "\n")).contains {
        (try? JSONDecoder().decode(Line.self, from: Data($0))) != nil
      }
    }

    var lastLine: String? {
      String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).last.map {
        ModuleProcess.shown(String($0))
      }
    }
  }

  /// A pipe whose ends are closed with it; reading never waits.
  private final class Pipe {
    let reading: Int32
    let writing: Int32
    private var isWritingOpen = true

    init() throws(NetworkError) {
      var ends: [Int32] = [-1, -1]
      guard pipe(&ends) == 0 else {
        throw .sandboxFailed(reason: "no pipe can be made: \(Files.lastSystemError())")
      }
      // Above those that the new process gets: one put in its place must not take another's.
      (reading, writing) = (Self.raised(ends[0]), Self.raised(ends[1]))
      guard reading >= 0, writing >= 0 else {
        throw .sandboxFailed(reason: "no pipe can be made: \(Files.lastSystemError())")
      }
      _ = fcntl(reading, F_SETFL, fcntl(reading, F_GETFL) | O_NONBLOCK)
    }

    private static func raised(_ end: Int32) -> Int32 {
      defer { close(end) }
      return fcntl(end, F_DUPFD_CLOEXEC, ModuleProcess.report + 1)
    }

    func closeWriting() {
      if isWritingOpen { close(writing) }
      isWritingOpen = false
    }

    deinit {
      closeWriting()
      close(reading)
    }
  }
}

extension Unicode.Scalar.Properties {
  /// Whether a terminal shows it and does nothing else with it.
  fileprivate var isPrintable: Bool {
    switch generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
}
