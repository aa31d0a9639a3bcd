import Foundation

/// The program `emeth`: reads the command line, calls one library function, prints.
@main
struct EmethMain {
  static func main() async {
    // A reader that went away is an ordinary error of write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    let context = CommandContext()
    context.cancellation.listenForSignals()
    let runner = CommandRunner(commands: CommandTable.commands, context: context)
    exit(await runner.run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }
}
