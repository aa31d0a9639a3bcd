import EmethKit
import Testing

@Suite struct JobTests {
  private let parent = JobID(requester: Cast.requester.address, salt: .zero)

  private func job(
    id: JobID? = nil, position: SubJobPosition? = nil, numParallel: UInt32 = 1, numEpoch: UInt32 = 1,
    dataset: String = "d", parameters: String = "", fuelLimit: UInt64 = 100, deadline: UInt64 = 2_000
  ) throws -> Job {
    try Job(
      id: id ?? position?.id ?? parent, position: position, requester: Cast.requester.address,
      programID: .languageModelTraining, numParallel: numParallel, numEpoch: numEpoch, dataset: dataset,
      parameters: parameters, fuelLimit: Fuel(units: fuelLimit), fuelPrice: JobScene.price,
      requestedAt: 1_000,
      deadline: deadline,
      terms: RuleSet.standard.terms(fuelLimit: Fuel(units: 100), fuelPrice: JobScene.price))
  }

  @Test func refusesWhatDoesNotFitTogether() throws {
    let place = SubJobPosition(parent: parent, round: 0, part: 0, attempt: 0)
    #expect(throws: JobError.idMismatch(found: parent, expected: place.id)) {
      try job(id: parent, position: place)
    }
    #expect(throws: JobError.subJobDivided(found: 2)) { try job(position: place, numParallel: 2) }
    #expect(throws: JobError.noParts) { try job(numParallel: 0) }
    #expect(throws: JobError.noRounds) { try job(numEpoch: 0) }
    #expect(throws: JobError.deadlineNotAfterRequest(deadline: 1_000, requestedAt: 1_000)) {
      try job(deadline: 1_000)
    }
    #expect(throws: JobError.textTooLong(field: "dataset", found: 4_097, allowed: 4_096)) {
      try job(dataset: String(repeating: "d", count: 4_097))
    }
    #expect(throws: JobError.textTooLong(field: "parameters", found: 65_537, allowed: 65_536)) {
      try job(parameters: String(repeating: "p", count: 65_537))
    }
    #expect(
      throws: JobError.termsMismatch(found: TokenAmount(holon: 10_000), expected: TokenAmount(holon: 10_100))
    ) { try job(fuelLimit: 101) }
  }

  @Test func jsonIsAsTheProtocolWritesIt() throws {
    let job = try job(position: SubJobPosition(parent: parent, round: 1, part: 2, attempt: 0))
    let text = try jsonText(job)
    #expect(text.contains(#""programId":"1""#))
    #expect(text.contains(#""fuelLimit":"100""#))
    #expect(text.contains(#""fuelPrice":"100""#))
    #expect(text.contains(#""deadline":2000"#))
    #expect(text.contains(#""numParallel":1"#))
    #expect(text.contains(#""position":{"attempt":0,"parent":"\#(parent)","part":2,"round":1}"#))
    #expect(text.contains(#""requester":"\#(Cast.requester.address)""#))
    #expect(try fromJSON(Job.self, text) == job)
    // Both forms of numbers, and unknown fields.
    let other = text.replacing(#""fuelLimit":"100""#, with: #""fuelLimit":100"#)
      .replacing(#""deadline":2000"#, with: #""deadline":"2000","unknown":[1]"#)
      .replacing(#""round":1"#, with: #""round":"1""#)
    #expect(try fromJSON(Job.self, other) == job)
    #expect(throws: DecodingError.self) {
      try fromJSON(Job.self, text.replacing(#""round":1"#, with: #""round":2"#))
    }
    #expect(throws: DecodingError.self) {
      try fromJSON(Job.self, text.replacing(#""fuelLimit":"100""#, with: #""fuelLimit":"101""#))
    }
  }

  @Test func statusesHaveTheNumbersOf2023() throws {
    let names = JobStatus.allCases.map(\.name)
    #expect(
      names == [
        "REQUESTED", "PROCESSING", "SUBMITTED", "VERIFIED", "CANCELED", "TIMEOUT", "FAILED", "DECLINED",
      ])
    #expect(JobStatus.allCases.map(\.rawValue) == Array(1...8))
    for status in JobStatus.allCases {
      #expect(JobStatus(name: status.name) == status)
      #expect(try fromJSON([JobStatus].self, "[\(status.rawValue)]") == [status])
    }
    #expect(JobStatus(name: "verified") == nil)
    #expect(try jsonText([JobStatus.verified]) == "[4]")
    for wrong in ["[0]", "[9]", #"["VERIFIED"]"#, "[256]", "[-1]"] {
      #expect(throws: DecodingError.self) { try fromJSON([JobStatus].self, wrong) }
    }
    #expect(JobStatus.allCases.filter { !$0.isFinal } == [.requested, .processing, .submitted])
  }
}
