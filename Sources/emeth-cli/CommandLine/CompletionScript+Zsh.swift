extension CompletionScript {
  /// A completion function for zsh 5.
  func zsh() -> String {
    let descriptions = commands.map { "    " + Self.quote("\($0.name):\(Self.zshEscape($0.summary))") }
    return """
      #compdef emeth
      # zsh completion for emeth. Load it with:
      #   source <(emeth completions zsh)
      # or save it as _emeth in a folder of $fpath.
      _emeth() {
        local -a commands
        commands=(
      \(descriptions.joined(separator: "\n"))
        )
        if (( CURRENT == 2 )); then
          _describe -t commands 'command' commands
          return
        fi
        local command="$words[2]"
        shift words
        (( CURRENT-- ))
        case "$command" in
      \(commands.map(zshCase).joined(separator: "\n"))
        esac
      }
      if [ "$funcstack[1]" = "_emeth" ]; then
        _emeth "$@"
      else
        compdef _emeth emeth
      fi

      """
  }

  private func zshCase(_ command: CommandDefinition) -> String {
    var specifications = command.flags.map { flag in
      let value = flag.valueName.map { ":\(Self.zshEscape($0)):\(zshAction(flag.completion))" } ?? ""
      return Self.quote(
        (flag.combine == nil ? "" : "*") + flag.spelling + (flag.valueName == nil ? "" : "=")
          + "[\(Self.zshEscape(flag.help))]" + value)
    }
    specifications.append(Self.quote("--help[this command's help]"))
    for (index, argument) in command.arguments.enumerated() {
      let optional = argument.isRequired ? "" : ":"
      let action = zshAction(argument.completion)
      let place = argument.combine == nil ? "\(index + 1)" : "*"
      specifications.append(Self.quote("\(place):\(optional)\(Self.zshEscape(argument.name)):\(action)"))
    }
    let lines = specifications.map { "      \($0)" }.joined(separator: " \\\n")
    return "    \(command.name)) _arguments -s \\\n\(lines) ;;"
  }

  private func zshAction(_ completion: CompletionHint) -> String {
    switch completion {
    case .nothing: " "
    case .file: "_files"
    case .folder: "_files -/"
    case .choices(let words): "(\(words.joined(separator: " ")))"
    case .commandName: "(\(commandNames.joined(separator: " ")))"
    }
  }

  /// Colons and brackets separate the parts of a specification.
  private static func zshEscape(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
      if ":[]\\".contains(character) { escaped += "\\" }
      escaped.append(character)
    }
  }
}
