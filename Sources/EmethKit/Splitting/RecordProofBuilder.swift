/// Makes the proof of one record out of the runs of all others, in their order and O(log records) memory.
///
/// The record is a run by itself; all other runs lie before it or behind it.
///
/// ```swift
/// var builder = try RecordProofBuilder(record: 41, plan: manifest.plan)
/// for run in runs { try builder.append(run) }
/// let proof = try builder.proof(content: content, salt: hasher.salt(of: 41))
/// ```
public struct RecordProofBuilder: Sendable {
  /// The record's place in the data set.
  public let record: UInt64
  /// The part in which it lies.
  public let part: SplitPlan.Part

  private let plan: SplitPlan
  private var position: UInt64 = 0
  private var before = StateTreeRange()
  private var after: StateTreeRange
  private var beforeInPart = StateTreeRange()
  private var afterInPart: StateTreeRange

  /// A builder for a record of a plan.
  ///
  /// - Throws: ``SplittingError/unknownRecord(found:count:)``.
  public init(record: UInt64, plan: SplitPlan) throws(SplittingError) {
    guard let part = plan.part(of: record) else {
      throw .unknownRecord(found: record, count: plan.recordCount)
    }
    self.record = record
    self.plan = plan
    self.part = part
    after = StateTreeRange(firstLeaf: record + 1)
    afterInPart = StateTreeRange(firstLeaf: record - part.firstRecord + 1)
  }

  /// Takes in the next run.
  ///
  /// - Throws: ``SplittingError/partRange(part:found:expected:)`` for a run that does not follow the one before,
  ///   does not lie in its part, or holds the record with others.
  public mutating func append(_ run: RecordRun) throws(SplittingError) {
    let records = run.records
    let place = try plan.part(run.part)
    let isWhole = !records.contains(record) || records == record..<(record + 1)
    guard records.lowerBound == position, isWhole, records.clamped(to: place.records) == records else {
      throw .partRange(part: run.part, found: records, expected: place.records)
    }
    position = records.upperBound
    let isOwnPart = run.part == part.index
    if records.upperBound <= record {
      before.append(run.inDataSet)
      if isOwnPart { beforeInPart.append(run.inPart) }
    } else if records.lowerBound > record {
      after.append(run.inDataSet)
      if isOwnPart { afterInPart.append(run.inPart) }
    }
  }

  /// The proof, checked against the plan.
  ///
  /// - Parameters:
  ///   - content: The record's bytes.
  ///   - salt: Its salt.
  /// - Throws: ``SplittingError``: `recordCount` when runs are missing, `contentTooLong`, `saltLength`,
  ///   `proofMismatch` when the records are not those of the plan.
  public func proof(content: [UInt8], salt: [UInt8]) throws(SplittingError) -> RecordProof {
    guard position == plan.recordCount else {
      throw .recordCount(found: position, expected: plan.recordCount)
    }
    let proof = try RecordProof(
      record: record, content: content, salt: salt, recordCount: plan.recordCount,
      recordsRoot: plan.recordsRoot, recordsProof: StateTree.proof(before: before, after: after),
      partCount: UInt32(plan.parts.count), part: part,
      partProof: StateTree.proof(before: beforeInPart, after: afterInPart))
    try proof.check()
    return proof
  }
}
