import EmethKit
import Foundation

/// Records of any kind that make up a part of a data set, counted and hashed one after another: however small they are,
/// no more of one is kept than the part's bytes.
struct DataSetPart {
  /// Root of the salted leaves.
  let root: Bytes32
  /// The number of records.
  let recordCount: UInt64

  /// Cuts a part into its records.
  ///
  /// - Parameters:
  ///   - firstRecord: the first one's place in the data set.
  ///   - secret: what the records' salts follow from.
  init(bytes: Data, kind: RecordKind, firstRecord: UInt64, secret: Bytes32) throws(NetworkError) {
    let run = try asNetworkError {
      var run = RecordRun(part: 0, partStart: firstRecord, firstRecord: firstRecord)
      let hasher = RecordHasher(partSecret: secret)
      try bytes.withUnsafeBytes { try run.append(recordsIn: $0, kind: kind, at: 0, hasher: hasher) }
      return run
    }
    root = run.inPart.root
    recordCount = run.records.upperBound - run.records.lowerBound
  }
}

extension Splitter {
  /// A data set of records, divided for a job.
  struct DividedRecords {
    var plan: SplitPlan
    /// Hashes of all record leaves, 32 bytes each.
    var leaves: Data
    var parts: [Data]
  }

  /// Divides a data set of records. Beside its bytes no more is kept of a record than the hash of its leaf.
  ///
  /// - Parameter recordCount: how many it must have; it is read no further than that.
  func divide(
    _ dataSet: Data, named name: String, _ kind: RecordKind, recordCount: UInt64, job: JobID, parts: UInt32
  ) throws(NetworkError) -> DividedRecords {
    var division = try asNetworkError {
      try RecordDivision(recordCount: recordCount, parts: parts, kind: kind) { part in
        RecordHasher(partSecret: partSecret(of: job, part: part))
      }
    }
    do {
      try dataSet.withUnsafeBytes { try division.append($0) }
      return DividedRecords(
        plan: try division.plan(), leaves: division.leaves,
        parts: division.parts.map { dataSet.dropFirst($0.lowerBound).prefix($0.count) })
    } catch {
      guard case .recordCount(let found, let expected)? = error as? SplittingError else {
        throw NetworkError(error)
      }
      // Fuel, and so the fee, follows from their number.
      throw .badDataSet(
        path: name, what: "another number of records than is paid for",
        found: found > expected ? "more than \(expected)" : "\(found)", allowed: "\(expected)")
    }
  }
}

/// A data set on its way into parts.
private struct RecordDivision {
  private let kind: RecordKind
  private let hasherOfPart: (UInt32) -> RecordHasher
  private var builder: SplitPlanBuilder
  private var run: RecordRun
  private var hasher: RecordHasher
  /// Where the record begins that has not ended, and where its part does.
  private var (start, partStart) = (0, 0)

  /// Hashes of the leaves so far.
  private(set) var leaves = Data()
  /// The bytes of the parts that have ended.
  private(set) var parts: [Range<Int>] = []

  init(
    recordCount: UInt64, parts: UInt32, kind: RecordKind, _ hasherOfPart: @escaping (UInt32) -> RecordHasher
  ) throws(SplittingError) {
    builder = try SplitPlanBuilder(recordCount: recordCount, parts: parts)
    (self.kind, self.hasherOfPart) = (kind, hasherOfPart)
    run = RecordRun(part: 0, partStart: 0, firstRecord: 0)
    hasher = hasherOfPart(0)
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SplittingError) {
    var scanner = RecordScanner(kind)
    try scanner.scan(bytes) { (end) throws(SplittingError) in try append(recordBefore: Int(end), of: bytes) }
    try scanner.finish { (end) throws(SplittingError) in try append(recordBefore: Int(end), of: bytes) }
  }

  private mutating func append(
    recordBefore end: Int, of bytes: UnsafeRawBufferPointer
  ) throws(SplittingError) {
    let place = run.records.upperBound
    guard place < builder.recordCount else {
      throw .recordCount(found: place + 1, expected: builder.recordCount)
    }
    let record = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    try kind.check(record, record: place, at: UInt64(start))
    let leaf = hasher.leafHash(of: record, at: place)
    leaf.withUnsafeBytes { leaves.append(contentsOf: $0) }
    run.append(leaf)
    start = end
    guard place + 1 == builder.records(of: run.part).upperBound else { return }
    try builder.append(run)
    parts.append(partStart..<end)
    partStart = end
    let next = run.part + 1
    guard next < builder.partCount else { return }
    run = RecordRun(part: next, partStart: place + 1, firstRecord: place + 1)
    hasher = hasherOfPart(next)
  }

  func plan() throws(SplittingError) -> SplitPlan {
    guard run.records.upperBound == builder.recordCount else {
      throw .recordCount(found: run.records.upperBound, expected: builder.recordCount)
    }
    return try builder.plan()
  }
}
