import CEmethCompute

/// What one optimizer step saw.
public struct StepReport: Sendable, Hashable {
  /// Mean loss in nats per counted token, before the step.
  public let loss: Float
  /// Norm of the whole gradient, before clipping.
  public let gradientNorm: Float
  /// Targets that counted.
  public let tokens: Int
  /// Wall-clock time.
  public let seconds: Double
}

/// Trains a state in place by AdamW, one batch a step, with the same bits on every CPU, for every number of
/// threads and every size of micro-batch (PROTOCOL 6).
///
/// A step allocates nothing: all buffers are made here. One thread at a time uses a trainer and its state. Several
/// GPUs share out the sequences of a batch, in the `fast` profile alone: their gradients are added up by NCCL, and
/// each takes the step.
///
/// ```swift
/// let trainer = try Trainer(state: state, optimizer: optimizer, batch: 12, device: device)
/// let report = try trainer.step(sequences: sequences)
/// ```
public final class Trainer {
  /// The state that steps change. Where several devices train they have copies, made when the trainer is: it is
  /// then changed by steps alone.
  public let state: TrainingState
  /// Settings of AdamW and the schedule.
  public let optimizer: OptimizerConfiguration
  /// What steps drop; nil for nothing.
  public let dropout: Dropout?
  /// Sequences of a step.
  public let batch: Int
  /// Sequences that pass through the model at once on each device; it changes memory and speed, never a bit.
  public let microBatch: Int
  /// Where the work is done.
  public let team: DeviceTeam

  private let replicas: [TrainerReplica]
  private var corrections: BiasCorrections

  /// Memory that the activations of a micro-batch may take unless `microBatch` says otherwise.
  static let defaultActivationBytes = 1 << 30

  /// Prepares training of `state`.
  ///
  /// - Parameters:
  ///   - dropout: what steps drop; nil for nothing.
  ///   - batch: sequences of a step, at least 1.
  ///   - microBatch: sequences at once; nil takes as many as fit into 1 GiB.
  /// - Throws: `ComputeError.invalidConfiguration`, `outOfMemory`.
  public convenience init(
    state: TrainingState, optimizer: OptimizerConfiguration, dropout: Dropout? = nil, batch: Int,
    microBatch: Int? = nil, device: Device
  ) throws(ComputeError) {
    try self.init(
      state: state, optimizer: optimizer, dropout: dropout, batch: batch, microBatch: microBatch,
      team: DeviceTeam(device))
  }

  /// As `init(state:optimizer:dropout:batch:microBatch:device:)` on one or several devices, the first of which has
  /// the state.
  ///
  /// - Throws: as that, and as `DeviceTeam.check(batch:)`.
  public init(
    state: TrainingState, optimizer: OptimizerConfiguration, dropout: Dropout? = nil, batch: Int,
    microBatch: Int? = nil, team: DeviceTeam
  ) throws(ComputeError) {
    try optimizer.validate()
    let shape = state.configuration
    guard batch >= 1, batch <= (1 << 32) / shape.context else {
      throw .invalidConfiguration(
        what: "batch", found: "\(batch)", allowed: "1 to \((1 << 32) / shape.context) sequences")
    }
    try team.check(batch: batch)
    let shares = team.shares(of: batch)
    let largest = shares.map(\.count).max() ?? batch
    let perSequence = ActivationBuffers.byteCount(configuration: shape, forBackward: true)
    let micro = microBatch ?? max(1, min(largest, Self.defaultActivationBytes / perSequence))
    guard (1...largest).contains(micro) else {
      throw .invalidConfiguration(
        what: "micro-batch", found: "\(micro)", allowed: "1 to \(largest) sequences")
    }
    self.state = state
    self.optimizer = optimizer
    self.dropout = dropout
    self.batch = batch
    self.microBatch = micro
    self.team = team
    var replicas: [TrainerReplica] = []
    for (device, share) in zip(team.devices, shares) {
      var own = state
      if !replicas.isEmpty {
        own = try TrainingState(configuration: shape, device: device)
        own.copy(from: state)
      }
      replicas.append(
        try TrainerReplica(
          state: own, share: share, microBatch: micro, dropout: dropout,
          weightDecay: Float(optimizer.weightDecay), device: device))
    }
    self.replicas = replicas
    corrections = BiasCorrections(beta1: optimizer.beta1, beta2: optimizer.beta2)
  }

  /// Takes one step.
  ///
  /// - Parameter sequences: `batch` sequences of T + 1 token ids; `UInt32.max` is padding: not counted as a
  ///   target, read as 0 as an input.
  /// - Parameter trace: takes down what each operator put out, on one device; it changes no bit, and costs the time
  ///   to hash all of it.
  /// - Throws: `ComputeError.notFinite` when the loss or the gradient is not finite: the state is then
  ///   unchanged. `invalidInput` for wrong sequences or when no token counts. `deviceFailed`.
  @discardableResult
  public func step(
    sequences: [[UInt32]], trace: OperationTrace? = nil
  ) throws(ComputeError) -> StepReport {
    let clock = ContinuousClock()
    let start = clock.now
    guard state.step >= optimizer.momentsStart else {
      throw .invalidConfiguration(
        what: "start of the moments", found: "step \(optimizer.momentsStart)",
        allowed: "at most \(state.step)")
    }
    let numbers = scalars()
    for replica in replicas { replica.scalars[0] = numbers }
    // A device alone takes the whole step at once: what is not finite keeps AdamW from changing anything there. What
    // must be looked at before, by a trace or as several devices must agree, is.
    let isWhole = replicas.count == 1 && trace == nil
    let (loss, tokens) = try computeGradients(sequences: sequences, updating: isWhole, trace: trace)
    let norm = try gradientNorm()
    if !isWhole {
      if let trace { withUnsafePointer(to: norm) { trace.record("norm of the gradient", $0, count: 1) } }
      try team.forEach { index throws(ComputeError) in try replicas[index].update() }
      trace?.record("AdamW", state.parameterArena.base, count: state.layout.count)
    }
    state.step += 1
    let time = (clock.now - start).components
    return StepReport(
      loss: loss, gradientNorm: norm, tokens: tokens,
      seconds: Double(time.seconds) + Double(time.attoseconds) * 1e-18)
  }

  /// Loss and gradient of a batch at the state's parameters, in the order of the state's layout, without a
  /// step: what the next step would see, its dropout included.
  ///
  /// - Throws: as `step(sequences:)`.
  public func lossAndGradient(sequences: [[UInt32]]) throws(ComputeError) -> (loss: Float, gradient: [Float])
  {
    let (loss, _) = try computeGradients(sequences: sequences, updating: false)
    return (loss, replicas.first.map { Array($0.gradients.elements) } ?? [])
  }

  /// The loss, and the targets that counted: every replica then has the whole gradient and the sum of its squares;
  /// with `updating` the only one has taken the step where both are finite.
  private func computeGradients(
    sequences: [[UInt32]], updating: Bool, trace: OperationTrace? = nil
  ) throws(ComputeError) -> (loss: Float, tokens: Int) {
    guard sequences.count == batch else {
      throw .invalidInput(what: "number of sequences", found: "\(sequences.count)", allowed: "\(batch)")
    }
    let isAlone = replicas.count == 1
    guard trace == nil || isAlone else {
      throw .invalidConfiguration(what: "devices of a traced step", found: "\(team)", allowed: "one device")
    }
    for replica in replicas { try replica.data.fill(sequences[replica.share]) }
    let tokens = replicas.reduce(0) { $0 + $1.data.counted }
    guard tokens > 0 else {
      throw .invalidInput(what: "number of tokens in a batch", found: "0", allowed: "at least 1")
    }
    for replica in replicas { replica.stepNumber[0] = UInt32(truncatingIfNeeded: state.step) }
    let extent = isAlone ? (updating ? TrainerReplica.Extent.update : .norm) : .gradient
    if let trace { sequences.joined().map(\.littleEndian).withUnsafeBytes { trace.record("sequences", $0) } }
    try team.forEach { index throws(ComputeError) in
      try replicas[index].computeGradients(
        counted: tokens, through: extent, trace: trace)
    }
    let losses = replicas.map { $0.sums.elements[0] }
    let loss = losses.dropFirst().reduce(losses[0], +) / Float(tokens)
    if let trace { withUnsafePointer(to: loss) { trace.record("loss", $0, count: 1) } }
    guard loss.isFinite else {
      // A weight that is not finite, where there is one, is the cause.
      let culprit = state.layout.firstNotFinite(in: state.parameters)
      throw .notFinite(step: state.step, tensor: culprit?.name ?? "loss")
    }
    if !isAlone { try addUp() }
    return (loss, tokens)
  }

  /// Gives every replica the sum of all gradients.
  private func addUp() throws(ComputeError) {
    try team.sum(replicas.map(\.gradients.base), count: state.layout.count)
    try team.forEach { index throws(ComputeError) in
      try replicas[index].queueNorm()
      try replicas[index].device.checkHealth()
    }
  }

  private func gradientNorm() throws(ComputeError) -> Float {
    let squares = replicas.map { $0.sums.elements[1] }
    let norm = squares[0].squareRoot()
    guard norm.isFinite else {
      let gradients = replicas[0].gradients
      let culprit = state.layout.tensors.first { tensor in
        tensor.range.contains { !gradients.elements[$0].isFinite }
      }
      throw .notFinite(
        step: state.step, tensor: culprit.map { "gradient of \($0.name)" } ?? "norm of the gradient")
    }
    // Devices that took another step each would train two models from now on.
    for (device, own) in zip(team.devices, squares) where own != squares[0] {
      throw .deviceFailed(
        device: "cuda:\(device.gpu?.ordinal ?? 0)",
        reason: "its sum of the gradients at step \(state.step) is not that of the other devices")
    }
    return norm
  }

  /// What the next step multiplies by, in binary64 and rounded once.
  private func scalars() -> emeth_adamw_scalars {
    corrections.advance(to: state.step - optimizer.momentsStart + 1)
    return emeth_adamw_scalars(
      learning_rate: Float(optimizer.learningRate(atStep: Int(clamping: state.step))),
      beta1: Float(optimizer.beta1), one_minus_beta1: Float(1 - optimizer.beta1),
      beta2: Float(optimizer.beta2),
      one_minus_beta2: Float(1 - optimizer.beta2), correction1: corrections.first,
      correction2: corrections.second, epsilon: Float(optimizer.epsilon),
      limit: Float(optimizer.gradientClip))
  }
}
