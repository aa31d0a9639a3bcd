/// How a data set's records are divided into parts, with the roots that prove it (PROTOCOL 4).
///
/// Sizes differ by one record at most, every record lies in exactly one part, the order is kept. A third
/// party that has the leaf hashes checks all of it with ``check(leafHashes:)``; one that has a part, with
/// ``check(part:leafHashes:)``.
///
/// ```swift
/// let plan = try SplitPlan(leafHashes: records.enumerated().map { index, record in
///   SplitPlan.recordLeafHash(
///     salt: SplitPlan.recordSalt(partSecret: secret, index: UInt64(index)), record: record)
/// }, parts: 4)
/// ```
public struct SplitPlan: Hashable, Sendable {
  /// The number of records.
  public let recordCount: UInt64
  /// The Merkle root of all record leaves, in order.
  public let recordsRoot: Bytes32
  /// The parts, in order.
  public let parts: [Part]

  /// A run of consecutive records.
  public struct Part: Hashable, Sendable {
    /// The part's number, from 0.
    public let index: UInt32
    /// Its first record's place in the data set, from 0.
    public let firstRecord: UInt64
    /// The number of its records.
    public let count: UInt64
    /// The Merkle root of its record leaves.
    public let root: Bytes32
    /// The Merkle root of the seeds of its noise, one a round; nil without noise.
    public let noiseRoot: Bytes32?

    /// A part; whether it fits its plan is checked there.
    public init(
      index: UInt32, firstRecord: UInt64, count: UInt64, root: Bytes32, noiseRoot: Bytes32? = nil
    ) {
      self.index = index
      self.firstRecord = firstRecord
      self.count = count
      self.root = root
      self.noiseRoot = noiseRoot
    }
  }

  /// The plan for records whose leaf hashes are given in order.
  ///
  /// - Throws: ``SplittingError/noParts``, ``SplittingError/noRecords``,
  ///   ``SplittingError/morePartsThanRecords(parts:records:)``.
  /// - Complexity: O(records) hashes, twice.
  public init(leafHashes: [Bytes32], parts count: UInt32) throws(SplittingError) {
    let ranges = try SplitPlan.ranges(recordCount: UInt64(leafHashes.count), parts: count)
    recordCount = UInt64(leafHashes.count)
    recordsRoot = StateTree.root(leafHashes: leafHashes)
    var parts: [Part] = []
    for (index, range) in ranges.enumerated() {
      let leaves = Array(leafHashes[Int(range.lowerBound)..<Int(range.upperBound)])
      parts.append(
        Part(
          index: UInt32(index), firstRecord: range.lowerBound, count: UInt64(leaves.count),
          root: StateTree.root(leafHashes: leaves)))
    }
    self.parts = parts
  }

  /// A plan from elsewhere, such as a file: its division must be the even one; its roots are not looked at.
  ///
  /// - Throws: ``SplittingError``: `noParts`, `noRecords`, `morePartsThanRecords`, `partIndex`, `partRange`,
  ///   `partOverflow`.
  public init(recordCount: UInt64, recordsRoot: Bytes32, parts: [Part]) throws(SplittingError) {
    guard let count = UInt32(exactly: parts.count) else {
      throw .partCount(found: parts.count, expected: .max)
    }
    // The range of every part is computed, not taken from an array of as many as the plan claims.
    let division = try EvenDivision(recordCount: recordCount, parts: count)
    for (place, part) in parts.enumerated() {
      let index = UInt32(place)
      guard part.index == index else { throw .partIndex(found: part.index, expected: index) }
      try division.check(part)
    }
    self.recordCount = recordCount
    self.recordsRoot = recordsRoot
    self.parts = parts
  }

  /// The same plan with the roots of the parts' noise, one a part in order.
  public func withNoise(roots: [Bytes32]) throws(SplittingError) -> SplitPlan {
    guard roots.count == parts.count else {
      throw .partCount(found: roots.count, expected: UInt32(parts.count))
    }
    return try SplitPlan(
      recordCount: recordCount, recordsRoot: recordsRoot,
      parts: zip(parts, roots).map { part, root in
        Part(
          index: part.index, firstRecord: part.firstRecord, count: part.count, root: part.root,
          noiseRoot: root)
      })
  }

  /// Which records each part gets: the first parts take the remainder, one record each.
  ///
  /// - Throws: ``SplittingError/noParts``, ``SplittingError/noRecords``,
  ///   ``SplittingError/morePartsThanRecords(parts:records:)``.
  public static func ranges(recordCount: UInt64, parts: UInt32) throws(SplittingError) -> [Range<UInt64>] {
    let division = try EvenDivision(recordCount: recordCount, parts: parts)
    return (0..<parts).map { division.range(of: $0) }
  }
}

extension SplitPlan.Part {
  /// The places of the part's records in the data set.
  ///
  /// Traps for a part that goes beyond 64 bits, which no plan contains.
  public var records: Range<UInt64> { firstRecord..<(firstRecord + count) }
}
