import EmethCompute
import EmethKit
import Foundation

/// One plain training on this machine: steps, progress, loss curve.
final class TrainingSession {
  struct Result: Encodable, Sendable {
    var parameters: Int
    var steps: Int
    /// Validation loss before the first step; nil when nothing is held back.
    var initialLoss: Double?
    /// Mean loss of the last tenth of the steps.
    var trainLoss: Double
    /// Validation loss at the end; nil when nothing is held back.
    var validationLoss: Double?
    /// Tokens trained per second, evaluation not counted.
    var tokensPerSecond: Double
    var stateRoot: String
  }

  let state: TrainingState
  private(set) var curve: LossCurve
  private let options: ModelOptions
  private let text: TrainingText
  private let device: Device
  private let context: CommandContext
  private let steps: Int
  private let trainer: Trainer
  private let meter: LossMeter

  init(
    options: ModelOptions, configuration: ModelConfiguration, text: TrainingText, device: Device,
    context: CommandContext
  ) throws {
    self.options = options
    self.text = text
    self.device = device
    self.context = context
    steps = options.steps ?? options.preset.trainingSteps
    curve = LossCurve(title: "Loss")
    state = try TrainingState(configuration: configuration)
    if let folder = options.initialModelFolder {
      try ModelFolder.readParameters(
        from: URL(filePath: folder), configuration: configuration, into: state.parameters)
    } else {
      try state.initializeWeights(seed: options.seed.bytes.bytes)
    }
    var optimizer = OptimizerConfiguration()
    optimizer.learningRate = Double(options.learningRate.text) ?? optimizer.learningRate
    optimizer.warmupSteps = ModelOptions.warmupSteps(of: steps)
    optimizer.totalSteps = steps
    trainer = try Trainer(state: state, optimizer: optimizer, batch: options.batch, device: device)
    meter = try LossMeter(state: state, batch: options.batch, device: device)
  }

  /// Takes all steps. Throws `Interruption` when the user wants to stop.
  func run() throws -> Result {
    let sequences = text.training
    var order = try SampleOrder(seed: options.seed.bytes.bytes, part: 0, round: 0, sequences: sequences.count)
    let initialLoss = try measure(step: 0)
    let evaluationInterval = max(1, steps / 10)
    let began = ContinuousClock.now
    var pause = Duration.zero
    var tokens = 0
    for step in 1...steps {
      try context.cancellation.check(note: interruptionNote(step - 1))
      let report = try trainer.step(sequences: order.next(options.batch).map { sequences[$0] })
      tokens += report.tokens
      curve.addTrain(step: step, loss: Double(report.loss))
      let elapsed = ContinuousClock.now - began - pause
      context.talk.show(progress(step: step, loss: Double(report.loss), tokens: tokens, elapsed: elapsed))
      if step.isMultiple(of: evaluationInterval), step < steps {
        let start = ContinuousClock.now
        _ = try measure(step: step)
        pause += ContinuousClock.now - start
      }
    }
    let elapsed = ContinuousClock.now - began - pause
    let validationLoss = try measure(step: steps)
    context.talk.clear()
    let last = curve.train.suffix(max(1, steps / 10))
    return Result(
      parameters: state.configuration.parameterCount, steps: steps, initialLoss: initialLoss,
      trainLoss: last.reduce(0) { $0 + $1.loss } / Double(max(1, last.count)), validationLoss: validationLoss,
      tokensPerSecond: Double(tokens) / max(elapsed / .seconds(1), 1e-9),
      stateRoot: Hex.encode(state.root(on: device)))
  }

  private func measure(step: Int) throws -> Double? {
    guard let validation = text.validation else { return nil }
    let loss = try meter.measure(
      validation, context: context, interruptionNote: interruptionNote(step)
    ).loss
    curve.addValidation(step: step, loss: loss)
    return loss
  }

  private func interruptionNote(_ step: Int) -> String {
    "stopped at step \(step) of \(steps); no model was written"
  }

  private func progress(step: Int, loss: Double, tokens: Int, elapsed: Duration) -> [String] {
    let seconds = max(elapsed / .seconds(1), 1e-9)
    let left = Duration.seconds(seconds / Double(step) * Double(steps - step))
    let validation =
      curve.validation.last.map { ", validation \(NumberText.fixed($0.loss, decimals: 3))" } ?? ""
    return [
      ProgressBar.text(done: step, of: steps, width: 30)
        + " step \(step) of \(steps), \(NumberText.duration(left)) left",
      "loss \(NumberText.fixed(loss, decimals: 3))\(validation), "
        + "\(NumberText.grouped(Int(Double(tokens) / seconds))) tokens/s",
    ]
  }
}
