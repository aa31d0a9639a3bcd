import Testing

@testable import EmethCompute

@Suite struct MemoryPlanTests {
  @Test("what fits is planned, and what does not says what would")
  func plans() throws {
    let unlimited = try MemoryPlan(configuration: .small, batch: 12, available: nil)
    #expect(unlimited.microBatch == 12)
    for available in stride(from: unlimited.byteCount, through: 300 << 20, by: -(20 << 20)) {
      let plan = try MemoryPlan(configuration: .small, batch: 12, available: available)
      #expect(plan.byteCount <= available)
      #expect((1...12).contains(plan.microBatch) && (1...12).contains(plan.evaluationBatch))
    }
    for (available, word) in [
      (230 << 20, "a batch of "), (190 << 20, "a context of "), (150 << 20, "layers would fit"),
      (1 << 20, "smaller model"),
    ] {
      let error = #expect(throws: ComputeError.self) {
        try MemoryPlan(configuration: .small, batch: 64, available: available)
      }
      #expect(error?.code == "compute.insufficientMemory")
      #expect(error?.hint?.contains(word) == true, "\(available): \(error?.hint ?? "")")
    }
  }

  @Test("what is said to fit does")
  func advice() throws {
    let shape = try ModelConfiguration(layers: 2, heads: 1, width: 8, context: 4096, vocabularySize: 9)
    let error = #expect(throws: ComputeError.self) {
      try MemoryPlan(configuration: shape, batch: 1, available: 2 << 20)
    }
    let hint = try #require(error?.hint)
    let context = try #require(Int(hint.split(separator: " ")[3]), "\(hint)")
    func plan(_ context: Int) throws -> MemoryPlan {
      try MemoryPlan(
        configuration: ModelConfiguration(layers: 2, heads: 1, width: 8, context: context, vocabularySize: 9),
        batch: 1, available: 2 << 20)
    }
    #expect(try plan(context).byteCount <= 2 << 20)
    #expect(throws: ComputeError.self) { try plan(context + 1) }
  }

  @Test("the largest shapes overflow nothing")
  func extremes() throws {
    let shape = try ModelConfiguration(
      layers: 1, heads: 1, width: 1 << 14, context: 1 << 20, vocabularySize: 1 << 20)
    #expect(throws: ComputeError.self) {
      try MemoryPlan(configuration: shape, batch: .max, available: 1 << 40)
    }
    #expect(
      try MemoryPlan(configuration: .tiny, batch: 12).microBatch == 12, "this machine can train a tiny model")
  }
}
