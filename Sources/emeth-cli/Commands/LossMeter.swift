import EmethCompute

/// The mean loss of a model over windows of tokens, in batches between which Ctrl-C is heard.
struct LossMeter {
  private let evaluator: Evaluator
  private let batch: Int

  init(_ evaluator: Evaluator) {
    self.evaluator = evaluator
    batch = evaluator.batch
  }

  /// Mean loss in nats per counted token, and the number of those.
  func measure(
    _ windows: TokenWindows, context: CommandContext, interruptionNote: String? = nil
  ) throws -> (loss: Double, tokens: Int) {
    var sum = 0.0
    var tokens = 0
    var next = 0
    while next < windows.count {
      try context.cancellation.check(note: interruptionNote)
      let end = min(next + batch, windows.count)
      let part = try evaluator.meanLoss(sequences: windows[next..<end])
      sum += part.loss * Double(part.tokens)
      tokens += part.tokens
      next = end
      context.talk.show(["evaluating: \(next) of \(windows.count) windows"])
    }
    context.talk.clear()
    return (sum / Double(max(1, tokens)), tokens)
  }
}
