import Foundation

/// A value as the databases store it: what every backend can take and give.
enum SQLValue: Sendable, Hashable {
  case null
  case integer(Int64)
  case text(String)
  case bytes(Data)
}

/// What can be an argument of a statement, or a column of its result.
protocol SQLConvertible {
  /// The value that stands in this column; `nil` where it is of another kind or does not fit.
  init?(sqlValue: SQLValue)
  /// The value that is stored.
  var sqlValue: SQLValue { get }
}

extension SQLConvertible where Self: FixedWidthInteger {
  init?(sqlValue: SQLValue) {
    guard case .integer(let value) = sqlValue else { return nil }
    self.init(exactly: value)
  }

  /// Callers store what fits into 64 bits with a sign; more is stored as the largest that does.
  var sqlValue: SQLValue { .integer(Int64(clamping: self)) }
}

extension Int: SQLConvertible {}
extension Int64: SQLConvertible {}
extension UInt32: SQLConvertible {}
extension UInt64: SQLConvertible {}
extension UInt8: SQLConvertible {}

extension Bool: SQLConvertible {
  init?(sqlValue: SQLValue) {
    guard case .integer(let value) = sqlValue else { return nil }
    self = value != 0
  }

  var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension String: SQLConvertible {
  init?(sqlValue: SQLValue) {
    guard case .text(let value) = sqlValue else { return nil }
    self = value
  }

  var sqlValue: SQLValue { .text(self) }
}

extension Data: SQLConvertible {
  init?(sqlValue: SQLValue) {
    guard case .bytes(let value) = sqlValue else { return nil }
    self = value
  }

  var sqlValue: SQLValue { .bytes(self) }
}

extension Optional: SQLConvertible where Wrapped: SQLConvertible {
  init?(sqlValue: SQLValue) {
    if sqlValue == .null {
      self = .none
    } else if let value = Wrapped(sqlValue: sqlValue) {
      self = .some(value)
    } else {
      return nil
    }
  }

  var sqlValue: SQLValue { self?.sqlValue ?? .null }
}

extension Array {
  /// 1, 4, 16 or 64 values for a list in a statement, filled up with the last one: so few statements have to be prepared,
  /// however many values there are. More, and none, are as they are.
  var filledUp: [Element] {
    guard let last, let wanted = [1, 4, 16, 64].first(where: { $0 >= self.count }) else { return self }
    return self + Array(repeating: last, count: wanted - count)
  }

  /// A question mark for each.
  var marks: String { map { _ in "?" }.joined(separator: ", ") }
}

/// The arguments of a statement, in the order of its question marks.
struct SQLArguments: ExpressibleByArrayLiteral {
  let values: [SQLValue]

  init(_ elements: [any SQLConvertible]) { values = elements.map(\.sqlValue) }

  init(arrayLiteral elements: any SQLConvertible...) { self.init(elements) }
}
