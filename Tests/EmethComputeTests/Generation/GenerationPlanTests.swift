import Testing

@testable import EmethCompute

@Suite struct GenerationPlanTests {
  @Test("as many texts are drawn side by side as fit")
  func batches() throws {
    let whole = try GenerationPlan(configuration: .small, format: .f32, texts: 9, available: nil)
    #expect(whole.batch == 9)
    for texts in 1...9 {
      let limit = whole.modelByteCount + whole.fixedByteCount + texts * whole.textByteCount
      let plan = try GenerationPlan(configuration: .small, format: .f32, texts: 9, available: limit)
      #expect(plan.batch == texts && plan.byteCount == limit)
      if texts > 1 {
        let below = try GenerationPlan(configuration: .small, format: .f32, texts: 9, available: limit - 1)
        #expect(below.batch == texts - 1)
      }
    }
    #expect(try GenerationPlan(configuration: .small, format: .f32, texts: .max, available: nil).batch > 9)
  }

  @Test("where nothing fits, the error says what would, and that does")
  func advice() throws {
    let shape = ModelConfiguration.small
    func plan(_ format: WeightFormat, _ available: Int?) throws -> GenerationPlan {
      try GenerationPlan(configuration: shape, format: format, texts: 1, available: available)
    }
    for format in [WeightFormat.f16, .int8] {
      let limit = try plan(format, nil).byteCount
      #expect(try plan(format, limit).batch == 1)
      let error = #expect(throws: ComputeError.self) { try plan(.f32, limit) }
      #expect(error?.code == "compute.insufficientMemory")
      #expect(error?.hint == "its weights as \(format.rawValue) would fit")
    }
    let error = #expect(throws: ComputeError.self) { try plan(.int8, 1 << 20) }
    #expect(error?.hint?.contains("smaller model") == true)
  }

  @Test("the plan is what a generator takes", arguments: WeightFormat.allCases)
  func matchesTheGenerator(format: WeightFormat) throws {
    let shape = ModelConfiguration.tiny
    let device = try Device.cpu(threads: 1)
    let parameters = try FloatArena(count: shape.parameterCount)
    let model = try GenerationModel(
      configuration: shape, parameters: parameters, format: format, device: device)
    let plan = try GenerationPlan(configuration: shape, format: format, texts: 1, available: nil)
    let positions = (shape.context - 1) * shape.width
    #expect(plan.modelByteCount == 4 * (shape.parameterCount + positions) + model.bytesPerToken)
  }
}
