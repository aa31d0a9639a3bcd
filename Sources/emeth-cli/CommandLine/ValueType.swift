/// Why a value was refused: what is allowed, and the closest allowed word when there is one.
struct ValueRefusal: Error, Equatable, Sendable {
  var allowed: String
  var nearest: String? = nil
  var isOutOfRange = false
}

/// What a shell offers while the value is being typed.
enum CompletionHint: Hashable, Sendable {
  case nothing
  case file
  case folder
  case choices([String])
  case commandName
}

/// How one kind of value is read from the command line, described in help and completed by a shell.
///
/// The same type serves flags and positional arguments:
/// `Flag("nodes", .integer(in: 1...64), default: 4, help: "…")`.
struct ValueType<Value: Sendable>: Sendable {
  /// The placeholder in help, such as `N` or `FILE`.
  var name: String
  /// What is allowed, in words for help and error messages; nil when every text is.
  var allowed: String?
  var completion: CompletionHint
  var parse: @Sendable (String) throws(ValueRefusal) -> Value

  init(
    name: String, allowed: String? = nil, completion: CompletionHint = .nothing,
    parse: @escaping @Sendable (String) throws(ValueRefusal) -> Value
  ) {
    self.name = name
    self.allowed = allowed
    self.completion = completion
    self.parse = parse
  }

  /// The same type under another placeholder.
  func named(_ name: String) -> Self {
    var copy = self
    copy.name = name
    return copy
  }
}

extension ValueType where Value == Int {
  /// A decimal integer in a closed range; group separators and a plus sign are refused.
  static func integer(in range: ClosedRange<Int>) -> Self {
    let allowed =
      range.upperBound == .max
      ? "an integer from \(range.lowerBound)" : "\(range.lowerBound)...\(range.upperBound)"
    return Self(name: "N", allowed: allowed) { text throws(ValueRefusal) in
      guard let number = Int(text), !text.hasPrefix("+") else {
        let isNumber = !text.isEmpty && text.drop { $0 == "-" }.allSatisfy(\.isNumber)
        throw ValueRefusal(allowed: allowed, isOutOfRange: isNumber)
      }
      guard range.contains(number) else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return number
    }
  }
}

extension ValueType where Value == UInt64 {
  /// A decimal integer from 0 (or another lower bound) to 2^64 − 1.
  static func unsigned(from lowerBound: UInt64 = 0) -> Self {
    let allowed = "an integer from \(lowerBound) to \(UInt64.max)"
    return Self(name: "N", allowed: allowed) { text throws(ValueRefusal) in
      guard let number = UInt64(text), !text.hasPrefix("+"), number >= lowerBound else {
        throw ValueRefusal(allowed: allowed)
      }
      return number
    }
  }
}

extension ValueType where Value == Double {
  /// A finite decimal number in a closed range.
  static func real(in range: ClosedRange<Double>) -> Self {
    real(allowed: "a number from \(range.lowerBound) to \(range.upperBound)", range.contains)
  }

  /// A finite decimal number in a range without its upper end.
  static func real(in range: Range<Double>) -> Self {
    real(
      allowed: "a number from \(range.lowerBound) up to, not including, \(range.upperBound)", range.contains)
  }

  private static func real(allowed: String, _ isAllowed: @escaping @Sendable (Double) -> Bool) -> Self {
    Self(name: "X", allowed: allowed) { text throws(ValueRefusal) in
      guard let number = Double(text), number.isFinite else { throw ValueRefusal(allowed: allowed) }
      guard isAllowed(number) else { throw ValueRefusal(allowed: allowed, isOutOfRange: true) }
      return number
    }
  }
}

extension ValueType where Value == String {
  /// Any text but the empty one.
  static var text: Self {
    Self(name: "TEXT", allowed: "a text that is not empty") { text throws(ValueRefusal) in
      guard !text.isEmpty else { throw ValueRefusal(allowed: "a text that is not empty") }
      return text
    }
  }

  /// A path to a file; whether it exists is found out when it is opened.
  static var file: Self { path(name: "FILE", completion: .file) }

  /// A path to a folder; whether it exists is found out when it is opened.
  static var folder: Self { path(name: "FOLDER", completion: .folder) }

  private static func path(name: String, completion: CompletionHint) -> Self {
    Self(name: name, completion: completion) { text throws(ValueRefusal) in
      guard !text.isEmpty, !text.utf8.contains(0) else { throw ValueRefusal(allowed: "a path") }
      return text
    }
  }

  /// The name of a command of this program.
  static var commandName: Self {
    Self(name: "COMMAND", completion: .commandName) { text in text }
  }
}

extension ValueType where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
  /// One of the words of a closed set.
  static func choice(_ name: String) -> Self {
    let words = Value.allCases.map(\.rawValue)
    let allowed = words.joined(separator: ", ")
    return Self(name: name, allowed: allowed, completion: .choices(words)) { text throws(ValueRefusal) in
      guard let value = Value(rawValue: text) else {
        throw ValueRefusal(allowed: allowed, nearest: Suggestion.nearest(to: text, among: words).first)
      }
      return value
    }
  }
}
