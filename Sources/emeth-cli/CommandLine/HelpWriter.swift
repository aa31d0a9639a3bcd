/// Writes help from the command table.
struct HelpWriter: Sendable {
  let commands: [CommandDefinition]
  /// Columns that the text may fill.
  var width = 80

  /// All commands, grouped by who uses them.
  func overview() -> String {
    let nameWidth = commands.map(\.name.count).max() ?? 0
    var lines = [
      "emeth: hand AI jobs to many machines, check what comes back, pay exactly", "",
      "usage: emeth COMMAND [arguments] [flags]",
    ]
    for section in CommandSection.allCases {
      let members = commands.filter { $0.section == section }
      guard !members.isEmpty else { continue }
      lines += ["", "\(section.rawValue):"]
      for command in members {
        lines += entry(command.name, command.summary, labelWidth: nameWidth + 2)
      }
    }
    lines += [""]
    lines += wrap(
      "`emeth help COMMAND` says more about one, with examples; `emeth help --man` prints the manual.",
      indent: 0)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Everything about one command.
  func text(for command: CommandDefinition) -> String {
    var lines = ["emeth \(command.name): \(command.summary)", "", "usage: \(command.usageLine)"]
    for paragraph in command.discussion { lines += [""] + wrap(paragraph, indent: 0) }
    if !command.arguments.isEmpty {
      lines += ["", "arguments:"]
      for argument in command.arguments {
        lines += entry(argument.name, Self.describe(argument), labelWidth: 12)
      }
    }
    lines += ["", "flags:"]
    for flag in command.flags {
      lines += entry(Self.label(flag), Self.describe(flag), labelWidth: 26)
    }
    lines += entry("-h, --help", "this text", labelWidth: 26)
    if !command.examples.isEmpty {
      lines += ["", "examples:"]
      for example in command.examples {
        lines += ["  \(example.line)"] + wrap(example.meaning, indent: 6)
      }
    }
    lines += ["", "exit codes:"]
    for (code, meaning) in Self.exitCodes(of: command) {
      lines += entry("\(code.rawValue)", meaning, labelWidth: 5)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The flag as it is typed, with its placeholder: `-o, --out FOLDER`.
  static func label(_ flag: FlagDefinition) -> String {
    let short = flag.short.map { "-\($0), " } ?? ""
    return short + flag.spelling + (flag.valueName.map { " \($0)" } ?? "")
  }

  /// What the flag does, what it allows and what holds without it.
  static func describe(_ flag: FlagDefinition) -> String {
    var notes: [String] = []
    if let allowed = flag.allowed { notes.append(allowed) }
    if flag.isRequired { notes.append("required") }
    if flag.combine != nil { notes.append("may be repeated") }
    if let text = flag.defaultText { notes.append("default: \(text)") }
    return flag.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
  }

  /// What the argument is and what it allows.
  static func describe(_ argument: ArgumentDefinition) -> String {
    var notes: [String] = []
    if let allowed = argument.allowed { notes.append(allowed) }
    if !argument.isRequired { notes.append("optional") }
    if argument.combine != nil { notes.append("one or more") }
    return argument.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
  }

  /// The exit codes with their meaning for this command. 1 is listed only where a command answers yes or no.
  static func exitCodes(of command: CommandDefinition) -> [(ExitCode, String)] {
    ExitCode.allCases.compactMap { code in
      if let meaning = command.exitCodes[code] { return (code, meaning) }
      return code == .no ? nil : (code, code == .done ? "done" : code.meaning)
    }
  }

  private func entry(_ label: String, _ text: String, labelWidth: Int) -> [String] {
    let indent = labelWidth + 2
    var lines = wrap(text, indent: indent)
    let head = "  " + label
    if head.count + 2 > indent {
      return [head] + lines
    }
    let first = lines.first.map { String($0.dropFirst(indent)) } ?? ""
    let padding = String(repeating: " ", count: indent - head.count)
    lines[lines.startIndex] = head + padding + first
    return lines
  }

  private func wrap(_ text: String, indent: Int) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(margin + line)
    return lines
  }
}
