import Foundation
import Testing

@testable import EmethCompute

/// A training run that follows from its seed alone.
struct SampleTraining {
  let configuration: ModelConfiguration
  let batch: Int
  let steps: Int

  /// The state after all steps; the reports.
  func run(
    device: Device, microBatch: Int? = nil, learningRate: Double = 1e-2, dropout: Dropout? = nil
  ) throws -> (state: TrainingState, reports: [StepReport]) {
    let state = try TrainingState(configuration: configuration, device: device)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let optimizer = OptimizerConfiguration(
      learningRate: learningRate, gradientClip: 0.5, warmupSteps: 3, totalSteps: steps)
    let trainer = try Trainer(
      state: state, optimizer: optimizer, dropout: dropout, batch: batch, microBatch: microBatch,
      device: device)
    let reports = try (0..<steps).map { try trainer.step(sequences: sequences(step: $0)) }
    return (state, reports)
  }

  /// Tokens with some structure, so that there is something to learn; the last sequence is padded.
  func sequences(step: Int) -> [[UInt32]] {
    var sample = SampleNumbers(seed: UInt64(step))
    return (0..<batch).map { b in
      var token = sample.below(configuration.vocabularySize)
      return (0...configuration.context).map { t in
        if b == batch - 1, t > configuration.context - 2 { return UInt32.max }
        token = (token * 3 + sample.below(3)) % configuration.vocabularySize
        return UInt32(token)
      }
    }
  }
}

@Suite struct TrainerTests {
  static func training() throws -> SampleTraining {
    SampleTraining(
      configuration: try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 19, vocabularySize: 37),
      batch: 5,
      steps: 4)
  }

  @Test("the size of micro-batches and the number of threads change no bit")
  func invariance() throws {
    let training = try Self.training()
    let expected = try training.run(device: .cpu(threads: 1))
    #expect(expected.reports.allSatisfy { $0.tokens == 5 * 19 - 2 })
    for microBatch in 1...5 {
      let found = try training.run(device: .cpu(threads: microBatch), microBatch: microBatch)
      #expect(found.state.root == expected.state.root, "micro-batch \(microBatch)")
      #expect(found.reports.map(\.loss) == expected.reports.map(\.loss))
      #expect(found.reports.map(\.gradientNorm) == expected.reports.map(\.gradientNorm))
    }
  }

  @Test("training learns")
  func learns() throws {
    let training = SampleTraining(configuration: try Self.training().configuration, batch: 8, steps: 120)
    let reports = try training.run(device: .cpu(threads: 2)).reports
    let (first, last) = (try #require(reports.first), try #require(reports.last))
    #expect(abs(first.loss - log(37)) < 0.1)
    #expect(last.loss < 2)
    #expect(reports.allSatisfy { $0.seconds > 0 })
  }

  @Test("stopping and going on from the bytes of a state gives the same bits")
  func resuming() throws {
    let training = try Self.training()
    let device = try Device.cpu(threads: 2)
    let expected = try training.run(device: device).state.root
    let optimizer = OptimizerConfiguration(
      learningRate: 1e-2, gradientClip: 0.5, warmupSteps: 3, totalSteps: training.steps)
    var state = try TrainingState(configuration: training.configuration)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    for step in 0..<training.steps {
      let trainer = try Trainer(state: state, optimizer: optimizer, batch: 5, device: device)
      try trainer.step(sequences: training.sequences(step: step))
      let bytes = (0..<state.leafCount).flatMap(state.leaf)
      state = try TrainingState(configuration: training.configuration, encoded: bytes)
    }
    #expect(state.root == expected)
  }

  @Test("moments that start later are corrected from there, the schedule goes on")
  func momentsStart() throws {
    let training = try Self.training()
    let device = try Device.cpu(threads: 1)
    func step(_ state: TrainingState, momentsStart: UInt64) throws -> [UInt8] {
      var optimizer = OptimizerConfiguration(learningRate: 1e-2, totalSteps: 100)
      optimizer.momentsStart = momentsStart
      try Trainer(state: state, optimizer: optimizer, batch: 5, device: device).step(
        sequences: training.sequences(step: 0))
      return state.root
    }
    let states = try (0..<3).map { _ in
      let state = try TrainingState(configuration: training.configuration)
      try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
      state.step = 50
      return state
    }
    #expect(try step(states[0], momentsStart: 50) != step(states[1], momentsStart: 0))
    #expect(throws: ComputeError.self) { try step(states[2], momentsStart: 51) }
    // After one step with fresh moments every parameter with a gradient moves by about the learning rate.
    let moved = withExtendedLifetime(states) {
      zip(states[0].parameters, states[2].parameters).map { abs($0 - $1) }.max() ?? 0
    }
    let rate = Float(OptimizerConfiguration(learningRate: 1e-2, totalSteps: 100).learningRate(atStep: 50))
    #expect(abs(moved / rate - 1) < 0.02)
  }

  @Test("a loss or gradient that is not finite names step and tensor and leaves the state as it was")
  func notFinite() throws {
    let training = try Self.training()
    let state = try TrainingState(configuration: training.configuration)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let trainer = try Trainer(state: state, optimizer: .init(), batch: 5, device: .cpu(threads: 2))
    try trainer.step(sequences: training.sequences(step: 0))
    let wte = try #require(state.layout["wte.weight"])
    let kept = state.parameters[wte.offset]
    state.parameters[wte.offset] = .nan
    var before = state.root
    #expect(throws: ComputeError.notFinite(step: 1, tensor: "wte.weight")) {
      try trainer.step(sequences: training.sequences(step: 1))
    }
    #expect(state.root == before && state.step == 1)

    // The last norm's gain and the embedding make up for each other in the loss; but what multiplies the
    // gradient of the logits is so large that squares of the embedding's gradient are infinite.
    for i in wte.range { state.parameters[i] *= 1e-22 }
    state.parameters[wte.offset] = kept * 1e-22
    let gain = try #require(state.layout["ln_f.weight"])
    for i in gain.range { state.parameters[i] = 1e22 }
    before = state.root
    #expect {
      try trainer.step(sequences: training.sequences(step: 1))
    } throws: { error in
      error as? ComputeError == .notFinite(step: 1, tensor: "norm of the gradient")
    }
    #expect(state.root == before && state.step == 1)
  }

  @Test("wrong sequences are refused")
  func wrongInput() throws {
    let training = try Self.training()
    let state = try TrainingState(configuration: training.configuration)
    let trainer = try Trainer(state: state, optimizer: .init(), batch: 5, device: .cpu(threads: 1))
    let good = training.sequences(step: 0)
    var foreign = good
    foreign[2][3] = 37
    let padded = [[UInt32]](repeating: [UInt32](repeating: .max, count: 20), count: 5)
    for wrong in [
      [], Array(good.dropLast()), good + [good[0]], good.map { Array($0.dropLast()) }, foreign, padded,
    ] {
      #expect(throws: ComputeError.self) { try trainer.step(sequences: wrong) }
    }
    for (batch, micro) in [(0, nil), (-1, nil), (4, 5), (4, 0), (.max, nil)] as [(Int, Int?)] {
      #expect(throws: ComputeError.self) {
        try Trainer(
          state: state, optimizer: .init(), batch: batch, microBatch: micro, device: .cpu(threads: 1))
      }
    }
  }
}
