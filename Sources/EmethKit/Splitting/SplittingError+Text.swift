extension SplittingError {
  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .unknownKind(let found):
      "\(quoted(found)) is no kind of record, allowed are \(RecordKind.allowed)"
    case .notText(let at):
      "the data set is not UTF-8 text: the first wrong byte is at offset \(at)"
    case .recordTooLong(let record, let at, let allowed):
      "record \(record), which begins at byte \(at), has more than the \(allowed) bytes that are allowed"
    case .leftOver(let byteCount, let records, let recordByteCount):
      "\(byteCount) bytes are left over behind \(records) records of \(recordByteCount) bytes, "
        + "allowed are whole records"
    case .notJSON(let record, let at, let cause):
      Self.text(record: record, offset: at, cause)
    case .noRecords:
      "the data set has no records, needed is 1 at least"
    case .noParts:
      "NumParallel is 0, allowed are 1 and above"
    case .morePartsThanRecords(let parts, let records):
      "NumParallel is \(parts), allowed are at most the \(records) records of the data set"
    case .tooManyParts(let found, let allowed):
      "NumParallel is \(found), allowed are at most \(allowed) parts in a manifest"
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
      "the records of \(Self.name(part)) give root \(found), the plan has \(expected)"
    case .unknownPart(let found, let count):
      "part \(found) is not in the plan, which has \(count) parts counted from 0"
    case .unknownFormat(let found, let allowed):
      "the format is \(quoted(found)), allowed is \(allowed)"
    case .byteCount(let part, let found, let expected):
      "\(Self.name(part)) has \(found) bytes, \(expected)"
    case .fileName(let part, let found):
      "the file of part \(part) is called \(quoted(found)), allowed is a name of its own of 1 to 255 "
        + "letters, digits, dots, dashes and underscores that begins with a letter or digit"
    case .unknownRecord(let found, let count):
      "record \(found) is not in the plan, which has \(count) records counted from 0"
    case .recordOutside(let record, let part, let allowed):
      "record \(record) is not in part \(part), "
        + "which has \(allowed.lowerBound) to below \(allowed.upperBound)"
    case .proofMismatch(let record, let part):
      "the path of record \(record) does not lead to the root of \(Self.name(part))"
    case .saltLength(let found):
      "the salt has \(found) bytes where exactly \(SplitPlan.recordSaltBytes) are needed"
    case .contentTooLong(let record, let found, let allowed):
      "record \(record) has \(found) bytes, a proof carries \(allowed) at most"
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .notText: "convert it to UTF-8 first, or cut it as binary records"
    case .recordTooLong: "cut it as another kind of record: line, sentence, json or binary:BYTES"
    case .leftOver: "give the size that the records really have, or cut the file to whole records"
    case .morePartsThanRecords: "ask for fewer parts, or give a longer data set"
    case .rootMismatch: "the records were changed, or the secret is not that of this split"
    case .unknownKind, .notJSON, .noRecords, .noParts, .tooManyParts, .partCount, .partIndex, .partRange,
      .partOverflow, .recordCount, .unknownPart, .unknownFormat, .byteCount, .fileName, .unknownRecord,
      .recordOutside,
      .proofMismatch, .saltLength, .contentTooLong:
      nil
    }
  }

  private static func name(_ part: UInt32?) -> String {
    part.map { "part \($0)" } ?? "the data set"
  }

  /// Lines are counted from 1 for people; the byte is that of the fault where JSON's error names one.
  private static func text(record: UInt64, offset: UInt64, _ cause: FormatError) -> String {
    let place: Int?
    let problem: String
    switch cause {
    case .jsonSyntax(let found, let at): (place, problem) = (at, found)
    case .jsonDuplicateKey(let key, let at): (place, problem) = (at, "the key \(quoted(key)) is there twice")
    default: (place, problem) = (nil, cause.message)
    }
    return "line \(record &+ 1) is not JSON, at byte \(offset &+ UInt64(place ?? 0)): \(problem)"
  }
}
