/// Why a text or a byte string does not have the form that was asked for.
public enum FormatError: EmethError, Equatable {
  /// Hexadecimal text whose number of digits is odd.
  case hexOddLength(found: Int)
  /// A character that is no hexadecimal digit, at a byte offset of the text.
  case hexCharacter(found: String, at: Int)
  /// Text that is no JSON-RPC quantity of so many bits.
  case hexQuantity(found: String, bitWidth: Int)
  /// A byte string of the wrong length.
  case byteCount(found: Int, allowed: Int)
  /// JSON text that breaks the grammar at a byte offset.
  case jsonSyntax(found: String, at: Int)
  /// JSON text nested deeper than the limit.
  case jsonDepth(allowed: Int)
  /// JSON text longer than the limit, in bytes.
  case jsonSize(found: Int, allowed: Int)
  /// A JSON object that names one key twice.
  case jsonDuplicateKey(key: String, at: Int)
  /// A JSON number that has no canonical form here: not an integer, or beyond ±(2^53 − 1).
  case jsonNumber(found: String)
  /// A JSON value of another kind than the one needed.
  case jsonKind(found: String, allowed: String)
  /// A member that a JSON object lacks.
  case jsonMissing(key: String)
  /// Text that is no plain decimal number, or one that is too long.
  case decimal(found: String)
  /// A value of the Recursive Length Prefix, at a byte offset, that is not in its one form.
  case rlp(RLPProblem, at: Int)
  /// Text of a contract's type or declaration that is broken at a byte offset, or a type that can't exist.
  case abiType(problem: String, at: Int)
  /// A value that is not of the type that a contract needs at a place such as `leaves[2].0`.
  case abiValue(at: String, problem: String)
  /// Data of the contract ABI that is broken at a byte offset, for the value at a place.
  case abi(ABIProblem, at: Int, path: String)

  /// A stable identifier such as `format.hexCharacter`.
  public var code: String {
    switch self {
    case .hexOddLength: "format.hexOddLength"
    case .hexCharacter: "format.hexCharacter"
    case .hexQuantity: "format.hexQuantity"
    case .byteCount: "format.byteCount"
    case .jsonSyntax: "format.jsonSyntax"
    case .jsonDepth: "format.jsonDepth"
    case .jsonSize: "format.jsonSize"
    case .jsonDuplicateKey: "format.jsonDuplicateKey"
    case .jsonNumber: "format.jsonNumber"
    case .jsonKind: "format.jsonKind"
    case .jsonMissing: "format.jsonMissing"
    case .decimal: "format.decimal"
    case .rlp(let problem, _): "format.rlp\(problem.code)"
    case .abiType: "format.abiType"
    case .abiValue: "format.abiValue"
    case .abi(let problem, _, _): "format.abi\(problem.code)"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .hexOddLength(let found):
      "hexadecimal text has \(found) digits, and two are needed for each byte"
    case .hexCharacter(let found, let at):
      "hexadecimal text has \(quoted(found)) at offset \(at), allowed are 0-9, a-f, A-F"
    case .hexQuantity(let found, let bitWidth):
      "\(quoted(found)) is no quantity, which is 0x and the digits of a number of at most \(bitWidth) bits, "
        + "without leading zeros"
    case .byteCount(let found, let allowed):
      "found \(found) bytes where exactly \(allowed) are needed"
    case .jsonSyntax(let found, let at):
      "JSON is broken at byte \(at): \(found)"
    case .jsonDepth(let allowed):
      "JSON is nested deeper than \(allowed) levels"
    case .jsonSize(let found, let allowed):
      "JSON text has \(found) bytes, allowed are \(allowed)"
    case .jsonDuplicateKey(let key, let at):
      "JSON object names the key \(quoted(key)) twice, at byte \(at)"
    case .jsonNumber(let found):
      "JSON number \(quoted(found)) is not an integer between -(2^53 - 1) and 2^53 - 1"
    case .jsonKind(let found, let allowed):
      "found JSON \(found) where \(allowed) is needed"
    case .jsonMissing(let key):
      "JSON object lacks the key \(quoted(key))"
    case .decimal(let found):
      "\(quoted(found)) is not a plain decimal number"
    case .rlp(let problem, let at):
      "RLP at byte \(at) \(problem.text)"
    case .abiType(let problem, let at):
      "ABI type at byte \(at): \(problem)"
    case .abiValue(let at, let problem):
      "ABI value at \(quoted(at)): \(problem)"
    case .abi(let problem, let at, let path):
      "ABI data at byte \(at)\(path.isEmpty ? "" : " (\(path))") \(problem.text)"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .jsonNumber: "write reals and wider integers as decimal strings"
    case .decimal: "write it like 0.0006 or 6e-4"
    case .hexOddLength, .hexCharacter, .hexQuantity, .byteCount, .jsonSyntax, .jsonDepth, .jsonSize,
      .jsonDuplicateKey, .jsonKind, .jsonMissing, .rlp, .abiType, .abiValue, .abi:
      nil
    }
  }
}
