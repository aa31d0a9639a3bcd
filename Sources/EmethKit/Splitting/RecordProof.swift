/// That one record lies in one part and nowhere else: its content and salt, and its paths to the part's root
/// and to the root of all records.
///
/// ``check()`` needs nothing else, and says that the proof agrees with the roots that it names;
/// ``check(in:)`` that they are the plan's. The salts of the paths' other records stay unknown, so the
/// proof shows this record alone.
///
/// ```swift
/// try proof.check(in: manifest.plan)
/// print("record \(proof.record) is in part \(proof.part.index)")
/// ```
public struct RecordProof: Hashable, Sendable {
  /// The most bytes of a record that a proof carries: 4 MiB.
  public static let contentByteLimit = 4 << 20
  /// What the JSON's `format` says.
  public static let format = "emeth-record-proof-1"

  /// The record's place in the data set, from 0.
  public let record: UInt64
  /// The record's bytes.
  public let content: [UInt8]
  /// The record's salt, 16 bytes.
  public let salt: [UInt8]
  /// The number of records of the data set.
  public let recordCount: UInt64
  /// The root of all records.
  public let recordsRoot: Bytes32
  /// The hashes from the record's leaf to ``recordsRoot``, from the bottom up.
  public let recordsProof: [Bytes32]
  /// The number of parts of the plan.
  public let partCount: UInt32
  /// The part in which the record lies.
  public let part: SplitPlan.Part
  /// The hashes from the record's leaf to the part's root, from the bottom up.
  public let partProof: [Bytes32]

  /// A proof whose numbers fit each other; whether it holds is what ``check()`` says.
  ///
  /// - Throws: ``SplittingError``: `saltLength`, `contentTooLong`, `recordOutside`, `unknownPart`, `partRange`,
  ///   `partOverflow`, `noParts`, `noRecords`, `morePartsThanRecords`.
  public init(
    record: UInt64, content: [UInt8], salt: [UInt8], recordCount: UInt64, recordsRoot: Bytes32,
    recordsProof: [Bytes32], partCount: UInt32, part: SplitPlan.Part, partProof: [Bytes32]
  ) throws(SplittingError) {
    guard salt.count == SplitPlan.recordSaltBytes else { throw .saltLength(found: salt.count) }
    guard content.count <= RecordProof.contentByteLimit else {
      throw .contentTooLong(record: record, found: content.count, allowed: RecordProof.contentByteLimit)
    }
    let division = try EvenDivision(recordCount: recordCount, parts: partCount)
    guard part.index < partCount else { throw .unknownPart(found: part.index, count: Int(partCount)) }
    try division.check(part)
    guard part.records.contains(record) else {
      throw .recordOutside(record: record, part: part.index, allowed: part.records)
    }
    self.record = record
    self.content = content
    self.salt = salt
    self.recordCount = recordCount
    self.recordsRoot = recordsRoot
    self.recordsProof = recordsProof
    self.partCount = partCount
    self.part = part
    self.partProof = partProof
  }

  /// The hash of the record's leaf.
  public var leafHash: Bytes32 { SplitPlan.recordLeafHash(salt: salt, record: content) }

  /// Checks both paths.
  ///
  /// - Throws: ``SplittingError/proofMismatch(record:part:)``.
  public func check() throws(SplittingError) {
    let leafHash = leafHash
    func leads(_ place: UInt64, of count: UInt64, _ proof: [Bytes32], to root: Bytes32) -> Bool {
      guard let index = Int(exactly: place), let count = Int(exactly: count) else { return false }
      return StateTree.verify(leafHash: leafHash, index: index, count: count, proof: proof, root: root)
    }
    guard leads(record - part.firstRecord, of: part.count, partProof, to: part.root) else {
      throw .proofMismatch(record: record, part: part.index)
    }
    guard leads(record, of: recordCount, recordsProof, to: recordsRoot) else {
      throw .proofMismatch(record: record, part: nil)
    }
  }

  /// Checks both paths, and that numbers and roots are those of a plan.
  ///
  /// - Throws: ``SplittingError``: `recordCount`, `partCount`, `rootMismatch`, `proofMismatch`.
  public func check(in plan: SplitPlan) throws(SplittingError) {
    guard recordCount == plan.recordCount else {
      throw .recordCount(found: recordCount, expected: plan.recordCount)
    }
    guard Int(partCount) == plan.parts.count else {
      throw .partCount(found: plan.parts.count, expected: partCount)
    }
    guard recordsRoot == plan.recordsRoot else {
      throw .rootMismatch(part: nil, found: recordsRoot, expected: plan.recordsRoot)
    }
    let expected = try plan.part(part.index)
    guard part.root == expected.root else {
      throw .rootMismatch(part: part.index, found: part.root, expected: expected.root)
    }
    try check()
  }
}
