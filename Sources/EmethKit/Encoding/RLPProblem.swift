/// What is wrong with a value of the Recursive Length Prefix; ``FormatError/rlp(_:at:)`` says where.
public enum RLPProblem: Hashable, Sendable {
  /// The whole encoding is longer than the limit.
  case size(found: Int, allowed: Int)
  /// A list lies in more lists than the limit.
  case depth(allowed: Int)
  /// More bytes are announced than follow in the encoding, or in the list around the value.
  case truncated(needed: UInt64, found: Int)
  /// A byte below 0x80 with a header in front, though it stands for itself.
  case singleByte(found: UInt8)
  /// A length in bytes of its own, the first of which is zero.
  case lengthLeadingZero
  /// A length in bytes of its own, though the first byte has room for it.
  case lengthForm(found: Int)
  /// Bytes behind the value.
  case trailing(byteCount: Int)
  /// A byte string where a list is needed, or a list where a byte string is.
  case kind(found: String, allowed: String)
  /// A number whose first byte is zero.
  case integerLeadingZero
  /// A number of more bytes than its type has.
  case integerWidth(found: Int, allowed: Int)
  /// A byte string of the wrong length.
  case byteCount(found: Int, allowed: Int)

  /// The end of the error's code.
  var code: String {
    switch self {
    case .size: "Size"
    case .depth: "Depth"
    case .truncated: "Truncated"
    case .singleByte: "SingleByte"
    case .lengthLeadingZero: "LengthLeadingZero"
    case .lengthForm: "LengthForm"
    case .trailing: "Trailing"
    case .kind: "Kind"
    case .integerLeadingZero: "IntegerLeadingZero"
    case .integerWidth: "IntegerWidth"
    case .byteCount: "ByteCount"
    }
  }

  /// What stands behind "RLP at byte N" in the error's message.
  var text: String {
    switch self {
    case .size(let found, let allowed): "has \(found) bytes, allowed are \(allowed)"
    case .depth(let allowed): "is nested deeper than \(allowed) levels"
    case .truncated(let needed, let found): "announces \(needed) more bytes, \(found) are left"
    case .singleByte(let found): "has a header in front of the byte \(found), which needs none below 128"
    case .lengthLeadingZero: "has a length with a leading zero"
    case .lengthForm(let found):
      "has the length \(found) in bytes of its own, which are for more than \(RLPReader.longestShortForm)"
    case .trailing(let byteCount): "should have ended, but \(byteCount) bytes follow"
    case .kind(let found, let allowed): "is \(found), allowed is \(allowed)"
    case .integerLeadingZero: "is a number with a leading zero"
    case .integerWidth(let found, let allowed): "is a number of \(found) bytes, allowed are \(allowed)"
    case .byteCount(let found, let allowed): "has \(found) bytes where exactly \(allowed) are needed"
    }
  }
}
