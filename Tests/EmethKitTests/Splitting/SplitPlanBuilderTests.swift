import EmethKit
import Testing

@Suite struct SplitPlanBuilderTests {
  /// Whatever the numbers and however the runs are cut: the plan that all leaf hashes at once give.
  @Test func runsGiveThePlanOfAllLeaves() throws {
    var random = SeededGenerator()
    for count in Array(1...24) + [100, 257] {
      for parts in Set([1, 2, 3, count - 1, count].filter { (1...count).contains($0) }) {
        let scene = try SplitScene.lines(count, parts: UInt32(parts))
        let leaves = scene.leafHashes()
        let expected = try SplitPlan(leafHashes: leaves, parts: UInt32(parts))
        #expect(try scene.plan() == expected)
        try expected.check(leafHashes: leaves)
        let cuts = (0..<5).map { _ in UInt64.random(in: 0...UInt64(count), using: &random) }
        var builder = scene.builder
        for run in try scene.runs(cutAt: cuts) { try builder.append(run) }
        #expect(try builder.plan() == expected, "\(count) records in \(parts), cut at \(cuts)")
      }
    }
  }

  @Test func everyKindOfRecordIsHashedAsItWasCut() throws {
    var random = SeededGenerator()
    for _ in 0..<scaled(20) {
      let text = [0x61] + RandomText.bytes(pieces: Int.random(in: 0...80, using: &random), using: &random)
      for kind in [RecordKind.line, .sentence, .binary(byteCount: 1)] {
        let count = try kind.records(in: text).count
        let scene = try SplitScene(
          text, kind: kind, parts: UInt32.random(in: 1...UInt32(count), using: &random))
        #expect(try scene.plan() == SplitPlan(leafHashes: scene.leafHashes(), parts: scene.builder.partCount))
      }
    }
  }

  @Test func impossibleDivisionsAreRefusedBeforeAnyWork() {
    #expect(throws: SplittingError.noRecords) { try SplitPlanBuilder(recordCount: 0, parts: 1) }
    #expect(throws: SplittingError.noParts) { try SplitPlanBuilder(recordCount: 1, parts: 0) }
    #expect(throws: SplittingError.morePartsThanRecords(parts: 6, records: 5)) {
      try SplitPlanBuilder(recordCount: 5, parts: 6)
    }
  }

  @Test func runsOutOfOrderAreRefused() throws {
    let scene = try SplitScene.lines(10, parts: 3)
    let runs = try scene.runs()
    var builder = scene.builder
    #expect(throws: SplittingError.partRange(part: 1, found: 4..<7, expected: 0..<4)) {
      try builder.append(runs[1])
    }
    try builder.append(runs[0])
    #expect(throws: SplittingError.partRange(part: 0, found: 0..<4, expected: 4..<7)) {
      try builder.append(runs[0])
    }
    let wrongPart = RecordRun(part: 2, partStart: 4, firstRecord: 4)
    #expect(throws: SplittingError.self) { try builder.append(wrongPart) }
    var tooLong = RecordRun(part: 1, partStart: 4, firstRecord: 4)
    for _ in 4..<8 { tooLong.append(.zero) }
    #expect(throws: SplittingError.partRange(part: 1, found: 4..<8, expected: 4..<7)) {
      try builder.append(tooLong)
    }
    let elsewhere = RecordRun(part: 1, partStart: 3, firstRecord: 4)
    #expect(throws: SplittingError.self) { try builder.append(elsewhere) }
    #expect(throws: SplittingError.recordCount(found: 4, expected: 10)) { try builder.plan() }
    try builder.append(runs[1])
    try builder.append(runs[2])
    #expect(throws: SplittingError.self) { try builder.append(runs[2]) }
    #expect(try builder.plan() == scene.plan())
  }

  /// A run that is not what the kind says is an error at its place in the whole data set.
  @Test func faultsInsideOfRunsAreNamed() throws {
    var run = RecordRun(part: 1, partStart: 5, firstRecord: 7)
    let hasher = RecordHasher(partSecret: .zero)
    func append(_ bytes: [UInt8], _ kind: RecordKind) throws {
      try bytes.withUnsafeBytes { try run.append(recordsIn: $0, kind: kind, at: 100, hasher: hasher) }
    }
    #expect(throws: SplittingError.notText(at: 101)) { try append([0x61, 0xFF], .line) }
    #expect(throws: SplittingError.leftOver(byteCount: 1, records: 9, recordByteCount: 2)) {
      try append([1, 2, 3, 4, 5], .binary(byteCount: 2))
    }
  }

  /// Millions of records in a few kilobytes, at the large counts.
  @Test func manyRecordsAreHashedInRuns() throws {
    let count = UInt64(scaled(20_000))
    let block = 4096 as UInt64
    var builder = try SplitPlanBuilder(recordCount: count, parts: 3)
    for part in UInt32(0)..<3 {
      let range = builder.records(of: part)
      let hasher = RecordHasher(partSecret: .zero)
      var first = range.lowerBound
      while first < range.upperBound {
        let end = min(range.upperBound, first + block)
        var run = RecordRun(part: part, partStart: range.lowerBound, firstRecord: first)
        let bytes = (first..<end).flatMap { $0.bigEndianBytes }
        try bytes.withUnsafeBytes {
          try run.append(recordsIn: $0, kind: .binary(byteCount: 8), at: first * 8, hasher: hasher)
        }
        try builder.append(run)
        first = end
      }
    }
    let plan = try builder.plan()
    let hasher = RecordHasher(partSecret: .zero)
    let leaves = (0..<count).map { index in
      index.bigEndianBytes.withUnsafeBytes { hasher.leafHash(of: $0, at: index) }
    }
    try plan.check(leafHashes: leaves)
  }
}
