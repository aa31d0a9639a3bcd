/// What is wrong with a command line.
enum UsageError: Error, Equatable, Sendable {
  case noCommand
  case unknownCommand(found: String, nearest: [String])
  case unknownFlag(found: String, command: String, nearest: [String])
  case repeatedFlag(flag: String, command: String)
  case missingValue(flag: String, valueName: String, command: String)
  case needlessValue(flag: String, found: String, command: String)
  case valueRefused(place: String, found: String, refusal: ValueRefusal, command: String)
  case missingArgument(name: String, command: String)
  case missingFlag(flag: String, valueName: String, command: String)
  case tooManyArguments(found: String, allowed: Int, command: String)
  /// Flags that exclude each other, or that only make sense together; `rule` says which.
  case contradiction(rule: String, command: String)

  /// A stable name for programs.
  var code: String {
    switch self {
    case .noCommand: "usage.noCommand"
    case .unknownCommand: "usage.unknownCommand"
    case .unknownFlag: "usage.unknownFlag"
    case .repeatedFlag: "usage.repeatedFlag"
    case .missingValue: "usage.missingValue"
    case .needlessValue: "usage.needlessValue"
    case .valueRefused(_, _, let refusal, _):
      refusal.isOutOfRange ? "usage.valueOutOfRange" : "usage.valueNotAllowed"
    case .missingArgument: "usage.missingArgument"
    case .missingFlag: "usage.missingFlag"
    case .tooManyArguments: "usage.tooManyArguments"
    case .contradiction: "usage.contradiction"
    }
  }

  /// What, where, the value found and what is allowed, in one line.
  var message: String {
    switch self {
    case .noCommand: "no command given"
    case .unknownCommand(let found, _): "unknown command: found '\(found)'"
    case .unknownFlag(let found, let command, _): "\(command): unknown flag: found '\(found)'"
    case .repeatedFlag(let flag, let command): "\(command): \(flag) is given twice, allowed once"
    case .missingValue(let flag, let valueName, let command):
      "\(command): \(flag) needs a value: \(flag) \(valueName)"
    case .needlessValue(let flag, let found, let command):
      "\(command): \(flag) takes no value: found '\(found)'"
    case .valueRefused(let place, let found, let refusal, let command):
      refusal.isOutOfRange
        ? "\(command): value of \(place) out of range: found \(found), allowed \(refusal.allowed)"
        : "\(command): value of \(place) not allowed: found '\(found)', allowed \(refusal.allowed)"
    case .missingArgument(let name, let command): "\(command): \(name) is missing"
    case .missingFlag(let flag, let valueName, let command):
      "\(command): \(flag) \(valueName) is missing"
    case .tooManyArguments(let found, let allowed, let command):
      "\(command): too many arguments: found '\(found)', allowed "
        + (allowed == 0 ? "none" : "\(allowed)")
    case .contradiction(let rule, let command): "\(command): \(rule)"
    }
  }

  /// What to do about it.
  var hint: String? {
    switch self {
    case .noCommand: "`emeth help` lists the commands"
    case .unknownCommand(_, let nearest):
      nearest.isEmpty ? "`emeth help` lists the commands" : Self.didYouMean(nearest)
    case .unknownFlag(_, let command, let nearest):
      nearest.isEmpty ? "`emeth help \(command)` lists its flags" : Self.didYouMean(nearest)
    case .missingValue(let flag, let valueName, _):
      "a value that begins with a dash is written \(flag)=\(valueName)"
    case .valueRefused(_, _, let refusal, let command):
      refusal.nearest.map { "did you mean '\($0)'?" } ?? "`emeth help \(command)` says more"
    case .repeatedFlag(_, let command), .needlessValue(_, _, let command), .missingArgument(_, let command),
      .missingFlag(_, _, let command), .tooManyArguments(_, _, let command), .contradiction(_, let command):
      "`emeth help \(command)` shows how it is used"
    }
  }

  /// The payload as texts, for the JSON form of the error.
  var details: [String: String] {
    switch self {
    case .noCommand: [:]
    case .unknownCommand(let found, let nearest):
      ["found": found, "nearest": nearest.joined(separator: " ")]
    case .unknownFlag(let found, let command, let nearest):
      ["found": found, "command": command, "nearest": nearest.joined(separator: " ")]
    case .repeatedFlag(let flag, let command): ["flag": flag, "command": command]
    case .missingValue(let flag, _, let command): ["flag": flag, "command": command]
    case .needlessValue(let flag, let found, let command):
      ["flag": flag, "found": found, "command": command]
    case .valueRefused(let place, let found, let refusal, let command):
      ["at": place, "found": found, "allowed": refusal.allowed, "command": command]
    case .missingArgument(let name, let command): ["argument": name, "command": command]
    case .missingFlag(let flag, _, let command): ["flag": flag, "command": command]
    case .tooManyArguments(let found, let allowed, let command):
      ["found": found, "allowed": "\(allowed)", "command": command]
    case .contradiction(_, let command): ["command": command]
    }
  }

  private static func didYouMean(_ nearest: [String]) -> String {
    "did you mean " + nearest.map { "'\($0)'" }.joined(separator: " or ") + "?"
  }
}
