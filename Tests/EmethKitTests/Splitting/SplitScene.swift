import EmethKit

/// A data set in memory with everything that its split gives.
struct SplitScene {
  let kind: RecordKind
  let bytes: [UInt8]
  let records: [Range<Int>]
  let secret = SplitSecret(SHA256.hash("split scene".utf8))
  let builder: SplitPlanBuilder

  init(_ bytes: [UInt8], kind: RecordKind, parts: UInt32) throws {
    self.kind = kind
    self.bytes = bytes
    records = try kind.records(in: bytes)
    builder = try SplitPlanBuilder(recordCount: UInt64(records.count), parts: parts)
  }

  /// So many lines of different lengths in so many parts.
  static func lines(_ count: Int, parts: UInt32) throws -> SplitScene {
    let text = (0..<count).map { String(repeating: "猫", count: $0 % 7) + "\($0)\n" }.joined()
    return try SplitScene(Array(text.utf8), kind: .line, parts: parts)
  }

  func hasher(_ part: UInt32) -> RecordHasher { RecordHasher(partSecret: secret.partSecret(part)) }

  func bytes(of range: Range<UInt64>) -> ArraySlice<UInt8> {
    guard !range.isEmpty else { return [] }
    return bytes[records[Int(range.lowerBound)].lowerBound..<records[Int(range.upperBound) - 1].upperBound]
  }

  /// The run of records that lie in one part.
  func run(_ range: Range<UInt64>, of part: UInt32) throws -> RecordRun {
    var run = RecordRun(
      part: part, partStart: builder.records(of: part).lowerBound, firstRecord: range.lowerBound)
    guard !range.isEmpty else { return run }
    let offset = UInt64(records[Int(range.lowerBound)].lowerBound)
    try bytes(of: range).withUnsafeBytes {
      try run.append(recordsIn: $0, kind: kind, at: offset, hasher: hasher(part))
    }
    return run
  }

  /// The runs of all parts, each part cut at these places too.
  func runs(cutAt cuts: [UInt64] = []) throws -> [RecordRun] {
    try (0..<builder.partCount).flatMap { part in
      let range = builder.records(of: part)
      let inside = Set(cuts.filter { $0 > range.lowerBound && $0 < range.upperBound })
      let places = [range.lowerBound] + inside.sorted() + [range.upperBound]
      return try zip(places, places.dropFirst()).map { try run($0..<$1, of: part) }
    }
  }

  /// The leaf hashes by the plan's own functions, one at a time.
  func leafHashes() -> [Bytes32] {
    (0..<builder.partCount).flatMap { part in
      builder.records(of: part).map { index in
        let salt = SplitPlan.recordSalt(partSecret: secret.partSecret(part), index: index)
        return SplitPlan.recordLeafHash(salt: salt, record: bytes[records[Int(index)]])
      }
    }
  }

  func plan() throws -> SplitPlan {
    var builder = builder
    for run in try runs() { try builder.append(run) }
    return try builder.plan()
  }

  func manifest() throws -> SplitManifest {
    let files = (0..<builder.partCount).map { part in
      SplitManifest.File(
        name: SplitManifest.fileName(part: part, of: builder.partCount, kind: kind),
        byteCount: UInt64(bytes(of: builder.records(of: part)).count))
    }
    return try SplitManifest(kind: kind, plan: plan(), files: files)
  }

  func proof(_ record: UInt64) throws -> RecordProof {
    let plan = try plan()
    var builder = try RecordProofBuilder(record: record, plan: plan)
    for run in try runs(cutAt: [record, record + 1]) { try builder.append(run) }
    return try builder.proof(
      content: Array(bytes[records[Int(record)]]), salt: hasher(builder.part.index).salt(of: record))
  }
}
