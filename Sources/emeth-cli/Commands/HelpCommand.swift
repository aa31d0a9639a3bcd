extension Command {
  /// `emeth help`: the overview, one command's help, or the manual page.
  static let help = Command(
    CommandDefinition(
      "help", section: .program, summary: "explain a command, or list them all",
      arguments: [HelpArguments.command], flags: [HelpArguments.manual],
      examples: [
        CommandExample("emeth help version", "what `emeth version` prints"),
        CommandExample("emeth help --man | man -l -", "the manual page of all commands"),
      ])
  ) { parsed, context in
    let help = HelpWriter(commands: CommandTable.definitions, width: context.outputTerminal.textWidth)
    switch (parsed[HelpArguments.command], parsed[HelpArguments.manual]) {
    case (nil, false): try context.output.write(help.overview())
    case (nil, true): try context.output.write(ManualPage(commands: CommandTable.definitions).roff())
    case (let name?, false):
      guard let definition = CommandTable.definitions.first(where: { $0.name == name }) else {
        let nearest = Suggestion.nearest(to: name, among: CommandTable.definitions.map(\.name))
        throw UsageError.unknownCommand(found: name, nearest: nearest)
      }
      try context.output.write(help.text(for: definition))
    case (.some, true):
      throw UsageError.contradiction(
        rule: "--man prints the manual of all commands and takes no COMMAND", command: "help")
    }
    return .done
  }

  private enum HelpArguments {
    static let command = Argument(optional: "COMMAND", .commandName, help: "the command to explain")
    static let manual = Flag(toggle: "man", help: "print the manual page of all commands (roff)")
  }
}
