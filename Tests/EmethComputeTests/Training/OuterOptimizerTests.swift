import Testing

@testable import EmethCompute

@Suite struct OuterOptimizerTests {
  private let configuration: ModelConfiguration
  private let layout: ParameterLayout

  init() throws {
    configuration = try ModelConfiguration(layers: 1, heads: 1, width: 8, context: 4, vocabularySize: 600)
    layout = ParameterLayout(configuration)
  }

  private func hash<Element>(_ buffer: UnsafeMutableBufferPointer<Element>) throws -> String {
    try ContentHash.sha256(Array(UnsafeRawBufferPointer(buffer)))
      .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// The end state of a part as the script makes it: start + words scaled by a power of two per tensor.
  private func endState(_ start: TrainingState, part: UInt32, round: UInt32) throws -> [Float] {
    var generator = try CounterGenerator(
      label: "drift", seed: ProtocolExpectations.seed, part: part, round: round, pass: 0)
    var end = Array(start.parameters)
    for (number, tensor) in layout.tensors.enumerated() {
      let scale = Double(sign: .plus, exponent: -(36 + number % 7), significand: 1)
      for index in tensor.range {
        // Both terms are binary32 numbers of nearby size: their binary64 sum is exact.
        end[index] = Float(Double(end[index]) + (Double(try generator.nextWord()) - 0x1p31) * scale)
      }
    }
    return end
  }

  private func check(_ rounds: [ProtocolExpectations.Round], parts: UInt32, eta: Double, mu: Double) throws {
    let state = try TrainingState(configuration: configuration)
    try WeightInitializer.initialize(
      state.parameters, layout: layout, layers: 1, seed: ProtocolExpectations.seed)
    let outer = try OuterOptimizer(layout: layout, eta: eta, mu: mu)
    var exponents = [Int32](repeating: 20, count: layout.tensors.count)
    // Buffers do not keep their owners alive.
    defer { withExtendedLifetime((state, outer)) {} }
    for (round, expected) in rounds.enumerated() {
      let quantiser = try Quantiser(layout: layout, exponents: exponents)
      var sum = [Int32](repeating: 0, count: layout.count)
      var clipped = 0
      for part in 0..<parts {
        let end = try endState(state, part: part, round: UInt32(round))
        let update = try end.withUnsafeBufferPointer {
          try quantiser.quantise(start: UnsafeBufferPointer(state.parameters), end: $0)
        }
        clipped += update.clipped
        for index in sum.indices { sum[index] += update.values[index] }
      }
      #expect(clipped == expected.clipped)
      #expect(try sum.withUnsafeMutableBufferPointer { try hash($0) } == expected.sum)
      exponents = try sum.withUnsafeBufferPointer {
        try outer.apply(sum: $0, partCount: Int(parts), exponents: exponents, to: state.parameters)
      }
      #expect(exponents == expected.exponents)
      #expect(try hash(state.parameters) == expected.parameters)
      #expect(try hash(outer.velocity) == expected.velocity)
    }
  }

  @Test func recordedDiLoCoRounds() throws {
    try check(ProtocolExpectations.load().diloco, parts: 3, eta: 0.7, mu: 0.9)
  }

  @Test func recordedAverageRounds() throws {
    try check(ProtocolExpectations.load().average, parts: 2, eta: 1, mu: 0)
  }

  @Test func aSumNoPartsCanMakeIsRefusedAndNothingMoves() throws {
    let state = try TrainingState(configuration: configuration)
    let outer = try OuterOptimizer(layout: layout, eta: 1, mu: 0)
    defer { withExtendedLifetime((state, outer)) {} }
    let exponents = [Int32](repeating: 20, count: layout.tensors.count)
    for wrong in [2 * Quantiser.limit + 1, -2 * Quantiser.limit - 1, .min] {
      var sum = [Int32](repeating: 1, count: layout.count)
      sum[layout.count - 1] = wrong
      #expect(
        throws: ComputeError.invalidInput(
          what: "summed update of wte.weight", found: "\(wrong)", allowed: "-8388606 to 8388606 for 2 parts")
      ) {
        try sum.withUnsafeBufferPointer {
          try outer.apply(sum: $0, partCount: 2, exponents: exponents, to: state.parameters)
        }
      }
      #expect(state.parameters.allSatisfy { $0 == 0 } && outer.velocity.allSatisfy { $0 == 0 })
    }
  }

  @Test func rangesAreChecked() throws {
    for (eta, mu) in [(0, 0), (-1, 0), (.nan, 0), (1, 1), (1, -0.1), (1, .nan), (11, 0)] as [(Double, Double)]
    {
      #expect(throws: ComputeError.self) { try OuterOptimizer(layout: layout, eta: eta, mu: mu) }
    }
    let outer = try OuterOptimizer(layout: layout, eta: 0.7, mu: 0.9)
    #expect(!outer.adoptsSingleEndState)
    #expect(try OuterOptimizer(layout: layout, eta: 1, mu: 0).adoptsSingleEndState)
    let state = try TrainingState(configuration: configuration)
    let sum = [Int32](repeating: 0, count: layout.count)
    for parts in [0, 512] {
      #expect(throws: ComputeError.self) {
        try sum.withUnsafeBufferPointer {
          try outer.apply(
            sum: $0, partCount: parts, exponents: Array(repeating: 0, count: layout.tensors.count),
            to: state.parameters)
        }
      }
    }
  }
}
