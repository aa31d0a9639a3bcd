import Testing

@testable import EmethCompute

@Suite struct EvaluatorTests {
  @Test("the mean over any batch and any set is the trainer's loss", arguments: Device.available)
  func meanLoss(instructionSet: InstructionSet) throws {
    let training = try TrainerTests.training()
    let state = try TrainingState(configuration: training.configuration)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let device = try Device.cpu(threads: 2, instructionSet: instructionSet)
    let sequences = training.sequences(step: 0)
    let loss = try Trainer(state: state, optimizer: .init(), batch: 5, device: device)
      .lossAndGradient(sequences: sequences).loss
    var found: Set<Double> = []
    for batch in 1...6 {
      let result = try Evaluator(state: state, batch: batch, device: device).meanLoss(sequences: sequences)
      #expect(result.tokens == 5 * 19 - 2)
      found.insert(result.loss)
    }
    #expect(found.count == 1)
    #expect(abs((found.first ?? 0) - Double(loss)) < 1e-6)
  }

  @Test("nothing to count is no loss")
  func empty() throws {
    let training = try TrainerTests.training()
    let state = try TrainingState(configuration: training.configuration)
    let evaluator = try Evaluator(state: state, batch: 2, device: .cpu(threads: 1))
    #expect(try evaluator.meanLoss(sequences: []) == (0, 0))
    let padded = [[UInt32](repeating: .max, count: 20)]
    #expect(try evaluator.meanLoss(sequences: padded) == (0, 0))
    #expect(throws: ComputeError.self) { try evaluator.meanLoss(sequences: [[1, 2]]) }
  }
}
