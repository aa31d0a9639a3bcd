import EmethCompute

/// The mean loss of a model over token sequences, in batches between which Ctrl-C is heard.
struct LossMeter {
  private let evaluator: Evaluator
  private let batch: Int

  init(state: TrainingState, batch: Int, device: Device) throws(ComputeError) {
    evaluator = try Evaluator(state: state, batch: batch, device: device)
    self.batch = batch
  }

  /// Mean loss in nats per counted token, and the number of those.
  func measure(
    _ sequences: TokenSequences, context: CommandContext, interruptionNote: String? = nil
  ) throws -> (loss: Double, tokens: Int) {
    var sum = 0.0
    var tokens = 0
    var next = 0
    while next < sequences.count {
      try context.cancellation.check(note: interruptionNote)
      let end = min(next + batch, sequences.count)
      let part = try evaluator.meanLoss(sequences: (next..<end).map { sequences[$0] })
      sum += part.loss * Double(part.tokens)
      tokens += part.tokens
      next = end
      context.talk.show(["evaluating: \(next) of \(sequences.count) windows"])
    }
    context.talk.clear()
    return (sum / Double(max(1, tokens)), tokens)
  }
}
