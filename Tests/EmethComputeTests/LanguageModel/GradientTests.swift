import Foundation
import Testing

@testable import EmethCompute

/// Backward passes against central differences of a binary64 forward pass.
@Suite struct GradientTests {
  @Test("every tensor's gradient is the slope of the loss", arguments: [1, 2], [0, 0.3])
  func finiteDifferences(layers: Int, dropout: Double) throws {
    let configuration = try ModelConfiguration(
      layers: layers, heads: 2, width: 6, context: 5, vocabularySize: 11)
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    print("seed \(SampleNumbers.seed)")
    let state = try TrainingState(configuration: configuration)
    for tensor in state.layout.tensors {
      for i in tensor.range {
        state.parameters[i] =
          sample.unit() * 0.4 + (!tensor.isMatrix && tensor.name.hasSuffix("weight") ? 1 : 0)
      }
    }
    var sequences = (0..<3).map { _ in (0..<6).map { _ in UInt32(sample.below(11)) } }
    sequences[1][4] = .max
    sequences[1][5] = .max
    state.step = 7
    let seed = (0..<32).map { UInt8($0) }
    let trainer = try Trainer(
      state: state, optimizer: .init(), dropout: Dropout(probability: dropout, seed: seed), batch: 3,
      microBatch: 2, device: .cpu(threads: 2))
    let (loss, gradient) = try trainer.lossAndGradient(sequences: sequences)
    let factors = try DropoutOracle(probability: dropout, seed: seed, step: 7)
    let model = BinaryReferenceModel(
      configuration, dropout: { factors.factor($0, layer: $1, row: $2, n: $3, column: $4) })
    var parameters = state.parameters.map(Double.init)
    #expect(abs(Double(loss) - model.loss(parameters, sequences)) < 1e-5)
    for tensor in state.layout.tensors {
      var (difference, size) = (0.0, 0.0)
      // Every element of small tensors, some of larger ones.
      for i in tensor.range where tensor.count <= 24 || (i - tensor.offset) % (1 + tensor.count / 24) == 0 {
        let step = 1e-5
        let middle = parameters[i]
        parameters[i] = middle + step
        let above = model.loss(parameters, sequences)
        parameters[i] = middle - step
        let below = model.loss(parameters, sequences)
        parameters[i] = middle
        let slope = (above - below) / (2 * step)
        difference += pow(slope - Double(gradient[i]), 2)
        size += slope * slope
      }
      // The keys' bias has no influence at all: only rounding is left of its gradient.
      #expect(difference.squareRoot() <= 2e-5 * max(size.squareRoot(), 0.05), "\(tensor.name)")
    }
  }
}
