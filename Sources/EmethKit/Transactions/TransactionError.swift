/// Why a transaction can't be made, signed, read or trusted.
public enum TransactionError: EmethError, Equatable {
  /// A field of the bytes or of the JSON form that is not written as it must be; `transaction` is the whole.
  case format(field: String, FormatError)
  /// A type (EIP-2718) that is not read here.
  case type(found: UInt8)
  /// A transaction of too few or too many fields.
  case fieldCount(found: Int, allowed: [Int])
  /// The largest nonce, which no account reaches (EIP-2681).
  case nonce
  /// A priority fee above the fee that it is part of (EIP-1559).
  case priorityFee(found: UInt256, maximum: UInt256)
  /// A v or yParity that says neither which point r stands for nor, in a legacy transaction, on which chain.
  case recovery(field: String, found: UInt256)
  /// A signature that breaks the rules, such as one in the second form, or that belongs to no key.
  case signature(CryptoError)
  /// A member of the JSON form that is missing, unreadable or out of place, and what is wrong with it.
  case member(String, problem: String)
  /// A member of the JSON form that says something else than the transaction.
  case mismatch(member: String, found: String, expected: String)

  /// A stable identifier such as `transaction.fieldCount`.
  public var code: String {
    switch self {
    case .format(_, let cause): cause.code
    case .type: "transaction.type"
    case .fieldCount: "transaction.fieldCount"
    case .nonce: "transaction.nonce"
    case .priorityFee: "transaction.priorityFee"
    case .recovery: "transaction.recovery"
    case .signature(let cause): cause.code
    case .member: "transaction.member"
    case .mismatch: "transaction.mismatch"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .format(let field, let cause):
      "\(field): \(cause.message)"
    case .type(let found):
      "transaction has the type \(found), allowed are 1 (EIP-2930), 2 (EIP-1559) and legacy"
    case .fieldCount(let found, let allowed):
      "transaction has \(found) fields, allowed are \(allowed.map(String.init).joined(separator: " or "))"
    case .nonce:
      "nonce is 2^64 - 1, allowed are smaller ones"
    case .priorityFee(let found, let maximum):
      "priority fee of \(found) wei per gas is above the maximum fee of \(maximum)"
    case .recovery(let field, let found):
      "\(field) is \(found), allowed are 0 and 1, in a legacy transaction 27, 28 and 35 + 2 x chain ID + 0 or 1"
    case .signature(let cause):
      cause.message
    case .member(let name, let problem):
      "transaction member \(quoted(name)) \(problem)"
    case .mismatch(let member, let found, let expected):
      "transaction member \(quoted(member)) is \(quoted(found)), expected \(quoted(expected))"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .format(_, let cause): cause.hint
    case .signature(let cause): cause.hint
    case .type, .fieldCount, .nonce, .priorityFee, .recovery, .member, .mismatch: nil
    }
  }
}
