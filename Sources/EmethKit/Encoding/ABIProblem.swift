/// What is wrong with data of the contract ABI; ``FormatError/abi(_:at:path:)`` says where.
public enum ABIProblem: Hashable, Sendable {
  /// The data is longer than the limit.
  case size(found: Int, allowed: Int)
  /// The value needs more bytes than are left.
  case truncated(needed: UInt256, found: Int)
  /// The offset of a dynamic value leads into the heads, behind the data, or, where the canonical encoding is
  /// asked for, elsewhere than to the one place.
  case offset(found: UInt256, allowed: ClosedRange<Int>)
  /// A number that its type does not reach: a bit above its width, or a sign that is not extended.
  case range(type: ABIType, found: UInt256)
  /// A `bool` that is neither 0 nor 1.
  case truth(found: UInt256)
  /// Bytes behind a value, in its last word, that are not zero.
  case padding
  /// A `string` whose bytes are no UTF-8.
  case text
  /// Values that share bytes, so that together they stand for more than the data has.
  case overlap
  /// Bytes behind the last value, where the canonical encoding is asked for.
  case trailing(byteCount: Int)
  /// Another function's, error's or event's data.
  case selector(found: String, allowed: String)
  /// A log with another number of topics than the event's.
  case topicCount(found: Int, allowed: Int)

  /// The end of the error's code.
  var code: String {
    switch self {
    case .size: "Size"
    case .truncated: "Truncated"
    case .offset: "Offset"
    case .range: "Range"
    case .truth: "Truth"
    case .padding: "Padding"
    case .text: "Text"
    case .overlap: "Overlap"
    case .trailing: "Trailing"
    case .selector: "Selector"
    case .topicCount: "TopicCount"
    }
  }

  /// What stands behind the place in the error's message.
  var text: String {
    switch self {
    case .size(let found, let allowed): "has \(found) bytes, allowed are \(allowed)"
    case .truncated(let needed, let found): "needs \(needed) bytes, \(found) are left"
    case .offset(let found, let allowed):
      allowed.count == 1
        ? "has the offset \(found), the canonical one is \(allowed.lowerBound)"
        : "has the offset \(found), allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
    case .range(let type, let found): "is \(Hex.encode(found.bigEndianBytes)), which is no \(type)"
    case .truth(let found): "is the bool \(found), allowed are 0 and 1"
    case .padding: "is followed by bytes that are not zero"
    case .text: "is a string that is no UTF-8"
    case .overlap: "shares bytes with other values"
    case .trailing(let byteCount): "should have ended, but \(byteCount) bytes follow"
    case .selector(let found, let allowed): "starts with \(found), expected is \(allowed)"
    case .topicCount(let found, let allowed): "has \(found) topics, expected are \(allowed)"
    }
  }
}
