import Testing

@testable import EmethCompute

@Suite struct TrainingBenchmarkTests {
  @Test("operations are those of loops over every product and every key that a query sees")
  func operations() throws {
    let configuration = try ModelConfiguration(
      layers: 2, heads: 2, width: 6, context: 5, vocabularySize: 11)
    let (batch, c, d) = (3, 6, 3)
    var fused = 0
    for _ in 0..<batch {
      for t in 0..<configuration.context {
        for _ in 0..<configuration.layers {
          fused += c * 3 * c + c * c + c * 4 * c + 4 * c * c
          for _ in 0..<configuration.heads { fused += (t + 1) * d + (t + 1) * d }
        }
        fused += c * configuration.vocabularySize
      }
    }
    #expect(configuration.trainingOperations(sequences: batch) == Double(2 * 3 * fused))
    let benchmark = try ProductBenchmark(
      configuration: configuration, batch: batch, device: Device.cpu(threads: 1))
    let products = benchmark.shapes.reduce(0) { $0 + $1.operations * Double($1.count) }
    let attention = 2 * 3 * 2 * batch * configuration.layers * c * (1 + 2 + 3 + 4 + 5)
    #expect(products + Double(attention) == Double(2 * 3 * fused))
  }

  @Test("a training step's figures fit together")
  func report() throws {
    let configuration = try ModelConfiguration(
      layers: 1, heads: 2, width: 32, context: 16, vocabularySize: 50)
    let benchmark = try TrainingBenchmark(
      configuration: configuration, batch: 2, device: Device.cpu(threads: 2))
    for _ in 0..<6 { try benchmark.step() }
    let report = benchmark.report
    #expect(report.steps == 6 && report.millisecondsPerStep > 0)
    let seconds = report.millisecondsPerStep / 1e3
    #expect(abs(report.tokensPerSecond * seconds - 32) < 1e-6)
    #expect(
      abs(report.achievedFlops * seconds / configuration.trainingOperations(sequences: 2) - 1) < 1e-9)
    #expect(abs(report.ratio - report.achievedFlops / report.peakFlops) < 1e-12)
    #expect(report.ratio < 1.5)
  }

  @Test(
    "every set of kernels has a peak, and no product of matrices passes it by far",
    arguments: Device.available)
  func peak(instructionSet: InstructionSet) throws {
    let device = try Device.cpu(threads: 1, instructionSet: instructionSet)
    let peak = device.measurePeakFlops(for: 0.05)
    #expect(peak > 1e7 && peak < 1e13)
    let benchmark = try ProductBenchmark(configuration: .tiny, batch: 4, device: device)
    let shape = try #require(benchmark.shapes.first)
    let reached = shape.operations / benchmark.measure(shape, for: 0.02)
    #expect(reached > 1e6 && reached < 1.5 * max(peak, device.measurePeakFlops(for: 0.05)))
  }
}
