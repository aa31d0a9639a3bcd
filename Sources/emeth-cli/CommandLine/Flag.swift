/// The description of a flag without the type of its value: what help, completions and the parser need.
struct FlagDefinition: Sendable {
  /// The name without dashes.
  var name: String
  /// A one-letter form such as `o` for `-o`.
  var short: Character?
  /// Placeholder of the value; nil for a flag that takes none.
  var valueName: String?
  var allowed: String?
  var completion: CompletionHint
  var isRequired: Bool
  /// What holds when the flag is absent, in words.
  var defaultText: String?
  var help: String
  var parse: @Sendable (String) throws(ValueRefusal) -> any Sendable
  /// How the values of a flag that may be given more than once are put together; nil when it may not.
  var combine: (@Sendable (_ earlier: any Sendable, _ later: any Sendable) -> any Sendable)?

  /// The flag as it is typed: `--nodes`.
  var spelling: String { "--" + name }
}

/// Anything that can stand in a command's list of flags.
protocol CommandFlag: Sendable {
  var definition: FlagDefinition { get }
}

/// A flag whose value has type `Value`; it is also the key under which `ParsedCommand` gives that value.
///
/// ```swift
/// static let nodes = Flag("nodes", .integer(in: 1...64), default: 4, help: "nodes at work")
/// let count: Int = command[Self.nodes]
/// ```
struct Flag<Value: Sendable>: CommandFlag {
  var definition: FlagDefinition
  /// The value when the flag is absent; nil only for required flags.
  var absentValue: Value?

  private init<Read: Sendable>(
    _ name: String, short: Character?, type: ValueType<Read>, absentValue: Value?, isRequired: Bool,
    defaultText: String?, help: String
  ) {
    definition = FlagDefinition(
      name: name, short: short, valueName: type.name, allowed: type.allowed, completion: type.completion,
      isRequired: isRequired, defaultText: defaultText, help: help,
      parse: { text throws(ValueRefusal) in try type.parse(text) })
    self.absentValue = absentValue
  }

  /// A flag with a default value.
  init(
    _ name: String, short: Character? = nil, _ type: ValueType<Value>, default value: Value,
    defaultText: String? = nil, help: String
  ) {
    self.init(
      name, short: short, type: type, absentValue: value, isRequired: false,
      defaultText: defaultText ?? Self.describe(value), help: help)
  }

  /// A flag that must be given.
  init(required name: String, short: Character? = nil, _ type: ValueType<Value>, help: String) {
    self.init(
      name, short: short, type: type, absentValue: nil, isRequired: true, defaultText: nil, help: help)
  }

  /// A flag that may be absent; `absent` says in words what holds then.
  init<Wrapped: Sendable>(
    _ name: String, short: Character? = nil, _ type: ValueType<Wrapped>, absent: String? = nil, help: String
  ) where Value == Wrapped? {
    self.init(
      name, short: short, type: type, absentValue: .some(nil), isRequired: false, defaultText: absent,
      help: help)
  }

  /// A flag that may be given any number of times: all its values, in their order.
  init<Element: Sendable>(
    repeated name: String, short: Character? = nil, _ type: ValueType<Element>, help: String
  ) where Value == [Element] {
    self.init(
      name, short: short, type: type, absentValue: [], isRequired: false, defaultText: nil, help: help)
    definition.parse = { text throws(ValueRefusal) in [try type.parse(text)] }
    definition.combine = { earlier, later in
      (earlier as? [Element] ?? []) + (later as? [Element] ?? [])
    }
  }

  private static func describe(_ value: Value) -> String {
    if let word = value as? any RawRepresentable<String> { return word.rawValue }
    return "\(value)"
  }
}

extension Flag where Value == Bool {
  /// A flag that takes no value: false unless given.
  init(toggle name: String, short: Character? = nil, help: String) {
    definition = FlagDefinition(
      name: name, short: short, valueName: nil, allowed: nil, completion: .nothing, isRequired: false,
      defaultText: nil, help: help, parse: { _ in true })
    absentValue = false
  }
}
