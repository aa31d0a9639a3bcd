extension Command {
  /// `emeth completions SHELL`: the script that completes commands, flags and values.
  static let completions = Command(
    CommandDefinition(
      "completions", section: .program, summary: "print the completion script of a shell",
      discussion: ["The first lines of the script say how it is loaded."],
      arguments: [CompletionsArguments.shell],
      examples: [
        CommandExample("source <(emeth completions bash)", "complete in this bash session")
      ])
  ) { parsed, context in
    let script = CompletionScript(commands: CommandTable.definitions)
    try context.output.write(script.text(for: parsed[CompletionsArguments.shell]))
    return .done
  }

  private enum CompletionsArguments {
    static let shell = Argument<Shell>("SHELL", .choice("SHELL"), help: "the shell")
  }
}
