import EmethCompute
import Testing

@Suite struct WeightInitializerTests {
  private func weights(_ configuration: ModelConfiguration, seed: [UInt8]) throws -> [Float] {
    let layout = ParameterLayout(configuration)
    var weights = [Float](repeating: .nan, count: layout.count)
    try weights.withUnsafeMutableBufferPointer {
      try WeightInitializer.initialize($0, layout: layout, layers: configuration.layers, seed: seed)
    }
    return weights
  }

  @Test func recordedWeights() throws {
    let configuration = try ModelConfiguration(layers: 2, heads: 1, width: 4, context: 3, vocabularySize: 5)
    let bits = try weights(configuration, seed: ProtocolExpectations.seed).map(\.bitPattern)
    #expect(bits == (try ProtocolExpectations.load().weights))
  }

  @Test func deviationsOfTheTinyModel() throws {
    let all = try weights(.tiny, seed: ProtocolExpectations.seed)
    for tensor in ParameterLayout(.tiny).tensors {
      let values = all[tensor.range]
      if tensor.isMatrix {
        let deviation = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(tensor.count))
          .squareRoot()
        let wanted = tensor.name.hasSuffix(".c_proj.weight") ? 0.02 / 8.squareRoot() : 0.02
        #expect(abs(deviation / wanted - 1) < 0.05, "\(tensor.name)")
        #expect(values.allSatisfy { abs($0) <= Float(6 * wanted) })
      } else {
        let wanted: Float = tensor.name.hasSuffix(".weight") ? 1 : 0
        #expect(values.allSatisfy { $0 == wanted }, "\(tensor.name)")
      }
    }
  }
}
