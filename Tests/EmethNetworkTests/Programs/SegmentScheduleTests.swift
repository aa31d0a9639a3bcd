import EmethCompute
import EmethKit
import Testing

@testable import EmethNetwork

/// Which sequences steps and segments read, without all of it being laid out first.
@Suite struct SegmentScheduleTests {
  private let position = SubJobPosition(
    parent: JobID(requester: .zero, salt: .zero), round: 1, part: 2, attempt: 0)

  private func manifest(steps: UInt32, segment: UInt32, batch: UInt32) throws -> TrainingManifest {
    try TrainingManifest(
      model: ModelShape(layers: 1, heads: 1, width: 8, context: 1, vocabularySize: 256),
      tokenizerHash: .zero, seed: TestNetwork.seed(), batch: batch, stepsPerRound: steps, rounds: 2,
      segmentLength: segment)
  }

  /// Against the order of the whole SubJob, for parts that are read through many times and for parts that are not.
  @Test(arguments: [1, 2, 5, 6, 7, 23, 100])
  func whatIsReadIsTheOrder(sequences: Int) throws {
    let manifest = try manifest(steps: 11, segment: 3, batch: 4)
    var order = try SampleOrder(seed: manifest.seed.bytes, part: 2, round: 1, sequences: sequences)
    let whole = try order.next(44)
    var schedule = try SegmentSchedule(manifest: manifest, position: position, sequenceCount: sequences)
    #expect(schedule.segmentCount == 4)
    for step in Array(0..<11) + [3, 4, 10, 0, 7, 7] {
      #expect(try schedule.sequences(ofStep: step) == Array(whole[step * 4..<step * 4 + 4]), "step \(step)")
    }
    for segment in 0..<4 {
      let steps = schedule.steps(ofSegment: segment)
      let read = Set(whole[steps.lowerBound * 4..<steps.upperBound * 4]).sorted()
      #expect(try schedule.sequences(ofSegment: segment) == read, "segment \(segment)")
    }
  }

  /// The largest manifest that there is: 65,536,000,000 sequences, half a terabyte if all were laid out.
  @Test func theLargestManifestTakesLittle() throws {
    let manifest = try manifest(steps: 1_000_000, segment: 2, batch: 65_536)
    var schedule = try SegmentSchedule(manifest: manifest, position: position, sequenceCount: 1_000)
    #expect(schedule.segmentCount == 500_000)
    #expect(try schedule.sequences(ofStep: 999_999).count == 65_536)
    #expect(try schedule.sequences(ofSegment: 499_999) == Array(0..<1_000))
  }

  @Test func whatCannotBeReplayedIsRefused() throws {
    func refusal(segment: UInt32, sequences: Int) throws -> ComputeError? {
      let manifest = try manifest(steps: 1_000_000, segment: segment, batch: 65_536)
      let error = #expect(throws: NetworkError.self) {
        try SegmentSchedule(manifest: manifest, position: position, sequenceCount: sequences)
      }
      guard case .compute(let cause) = error else { return nil }
      return cause
    }
    #expect(
      try refusal(segment: 1_000_000, sequences: 1_000)
        == .invalidInput(
          what: "sequences that a segment reads", found: "1000000 x 65536", allowed: "at most 268435456"))
    // So many passes have no number of 32 bits.
    for sequences in [0, 1, 15] {
      #expect(
        try refusal(segment: 2, sequences: sequences)
          == .invalidInput(
            what: "sequences of a part of which a SubJob reads 1000000 x 65536", found: "\(sequences)",
            allowed: "16 or more"))
    }
  }
}
