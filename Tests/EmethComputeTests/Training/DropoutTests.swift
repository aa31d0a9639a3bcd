import CEmethCompute
import Testing

@testable import EmethCompute

@Suite struct DropoutTests {
  private static let seed = (0..<32).map { UInt8($0) }

  @Test("the oracle's block is RFC 8439's")
  func oracle() {
    let key = (0..<8).map { UInt32(0x0302_0100) &+ UInt32($0) &* 0x0404_0404 }
    let block = DropoutOracle.block(key, [1, 0x0900_0000, 0x4A00_0000, 0])
    #expect(block.prefix(4) == [0xE4E7_F110, 0x1559_3BD1, 0x1FDD_0F50, 0xC471_20A3])
    #expect(block.last == 0x4E3C_50A2)
  }

  /// The factors of a matrix at a step.
  private func factors(
    _ rows: Int, _ n: Int, step: UInt32, _ mask: (UnsafePointer<UInt32>) -> emeth_dropout_mask
  ) throws -> [Float] {
    let ones = [Float](repeating: 1, count: rows * n)
    var found = ones
    let device = try Device.cpu(threads: 2)
    withExtendedLifetime(device) {
      withUnsafePointer(to: step) { emeth_dropout(device.handle, &found, ones, rows, n, mask($0)) }
    }
    return found
  }

  @Test("factors are those of the written rule, at every place, step and layer", arguments: [0.1, 0.5, 0.93])
  func factors(probability: Double) throws {
    let dropout = try Dropout(probability: probability, seed: Self.seed)
    let (rows, n) = (11, 45)
    for (place, layer, step) in [
      (Dropout.Place.embedding, 0, 0), (.attentionProbabilities, 3, 9), (.attentionOutput, 3, 9),
      (.feedForwardOutput, 11, 70_000),
    ] {
      let oracle = try DropoutOracle(probability: probability, seed: Self.seed, step: UInt32(step))
      for first in [0, 5, 1 << 40] {
        let mask = { (step: UnsafePointer<UInt32>) in
          Dropout.Pass(dropout: dropout, step: step, firstSequence: first).mask(place, layer: layer, rows: 3)
        }
        let expected = (0..<(rows * n)).map { i in
          Float(oracle.factor(place, layer: layer, row: first * 3 + i / n, n: n, column: i % n))
        }
        #expect(try factors(rows, n, step: UInt32(step), mask) == expected)
      }
    }
  }

  @Test("as many are dropped as should be, and what is left keeps the mean")
  func share() throws {
    let count = 1 << 20
    let dropout = try Dropout(probability: 0.2, seed: Self.seed)
    let found = try factors(1 << 10, 1 << 10, step: 3) {
      Dropout.Pass(dropout: dropout, step: $0, firstSequence: 0).mask(.embedding, rows: 1)
    }
    let dropped = Double(found.filter { $0 == 0 }.count) / Double(count)
    // Six standard deviations.
    #expect(abs(dropped - 0.2) < 6 * (0.16 / Double(count)).squareRoot())
    #expect(found.allSatisfy { $0 == 0 || $0 == 1.25 })
  }

  @Test("threads, micro-batches and instruction sets change no bit", arguments: Device.available)
  func invariance(instructionSet: InstructionSet) throws {
    let training = try TrainerTests.training()
    let dropout = try Dropout(probability: 0.2, seed: Self.seed)
    let expected = try training.run(device: .cpu(threads: 1), dropout: dropout)
    for microBatch in 1...5 {
      let device = try Device.cpu(threads: microBatch, instructionSet: instructionSet)
      let found = try training.run(device: device, microBatch: microBatch, dropout: dropout)
      #expect(found.state.root == expected.state.root, "micro-batch \(microBatch)")
      #expect(found.reports.map(\.loss) == expected.reports.map(\.loss))
    }
    let plain = try training.run(device: .cpu(threads: 2))
    #expect(plain.state.root != expected.state.root)
    let other = try Dropout(probability: 0.2, seed: Self.seed.reversed())
    #expect(try training.run(device: .cpu(threads: 2), dropout: other).state.root != expected.state.root)
    // A probability of 0 is no dropout, to the bit.
    let none = try Dropout(probability: 0, seed: Self.seed)
    #expect(try training.run(device: .cpu(threads: 2), dropout: none).state.root == plain.state.root)
  }

  @Test("each step drops others, and an evaluation nothing")
  func stepsAndEvaluation() throws {
    let training = try TrainerTests.training()
    let state = try TrainingState(configuration: training.configuration)
    try state.initializeWeights(seed: Self.seed)
    let device = try Device.cpu(threads: 2)
    let dropout = try Dropout(probability: 0.5, seed: Self.seed)
    let trainer = try Trainer(state: state, optimizer: .init(), dropout: dropout, batch: 5, device: device)
    let sequences = training.sequences(step: 0)
    let losses = try (0..<6).map { step in
      state.step = UInt64(step)
      return try trainer.lossAndGradient(sequences: sequences).loss
    }
    #expect(Set(losses).count == 6)
    let plain = try Trainer(state: state, optimizer: .init(), batch: 5, device: device)
    let evaluated = try Evaluator(state: state, batch: 5, device: device).meanLoss(sequences: sequences).loss
    #expect(try abs(Float(evaluated) - plain.lossAndGradient(sequences: sequences).loss) < 1e-6)
  }

  @Test("probabilities outside of 0 ..< 1 and short seeds are refused")
  func refused() {
    for probability in [-0.1, 1, 2, .nan, .infinity] as [Double] {
      #expect(throws: ComputeError.self) { try Dropout(probability: probability, seed: Self.seed) }
    }
    #expect(throws: ComputeError.self) { try Dropout(probability: 0.1, seed: [1]) }
  }
}
