/// Why a calculation or a text has no number as its result.
public enum NumberError: EmethError, Equatable {
  /// The result is above the largest value of the type.
  case overflow(operation: String)
  /// The result is below zero.
  case underflow(operation: String)
  /// A division by zero.
  case divisionByZero(operation: String)
  /// Text that is no number of the form needed.
  case malformed(found: String, allowed: String)
  /// More digits after the point than the unit has.
  case tooPrecise(found: String, allowedDecimals: Int)

  /// A stable identifier such as `number.overflow`.
  public var code: String {
    switch self {
    case .overflow: "number.overflow"
    case .underflow: "number.underflow"
    case .divisionByZero: "number.divisionByZero"
    case .malformed: "number.malformed"
    case .tooPrecise: "number.tooPrecise"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .overflow(let operation): "\(operation) gives more than the largest value allowed"
    case .underflow(let operation): "\(operation) gives less than zero"
    case .divisionByZero(let operation): "\(operation) divides by zero"
    case .malformed(let found, let allowed): "\(quoted(found)) is not \(allowed)"
    case .tooPrecise(let found, let allowedDecimals):
      "\(quoted(found)) has more than \(allowedDecimals) digits after the point"
    }
  }
}
