/// The description of a positional argument without the type of its value.
struct ArgumentDefinition: Sendable {
  /// The placeholder, in capitals: `DATASET`.
  var name: String
  var allowed: String?
  var completion: CompletionHint
  var isRequired: Bool
  var help: String
  var parse: @Sendable (String) throws(ValueRefusal) -> any Sendable
  /// How the values of an argument that may be given more than once are put together; nil when it may not.
  var combine: (@Sendable (_ earlier: any Sendable, _ later: any Sendable) -> any Sendable)?

  /// How it stands in a usage line: `FILE`, `[FILE]` or `FILE...`.
  var usage: String { (isRequired ? name : "[\(name)]") + (combine == nil ? "" : "...") }
}

/// Anything that can stand in a command's list of positional arguments.
protocol CommandArgument: Sendable {
  var definition: ArgumentDefinition { get }
}

/// A positional argument whose value has type `Value`; it is also the key of that value in `ParsedCommand`.
struct Argument<Value: Sendable>: CommandArgument {
  var definition: ArgumentDefinition
  var absentValue: Value?

  private init<Read: Sendable>(
    name: String, type: ValueType<Read>, absentValue: Value?, isRequired: Bool, help: String
  ) {
    definition = ArgumentDefinition(
      name: name, allowed: type.allowed, completion: type.completion, isRequired: isRequired, help: help,
      parse: { text throws(ValueRefusal) in try type.parse(text) })
    self.absentValue = absentValue
  }

  /// An argument that must be given.
  init(_ name: String, _ type: ValueType<Value>, help: String) {
    self.init(name: name, type: type, absentValue: nil, isRequired: true, help: help)
  }

  /// An argument that may be left out; only the last ones may be optional.
  init<Wrapped: Sendable>(optional name: String, _ type: ValueType<Wrapped>, help: String)
  where Value == Wrapped? {
    self.init(name: name, type: type, absentValue: .some(nil), isRequired: false, help: help)
  }

  /// An argument that is given once or more often: all its values, in their order. Only the last may be one.
  init<Element: Sendable>(repeated name: String, _ type: ValueType<Element>, help: String)
  where Value == [Element] {
    self.init(name: name, type: type, absentValue: nil, isRequired: true, help: help)
    definition.parse = { text throws(ValueRefusal) in [try type.parse(text)] }
    definition.combine = { earlier, later in
      (earlier as? [Element] ?? []) + (later as? [Element] ?? [])
    }
  }
}
