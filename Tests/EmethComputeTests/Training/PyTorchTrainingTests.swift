import Foundation
import Testing

@testable import EmethCompute

/// Fifty steps against Hugging Face's GPT-2 under PyTorch's AdamW: the same weights, the same batches, every
/// loss.
@Suite struct PyTorchTrainingTests {
  private struct Task: Encodable {
    struct Optimizer: Encodable {
      var learningRate, beta1, beta2, epsilon, weightDecay, gradientClip, minimumRatio: Double
      var warmupSteps, totalSteps: Int
    }
    var batches: [[[UInt32]]]
    var optimizer: Optimizer
  }

  private struct Losses: Decodable {
    var losses: [Double]
    var norms: [Double]
  }

  private static let steps = 50
  private static let batch = 12
  private static let optimizer = OptimizerConfiguration(
    learningRate: 1e-3, warmupSteps: 10, totalSteps: steps)

  /// The tiny model from seed 0, 1, … 31.
  private func start() throws -> TrainingState {
    let state = try TrainingState(configuration: .tiny)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    return state
  }

  /// Batches of a text by the protocol's order; the recorded ones are of a text that follows from rules.
  private func batches(of text: Data?) throws -> [[[UInt32]]] {
    guard let text else {
      let training = SampleTraining(configuration: .tiny, batch: Self.batch, steps: Self.steps)
      // Padding is nothing that Hugging Face's models know of.
      return (0..<Self.steps).map { step in
        training.sequences(step: step).map { sequence in sequence.map { $0 == .max ? 0 : $0 } }
      }
    }
    let corpus = try TextCorpus(bytes: text)
    let store = try TokenStore(
      of: corpus, range: corpus.training, tokenizer: ByteTokenizer(), device: .cpu(threads: 1))
    let windows = try TokenWindows(store, context: ModelConfiguration.tiny.context)
    var order = try SampleOrder(
      seed: [UInt8](repeating: 1, count: 32), part: 0, round: 0, sequences: windows.count - 1)
    return try (0..<Self.steps).map { _ in try order.next(Self.batch).map { windows[$0] } }
  }

  private func compare(_ expected: Losses, _ batches: [[[UInt32]]], _ name: String) throws {
    try #require(expected.losses.count == Self.steps)
    let trainer = try Trainer(
      state: start(), optimizer: Self.optimizer, batch: Self.batch, device: .cpu(threads: 2))
    var (worst, worstNorm) = (0.0, 0.0)
    for (step, sequences) in batches.enumerated() {
      let report = try trainer.step(sequences: sequences)
      let difference = abs(Double(report.loss) - expected.losses[step])
      #expect(difference < 1e-4, "step \(step)")
      worst = max(worst, difference)
      worstNorm = max(worstNorm, abs(Double(report.gradientNorm) / expected.norms[step] - 1))
    }
    print("\(name): largest difference of a loss \(worst), of a gradient's norm \(worstNorm) of it")
    #expect(worstNorm < 1e-3)
  }

  @Test("recorded losses") func recorded() throws {
    try compare(RecordedFixture.decode(Losses.self, "pytorch_losses.json"), batches(of: nil), "recorded")
  }

  private static let python = ProcessInfo.processInfo.environment["EMETH_TORCH_PYTHON"]

  @Test(
    "PyTorch beside it, and what was recorded of it",
    .enabled(
      if: python != nil,
      "EMETH_TORCH_PYTHON names no Python with torch and transformers (make test-full installs one)"))
  func live() throws {
    let folder = try TemporaryFolder()
    let state = try start()
    let model = folder.url.appendingPathComponent("model")
    try withExtendedLifetime(state) {
      try ModelFolder.write(
        to: model, configuration: .tiny, parameters: .init(state.parameters), tokenizer: ByteTokenizer())
    }
    let o = Self.optimizer
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Scripts/pytorch_training.py").standardizedFileURL
    func losses(_ batches: [[[UInt32]]]) throws -> (Losses, Data) {
      let task = Task(
        batches: batches,
        optimizer: .init(
          learningRate: o.learningRate, beta1: o.beta1, beta2: o.beta2, epsilon: o.epsilon,
          weightDecay: o.weightDecay, gradientClip: o.gradientClip, minimumRatio: o.minimumRatio,
          warmupSteps: o.warmupSteps, totalSteps: o.totalSteps))
      let file = try folder.write(Array(JSONEncoder().encode(task)), "task.json")
      let result = try runProgram([try #require(Self.python), script.path, model.path, file.path])
      try #require(result.status == 0)
      return (try JSONDecoder().decode(Losses.self, from: result.output), result.output)
    }
    let made = try batches(of: nil)
    let (found, output) = try losses(made)
    if let target = ProcessInfo.processInfo.environment["EMETH_RECORD_LOSSES"] {
      try output.write(to: URL(fileURLWithPath: target))
    }
    try compare(found, made, "rules")
    let recorded = try RecordedFixture.decode(Losses.self, "pytorch_losses.json")
    #expect(zip(recorded.losses, found.losses).allSatisfy { abs($0 - $1) < 1e-4 })
    if let data = ProcessInfo.processInfo.environment["EMETH_DATA"] {
      let text = try Data(contentsOf: URL(fileURLWithPath: data).appendingPathComponent("shakespeare.txt"))
      let real = try batches(of: text)
      try compare(losses(real).0, real, "shakespeare.txt")
    }
  }
}
