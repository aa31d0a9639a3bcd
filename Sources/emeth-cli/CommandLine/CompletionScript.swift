/// A shell that completions are written for.
enum Shell: String, CaseIterable, Sendable {
  case bash, zsh, fish
}

/// Writes the script that completes this program's commands, flags and values in a shell.
struct CompletionScript: Sendable {
  let commands: [CommandDefinition]

  /// The script; how it is loaded stands in its first lines.
  func text(for shell: Shell) -> String {
    switch shell {
    case .bash: bash()
    case .zsh: zsh()
    case .fish: fish()
    }
  }

  var commandNames: [String] { commands.map(\.name) }

  /// A text as one word of bash, zsh or fish: in single quotes, quotes inside closed, escaped and reopened.
  static func quote(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
