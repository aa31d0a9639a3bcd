/// A number of records divided as evenly as possible: the first parts take the remainder, one record each.
struct EvenDivision: Sendable {
  private let share: UInt64
  private let extra: UInt64

  init(recordCount: UInt64, parts: UInt32) throws(SplittingError) {
    guard parts > 0 else { throw .noParts }
    guard recordCount > 0 else { throw .noRecords }
    guard UInt64(parts) <= recordCount else {
      throw .morePartsThanRecords(parts: parts, records: recordCount)
    }
    (share, extra) = recordCount.quotientAndRemainder(dividingBy: UInt64(parts))
  }

  /// The places of the records of a part that there is.
  func range(of part: UInt32) -> Range<UInt64> {
    let index = UInt64(part)
    let first = index * share + min(index, extra)
    return first..<(first + share + (index < extra ? 1 : 0))
  }

  /// Refuses a part with another range.
  func check(_ part: SplitPlan.Part) throws(SplittingError) {
    let (end, overflow) = part.firstRecord.addingReportingOverflow(part.count)
    guard !overflow else { throw .partOverflow(part: part.index) }
    let expected = range(of: part.index)
    guard part.firstRecord..<end == expected else {
      throw .partRange(part: part.index, found: part.firstRecord..<end, expected: expected)
    }
  }
}
