import Foundation
import Testing

@testable import EmethCompute

/// Loss, gradients and AdamW steps against what PyTorch computes (Fixtures/make_reference.py).
@Suite struct ReferenceTensorTests {
  struct Fixture: Decodable {
    struct Optimizer: Decodable {
      let learningRate, beta1, beta2, epsilon, weightDecay, gradientClip, minimumRatio: Double
      let warmupSteps, totalSteps: Int
    }
    struct Run: Decodable {
      let losses, norms: [Double]
      let gradient, parameters: Data
    }
    let configuration: ModelConfiguration
    let optimizer: Optimizer
    let names: [String]
    let batches: [[[UInt32]]]
    let start: Data
    let binary64, binary32: Run
  }

  static func values<T: BinaryFloatingPoint>(_ data: Data, _ type: T.Type) -> [Double] {
    data.withUnsafeBytes { bytes in
      (0..<(bytes.count / MemoryLayout<T>.size)).map {
        Double(bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
      }
    }
  }

  /// Norm of the difference over the norm of what is expected.
  static func relativeError(_ found: some Sequence<Float>, _ expected: some Sequence<Double>) -> Double {
    var (difference, size) = (0.0, 0.0)
    for (x, y) in zip(found, expected) {
      difference += pow(Double(x) - y, 2)
      size += y * y
    }
    return (difference / max(size, 1e-12)).squareRoot()
  }

  @Test("six clipped steps", arguments: Device.available)
  func steps(instructionSet: InstructionSet) throws {
    let fixture = try RecordedFixture.decode(Fixture.self, "gpt2_reference.json")
    let state = try TrainingState(configuration: fixture.configuration)
    #expect(state.layout.tensors.map(\.name) == fixture.names)
    for (i, x) in Self.values(fixture.start, Float.self).enumerated() { state.parameters[i] = Float(x) }
    let o = fixture.optimizer
    let optimizer = OptimizerConfiguration(
      learningRate: o.learningRate, beta1: o.beta1, beta2: o.beta2, epsilon: o.epsilon,
      weightDecay: o.weightDecay,
      gradientClip: o.gradientClip, warmupSteps: o.warmupSteps, totalSteps: o.totalSteps,
      minimumRatio: o.minimumRatio)
    let device = try Device.cpu(threads: 2, instructionSet: instructionSet)
    let trainer = try Trainer(state: state, optimizer: optimizer, batch: 3, device: device)

    let gradient = try trainer.lossAndGradient(sequences: fixture.batches[0]).gradient
    let expected = Self.values(fixture.binary64.gradient, Double.self)
    let yardstick = Self.values(fixture.binary32.gradient, Float.self)
    #expect(Self.relativeError(gradient, expected) < 1e-6)
    for tensor in state.layout.tensors {
      let error = Self.relativeError(gradient[tensor.range], expected[tensor.range])
      let torch = Self.relativeError(yardstick[tensor.range].map(Float.init), expected[tensor.range])
      #expect(error < max(1e-6, 4 * torch), "\(tensor.name)")
    }

    for (index, batch) in fixture.batches.enumerated() {
      let report = try trainer.step(sequences: batch)
      #expect(abs(Double(report.loss) - fixture.binary64.losses[index]) < 5e-6)
      #expect(abs(Double(report.gradientNorm) - fixture.binary64.norms[index]) < 1e-5)
    }
    // The keys' bias has no influence on the loss: its gradient is rounding alone, which AdamW makes as large
    // as any.
    let c = fixture.configuration.width
    let chance = state.layout.tensors.filter { $0.name.hasSuffix("c_attn.bias") }.map {
      ($0.offset + c)..<($0.offset + 2 * c)
    }
    let kept = state.parameters.indices.filter { index in !chance.contains { $0.contains(index) } }
    let end = Self.values(fixture.binary64.parameters, Double.self)
    let error = withExtendedLifetime(state) {
      Self.relativeError(kept.map { state.parameters[$0] }, kept.map { end[$0] })
    }
    let torch = Self.values(fixture.binary32.parameters, Float.self)
    let torchError = Self.relativeError(kept.map { Float(torch[$0]) }, kept.map { end[$0] })
    print("\(device): relative error of parameters \(error), PyTorch's in binary32 \(torchError)")
    #expect(error < max(1e-6, 3 * torchError))
  }
}
