/// Writes the manual page (section 1, man macros) from the command table.
struct ManualPage: Sendable {
  let commands: [CommandDefinition]
  var version = ProgramVersion.current

  /// The environment variables that the program reads.
  static let environment: [(name: String, meaning: String)] = [
    ("EMETH_CPU", "forces one instruction set of the CPU kernels: portable, avx2 or avx512"),
    ("EMETH_PRIVATE_KEY", "the raw-hex secp256k1 key where no --key-file is given"),
    ("NO_COLOR", "when set and not empty, nothing is coloured"),
  ]

  /// The whole page in roff.
  func roff() -> String {
    var lines = [
      ".TH EMETH 1 \"\" \"\(Self.escape(version.text))\" \"EMETH manual\"",
      ".SH NAME", "emeth \\- hand AI jobs to many machines, check what comes back, pay exactly",
      ".SH SYNOPSIS", ".B emeth", ".I COMMAND", "[arguments] [flags]",
      ".SH DESCRIPTION",
      "Standard output carries data only; everything said to people goes to standard error. With "
        + "\\-\\-json a command prints one JSON object. The file name \\- means standard input.",
    ]
    for section in CommandSection.allCases {
      let members = commands.filter { $0.section == section }
      guard !members.isEmpty else { continue }
      lines.append(".SH \"\(Self.escape(section.rawValue.uppercased()))\"")
      for command in members { lines += describe(command) }
    }
    lines += [".SH ENVIRONMENT"]
    for (name, meaning) in Self.environment {
      lines += [".TP", ".B \(Self.escape(name))", Self.escape(meaning)]
    }
    lines += [".SH \"EXIT STATUS\""]
    for code in ExitCode.allCases {
      lines += [".TP", ".B \(code.rawValue)", Self.escape(code.meaning)]
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func describe(_ command: CommandDefinition) -> [String] {
    var lines = [".SS \"\(Self.escape(command.usageLine))\"", Self.escape(command.summary) + "."]
    for paragraph in command.discussion { lines += [".PP", Self.escape(paragraph)] }
    for argument in command.arguments {
      lines += [".TP", ".I \(Self.escape(argument.name))", Self.escape(HelpWriter.describe(argument))]
    }
    for flag in command.flags {
      lines += [".TP", ".B \(Self.escape(HelpWriter.label(flag)))", Self.escape(HelpWriter.describe(flag))]
    }
    for example in command.examples {
      lines += [
        ".PP", Self.escape(example.meaning) + ":", ".RS", ".nf", Self.escape(example.line), ".fi", ".RE",
      ]
    }
    return lines
  }

  /// Text as roff takes it: backslashes and dashes escaped, no line that begins with a control character.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\e"
      case "-": escaped += "\\-"
      case "\"": escaped += "\\(dq"
      case "`": escaped += "\\(ga"
      case "'": escaped += "\\(aq"
      default: escaped.append(character)
      }
    }
    return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
  }
}
