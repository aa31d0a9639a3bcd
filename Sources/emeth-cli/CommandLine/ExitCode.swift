/// How a command ended, as the shell sees it. The numbers are part of the interface and never change.
enum ExitCode: Int32, CaseIterable, Sendable {
  case done = 0
  case no = 1
  case usage = 2
  case badInput = 3
  case unavailable = 4
  case internalError = 5
  case interrupted = 130

  /// What the number tells a script, in one line.
  var meaning: String {
    switch self {
    case .done: "done, or the answer is yes"
    case .no: "the answer is no: what was asked about does not verify"
    case .usage: "the command line is wrong"
    case .badInput: "the input data is wrong"
    case .unavailable: "a file, network, device or chain is not available"
    case .internalError: "an error in this program"
    case .interrupted: "interrupted by Ctrl-C or a termination signal"
    }
  }
}
