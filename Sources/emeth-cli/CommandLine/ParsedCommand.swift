/// The values that were typed for one command, read by the flag or argument that defines them.
struct ParsedCommand: Sendable {
  let definition: CommandDefinition
  private var flagValues: [String: any Sendable] = [:]
  private var argumentValues: [String: any Sendable] = [:]

  init(definition: CommandDefinition) {
    self.definition = definition
  }

  /// The value of a flag, or what holds when it is absent.
  ///
  /// Asking for a required flag that the command does not list is a programmer's error.
  subscript<Value>(_ flag: Flag<Value>) -> Value {
    if let value = flagValues[flag.definition.name] as? Value { return value }
    guard let absent = flag.absentValue else {
      preconditionFailure("\(flag.definition.spelling) is not a flag of emeth \(definition.name)")
    }
    return absent
  }

  /// The value of a positional argument, or nil for an optional one that was left out.
  subscript<Value>(_ argument: Argument<Value>) -> Value {
    if let value = argumentValues[argument.definition.name] as? Value { return value }
    guard let absent = argument.absentValue else {
      preconditionFailure("\(argument.definition.name) is not an argument of emeth \(definition.name)")
    }
    return absent
  }

  /// Whether the flag was typed.
  func isGiven(_ flag: some CommandFlag) -> Bool {
    flagValues[flag.definition.name] != nil
  }

  /// Sets the value of a flag, or adds one to those of a flag that may be repeated.
  mutating func set(_ flag: FlagDefinition, to value: any Sendable) {
    if let earlier = flagValues[flag.name], let combine = flag.combine {
      flagValues[flag.name] = combine(earlier, value)
    } else {
      flagValues[flag.name] = value
    }
  }

  /// Sets the value of an argument, or adds one to those of an argument that may be repeated.
  mutating func set(_ argument: ArgumentDefinition, to value: any Sendable) {
    if let earlier = argumentValues[argument.name], let combine = argument.combine {
      argumentValues[argument.name] = combine(earlier, value)
    } else {
      argumentValues[argument.name] = value
    }
  }

  func holds(_ flag: FlagDefinition) -> Bool { flagValues[flag.name] != nil }
}
