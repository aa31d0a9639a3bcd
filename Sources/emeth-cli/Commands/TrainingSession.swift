import EmethCompute
import EmethKit
import Foundation

/// One plain training on this machine: steps, validation, checkpoints, progress, loss curve.
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
    /// Tokens trained per second in this run, evaluations and checkpoints not counted.
    var tokensPerSecond: Double
    /// Memory that it was planned to take.
    var plannedBytes: Int
    var stateRoot: String
  }

  let state: TrainingState
  let tokenizer: any Tokenizer
  let folder: CheckpointFolder
  private(set) var curve = LossCurve(title: "Loss")
  private var checkpoint: TrainingCheckpoint
  private let text: TrainingText
  private let options: TrainingOptions
  private let dataSet: String
  private let team: DeviceTeam
  private let context: CommandContext
  private let steps: Int
  private let trainer: Trainer
  private let meter: LossMeter
  private let plan: MemoryPlan
  /// The step of the checkpoint in the folder, and when it was written.
  private var kept: (step: Int, time: ContinuousClock.Instant)
  /// Operations a second that the device's threads reach at most, measured where someone sees the progress.
  private let peakFlops: Double?
  /// Time that is not the steps'.
  private var pause = Duration.zero

  /// Begins a training, or goes on with one.
  init(_ parsed: ParsedCommand, options: TrainingOptions, team: DeviceTeam, context: CommandContext) throws {
    self.options = options
    self.context = context
    dataSet = parsed[NetworkOptions.dataset]
    let prepared =
      try options.isResuming
      ? Self.resume(parsed, options, team: team, context: context)
      : Self.begin(parsed, options, team: team, context: context)
    tokenizer = prepared.tokenizer
    plan = prepared.plan
    folder = prepared.folder
    text = prepared.text
    checkpoint = prepared.checkpoint
    // A training goes on as it began, also where its folder is another one by now.
    let profile = checkpoint.profile
    var team = team
    if profile == team.lead.profile {
      state = prepared.state
    } else {
      team = try DeviceOptions.openTeam(
        parsed, context, threads: options.model.threads, profile: profile)
      state = try TrainingState(configuration: checkpoint.configuration, device: team.lead)
      state.copy(from: prepared.state)
    }
    if profile == .fast, team.lead.productType == .float32 {
      context.talk.note("this CPU has no instructions for bfloat16: products stay in binary32")
    }
    self.team = team
    peakFlops = context.talk.isLive ? team.measurePeakFlops(for: 0.02) : nil
    steps = checkpoint.optimizer.totalSteps
    kept = (checkpoint.step, .now)
    trainer = try Trainer(
      state: state, optimizer: checkpoint.optimizer, dropout: checkpoint.dropout, batch: checkpoint.batch,
      microBatch: plan.microBatch, team: team)
    meter = LossMeter(try Evaluator(state: state, batch: plan.evaluationBatch, device: team.lead))
    for (index, loss) in checkpoint.losses.enumerated() {
      curve.addTrain(step: index + 1, loss: Double(loss))
    }
    for evaluation in checkpoint.evaluations {
      curve.addValidation(step: evaluation.step, loss: evaluation.loss)
    }
    if options.isResuming { context.talk.show(["going on at step \(checkpoint.step) of \(steps)"]) }
  }

  /// Takes all steps that are left. Throws `Interruption` when the user wants to stop.
  func run() throws -> Result {
    do {
      return try train()
    } catch let error as Interruption {
      try keep()
      context.talk.clear()
      throw Interruption(note: error.note ?? "stopped at step \(checkpoint.step) of \(steps): \(resumeNote)")
    } catch {
      var report = ErrorReport(describing: error)
      let advice = "the checkpoint of step \(kept.step) is kept in \(folder.url.relativePath)"
      report.hint = [report.hint, advice].compactMap(\.self).joined(separator: "; ")
      throw CommandFailure(report)
    }
  }

  private func train() throws -> Result {
    var order = try SampleOrder(seed: checkpoint.seed, part: 0, round: 0, sequences: text.training.count)
    try order.skip(checkpoint.sequencesTaken)
    let first = checkpoint.step
    let began = ContinuousClock.now
    var tokens = 0
    try measure()
    while checkpoint.step < steps {
      try context.cancellation.check()
      let windows = try order.next(checkpoint.batch).map { text.training[$0] }
      let report = try trainer.step(sequences: windows)
      checkpoint.losses.append(report.loss)
      let step = checkpoint.step
      tokens += report.tokens
      curve.addTrain(step: step, loss: Double(report.loss))
      let elapsed = ContinuousClock.now - began - pause
      context.talk.show(
        progress(loss: Double(report.loss), done: step - first, tokens: tokens, elapsed: elapsed))
      if step < steps { try measure() }
      if isCheckpointDue { try keep() }
    }
    let elapsed = ContinuousClock.now - began - pause
    try measure()
    try state.checkFinite()
    context.talk.clear()
    let last = checkpoint.losses.suffix(max(1, steps / 10))
    return Result(
      parameters: state.configuration.parameterCount, steps: steps,
      initialLoss: checkpoint.evaluations.first { $0.step == 0 }?.loss,
      trainLoss: last.reduce(0) { $0 + Double($1) } / Double(max(1, last.count)),
      validationLoss: checkpoint.evaluations.last { $0.step == steps }?.loss,
      tokensPerSecond: Double(tokens) / max(elapsed / .seconds(1), 1e-9),
      plannedBytes: plan.byteCount,
      stateRoot: Hex.encode(state.root(on: team.lead)))
  }

  /// Measures the validation loss where anything is held back: at ten places and at both ends, and at each of
  /// them once, however often the training was stopped.
  private func measure() throws {
    let isDue = checkpoint.step == steps || checkpoint.step.isMultiple(of: max(1, steps / 10))
    guard isDue, let validation = text.validation, checkpoint.evaluations.last?.step != checkpoint.step else {
      return
    }
    let start = ContinuousClock.now
    defer { pause += ContinuousClock.now - start }
    let loss = try meter.measure(validation, context: context).loss
    checkpoint.evaluations.append(.init(step: checkpoint.step, loss: loss))
    curve.addValidation(step: checkpoint.step, loss: loss)
  }

  private var isCheckpointDue: Bool {
    if let interval = options.checkpointInterval { return checkpoint.step.isMultiple(of: interval) }
    return checkpoint.step.isMultiple(of: max(1, steps / 10))
      || ContinuousClock.now - kept.time > .seconds(600)
  }

  /// Writes the checkpoint of this step. Of the last one only an interruption has any use.
  private func keep() throws {
    let start = ContinuousClock.now
    try folder.write(checkpoint, state, device: team.lead)
    kept = (checkpoint.step, .now)
    pause += kept.time - start
  }

  /// What to type to go on.
  private var resumeNote: String {
    let words = ["emeth", "train", dataSet, "--out", options.out, "--resume"]
    return "go on with `\(words.map(ShellWord.quoted).joined(separator: " "))`"
  }

  private func progress(loss: Double, done: Int, tokens: Int, elapsed: Duration) -> [String] {
    let seconds = max(elapsed / .seconds(1), 1e-9)
    let step = checkpoint.step
    let left = Duration.seconds(seconds / Double(max(1, done)) * Double(steps - step))
    let validation =
      curve.validation.last.map { ", validation \(NumberText.fixed($0.loss, decimals: 3))" } ?? ""
    let operations = Double(done) * state.configuration.trainingOperations(sequences: checkpoint.batch)
    let ratio = peakFlops.map { ", \(Int((100 * operations / seconds / $0).rounded())) % of the peak" } ?? ""
    return [
      ProgressBar.text(done: step, of: steps, width: 30)
        + " step \(step) of \(steps), \(NumberText.duration(left)) left",
      "loss \(NumberText.fixed(loss, decimals: 3))\(validation), "
        + "\(NumberText.grouped(Int(Double(tokens) / seconds))) tokens/s\(ratio)",
    ]
  }
}
