/// Measures training steps of a model with random weights on random tokens, beside the peak of the same
/// threads in the same run.
///
/// ```swift
/// let device = try Device.cpu(threads: 2)
/// let benchmark = try TrainingBenchmark(configuration: .tiny, batch: 12, device: device)
/// for _ in 0..<10 { try benchmark.step() }
/// print(benchmark.report.ratio)
/// ```
public final class TrainingBenchmark {
  /// What was measured.
  public struct Report: Encodable, Sendable {
    /// Median time of a step.
    public let millisecondsPerStep: Double
    /// Tokens of a batch over that time.
    public let tokensPerSecond: Double
    /// Floating-point operations a second of the same threads in registers: the best that was seen.
    public let peakFlops: Double
    /// Floating-point operations a second of matrix products and attention, by `trainingOperations`.
    public let achievedFlops: Double
    /// `achievedFlops` over `peakFlops`.
    public let ratio: Double
    /// Memory that the steps were planned to take.
    public let plannedBytes: Int
    /// Steps that were measured.
    public let steps: Int
  }

  /// The memory that it takes.
  public let plan: MemoryPlan
  private let trainer: Trainer
  private let sequences: [[UInt32]]
  private var seconds: [Double] = []
  private var peakFlops: Double

  /// As `init(configuration:batch:team:seed:)` on one device.
  public convenience init(
    configuration: ModelConfiguration, batch: Int, device: Device,
    seed: [UInt8] = [UInt8](repeating: 1, count: 32)
  ) throws(ComputeError) {
    try self.init(configuration: configuration, batch: batch, team: DeviceTeam(device), seed: seed)
  }

  /// Makes the model and takes one step, which is not measured: it touches all memory for the first time.
  ///
  /// - Parameters:
  ///   - seed: 32 bytes, what weights and tokens follow from.
  /// - Throws: `ComputeError.insufficientMemory` before anything is allocated, `outOfMemory`,
  ///   `invalidConfiguration`, `invalidInput` for the seed.
  public init(
    configuration: ModelConfiguration, batch: Int, team: DeviceTeam,
    seed: [UInt8] = [UInt8](repeating: 1, count: 32)
  ) throws(ComputeError) {
    try team.check(batch: batch)
    plan = try MemoryPlan(configuration: configuration, batch: batch, team: team)
    let state = try TrainingState(configuration: configuration, device: team.lead)
    try state.initializeWeights(seed: seed)
    trainer = try Trainer(
      state: state, optimizer: OptimizerConfiguration(), batch: batch, microBatch: plan.microBatch,
      team: team)
    var generator = try CounterGenerator(label: "benchmark", seed: seed, part: 0, round: 0, pass: 0)
    var sequences: [[UInt32]] = []
    for _ in 0..<batch {
      var sequence: [UInt32] = []
      for _ in 0...configuration.context {
        sequence.append(try generator.below(UInt32(configuration.vocabularySize)))
      }
      sequences.append(sequence)
    }
    self.sequences = sequences
    peakFlops = team.measurePeakFlops()
    try trainer.step(sequences: sequences)
  }

  /// Takes one step and notes its time.
  ///
  /// - Throws: as `Trainer.step(sequences:)`.
  public func step() throws(ComputeError) {
    seconds.append(try trainer.step(sequences: sequences).seconds)
    // Now and then, so that the peak is that of the time in which the steps were taken.
    if seconds.count.isMultiple(of: 5) {
      peakFlops = max(peakFlops, trainer.team.measurePeakFlops(for: 0.05))
    }
  }

  /// The figures of all steps so far; there is at least one.
  public var report: Report {
    let sorted = seconds.sorted()
    precondition(!sorted.isEmpty, "no step was measured")
    let median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    let configuration = trainer.state.configuration
    let achieved = configuration.trainingOperations(sequences: trainer.batch) / median
    return Report(
      millisecondsPerStep: median * 1e3,
      tokensPerSecond: Double(trainer.batch * configuration.context) / median, peakFlops: peakFlops,
      achievedFlops: achieved, ratio: achieved / peakFlops,
      plannedBytes: plan.byteCount, steps: sorted.count)
  }
}
