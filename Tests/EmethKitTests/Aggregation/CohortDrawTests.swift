import EmethKit
import Testing

@Suite struct CohortDrawTests {
  private func seats(_ count: Int, accounts: Int = 600) -> [CohortSeat] {
    (0..<count).map { index in
      let account = Address(bytes: [UInt8](repeating: 0, count: 18) + UInt16(index % accounts).bytes)
      return CohortSeat(
        jobID: AggregationScene.jobID(part: UInt32(index), attempt: 0), node: account ?? .zero,
        resultRoot: .zero)
    }
  }

  @Test func everySizeIsDividedEvenlyAndWhole() throws {
    for count in 1...MaskedSum.maximumParts {
      let seats = seats(count)
      let cohorts = try CohortDraw.cohorts(beacon: Bytes32(UInt256(count)), round: 0, seats: seats)
      let sizes = cohorts.map(\.seats.count)
      #expect(cohorts.count == (count + 15) / 16)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
      #expect(sizes == sizes.sorted(by: >))
      #expect(sizes.allSatisfy { (min(3, count)...16).contains($0) })
      #expect(Set(cohorts.flatMap(\.seats)) == Set(seats), "every SubJob is in one cohort")
      #expect(cohorts.allSatisfy { $0.hidesItsMembers == ($0.seats.count >= 3) })
    }
  }

  @Test func oneOrTwoAreHiddenFromNobody() throws {
    for count in 1...2 {
      let cohorts = try CohortDraw.cohorts(beacon: .zero, round: 0, seats: seats(count))
      #expect(cohorts.count == 1)
      #expect(cohorts[0].warning?.hasPrefix("nobody is hidden") == true)
    }
    #expect(try CohortDraw.cohorts(beacon: .zero, round: 0, seats: seats(3))[0].warning == nil)
    // Sixteen SubJobs of two owners: no draw can hide anybody.
    let two = try CohortDraw.cohorts(beacon: .zero, round: 0, seats: seats(16, accounts: 2))
    #expect(two.map(\.hidesItsMembers) == [false] && two[0].accountCount == 2)
  }

  @Test func theOrderOfTheListPlaysNoPart() throws {
    let seats = seats(40)
    let drawn = try CohortDraw.cohorts(beacon: .zero, round: 1, seats: seats)
    #expect(try CohortDraw.cohorts(beacon: .zero, round: 1, seats: seats.reversed()) == drawn)
    #expect(try CohortDraw.cohorts(beacon: .zero, round: 2, seats: seats) != drawn)
    #expect(try CohortDraw.cohorts(beacon: Bytes32(UInt256(1)), round: 1, seats: seats) != drawn)
  }

  /// A draw that leaves a cohort with two accounts is drawn again.
  @Test func everyCohortGetsThreeAccountsWhereThatCanBe() throws {
    // One account holds all but six of 34 SubJobs, the others are three accounts with two each.
    let all = (0..<34).map { (index: Int) -> CohortSeat in
      let account: UInt8 = index < 28 ? 1 : UInt8(2 + index % 3)
      let jobID = AggregationScene.jobID(part: UInt32(index), attempt: 0)
      return CohortSeat(jobID: jobID, node: Cast.account(account), resultRoot: .zero)
    }
    for number in 0..<50 {
      let cohorts = try CohortDraw.cohorts(beacon: Bytes32(UInt256(number)), round: 0, seats: all)
      #expect(cohorts.count == 3 && cohorts.allSatisfy(\.hidesItsMembers))
    }
    // Three accounts, two of which have one SubJob each: one cohort of three at most can hide.
    let lopsided = all.enumerated().map { (index: Int, seat: CohortSeat) -> CohortSeat in
      let account: UInt8 = index < 2 ? UInt8(index) : 9
      return CohortSeat(jobID: seat.jobID, node: Cast.account(account), resultRoot: .zero)
    }
    let drawn = try CohortDraw.cohorts(beacon: .zero, round: 0, seats: lopsided)
    #expect(drawn.contains { $0.warning != nil })
  }

  @Test func badListsAreRefused() {
    let twice = seats(3) + seats(1)
    #expect(throws: AggregationError.duplicateMember(twice[0].jobID)) {
      try CohortDraw.cohorts(beacon: .zero, round: 0, seats: twice)
    }
    for count in [0, 512] {
      #expect(throws: AggregationError.partCount(found: count, allowed: 1...511)) {
        try CohortDraw.cohorts(beacon: .zero, round: 0, seats: seats(count))
      }
    }
    #expect(throws: AggregationError.cohortSize(found: 17, allowed: 1...16)) { try Cohort(seats(17)) }
    #expect(throws: AggregationError.cohortSize(found: 0, allowed: 1...16)) { try Cohort([]) }
  }

  private struct Question: Encodable {
    var kind = "draw"
    var beacon: String
    var round: UInt32
    var turn = 0
    var count: Int
  }
  private struct Answer: Decodable { var cohorts: [[Int]] }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func anotherImplementationDrawsTheSame() throws {
    var random = SeededGenerator()
    let questions = (0..<scaled(40)).map { _ in
      Question(
        beacon: Hex.encode(Bytes32(UInt256(random.next())).bytes, prefixed: false),
        round: UInt32(truncatingIfNeeded: random.next()), count: Int.random(in: 1...511, using: &random))
    }
    let answers = try PythonModel.answers(of: "masking_model.py", to: questions, as: Answer.self)
    for (question, answer) in zip(questions, answers) {
      let sorted = seats(question.count).sorted { $0.jobID < $1.jobID }
      let cohorts = try CohortDraw.cohorts(
        beacon: Bytes32(hex: question.beacon), round: question.round, seats: sorted)
      #expect(cohorts.map(\.seats) == answer.cohorts.map { $0.map { sorted[$0] } })
    }
  }
}

extension UInt16 {
  fileprivate var bytes: [UInt8] { [UInt8(self >> 8), UInt8(truncatingIfNeeded: self)] }
}
