/// Consecutive records of one part, hashed for both trees of the plan, in O(log n) memory.
///
/// Runs may be hashed on several processors at once; ``SplitPlanBuilder`` joins them in their order.
public struct RecordRun: Hashable, Sendable {
  /// The part in which all of them lie.
  public let part: UInt32
  /// Their leaves in the tree of all records.
  public private(set) var inDataSet: StateTreeRange
  /// Their leaves in the tree of the part.
  public private(set) var inPart: StateTreeRange

  /// No records yet.
  ///
  /// - Parameters:
  ///   - part: The part's number.
  ///   - partStart: The place of the part's first record in the data set.
  ///   - firstRecord: The place of the run's first record, not before the part's.
  public init(part: UInt32, partStart: UInt64, firstRecord: UInt64) {
    precondition(firstRecord >= partStart, "a run of a part begins inside of it")
    self.part = part
    inDataSet = StateTreeRange(firstLeaf: firstRecord)
    inPart = StateTreeRange(firstLeaf: firstRecord - partStart)
  }

  /// The places of the records in the data set.
  public var records: Range<UInt64> { inDataSet.firstLeaf..<inDataSet.endLeaf }

  /// Takes in the next record's leaf hash.
  public mutating func append(_ leafHash: Bytes32) {
    inDataSet.append(leafHash)
    inPart.append(leafHash)
  }

  /// Takes in the run that follows in the same part; traps for any other.
  public mutating func append(_ next: RecordRun) {
    precondition(next.part == part, "a run lies in one part")
    inDataSet.append(next.inDataSet)
    inPart.append(next.inPart)
  }

  /// Cuts whole records out of a buffer, checks and hashes them.
  ///
  /// - Parameters:
  ///   - bytes: One record or more, without anything that belongs to another one.
  ///   - kind: What counts as a record.
  ///   - offset: Where the buffer begins in the data set, for errors.
  ///   - hasher: The part's.
  /// - Throws: ``SplittingError``: `notText`, `recordTooLong`, `leftOver`, `notJSON`.
  public mutating func append(
    recordsIn bytes: UnsafeRawBufferPointer, kind: RecordKind, at offset: UInt64, hasher: RecordHasher
  ) throws(SplittingError) {
    var scanner = RecordScanner(kind, at: offset, record: inDataSet.endLeaf)
    var start = offset
    // Closures, not a local function: those are checked for overlapping access at every call.
    try scanner.scan(bytes) { (end) throws(SplittingError) in
      try append(recordAt: start..<end, of: bytes, at: offset, kind: kind, hasher: hasher)
      start = end
    }
    try scanner.finish { (end) throws(SplittingError) in
      try append(recordAt: start..<end, of: bytes, at: offset, kind: kind, hasher: hasher)
    }
  }

  @inline(__always)
  private mutating func append(
    recordAt place: Range<UInt64>, of bytes: UnsafeRawBufferPointer, at offset: UInt64, kind: RecordKind,
    hasher: RecordHasher
  ) throws(SplittingError) {
    let record = UnsafeRawBufferPointer(
      rebasing: bytes[Int(place.lowerBound - offset)..<Int(place.upperBound - offset)])
    try kind.check(record, record: inDataSet.endLeaf, at: place.lowerBound)
    append(hasher.leafHash(of: record, at: inDataSet.endLeaf))
  }
}
