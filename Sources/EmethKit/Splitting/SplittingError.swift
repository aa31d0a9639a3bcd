/// Why a data set can't be divided, or a plan does not cover it.
public enum SplittingError: EmethError, Equatable {
  /// A data set without records.
  case noRecords
  /// NumParallel 0.
  case noParts
  /// More parts than records.
  case morePartsThanRecords(parts: UInt32, records: UInt64)
  /// A plan with another number of parts than the data set is divided into.
  case partCount(found: Int, expected: UInt32)
  /// A part that does not stand at its place in the plan.
  case partIndex(found: UInt32, expected: UInt32)
  /// A part whose records are not those that an even division gives it.
  case partRange(part: UInt32, found: Range<UInt64>, expected: Range<UInt64>)
  /// A part whose range goes beyond 64 bits.
  case partOverflow(part: UInt32)
  /// Another number of records than the plan has.
  case recordCount(found: UInt64, expected: UInt64)
  /// A root that the records don't give; the part is nil for the whole data set.
  case rootMismatch(part: UInt32?, found: Bytes32, expected: Bytes32)
  /// A part that the plan does not have.
  case unknownPart(found: UInt32, count: Int)
  /// A record that does not lie in the part.
  case recordOutside(record: UInt64, part: UInt32, allowed: Range<UInt64>)
  /// A record whose path does not lead to its part's root.
  case proofMismatch(record: UInt64, part: UInt32)

  /// A stable identifier such as `splitting.rootMismatch`.
  public var code: String {
    switch self {
    case .noRecords: "splitting.noRecords"
    case .noParts: "splitting.noParts"
    case .morePartsThanRecords: "splitting.morePartsThanRecords"
    case .partCount: "splitting.partCount"
    case .partIndex: "splitting.partIndex"
    case .partRange: "splitting.partRange"
    case .partOverflow: "splitting.partOverflow"
    case .recordCount: "splitting.recordCount"
    case .rootMismatch: "splitting.rootMismatch"
    case .unknownPart: "splitting.unknownPart"
    case .recordOutside: "splitting.recordOutside"
    case .proofMismatch: "splitting.proofMismatch"
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .noRecords:
      "the data set has no records, needed is 1 at least"
    case .noParts:
      "NumParallel is 0, allowed are 1 and above"
    case .morePartsThanRecords(let parts, let records):
      "NumParallel is \(parts), allowed are at most the \(records) records of the data set"
    case .partCount(let found, let expected):
      "the plan has \(found) parts, expected are \(expected)"
    case .partIndex(let found, let expected):
      "the plan has part \(found) where part \(expected) belongs"
    case .partRange(let part, let found, let expected):
      "part \(part) has records \(found.lowerBound) to below \(found.upperBound), an even division gives it "
        + "\(expected.lowerBound) to below \(expected.upperBound)"
    case .partOverflow(let part):
      "the records of part \(part) go beyond 2^64 - 1"
    case .recordCount(let found, let expected):
      "there are \(found) records, the plan has \(expected)"
    case .rootMismatch(let part, let found, let expected):
      "the records of \(part.map { "part \($0)" } ?? "the data set") give root \(found), "
        + "the plan has \(expected)"
    case .unknownPart(let found, let count):
      "part \(found) is not in the plan, which has \(count) parts counted from 0"
    case .recordOutside(let record, let part, let allowed):
      "record \(record) is not in part \(part), "
        + "which has \(allowed.lowerBound) to below \(allowed.upperBound)"
    case .proofMismatch(let record, let part):
      "the path of record \(record) does not lead to the root of part \(part)"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .morePartsThanRecords: "ask for fewer parts, or give a longer data set"
    case .noRecords, .noParts, .partCount, .partIndex, .partRange, .partOverflow, .recordCount, .rootMismatch,
      .unknownPart, .recordOutside, .proofMismatch:
      nil
    }
  }
}
