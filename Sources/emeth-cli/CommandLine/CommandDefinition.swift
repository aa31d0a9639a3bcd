/// One example in a command's help: what is typed and what it does.
struct CommandExample: Sendable {
  var line: String
  var meaning: String

  init(_ line: String, _ meaning: String) {
    self.line = line
    self.meaning = meaning
  }
}

/// Everything that is said about a command in one place: it feeds the parser, help, usage errors,
/// suggestions, shell completions and the manual page.
struct CommandDefinition: Sendable {
  var name: String
  var section: CommandSection
  /// One line for the overview: what it does, without a full stop.
  var summary: String
  /// Paragraphs of its help.
  var discussion: [String]
  var arguments: [ArgumentDefinition]
  var flags: [FlagDefinition]
  var examples: [CommandExample]
  /// What its exit codes mean where that is more exact than `ExitCode.meaning`.
  var exitCodes: [ExitCode: String]

  init(
    _ name: String, section: CommandSection, summary: String, discussion: [String] = [],
    arguments: [any CommandArgument] = [], flags: [any CommandFlag] = [],
    examples: [CommandExample] = [], exitCodes: [ExitCode: String] = [:]
  ) {
    self.name = name
    self.section = section
    self.summary = summary
    self.discussion = discussion
    self.arguments = arguments.map(\.definition)
    self.flags = flags.map(\.definition)
    self.examples = examples
    self.exitCodes = exitCodes
  }

  /// The flag with this name without dashes.
  func flag(named name: String) -> FlagDefinition? {
    flags.first { $0.name == name }
  }

  /// The flag with this one-letter form.
  func flag(short: Character) -> FlagDefinition? {
    flags.first { $0.short == short }
  }

  /// The first line of its help: `emeth evaluate FILE --model MODEL [flags]`.
  var usageLine: String {
    let positional = arguments.map(\.usage)
    let required = flags.filter(\.isRequired).map { "\($0.spelling) \($0.valueName ?? "")" }
    let rest = flags.allSatisfy(\.isRequired) ? [] : ["[flags]"]
    return (["emeth", name] + positional + required + rest).joined(separator: " ")
  }
}

/// A command that can be run: its definition and what it does.
///
/// A command is one static value, listed once in `CommandTable.commands`.
struct Command: Sendable {
  typealias Body = @Sendable (ParsedCommand, CommandContext) async throws -> ExitCode

  var definition: CommandDefinition
  var run: Body

  init(_ definition: CommandDefinition, run: @escaping Body) {
    self.definition = definition
    self.run = run
  }
}
