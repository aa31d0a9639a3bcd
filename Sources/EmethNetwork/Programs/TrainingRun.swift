import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// A flag that asks long computations to stop between two optimizer steps.
public final class StopFlag: Sendable {
  private let raised = Atomic<Bool>(false)

  /// A flag that is down.
  public init() {}

  /// Asks everything that watches the flag to stop.
  public func raise() { raised.store(true, ordering: .relaxed) }

  /// Whether somebody asked to stop.
  public var isRaised: Bool { raised.load(ordering: .relaxed) }
}

/// Runs `body` and raises `stop` when the task is cancelled meanwhile.
func raising<Value>(
  _ stop: StopFlag, _ body: () async throws(NetworkError) -> Value
) async throws(NetworkError) -> Value {
  do {
    return try await withTaskCancellationHandler {
      try await body()
    } onCancel: {
      stop.raise()
    }
  } catch {
    throw NetworkError(error)
  }
}

/// Program 11 as a state machine over optimizer steps: what a node runs once and a verifier runs again.
///
/// The state before local step i and the sequences of that step fix the state after it, bit for bit.
final class TrainingRun {
  let manifest: TrainingManifest
  let state: TrainingState
  private let trainer: Trainer
  /// Trains with another learning rate, by what it multiplies the manifest's with: a fault.
  private var faulty: (factor: Double, trainer: Trainer)?
  private let device: Device
  private(set) var schedule: SegmentSchedule

  /// A run of one SubJob.
  ///
  /// - Parameters:
  ///   - sequenceCount: how many sequences the part has.
  ///   - microBatch: sequences at once, which changes no bit; 1 where operators are traced.
  init(
    manifest: TrainingManifest, position: SubJobPosition, sequenceCount: Int, device: Device,
    microBatch: Int? = nil
  ) throws(NetworkError) {
    self.manifest = manifest
    self.device = device
    schedule = try SegmentSchedule(manifest: manifest, position: position, sequenceCount: sequenceCount)
    do throws(ComputeError) {
      let configuration = try ModelConfiguration(manifest.model)
      let plan = try MemoryPlan(configuration: configuration, batch: Int(manifest.batch), device: device)
      state = try TrainingState(configuration: configuration, device: device)
      trainer = try Trainer(
        state: state, optimizer: OptimizerConfiguration(manifest, round: position.round),
        batch: Int(manifest.batch),
        microBatch: microBatch ?? plan.microBatch, device: device)
    } catch {
      throw .compute(error)
    }
  }

  /// Places the state at the beginning of `round`: the round's starting parameters, moments zero.
  func begin(parameters: Data, round: UInt32) throws(NetworkError) {
    try state.loadParameters(parameters)
    state.clearMoments()
    state.step = UInt64(round) * UInt64(manifest.stepsPerRound)
    state.round = UInt64(round)
  }

  /// Trains one local step on the sequences that `sequence` returns for its positions; `trace` takes down
  /// what its operators put out.
  ///
  /// - Parameter learningRateFactor: what the manifest's learning rate is multiplied by; other than 1 is a fault.
  func train(
    step: Int, learningRateFactor: Double = 1, trace: OperationTrace? = nil,
    sequence: (Int) throws(NetworkError) -> [UInt32]
  ) throws(NetworkError) -> StepReport {
    var batch: [[UInt32]] = []
    batch.reserveCapacity(Int(manifest.batch))
    for index in try schedule.sequences(ofStep: step) { batch.append(try sequence(index)) }
    do throws(ComputeError) {
      return try trainer(factor: learningRateFactor).step(sequences: batch, trace: trace)
    } catch {
      throw .compute(error)
    }
  }

  private func trainer(factor: Double) throws(ComputeError) -> Trainer {
    if factor == 1 { return trainer }
    if let faulty, faulty.factor == factor { return faulty.trainer }
    var optimizer = trainer.optimizer
    optimizer.learningRate *= factor
    let made = try Trainer(
      state: state, optimizer: optimizer, batch: trainer.batch, microBatch: trainer.microBatch, device: device
    )
    faulty = (factor, made)
    return made
  }

  /// The root of the present state (PROTOCOL 7).
  func stateRoot() throws(NetworkError) -> Bytes32 { try state.rootHash(on: device) }
}

extension ModelConfiguration {
  /// The model shape of a manifest.
  public init(_ shape: ModelShape) throws(ComputeError) {
    try self.init(
      layers: Int(shape.layers), heads: Int(shape.heads), width: Int(shape.width),
      context: Int(shape.context),
      vocabularySize: Int(shape.vocabularySize))
  }
}

extension OptimizerConfiguration {
  /// The optimizer and schedule of a manifest; decimals are read as the nearest binary64. Moments start at
  /// the beginning of `round`.
  public init(_ manifest: TrainingManifest, round: UInt32) throws(ComputeError) {
    func real(_ name: String, _ number: DecimalNumber) throws(ComputeError) -> Double {
      guard let value = Double(number.text), value.isFinite else {
        throw .invalidConfiguration(what: name, found: number.text, allowed: "a finite decimal")
      }
      return value
    }
    self.init(
      learningRate: try real("learningRate", manifest.optimizer.learningRate),
      beta1: try real("beta1", manifest.optimizer.beta1),
      beta2: try real("beta2", manifest.optimizer.beta2),
      epsilon: try real("epsilon", manifest.optimizer.epsilon),
      weightDecay: try real("weightDecay", manifest.optimizer.weightDecay),
      gradientClip: try real("gradientClip", manifest.optimizer.gradientClip),
      warmupSteps: Int(manifest.schedule.warmupSteps),
      totalSteps: Int(manifest.rounds) * Int(manifest.stepsPerRound),
      minimumRatio: try real("minimumRatio", manifest.schedule.minimumRatio),
      momentsStart: UInt64(round) * UInt64(manifest.stepsPerRound))
  }
}
