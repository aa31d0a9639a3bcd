/// What a command line asks for.
enum Invocation: Sendable {
  /// The list of all commands.
  case overview
  case help(CommandDefinition)
  case version
  case run(Command, ParsedCommand)
}

/// Reads a command line by the command table.
///
/// Rules: the first word is the command. `--flag value` and `--flag=value` are the same; a flag is given at
/// most once unless it says that it may be repeated; `--` ends the flags; `-` alone is an argument (standard
/// input); a value or argument may be a negative number. All values are read and checked here, before
/// anything runs.
struct CommandLineParser: Sendable {
  let commands: [Command]

  /// Reads the words after the program's name.
  func parse(_ words: [String]) throws(UsageError) -> Invocation {
    guard let first = words.first else { throw .noCommand }
    switch first {
    case "--help", "-h": return .overview
    case "--version": return .version
    default: break
    }
    guard let command = commands.first(where: { $0.definition.name == first }) else {
      let names = commands.map(\.definition.name)
      throw .unknownCommand(found: first, nearest: Suggestion.nearest(to: first, among: names))
    }
    // Help is given even when the rest of the line is wrong: that is when it is needed.
    if Self.asksForHelp(words.dropFirst()) { return .help(command.definition) }
    return .run(command, try Self.parse(Array(words.dropFirst()), for: command.definition))
  }

  private static func asksForHelp(_ words: ArraySlice<String>) -> Bool {
    words.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
  }

  /// Reads the words after the command's name.
  static func parse(_ words: [String], for definition: CommandDefinition) throws(UsageError) -> ParsedCommand
  {
    var parsed = ParsedCommand(definition: definition)
    var positional: [String] = []
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" {
        positional += words[index...]
        break
      }
      guard isFlag(word) else {
        positional.append(word)
        continue
      }
      let (flag, attached) = try split(word, definition)
      guard flag.combine != nil || !parsed.holds(flag) else {
        throw .repeatedFlag(flag: flag.spelling, command: definition.name)
      }
      var text = attached
      if let valueName = flag.valueName {
        if text == nil {
          guard index < words.count, !isFlag(words[index]) else {
            throw .missingValue(flag: flag.spelling, valueName: valueName, command: definition.name)
          }
          text = words[index]
          index += 1
        }
      } else if let attached {
        throw .needlessValue(flag: flag.spelling, found: attached, command: definition.name)
      }
      parsed.set(flag, to: try read(text ?? "", at: flag.spelling, definition, flag.parse))
    }
    try place(positional, into: &parsed)
    if let missing = definition.flags.first(where: { $0.isRequired && !parsed.holds($0) }) {
      throw .missingFlag(
        flag: missing.spelling, valueName: missing.valueName ?? "", command: definition.name)
    }
    return parsed
  }

  /// Whether a word is a flag: it begins with a dash and is neither `-` nor a negative number.
  private static func isFlag(_ word: String) -> Bool {
    guard word.hasPrefix("-"), let second = word.dropFirst().first else { return false }
    let isNegativeNumber = (second.isNumber || second == ".") && Double(word) != nil
    return !isNegativeNumber
  }

  private static func split(
    _ word: String, _ definition: CommandDefinition
  ) throws(UsageError) -> (FlagDefinition, attached: String?) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let spelling = String(parts[0])
    let attached = parts.count == 2 ? String(parts[1]) : nil
    let found: FlagDefinition? =
      if spelling.hasPrefix("--") {
        definition.flag(named: String(spelling.dropFirst(2)))
      } else if spelling.count == 2, let letter = spelling.last {
        definition.flag(short: letter)
      } else {
        nil
      }
    guard let found else {
      let name = String(spelling.drop { $0 == "-" })
      let nearest = Suggestion.nearest(to: name, among: definition.flags.map(\.name)).map { "--" + $0 }
      throw .unknownFlag(found: spelling, command: definition.name, nearest: nearest)
    }
    return (found, attached)
  }

  private static func place(_ positional: [String], into parsed: inout ParsedCommand) throws(UsageError) {
    let definition = parsed.definition
    for (index, argument) in definition.arguments.enumerated() {
      guard index < positional.count else {
        guard !argument.isRequired else {
          throw .missingArgument(name: argument.name, command: definition.name)
        }
        return
      }
      parsed.set(argument, to: try read(positional[index], at: argument.name, definition, argument.parse))
    }
    guard positional.count > definition.arguments.count else { return }
    guard let last = definition.arguments.last, last.combine != nil else {
      throw .tooManyArguments(
        found: positional[definition.arguments.count], allowed: definition.arguments.count,
        command: definition.name)
    }
    for text in positional[definition.arguments.count...] {
      parsed.set(last, to: try read(text, at: last.name, definition, last.parse))
    }
  }

  private static func read(
    _ text: String, at place: String, _ definition: CommandDefinition,
    _ parse: @Sendable (String) throws(ValueRefusal) -> any Sendable
  ) throws(UsageError) -> any Sendable {
    do throws(ValueRefusal) {
      return try parse(text)
    } catch {
      throw .valueRefused(place: place, found: text, refusal: error, command: definition.name)
    }
  }
}
