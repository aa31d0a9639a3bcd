import Foundation

/// An error that knows how it is told to the user.
protocol ReportableError: Error {
  var report: ErrorReport { get }
}

/// What the user is told when a command fails: in words, or with `--json` as one object on standard error.
struct ErrorReport: Equatable, Sendable {
  var exitCode: ExitCode
  /// A stable name for programs, such as `file.notFound`.
  var code: String
  /// One line: what, where, the value found, what is allowed.
  var message: String
  /// What to do about it.
  var hint: String?
  /// The error's payload as texts.
  var details: [String: String] = [:]

  /// The two lines for people.
  var text: String {
    "emeth: error: \(message)\n" + (hint.map { "hint: \($0)\n" } ?? "")
  }

  /// One object `{code, details, message}` on one line; the hint is among the details.
  var json: String {
    struct Form: Encodable {
      var code: String
      var message: String
      var details: [String: String]
    }
    var details = details
    details["hint"] = hint
    return JSONText.line(Form(code: code, message: message, details: details))
  }
}

extension UsageError: ReportableError {
  var report: ErrorReport {
    ErrorReport(exitCode: .usage, code: code, message: message, hint: hint, details: details)
  }
}

/// A failure of a command that no library error describes.
struct CommandFailure: ReportableError, Equatable {
  var report: ErrorReport

  init(
    _ exitCode: ExitCode, code: String, _ message: String, hint: String? = nil,
    details: [String: String] = [:]
  ) {
    report = ErrorReport(exitCode: exitCode, code: code, message: message, hint: hint, details: details)
  }
}

extension CommandFailure {
  /// A failure that is told as another one was, with something changed.
  init(_ report: ErrorReport) { self.report = report }

  /// Does something with a flag's value; what goes wrong is told with the flag that named it.
  static func naming<Result>(_ flag: any CommandFlag, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      var report = ErrorReport(describing: error)
      report.message = "\(flag.definition.spelling): \(report.message)"
      throw CommandFailure(report)
    }
  }
}

/// Thrown where a command notices that it was interrupted: it ends in order, with exit code 130.
struct Interruption: ReportableError, Equatable {
  /// What was left behind and what to do next, when there is something to say.
  var note: String?

  var report: ErrorReport {
    ErrorReport(exitCode: .interrupted, code: "interrupted", message: "interrupted", hint: note)
  }
}
