import Foundation
import Testing

@testable import EmethCompute

/// State roots after 20 steps, recorded: whoever implements PROTOCOL 6 must arrive at the same bytes. A
/// vector holds all that a run follows from: seed of the initial weights, optimizer, sequences of every step.
@Suite struct ConformanceVectorTests {
  struct Vector: Decodable {
    struct Optimizer: Decodable {
      let learningRate, beta1, beta2, epsilon, weightDecay, gradientClip, minimumRatio: String
      let warmupSteps, totalSteps: Int
    }
    let configuration: ModelConfiguration
    let optimizer: Optimizer
    let batch: Int
    let seed, initialRoot, finalRoot: String
    let batches: [[[UInt32]]]
    let lastLossBits: UInt32

    /// The optimizer, each decimal rounded once.
    func optimizerConfiguration() throws -> OptimizerConfiguration {
      func number(_ text: String) throws -> Double { try #require(Double(text)) }
      return OptimizerConfiguration(
        learningRate: try number(optimizer.learningRate), beta1: try number(optimizer.beta1),
        beta2: try number(optimizer.beta2), epsilon: try number(optimizer.epsilon),
        weightDecay: try number(optimizer.weightDecay), gradientClip: try number(optimizer.gradientClip),
        warmupSteps: optimizer.warmupSteps, totalSteps: optimizer.totalSteps,
        minimumRatio: try number(optimizer.minimumRatio))
    }
  }

  static func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  @Test("20 steps give the recorded state", arguments: Device.available, [1, 2, 3])
  func recorded(instructionSet: InstructionSet, threads: Int) throws {
    let vectors = try RecordedFixture.decode([Vector].self, "training_vectors.json")
    #expect(vectors.count == 2)
    let device = try Device.cpu(threads: threads, instructionSet: instructionSet)
    for vector in vectors {
      let state = try TrainingState(configuration: vector.configuration)
      try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
      #expect(Self.hex(state.root) == vector.initialRoot)
      let trainer = try Trainer(
        state: state, optimizer: vector.optimizerConfiguration(), batch: vector.batch, microBatch: threads,
        device: device)
      var last: StepReport?
      #expect(vector.batches.count == 20)
      for batch in vector.batches { last = try trainer.step(sequences: batch) }
      #expect(Self.hex(state.root(on: device)) == vector.finalRoot)
      #expect(last?.loss.bitPattern == vector.lastLossBits)
    }
  }
}
