/// Makes a plan out of records that never lie in memory together: the runs of all parts, in their order.
///
/// ```swift
/// var builder = try SplitPlanBuilder(recordCount: 3, parts: 2)
/// for part in 0..<builder.partCount {
///   let range = builder.records(of: part)
///   var run = RecordRun(part: part, partStart: range.lowerBound, firstRecord: range.lowerBound)
///   try run.append(recordsIn: bytes(of: range), kind: .line, at: 0, hasher: hasher(of: part))
///   try builder.append(run)
/// }
/// let plan = try builder.plan()
/// ```
/// The same roots as ``SplitPlan/init(leafHashes:parts:)``, in O(parts + log records) memory.
public struct SplitPlanBuilder: Sendable {
  /// The number of records that there will be.
  public let recordCount: UInt64
  /// The number of parts.
  public let partCount: UInt32

  private let division: EvenDivision
  private var all = StateTreeRange()
  private var current: RecordRun?
  private var parts: [SplitPlan.Part] = []

  /// A builder for so many records and parts.
  ///
  /// - Throws: ``SplittingError/noParts``, ``SplittingError/noRecords``,
  ///   ``SplittingError/morePartsThanRecords(parts:records:)``.
  public init(recordCount: UInt64, parts: UInt32) throws(SplittingError) {
    division = try EvenDivision(recordCount: recordCount, parts: parts)
    self.recordCount = recordCount
    partCount = parts
  }

  /// The places of a part's records in the data set. Traps for a part that there is not.
  public func records(of part: UInt32) -> Range<UInt64> {
    precondition(part < partCount, "no such part")
    return division.range(of: part)
  }

  /// Takes in the next run; the last run of a part ends where the part ends.
  ///
  /// - Throws: ``SplittingError/partRange(part:found:expected:)`` for a run that does not follow the one before
  ///   or does not lie in its part.
  public mutating func append(_ run: RecordRun) throws(SplittingError) {
    let part = UInt32(parts.count)
    let expected = part < partCount ? division.range(of: part) : recordCount..<recordCount
    guard run.part == part, part < partCount, run.records.lowerBound == all.endLeaf,
      run.records.upperBound <= expected.upperBound,
      run.inPart.firstLeaf == all.endLeaf - expected.lowerBound
    else { throw .partRange(part: run.part, found: run.records, expected: all.endLeaf..<expected.upperBound) }
    all.append(run.inDataSet)
    if current == nil { current = run } else { current?.append(run) }
    guard all.endLeaf == expected.upperBound, let whole = current else { return }
    parts.append(
      SplitPlan.Part(
        index: part, firstRecord: expected.lowerBound, count: run.records.upperBound - expected.lowerBound,
        root: whole.inPart.root))
    current = nil
  }

  /// The plan of all records.
  ///
  /// - Throws: ``SplittingError/recordCount(found:expected:)`` when records are missing.
  public func plan() throws(SplittingError) -> SplitPlan {
    guard all.endLeaf == recordCount else {
      throw .recordCount(found: all.endLeaf, expected: recordCount)
    }
    return try SplitPlan(recordCount: recordCount, recordsRoot: all.root, parts: parts)
  }
}
