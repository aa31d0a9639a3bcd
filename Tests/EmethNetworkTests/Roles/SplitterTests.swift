import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct SplitterTests {
  private let splitter = Splitter(key: TestNetwork.key("splitter", 0))
  private let job = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)

  private func dataSet(sentences: Int = 40) throws -> DataSet {
    try DataSet(
      name: "sentences", bytes: Data(TestNetwork.text(sentences: sentences).utf8), tokenizer: ByteTokenizer(),
      context: 16)
  }

  @Test(arguments: [1, 2, 3, 7, 64] as [UInt32])
  func everyRecordIsInExactlyOnePart(parts: UInt32) throws {
    let dataSet = try dataSet()
    let division = try splitter.divide(dataSet, job: job, parts: parts)
    #expect(division.parts.count == Int(parts))
    #expect(division.parts.reduce(Data()) { $0 + $1.bytes } == dataSet.training.bytes, "all of it, in order")
    let counts = division.parts.map(\.count)
    #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
    #expect(division.plan.recordCount == UInt64(dataSet.training.count))
    #expect(division.plan.parts.map { Int($0.count) } == counts)
    #expect(division.validation.bytes == dataSet.validation.bytes)
  }

  @Test func anybodyWithTheLeavesCanCheckThePlan() throws {
    let division = try splitter.divide(dataSet(), job: job, parts: 3)
    // Leaves by PROTOCOL 4: salt from the part's secret and the record's place in the whole data set.
    var leaves: [Bytes32] = []
    for (part, data) in division.parts.enumerated() {
      let secret = splitter.partSecret(of: job, part: UInt32(part))
      for record in 0..<data.count {
        let place = withUnsafeBytes(of: UInt64(leaves.count).bigEndian) { Array($0) }
        let salt = HMACSHA256.authenticate(place, key: secret.bytes).bytes.prefix(16)
        leaves.append(SHA256.hash([0] + salt + data.record(record)))
      }
    }
    try division.plan.check(leafHashes: leaves)
    leaves.swapAt(0, 1)
    #expect(throws: SplittingError.self) { try division.plan.check(leafHashes: leaves) }
    leaves.swapAt(0, 1)
    #expect(throws: SplittingError.self) { try division.plan.check(leafHashes: leaves.dropLast()) }
  }

  @Test func everyRecordProvesItsPlace() throws {
    let division = try splitter.divide(dataSet(), job: job, parts: 4)
    let part = division.plan.parts[2]
    let records = PartRecords(
      data: division.parts[2], firstRecord: part.firstRecord, secret: splitter.partSecret(of: job, part: 2))
    #expect(records.root == part.root)
    for index in 0..<records.data.count {
      let leaf = SplitPlan.recordLeafHash(salt: records.salt(index), record: records.data.record(index))
      try division.plan.check(
        record: part.firstRecord + UInt64(index), leafHash: leaf, proof: records.proof(of: index), part: 2)
    }
  }

  @Test func partSecretsDifferByPartJobAndSplitter() {
    let otherJob = JobID(requester: TestNetwork.key("requester", 0).address, salt: TestNetwork.seed())
    let other = Splitter(key: TestNetwork.key("splitter", 1))
    let secrets =
      (0..<4).map { splitter.partSecret(of: job, part: $0) }
      + (0..<4).map { splitter.partSecret(of: otherJob, part: $0) }
      + (0..<4).map { other.partSecret(of: job, part: $0) }
    #expect(Set(secrets).count == 12)
    #expect(splitter.partSecret(of: job, part: 3) == secrets[3], "and each of them stays what it is")
  }

  @Test func theSameRecordTwiceHasTwoLeaves() throws {
    let line = "the same words again\n"
    let text = String(repeating: line, count: 400)
    let dataSet = try DataSet(
      name: "lines", bytes: Data(text.utf8), tokenizer: ByteTokenizer(), context: line.utf8.count)
    #expect(dataSet.training.record(0) == dataSet.training.record(1))
    let division = try splitter.divide(dataSet, job: job, parts: 1)
    let leaves = PartRecords.leafHashes(
      data: division.parts[0], firstRecord: 0, secret: splitter.partSecret(of: job, part: 0))
    #expect(Set(leaves).count == leaves.count)
  }

  private static let json = "{\"a\":1}\n[2]\n\"three\"\n4\nnull\n[5,6]\n7\n"

  /// Counted and hashed one after another, records have the tree that they have when all are there at once.
  @Test(arguments: [
    (RecordKind.line, json), (.json, json), (.binary(byteCount: 3), String(json.prefix(33))),
    (.sentence, "One. \"Two!\" Three? Four. Five. Six. Seven"),
  ]) func recordsAreDividedAsTheyCome(_ kind: RecordKind, _ text: String) throws {
    let bytes = Array(text.utf8)
    let ranges = try kind.records(in: bytes)
    for parts in [1, 2, UInt32(ranges.count)] {
      let divided = try splitter.divide(
        // A slice of something longer, as nothing begins at 0.
        Data([0] + bytes).dropFirst(), named: "text", kind, recordCount: UInt64(ranges.count), job: job,
        parts: parts)
      let shares = try SplitPlan.ranges(recordCount: UInt64(ranges.count), parts: parts)
      let leaves = shares.enumerated().flatMap { part, share in
        share.map { place in
          SplitPlan.recordLeafHash(
            salt: SplitPlan.recordSalt(
              partSecret: splitter.partSecret(of: job, part: UInt32(part)), index: place),
            record: bytes[ranges[Int(place)]])
        }
      }
      #expect(try divided.plan == SplitPlan(leafHashes: leaves, parts: parts))
      #expect(Array(divided.leaves) == leaves.flatMap(\.bytes))
      #expect(divided.parts.flatMap { Array($0) } == bytes)
      for (part, share) in divided.plan.parts.enumerated() {
        let read = try DataSetPart(
          bytes: divided.parts[part], kind: kind, firstRecord: share.firstRecord,
          secret: splitter.partSecret(of: job, part: UInt32(part)))
        #expect(read.root == share.root && read.recordCount == share.count)
      }
    }
  }

  /// Whoever says less than there is has no more of it read than that: what follows is no JSON.
  @Test func noMoreRecordsAreReadThanArePaidFor() throws {
    func error(of text: String, _ count: UInt64) -> NetworkError? {
      #expect(throws: NetworkError.self) {
        try splitter.divide(
          Data(text.utf8), named: "prompts", .json, recordCount: count, job: job, parts: 2)
      }
    }
    func another(_ found: String, _ allowed: String) -> NetworkError {
      .badDataSet(
        path: "prompts", what: "another number of records than is paid for", found: found, allowed: allowed)
    }
    #expect(error(of: Self.json + "no JSON\n", 6) == another("more than 6", "6"))
    #expect(error(of: Self.json, 8) == another("7", "8"))
    #expect(error(of: Self.json + "no JSON\n", 8)?.message.contains("JSON") == true)
  }

  @Test func morePartsThanRecordsAreRefused() throws {
    let dataSet = try dataSet(sentences: 3)
    let records = UInt32(dataSet.training.count)
    #expect(try splitter.divide(dataSet, job: job, parts: records).parts.allSatisfy { $0.count == 1 })
    let error = SplittingError.morePartsThanRecords(parts: records + 1, records: UInt64(records))
    #expect(throws: NetworkError(error)) { try splitter.divide(dataSet, job: job, parts: records + 1) }
    #expect(throws: NetworkError(SplittingError.noParts)) { try splitter.divide(dataSet, job: job, parts: 0) }
  }
}
