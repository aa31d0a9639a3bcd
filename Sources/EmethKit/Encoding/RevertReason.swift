/// Why a contract reverted a call, out of the data that the call left behind.
///
/// ```swift
/// print(RevertReason(data))   // reverted: "deposit too low"
/// ```
/// Never fails: data that says nothing known is kept as it is. What a contract says is untrusted text, and
/// ``description`` makes it safe to print.
public enum RevertReason: Hashable, Sendable {
  /// No data: a plain revert, an invalid instruction, or no gas left.
  case silent
  /// `Error(string)`: the text of a `require`, `revert` or `raise`.
  case message(String)
  /// `Panic(uint256)`: what the compiler checks by itself.
  case panic(code: UInt256)
  /// An error that the contract declares.
  case custom(ABICustomError, [ABIValue])
  /// Anything else, broken data included.
  case unknown([UInt8])

  /// The built-in error with a text.
  public static let messageError: ABICustomError = "Error(string message)"
  /// The built-in error with a number.
  public static let panicError: ABICustomError = "Panic(uint256 code)"

  /// The reason that data stands for.
  ///
  /// - Parameter errors: The errors that the contract declares.
  public init(_ data: [UInt8], errors: [ABICustomError] = []) {
    if data.isEmpty {
      self = .silent
    } else if case .string(let text)? = Self.values(of: data, Self.messageError)?.first {
      self = .message(text)
    } else if case .uint(let code)? = Self.values(of: data, Self.panicError)?.first {
      self = .panic(code: code)
    } else {
      let selector = ABISelector(of: data)
      for error in errors where error.selector == selector {
        guard let values = Self.values(of: data, error) else { continue }
        self = .custom(error, values)
        return
      }
      self = .unknown(data)
    }
  }

  private static func values(of data: [UInt8], _ error: ABICustomError) -> [ABIValue]? {
    do throws(FormatError) {
      return try error.decode(data)
    } catch {
      return nil
    }
  }
}

extension RevertReason: CustomStringConvertible {
  /// One lower-case sentence.
  public var description: String {
    switch self {
    case .silent: "reverted without a reason"
    case .message(let text): "reverted: \(quoted(text))"
    case .panic(let code): "panicked with code \(code): \(Self.meaning(ofPanic: code))"
    case .custom(let error, _): "reverted with \(error.signature)"
    case .unknown(let data):
      "reverted with \(data.count) bytes that are no known reason: \(Hex.encode(data.prefix(36)))"
    }
  }

  /// What Solidity's panic codes say.
  private static func meaning(ofPanic code: UInt256) -> String {
    switch code {
    case 0x00: "generic"
    case 0x01: "an assertion failed"
    case 0x11: "a number overflowed"
    case 0x12: "division by zero"
    case 0x21: "a number is no case of the enum"
    case 0x22: "a byte array in storage is broken"
    case 0x31: "an empty array has no last element"
    case 0x32: "an index is out of range"
    case 0x41: "too much memory"
    case 0x51: "a function value is not set"
    default: "unknown"
    }
  }
}
