import EmethKit
import Testing

@Suite struct JobIDTests {
  /// Made with another implementation (Python eth-utils).
  @Test func followsFromItsRequesterOrPlace() throws {
    let requester = Cast.account(0x22)
    let salt = try Bytes32(hex: String(repeating: "44", count: 32))
    let id = JobID(requester: requester, salt: salt)
    #expect(id.description == "0x2eca8175749123a0def8721e9bfbf658")
    let part = JobID(parent: id, round: 1, part: 2, attempt: 3)
    #expect(part.description == "0xe6a64a3d384a57ca496a43a45ed01097")
    #expect(SubJobPosition(parent: id, round: 1, part: 2, attempt: 3).id == part)
  }

  @Test func everyPlaceHasAnIDOfItsOwn() {
    let parent = JobID(requester: .zero, salt: .zero)
    var ids: Set<JobID> = [parent]
    for round in UInt32(0)..<8 {
      for part in UInt32(0)..<8 {
        for attempt in UInt32(0)..<3 {
          ids.insert(JobID(parent: parent, round: round, part: part, attempt: attempt))
        }
      }
    }
    #expect(ids.count == 8 * 8 * 3 + 1)
  }

  @Test func readsAndRefusesText() throws {
    let id = try JobID(hex: "000102030405060708090a0b0c0d0e0f")
    #expect(id.bytes == Array(0...15))
    #expect(JobID(id.bytes) == id)
    #expect(JobID([UInt8](repeating: 0, count: 15)) == nil)
    #expect(throws: JobError.malformedID(cause: .byteCount(found: 15, allowed: 16))) {
      try JobID(hex: "0x0102030405060708090a0b0c0d0e0f")
    }
    #expect(throws: JobError.self) { try JobID(hex: "0xzz0102030405060708090a0b0c0d0e0f") }
    #expect(try jsonText([id]) == #"["0x000102030405060708090a0b0c0d0e0f"]"#)
    #expect(try fromJSON([JobID].self, jsonText([id])) == [id])
  }

  @Test func isOrderedByItsBytes() throws {
    let small = try JobID(hex: "00ff0000000000000000000000000000")
    let large = try JobID(hex: "01000000000000000000000000000000")
    #expect(small < large)
  }
}
