import Foundation
import Testing

@testable import EmethCompute

/// A training on two GPUs of the emulated driver, whose gradients its NCCL adds up. What goes wrong in them is in the
/// tests of the program, which set it by the environment.
@Suite(
  .serialized, .enabled(if: CUDATestTools.emulation != nil, "EMETH_EMULATED_CUDA names no emulated driver"))
struct DeviceTeamTests {
  private func team(_ profile: NumericProfile = .fast, _ ordinals: [Int] = [0, 1]) throws -> DeviceTeam {
    try DeviceTeam.open(
      .together(ordinals), threads: 2, profile: profile, search: CUDATestTools.emulated(collectives: true))
  }

  private static let shape = Result {
    try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 19, vocabularySize: 37)
  }

  private func training(batch: Int) throws -> SampleTraining {
    SampleTraining(configuration: try Self.shape.get(), batch: batch, steps: 4)
  }

  @Test(
    "two GPUs come to the losses of one within the rounding of sums, whether the batch divides or not",
    arguments: zip([4, 3], [0, 0.3]))
  func training(batch: Int, probability: Double) throws {
    let training = try training(batch: batch)
    let dropout =
      probability == 0 ? nil : try Dropout(probability: probability, seed: [UInt8](repeating: 7, count: 32))
    let one = try training.run(
      device: .cuda(0, threads: 1, profile: .fast, search: CUDATestTools.emulated()), dropout: dropout)
    // The library wants the driver, which is open now.
    let before = try CUDATestTools.emulatedCollectives()
    do {
      let two = try training.run(team: team(), dropout: dropout)
      #expect(two.state.step == 4)
      for (found, expected) in zip(two.reports, one.reports) {
        #expect(found.tokens == expected.tokens)
        #expect(abs(found.loss - expected.loss) < 2e-3 * expected.loss, "\(found.loss), \(expected.loss)")
        #expect(abs(found.gradientNorm - expected.gradientNorm) < 1e-2 * expected.gradientNorm)
      }
      // The first gradient knows of no other step: what differs is the rounding of its sums alone.
      let (found, expected) = (try #require(two.reports.first), try #require(one.reports.first))
      #expect(abs(found.loss - expected.loss) < 1e-5 * expected.loss)
      #expect(abs(found.gradientNorm - expected.gradientNorm) < 1e-4 * expected.gradientNorm)
    }
    let after = try CUDATestTools.emulatedCollectives()
    // Four steps, and the first sum of the team.
    #expect(after.sums - before.sums == 4 * one.state.layout.count + DeviceTeam.firstSumCount)
    #expect(after.communicators == before.communicators)
  }

  @Test("the gradient of two GPUs is that of one, in any order of them and in micro-batches")
  func gradient() throws {
    let training = try training(batch: 5)
    func gradient(_ team: DeviceTeam, microBatch: Int?) throws -> (loss: Float, gradient: [Float]) {
      let state = try TrainingState(configuration: training.configuration, device: team.lead)
      try state.initializeWeights(seed: [UInt8](repeating: 3, count: 32))
      let trainer = try Trainer(
        state: state, optimizer: OptimizerConfiguration(), batch: 5, microBatch: microBatch, team: team)
      return try trainer.lossAndGradient(sequences: training.sequences(step: 0))
    }
    let one = try gradient(
      DeviceTeam(.cuda(1, threads: 1, profile: .fast, search: CUDATestTools.emulated())), microBatch: nil)
    let two = try gradient(team(), microBatch: nil)
    let largest = one.gradient.reduce(0) { max($0, abs($1)) }
    for (found, expected) in zip(two.gradient, one.gradient) {
      #expect(abs(found - expected) <= 2e-3 * abs(expected) + 1e-3 * largest)
    }
    #expect(one.gradient != two.gradient)
    // The other order of the devices has the same sequences on each, and a sum of two has no order.
    #expect(try gradient(team(.fast, [1, 0]), microBatch: nil).gradient == two.gradient)
    #expect(abs(try gradient(team(), microBatch: 1).loss - two.loss) < 1e-5 * two.loss)
  }

  @Test("a training on two GPUs takes what was planned on each, and gives it back")
  func plannedMemory() throws {
    let shape = try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 48, vocabularySize: 37)
    let training = SampleTraining(configuration: shape, batch: 4, steps: 1)
    let team = try team()
    let before = try team.devices.map { try $0.freeByteCount() }
    let graphs = try CUDATestTools.emulatedGraphs()
    do {
      let plan = try MemoryPlan(configuration: shape, batch: 4, team: team)
      #expect(plan.microBatch == 2)
      let state = try TrainingState(configuration: shape, device: team.lead)
      let trainer = try Trainer(
        state: state, optimizer: OptimizerConfiguration(), batch: 4, microBatch: plan.microBatch, team: team)
      let evaluator = try Evaluator(state: state, batch: plan.evaluationBatch, device: team.lead)
      for step in 0..<3 { try trainer.step(sequences: training.sequences(step: step)) }
      _ = try evaluator.meanLoss(sequences: training.sequences(step: 2))
      let used = try zip(before, team.devices).map { free, device in free - (try device.freeByteCount()) }
      #expect(used[0] <= plan.byteCount && used[0] * 100 >= plan.byteCount * 90, "\(used), \(plan)")
      #expect(used[1] <= used[0] && used[1] * 2 >= plan.byteCount, "\(used), \(plan)")
      // From the second step on each of them runs a graph.
      #expect(try CUDATestTools.emulatedGraphs().launches == graphs.launches + 2 * 2)
    }
    #expect(try CUDATestTools.emulatedGraphs().count == graphs.count)
    let left = try zip(before, team.devices).map { free, device in free - (try device.freeByteCount()) }
    // What operations keep for themselves goes with the device.
    #expect(left.allSatisfy { $0 < 1 << 20 }, "\(left)")
  }

  @Test("a batch that does not fit is refused with the one of both GPUs that does")
  func insufficientMemory() throws {
    let shape = try Self.shape.get()
    let team = try team()
    let error = #expect(throws: ComputeError.self) {
      try MemoryPlan(configuration: shape, batch: 1_000_000, team: team)
    }
    guard case .insufficientMemory(_, _, let fitting) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let batch = try #require(fitting.split(separator: " ").compactMap { Int($0) }.first, "\(fitting)")
    _ = try MemoryPlan(configuration: shape, batch: batch, team: team)
    #expect(throws: ComputeError.self) { try MemoryPlan(configuration: shape, batch: batch + 1, team: team) }
    // Two take nearly twice as much as one.
    let one = DeviceTeam(team.lead)
    #expect(throws: ComputeError.self) { try MemoryPlan(configuration: shape, batch: batch, team: one) }
  }

  @Test("what two GPUs can't train is refused: another profile, less than a sequence each, a trace")
  func refused() throws {
    let training = try training(batch: 2)
    let exact = #expect(throws: ComputeError.self) { try training.run(team: team(.reproducible)) }
    #expect(
      exact?.message.hasPrefix("profile of a training on cuda:0,1 is reproducible, allowed is fast") ?? false,
      "\(String(describing: exact))")
    let single = try self.training(batch: 1)
    let few = #expect(throws: ComputeError.self) { try single.run(team: team()) }
    #expect(few?.message.hasPrefix("batch is 1, allowed is at least 2 sequences") ?? false)
    let both = try team()
    let state = try TrainingState(configuration: training.configuration, device: both.lead)
    try state.initializeWeights(seed: [UInt8](repeating: 3, count: 32))
    let trainer = try Trainer(state: state, optimizer: OptimizerConfiguration(), batch: 2, team: both)
    #expect(throws: ComputeError.self) {
      try trainer.step(sequences: training.sequences(step: 0), trace: OperationTrace())
    }
    let alone = #expect(throws: ComputeError.self) {
      try Device.open(.together([0, 1]), threads: 1, search: CUDATestTools.emulated())
    }
    #expect(alone?.message.hasPrefix("device is cuda:0,1, allowed is one") ?? false)
  }

  @Test("without NCCL, or with one that is too old, it is told where it was looked for and how to get it")
  func lacking() throws {
    let error = #expect(throws: ComputeError.self) {
      try DeviceTeam.open(.together([0, 1]), threads: 1, profile: .fast, search: CUDATestTools.emulated())
    }
    #expect(error?.code == "compute.libraryUnavailable")
    #expect(
      error?.message.hasPrefix("no NCCL of NVIDIA's can be used: /nowhere/libnccl.so.2: ") ?? false,
      "\(String(describing: error))")
    #expect(error?.hint?.contains("pip install nvidia-nccl-cu12") ?? false)
    let missing = #expect(throws: ComputeError.self) { try team(.fast, [0, 7]) }
    #expect(missing?.message == "cuda:7 can't be used: the driver has 2 devices")
  }
}

extension SampleTraining {
  /// The state after all steps on several devices; the reports.
  func run(
    team: DeviceTeam, dropout: Dropout? = nil
  ) throws -> (state: TrainingState, reports: [StepReport]) {
    let state = try TrainingState(configuration: configuration, device: team.lead)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let trainer = try Trainer(
      state: state,
      optimizer: OptimizerConfiguration(
        learningRate: 1e-2, gradientClip: 0.5, warmupSteps: 3, totalSteps: steps),
      dropout: dropout, batch: batch, team: team)
    let reports = try (0..<steps).map { try trainer.step(sequences: sequences(step: $0)) }
    return (state, reports)
  }
}
