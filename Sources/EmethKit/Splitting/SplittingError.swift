/// Why a data set can't be cut or divided, or what a plan, a manifest or a proof gets wrong.
public enum SplittingError: EmethError, Equatable {
  // Records.
  /// A text that names no kind of record.
  case unknownKind(found: String)
  /// A byte that begins no UTF-8 character, or a character that is cut, at an offset of the data set.
  case notText(at: UInt64)
  /// A record, beginning at an offset, that does not end within the limit in bytes.
  case recordTooLong(record: UInt64, at: UInt64, allowed: Int)
  /// Bytes behind the last whole record of a fixed size.
  case leftOver(byteCount: UInt64, records: UInt64, recordByteCount: Int)
  /// A line, beginning at an offset, that is not JSON.
  case notJSON(record: UInt64, at: UInt64, cause: FormatError)

  // Plans.
  /// A data set without records.
  case noRecords
  /// NumParallel 0.
  case noParts
  /// More parts than records.
  case morePartsThanRecords(parts: UInt32, records: UInt64)
  /// More parts than a manifest holds.
  case tooManyParts(found: UInt32, allowed: UInt32)
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

  // Manifests.
  /// JSON of another form or version.
  case unknownFormat(found: String, allowed: String)
  /// A number of bytes that can't be; the part is nil for the whole data set.
  case byteCount(part: UInt32?, found: UInt64, expected: String)
  /// A part's file name that is not plain, or that another part has.
  case fileName(part: UInt32, found: String)

  // Proofs.
  /// A record that the plan does not have.
  case unknownRecord(found: UInt64, count: UInt64)
  /// A record that does not lie in the part.
  case recordOutside(record: UInt64, part: UInt32, allowed: Range<UInt64>)
  /// A record whose path does not lead to its part's root; the part is nil for the root of all records.
  case proofMismatch(record: UInt64, part: UInt32?)
  /// A salt that does not have the protocol's 16 bytes.
  case saltLength(found: Int)
  /// A record that is too long for a proof to carry.
  case contentTooLong(record: UInt64, found: Int, allowed: Int)

  /// A stable identifier such as `splitting.rootMismatch`.
  public var code: String {
    switch self {
    case .unknownKind: "splitting.unknownKind"
    case .notText: "splitting.notText"
    case .recordTooLong: "splitting.recordTooLong"
    case .leftOver: "splitting.leftOver"
    case .notJSON: "splitting.notJSON"
    case .noRecords: "splitting.noRecords"
    case .noParts: "splitting.noParts"
    case .morePartsThanRecords: "splitting.morePartsThanRecords"
    case .tooManyParts: "splitting.tooManyParts"
    case .partCount: "splitting.partCount"
    case .partIndex: "splitting.partIndex"
    case .partRange: "splitting.partRange"
    case .partOverflow: "splitting.partOverflow"
    case .recordCount: "splitting.recordCount"
    case .rootMismatch: "splitting.rootMismatch"
    case .unknownPart: "splitting.unknownPart"
    case .unknownFormat: "splitting.unknownFormat"
    case .byteCount: "splitting.byteCount"
    case .fileName: "splitting.fileName"
    case .unknownRecord: "splitting.unknownRecord"
    case .recordOutside: "splitting.recordOutside"
    case .proofMismatch: "splitting.proofMismatch"
    case .saltLength: "splitting.saltLength"
    case .contentTooLong: "splitting.contentTooLong"
    }
  }
}
