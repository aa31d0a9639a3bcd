extension CompletionScript {
  /// Completions for fish 3.
  func fish() -> String {
    var lines = [
      "# fish completion for emeth. Load it with:", "#   emeth completions fish | source",
      "# or save it as ~/.config/fish/completions/emeth.fish", "complete -c emeth -e", "complete -c emeth -f",
    ]
    for command in commands {
      lines.append(
        "complete -c emeth -n __fish_use_subcommand -a \(command.name) -d \(Self.fishQuote(command.summary))")
    }
    for command in commands {
      let condition = "-n '__fish_seen_subcommand_from \(command.name)'"
      for flag in command.flags {
        let short = flag.short.map { " -s \($0)" } ?? ""
        let value = flag.valueName == nil ? "" : " " + fishAction(flag.completion)
        lines.append(
          "complete -c emeth \(condition) -l \(flag.name)\(short)\(value) -d \(Self.fishQuote(flag.help))")
      }
      lines.append("complete -c emeth \(condition) -s h -l help -d 'this command\\'s help'")
      for argument in command.arguments {
        guard let action = fishArgument(argument.completion) else { continue }
        lines.append("complete -c emeth \(condition) \(action)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func fishAction(_ completion: CompletionHint) -> String {
    switch completion {
    case .nothing: "-x"
    case .file: "-r -F"
    case .folder: "-x -a '(__fish_complete_directories)'"
    case .choices(let words): "-x -a \(Self.fishQuote(words.joined(separator: " ")))"
    case .commandName: "-x -a \(Self.fishQuote(commandNames.joined(separator: " ")))"
    }
  }

  private func fishArgument(_ completion: CompletionHint) -> String? {
    switch completion {
    case .nothing: nil
    case .file: "-F"
    case .folder: "-a '(__fish_complete_directories)'"
    case .choices(let words): "-a \(Self.fishQuote(words.joined(separator: " ")))"
    case .commandName: "-a \(Self.fishQuote(commandNames.joined(separator: " ")))"
    }
  }

  /// Fish escapes a quote inside single quotes by a backslash.
  private static func fishQuote(_ text: String) -> String {
    "'"
      + text.reduce(into: "") { escaped, character in
        if character == "'" || character == "\\" { escaped += "\\" }
        escaped.append(character)
      } + "'"
  }
}
