extension CompletionScript {
  /// Works with bash 3.2 and later, with or without the bash-completion package.
  func bash() -> String {
    """
    # bash completion for emeth. Load it with:
    #   source <(emeth completions bash)
    # or for every shell:
    #   emeth completions bash > ~/.local/share/bash-completion/completions/emeth
    _emeth() {
      local IFS=$'\\n'
      local current="${COMP_WORDS[COMP_CWORD]}" previous="" command="" index=1 position=0 word
      COMPREPLY=()
      [ "$COMP_CWORD" -gt 0 ] && previous="${COMP_WORDS[COMP_CWORD-1]}"
      # --flag=value arrives as the three words --flag, = and value.
      if [ "$current" = "=" ]; then
        current=""
      elif [ "$previous" = "=" ] && [ "$COMP_CWORD" -gt 1 ]; then
        previous="${COMP_WORDS[COMP_CWORD-2]}"
      fi
      command="${COMP_WORDS[1]}"
      if [ "$COMP_CWORD" -le 1 ]; then
        COMPREPLY=($(compgen -W "$(_emeth_words \(commandNames.joined(separator: " ")))" -- "$current"))
        return
      fi
      case "$command $previous" in
    \(commands.flatMap(bashValueCases).joined(separator: "\n"))
      esac
      if [ "${current:0:1}" = "-" ]; then
        case "$command" in
    \(commands.map(bashFlagCase).joined(separator: "\n"))
        esac
        return
      fi
      case "$command" in
    \(commands.compactMap(bashArgumentCase).joined(separator: "\n"))
      esac
    }
    _emeth_words() {
      printf '%s\\n' "$@"
    }
    _emeth_files() {
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$1"))
    }
    _emeth_folders() {
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -d -- "$1"))
    }
    complete -F _emeth emeth

    """
  }

  private func bashValueCases(_ command: CommandDefinition) -> [String] {
    command.flags.compactMap { flag in
      guard flag.valueName != nil else { return nil }
      let spellings = [flag.spelling] + (flag.short.map { ["-\($0)"] } ?? [])
      let pattern = spellings.map { "\"\(command.name) \($0)\"" }.joined(separator: "|")
      return "    \(pattern)) \(bashAction(flag.completion))return ;;"
    }
  }

  private func bashFlagCase(_ command: CommandDefinition) -> String {
    let words = (command.flags.map(\.spelling) + ["--help"]).joined(separator: " ")
    return "      \(command.name)) COMPREPLY=($(compgen -W \"$(_emeth_words \(words))\" -- \"$current\")) ;;"
  }

  /// Bash offers what any of the command's arguments may be: it does not count them.
  private func bashArgumentCase(_ command: CommandDefinition) -> String? {
    let actions = command.arguments.map { bashAction($0.completion) }.filter { !$0.isEmpty }
    guard let action = actions.max() else { return nil }
    return "    \(command.name)) \(action.dropLast(2)) ;;"
  }

  private func bashAction(_ completion: CompletionHint) -> String {
    switch completion {
    case .nothing: ""
    case .file: "_emeth_files \"$current\"; "
    case .folder: "_emeth_folders \"$current\"; "
    case .choices(let words): bashWords(words)
    case .commandName: bashWords(commandNames)
    }
  }

  private func bashWords(_ words: [String]) -> String {
    "COMPREPLY=($(compgen -W \"$(_emeth_words \(words.joined(separator: " ")))\" -- \"$current\")); "
  }
}
