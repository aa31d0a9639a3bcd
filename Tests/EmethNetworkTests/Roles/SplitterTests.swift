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

  @Test func morePartsThanRecordsAreRefused() throws {
    let dataSet = try dataSet(sentences: 3)
    let records = UInt32(dataSet.training.count)
    #expect(try splitter.divide(dataSet, job: job, parts: records).parts.allSatisfy { $0.count == 1 })
    let error = SplittingError.morePartsThanRecords(parts: records + 1, records: UInt64(records))
    #expect(throws: NetworkError(error)) { try splitter.divide(dataSet, job: job, parts: records + 1) }
    #expect(throws: NetworkError(SplittingError.noParts)) { try splitter.divide(dataSet, job: job, parts: 0) }
  }
}
