import EmethKit
import Testing

@Suite struct JobStatusOpeningPhaseTests {
  /// The numbers of Rounds 1 to 3 beside those of 2023.
  @Test(arguments: [
    (0, JobStatus.requested), (1, .requested), (2, .processing), (3, .submitted), (4, .verified),
    (6, .canceled), (7, .timeout), (8, .failed), (9, .declined),
  ])
  func numbersThatHaveASuccessor(number: Int, status: JobStatus) throws {
    #expect(try JobStatus(openingPhase: number) == status)
    #expect(try JobStatus(openingPhase: UInt256(number)) == status)
    #expect(try JobStatus(openingPhase: UInt8(number)) == status)
  }

  @Test func everyStatusOfTodayIsReached() throws {
    let reached = Set((0...9).compactMap { try? JobStatus(openingPhase: $0) })
    #expect(reached == Set(JobStatus.allCases))
  }

  @Test func otherNumbersAreRefused() {
    #expect(throws: JobError.openingPhaseStatus(found: "5")) { try JobStatus(openingPhase: 5) }
    #expect(JobError.openingPhaseStatus(found: "5").message.contains("REJECTED"))
    #expect(JobError.openingPhaseStatus(found: "5").hint?.contains("CANCELED") == true)
    #expect(throws: JobError.openingPhaseStatus(found: "-1")) { try JobStatus(openingPhase: -1) }
    for number in 10...300 {
      #expect(throws: JobError.openingPhaseStatus(found: "\(number)")) {
        try JobStatus(openingPhase: number)
      }
    }
    // What ends in the byte of an allowed number is not that number.
    let large: UInt256 = 1 << 200 + 4
    #expect(throws: JobError.openingPhaseStatus(found: "\(large)")) { try JobStatus(openingPhase: large) }
    #expect(JobError.openingPhaseStatus(found: "\(large)").message.count < 130)
  }
}
