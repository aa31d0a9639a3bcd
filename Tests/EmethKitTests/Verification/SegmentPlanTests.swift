import EmethKit
import Testing

@Suite struct SegmentPlanTests {
  private let small = Result {
    try ModelShape(layers: 6, heads: 6, width: 384, context: 256, vocabularySize: 256)
  }
  private let tiny = Result {
    try ModelShape(layers: 4, heads: 4, width: 128, context: 64, vocabularySize: 256)
  }
  private let gpt2 = Result {
    try ModelShape(layers: 12, heads: 12, width: 768, context: 1_024, vocabularySize: 50_257)
  }

  private func plan(
    _ model: ModelShape, tokens: UInt64, steps: UInt32, subJobs: Int, _ goal: DetectionGoal
  ) throws -> SegmentPlan {
    try SegmentPlan(model: model, tokensPerStep: tokens, stepsPerRound: steps) {
      segments throws(VerificationError) in try goal.plan(subJobs: subJobs, segments: segments).drawn
    }
  }

  /// The issue of verification's price: four nodes, four rounds of 500 steps of the small model.
  @Test func figures() throws {
    let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))
    let four = try plan(small.get(), tokens: 3_072, steps: 500, subJobs: 16, goal)
    #expect(four.length == 3 && four.segments == 167 && four.drawn == 2)
    #expect(four.replayShare == 18_000 && four.traceShare < 15_000)
    let ofTiny = try plan(tiny.get(), tokens: 768, steps: 50, subJobs: 12, goal)
    #expect(ofTiny.length == 3 && ofTiny.segments == 17 && ofTiny.drawn == 3)
    let large = try plan(gpt2.get(), tokens: 256, steps: 500, subJobs: 16, goal)
    #expect(large.traceShare <= SegmentPlan.maximumTraceShare)
  }

  /// No other length costs less, counted the long way.
  @Test func nothingCostsLess() throws {
    let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))
    for (shape, tokens) in [(try small.get(), 3_072), (try tiny.get(), 768), (try gpt2.get(), 256)]
      as [(ModelShape, UInt64)]
    {
      for (steps, subJobs) in [(1, 1), (2, 5), (7, 4), (50, 12), (97, 3), (500, 16)] as [(UInt32, Int)] {
        let found = try plan(shape, tokens: tokens, steps: steps, subJobs: subJobs, goal)
        let root =
          Double(12 * shape.parameterCount * SegmentPlan.operationsPerByte)
          / (Double(shape.operationsPerTrainedToken) * Double(tokens))
        func cost(_ length: UInt32) throws -> (isAllowed: Bool, all: Double) {
          let segments = Int((steps + length - 1) / length)
          let replayed = min(segments, try goal.plan(subJobs: subJobs, segments: segments).drawn + 1)
          let trace = Double(segments + 1) * root
          let repeated = min(Double(steps), Double(replayed) * Double(length))
          return (
            trace <= max(Double(steps) * 0.03, repeated / 4) || segments == 1,
            trace + repeated + Double(replayed) * root
          )
        }
        let chosen = try cost(found.length)
        #expect(found.segments == Int((steps + found.length - 1) / found.length))
        for length in 1...steps where steps == 1 || (length > 1 && (steps - 1) % length != 0) {
          let other = try cost(length)
          guard other.isAllowed else { continue }
          #expect(
            chosen.all <= other.all * 1.000_01, "\(shape.width) \(steps) \(found.length) against \(length)")
        }
      }
    }
  }

  /// Where steps are so dear that segments of one would cost least, and whatever the number of steps.
  @Test func noSegmentHasASingleStep() throws {
    let goal = try DetectionGoal(share: Rate(percent: 10), probability: Rate(percent: 95))
    let dear = try plan(small.get(), tokens: 64 * 256, steps: 500, subJobs: 4, goal)
    #expect(dear.length == 2 && dear.segments == 250)
    for steps in 2...60 as ClosedRange<UInt32> {
      let found = try plan(small.get(), tokens: 64 * 256, steps: steps, subJobs: 4, goal)
      #expect(found.length > 1 && steps - UInt32(found.segments - 1) * found.length > 1, "\(steps) steps")
    }
    let one = try plan(small.get(), tokens: 3_072, steps: 1, subJobs: 4, goal)
    #expect(one.length == 1 && one.segments == 1)
  }

  @Test func longRoundsArePlannedQuickly() throws {
    let goal = try DetectionGoal(share: Rate(percent: 1), probability: Rate(percent: 99))
    let large = try plan(small.get(), tokens: 1 << 20, steps: 1_000_000, subJobs: 4, goal)
    #expect(large.segments > 1_000 && large.replayShare < 50_000)
  }

  @Test func refusals() throws {
    for (tokens, steps) in [(0, 10), (10, 0)] as [(UInt64, UInt32)] {
      #expect(throws: VerificationError.self) {
        try SegmentPlan(model: try small.get(), tokensPerStep: tokens, stepsPerRound: steps) { _ in 1 }
      }
    }
  }
}
