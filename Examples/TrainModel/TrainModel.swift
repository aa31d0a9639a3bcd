import EmethCompute
import Foundation

/// Trains a very small model on bytes, writes it as a Hugging Face folder, reads it back and lets it write.
@main struct TrainModel {
  static func main() throws {
    let text = String(repeating: "the wheel turns, the mill grinds, the bread is warm. ", count: 40)
    let tokenizer = ByteTokenizer()
    let sequences = try TokenSequences(tokens: tokenizer.encode(text), context: 32)

    let state = try TrainingState(
      configuration: ModelConfiguration(layers: 1, heads: 2, width: 32, context: 32, vocabularySize: 256))
    try state.initializeWeights(seed: [UInt8](repeating: 7, count: 32))
    let trainer = try Trainer(
      state: state, optimizer: OptimizerConfiguration(learningRate: 0.01, totalSteps: 60), batch: 4,
      device: try Device.cpu(threads: 2))
    var order = try SampleOrder(
      seed: [UInt8](repeating: 7, count: 32), part: 0, round: 0, sequences: sequences.count)
    var first: Float?
    var last: Float = 0
    for _ in 0..<60 {
      let report = try trainer.step(sequences: order.next(4).map { sequences[$0] })
      first = first ?? report.loss
      last = report.loss
    }
    print("loss fell below half of the first: \(last < (first ?? 0) / 2)")
    // The same root on every CPU and with every number of threads.
    print("state root \(state.root.map { String(format: "%02x", $0) }.joined())")

    let folder = FileManager.default.temporaryDirectory.appending(path: "emeth-example-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try withExtendedLifetime(state) {
      try ModelFolder.write(
        to: folder, configuration: state.configuration, parameters: UnsafeBufferPointer(state.parameters),
        tokenizer: tokenizer)
    }
    let model = try ModelFolder.read(from: folder)
    let generator = try TextGenerator(
      configuration: model.configuration, parameters: model.parameters, device: try Device.cpu(threads: 1))
    let tokens = try generator.generate(
      prompt: model.tokenizer.encode("the mill"), maxTokens: 24, sampler: try Sampler.greedy())
    print("the mill\(model.tokenizer.decode(tokens))")
  }
}
