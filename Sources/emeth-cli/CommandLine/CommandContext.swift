import Foundation

/// What a running command may use of the world around it.
struct CommandContext: Sendable {
  /// Standard output: data only.
  var output = Output.standard
  /// Standard error: everything that is said to people.
  var talk = Talk()
  /// Whether standard output is a terminal, and how wide it is.
  var outputTerminal = Terminal(descriptor: STDOUT_FILENO)
  var environment = ProcessInfo.processInfo.environment
  var cancellation = Cancellation()
}
