import Foundation

/// Runs one command line from words to exit code: parse, run, report.
struct CommandRunner: Sendable {
  let commands: [Command]
  let context: CommandContext

  /// Runs it; never throws: every error ends as a report on standard error and an exit code.
  func run(_ words: [String]) async -> ExitCode {
    do {
      switch try CommandLineParser(commands: commands).parse(words) {
      case .overview:
        try context.output.write(help.overview())
        return .done
      case .help(let definition):
        try context.output.write(help.text(for: definition))
        return .done
      case .version:
        try context.output.print(ProgramVersion.current.text)
        return .done
      case .run(let command, let parsed):
        return try await command.run(parsed, context)
      }
    } catch is OutputClosed {
      return .done
    } catch {
      return report(error, asJSON: Self.wantsJSON(words))
    }
  }

  private var help: HelpWriter {
    HelpWriter(commands: commands.map(\.definition), width: context.outputTerminal.textWidth)
  }

  private func report(_ error: any Error, asJSON: Bool) -> ExitCode {
    context.talk.clear()
    if !asJSON, error as? UsageError == .noCommand {
      try? Output.error.write(help.overview())
      return .usage
    }
    let report = ErrorReport(describing: error)
    try? Output.error.write(asJSON ? report.json : report.text)
    return report.exitCode
  }

  /// Whether an error is wanted as JSON, also when the line could not be parsed.
  private static func wantsJSON(_ words: [String]) -> Bool {
    words.prefix { $0 != "--" }.contains("--json")
  }
}

extension ErrorReport {
  /// How any error is told; one that nobody foresaw is an internal error.
  init(describing error: any Error) {
    if let error = error as? any ReportableError {
      self = error.report
    } else if error is CancellationError {
      self = Interruption().report
    } else if let report = ErrorReport(ofLibraryError: error) {
      self = report
    } else {
      self = ErrorReport(
        exitCode: .internalError, code: "internal", message: "unexpected error: \(error)",
        hint: "this is a fault of the program: please report it with the command that you typed")
    }
  }
}
