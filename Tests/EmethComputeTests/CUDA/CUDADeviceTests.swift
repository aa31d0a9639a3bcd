import Foundation
import Testing

@testable import EmethCompute

/// The whole way from a training to the kernels, on a driver that emulates a GPU. What goes wrong in a driver is in
/// the tests of the program, which set it by the environment.
@Suite(
  .serialized, .enabled(if: CUDATestTools.emulation != nil, "EMETH_EMULATED_CUDA names no emulated driver"))
struct CUDADeviceTests {
  private func gpu(threads: Int = 2) throws -> Device {
    try Device.cuda(0, threads: threads, search: CUDATestTools.emulated())
  }

  private static let training = Result {
    SampleTraining(
      configuration: try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 19, vocabularySize: 37),
      batch: 3, steps: 4)
  }

  @Test("what the driver says of its device")
  func properties() throws {
    let driver = try CUDADriver.open(search: CUDATestTools.emulated())
    #expect(driver.version == CUDALibrary.Version(major: 13, minor: 0))
    let device = try #require(try driver.devices().first)
    #expect(driver.deviceCount == 2 && device.ordinal == 0)
    #expect(device.name == "Emulated GPU 0" && device.computeCapability == "9.0" && device.problem == nil)
    #expect(device.architecture?.name == "sm_90a" && device.memoryBytes == 128 << 20)
    #expect(try gpu().description == "cuda:0 Emulated GPU 0")
  }

  @Test("a training has the same bits on the GPU and the CPU", arguments: [nil, 2], [0, 0.3])
  func training(microBatch: Int?, probability: Double) throws {
    let training = try Self.training.get()
    let dropout =
      probability == 0 ? nil : try Dropout(probability: probability, seed: [UInt8](repeating: 7, count: 32))
    let cpu = try training.run(device: .cpu(threads: 1), microBatch: microBatch, dropout: dropout)
    let gpu = try training.run(device: gpu(), microBatch: microBatch, dropout: dropout)
    #expect(gpu.state.root == cpu.state.root)
    #expect(gpu.reports.map(\.loss) == cpu.reports.map(\.loss))
    #expect(gpu.reports.map(\.gradientNorm) == cpu.reports.map(\.gradientNorm))
    #expect(gpu.state.step == 4)
  }

  @Test("a state of the host's memory is worked on by the CPU, with the same bits")
  func hostState() throws {
    let training = try Self.training.get()
    let device = try gpu()
    let states = try [nil, device].map { place in
      let state = try TrainingState(configuration: training.configuration, device: place)
      try state.initializeWeights(seed: [UInt8](repeating: 3, count: 32))
      let trainer = try Trainer(
        state: state, optimizer: OptimizerConfiguration(), batch: training.batch, device: device)
      // What can't be recorded is done once.
      for step in 0..<3 { try trainer.step(sequences: training.sequences(step: step)) }
      return state.root
    }
    #expect(states[0] == states[1])
  }

  @Test(
    "from its second time on a step is one graph: one launch, one wait, nothing beside it",
    arguments: NumericProfile.allCases, [0, 0.3])
  func wholeStep(profile: NumericProfile, probability: Double) throws {
    let training = try Self.training.get()
    let device = try Device.cuda(0, threads: 1, profile: profile, search: CUDATestTools.emulated())
    let state = try TrainingState(configuration: training.configuration, device: device)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let dropout =
      probability == 0 ? nil : try Dropout(probability: probability, seed: [UInt8](repeating: 7, count: 32))
    let trainer = try Trainer(
      state: state, optimizer: OptimizerConfiguration(), dropout: dropout, batch: training.batch,
      microBatch: 2, device: device)
    try trainer.step(sequences: training.sequences(step: 0))
    for step in 1..<4 {
      let (graphs, queue) = (try CUDATestTools.emulatedGraphs(), try CUDATestTools.emulatedQueue())
      try trainer.step(sequences: training.sequences(step: step))
      #expect(try CUDATestTools.emulatedGraphs().launches == graphs.launches + 1)
      let after = try CUDATestTools.emulatedQueue()
      #expect(after.kernels == queue.kernels && after.waits == queue.waits + 1, "step \(step)")
    }
  }

  @Test(
    "a loss or gradient that is not finite leaves the state of a recorded step as it was, and the next goes on",
    arguments: NumericProfile.allCases)
  func notFinite(profile: NumericProfile) throws {
    let training = try Self.training.get()
    let device = try Device.cuda(0, threads: 1, profile: profile, search: CUDATestTools.emulated())
    let expected = try training.run(device: device)
    let state = try TrainingState(configuration: training.configuration, device: device)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let trainer = try Trainer(
      state: state,
      optimizer: OptimizerConfiguration(
        learningRate: 1e-2, gradientClip: 0.5, warmupSteps: 3, totalSteps: training.steps),
      batch: training.batch, device: device)
    for step in 0..<3 { try trainer.step(sequences: training.sequences(step: step)) }
    let kept = Array(state.parameters)
    let (wte, gain) = (try #require(state.layout["wte.weight"]), try #require(state.layout["ln_f.weight"]))
    func expectRefused(_ tensor: String) throws {
      let before = state.root
      let launches = try CUDATestTools.emulatedGraphs().launches
      #expect(throws: ComputeError.notFinite(step: 3, tensor: tensor)) {
        try trainer.step(sequences: training.sequences(step: 3))
      }
      #expect(state.root == before && state.step == 3)
      #expect(try CUDATestTools.emulatedGraphs().launches == launches + 1)
    }
    state.parameters[wte.offset] = .nan
    try expectRefused("wte.weight")
    // As in TrainerTests.notFinite: a loss that is finite, squares that are not.
    state.parameters[wte.offset] = kept[wte.offset]
    for i in wte.range { state.parameters[i] *= 1e-22 }
    for i in gain.range { state.parameters[i] = 1e22 }
    try expectRefused("norm of the gradient")
    _ = state.parameters.update(fromContentsOf: kept)
    try trainer.step(sequences: training.sequences(step: 3))
    #expect(state.root == expected.state.root)
  }

  @Test(
    "the fast profile multiplies by the tensor cores: near the CPU's losses, and not the same bits",
    arguments: [0, 0.3])
  func fastProfile(probability: Double) throws {
    let training = try Self.training.get()
    let dropout =
      probability == 0 ? nil : try Dropout(probability: probability, seed: [UInt8](repeating: 7, count: 32))
    let device = try Device.cuda(0, threads: 1, profile: .fast, search: CUDATestTools.emulated())
    #expect(device.productType == .bfloat16)
    #expect(device.description == "cuda:0 Emulated GPU 0, bfloat16 products")
    let fast = try training.run(device: device, dropout: dropout)
    let exact = try training.run(device: .cpu(threads: 1), dropout: dropout)
    #expect(fast.state.root != exact.state.root)
    for (one, other) in zip(fast.reports, exact.reports) {
      #expect(abs(one.loss - other.loss) < 0.02 * other.loss)
    }
  }

  @Test("cuBLASLt does the products that it has a way for: in graphs, with bias and GELU, near the own ones")
  func productLibrary() throws {
    // With rows that are not whole vectors, of the vocabulary as GPT-2's and of the batch.
    let shape = try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 17, vocabularySize: 37)
    let training = SampleTraining(configuration: shape, batch: 2, steps: 4)
    let before = try CUDATestTools.emulatedProducts()
    do {
      let device = try Device.cuda(
        0, threads: 1, profile: .fast, search: CUDATestTools.emulated(products: true))
      #expect(device.description == "cuda:0 Emulated GPU 0, bfloat16 products by cuBLASLt 13.0")
      let free = try device.freeByteCount()
      let plan = try MemoryPlan(configuration: shape, batch: 2, device: device)
      let found = try training.run(device: device)
      #expect(free - (try device.freeByteCount()) <= plan.byteCount)
      let own = try training.run(
        device: Device.cuda(0, threads: 1, profile: .fast, search: CUDATestTools.emulated()))
      for (one, other) in zip(found.reports, own.reports) {
        #expect(abs(one.loss - other.loss) < 0.01 * other.loss, "\(one.loss), \(other.loss)")
        #expect(abs(one.gradientNorm - other.gradientNorm) < 0.05 * other.gradientNorm)
      }
      // Four of a block forward, eight backward; the head's, and its two backward.
      #expect(try CUDATestTools.emulatedProducts().count - before.count == 4 * (2 * 12 + 3))
    }
    #expect(try CUDATestTools.emulatedProducts().handles == before.handles)
  }

  @Test("evaluation and generation", arguments: WeightFormat.allCases)
  func generation(format: WeightFormat) throws {
    let training = try Self.training.get()
    let devices = [try Device.cpu(threads: 2), try gpu()]
    let results = try devices.map { device in
      let state = try training.run(device: device).state
      let evaluator = try Evaluator(state: state, batch: 2, device: device)
      let loss = try evaluator.meanLoss(sequences: training.sequences(step: 9)).loss
      let generator = try TextGenerator(
        configuration: state.configuration, parameters: state.parameterArena, format: format, device: device)
      let sampler = try Sampler(temperature: 1, topK: 10, seed: [UInt8](0..<32))
      // Longer than the context: the cache is read anew on the way.
      let tokens = try generator.generate(prompt: [1, 2, 3], maxTokens: 40, sampler: sampler)
      return (loss, tokens, try generator.logits(after: [5, 6, 7, 8]))
    }
    #expect(results[0].0 == results[1].0)
    #expect(results[0].1 == results[1].1)
    #expect(results[0].1.count == 40)
    #expect(results[0].2.map(\.bitPattern) == results[1].2.map(\.bitPattern))
  }

  @Test("more than the GPU has is refused, less is not, and all of it comes back")
  func memory() throws {
    let device = try gpu()
    let free = try device.freeByteCount()
    let error = #expect(throws: ComputeError.self) { try FloatArena(count: 1 << 38, device: device) }
    #expect(error?.code == "compute.insufficientMemory", "\(String(describing: error))")
    #expect(error?.message.contains("\(free >> 20) MiB are available") ?? false)
    let arena = try FloatArena(count: 1 << 20, device: device)
    #expect(arena.elements.allSatisfy { $0 == 0 })
    #expect(try device.freeByteCount() == free - (4 << 20))
    arena.elements[5] = 7
    arena.clear(4..<6)
    #expect(arena.elements[5] == 0)
    withExtendedLifetime(arena) {}
  }

  @Test("the fast profile keeps no matrix of scores, with dropout and with heads of 160 channels, either")
  func noScores() throws {
    // A matrix of scores of one head is larger than all else that operations take.
    let shape = try ModelConfiguration(layers: 1, heads: 1, width: 160, context: 100, vocabularySize: 16)
    let training = SampleTraining(configuration: shape, batch: 1, steps: 2)
    let dropout = try Dropout(probability: 0.3, seed: [UInt8](repeating: 7, count: 32))
    let device = try Device.cuda(0, threads: 1, profile: .fast, search: CUDATestTools.emulated())
    let before = try device.freeByteCount()
    let fast = try training.run(device: device, dropout: dropout)
    let exact = try training.run(device: .cpu(threads: 2), dropout: dropout)
    for (one, other) in zip(fast.reports, exact.reports) {
      #expect(abs(one.loss - other.loss) < 0.02 * other.loss)
      #expect(abs(one.gradientNorm - other.gradientNorm) < 0.05 * other.gradientNorm)
    }
    // What a training leaves is what its operations have taken for themselves.
    withExtendedLifetime(fast.state) {}
    let scores = shape.context * shape.context * MemoryLayout<Float>.stride
    let state = 3 * shape.parameterCount * MemoryLayout<Float>.stride
    #expect(before - (try device.freeByteCount()) - state < scores)
  }

  @Test("a training takes what was planned, in both profiles, with dropout and in micro-batches")
  func plannedMemory() throws {
    let shape = try ModelConfiguration(layers: 2, heads: 2, width: 24, context: 48, vocabularySize: 37)
    let training = SampleTraining(configuration: shape, batch: 3, steps: 1)
    for profile in NumericProfile.allCases {
      for dropout in try [nil, Dropout(probability: 0.1, seed: [UInt8](repeating: 7, count: 32))] {
        let device = try Device.cuda(0, threads: 1, profile: profile, search: CUDATestTools.emulated())
        let before = try device.freeByteCount()
        let plan = try MemoryPlan(configuration: shape, batch: 3, device: device)
        let state = try TrainingState(configuration: shape, device: device)
        let trainer = try Trainer(
          state: state, optimizer: OptimizerConfiguration(), dropout: dropout, batch: 3,
          microBatch: plan.microBatch, device: device)
        let evaluator = try Evaluator(state: state, batch: plan.evaluationBatch, device: device)
        for step in 0..<2 { try trainer.step(sequences: training.sequences(step: step)) }
        _ = try evaluator.meanLoss(sequences: training.sequences(step: 2))
        let used = before - (try device.freeByteCount())
        #expect(used <= plan.byteCount && used * 100 >= plan.byteCount * 95, "\(profile): \(used), \(plan)")
      }
    }
  }

  @Test("a step that finds no memory is told, and the GPU works on with the same bits when there is some")
  func outOfMemory() throws {
    let training = try Self.training.get()
    let expected = try training.run(device: .cpu(threads: 1))
    let device = try gpu()
    let state = try TrainingState(configuration: training.configuration, device: device)
    try state.initializeWeights(seed: (0..<32).map { UInt8($0) })
    let trainer = try Trainer(
      state: state,
      optimizer: OptimizerConfiguration(
        learningRate: 1e-2, gradientClip: 0.5, warmupSteps: 3, totalSteps: training.steps),
      batch: training.batch, device: device)
    // Somebody else has the rest.
    var other: FloatArena? = try FloatArena(count: device.freeByteCount() / 4 - 16, device: device)
    #expect(throws: ComputeError.outOfMemory(bytes: 0)) {
      try trainer.step(sequences: training.sequences(step: 0))
    }
    #expect(!device.hasFailed && state.step == 0)
    #expect(throws: ComputeError.outOfMemory(bytes: 0)) {
      try trainer.step(sequences: training.sequences(step: 0))
    }
    withExtendedLifetime(other) {}
    other = nil
    for step in 0..<training.steps { try trainer.step(sequences: training.sequences(step: step)) }
    #expect(state.root == expected.state.root)
  }

  @Test("1,000 steps leave nothing behind")
  func thousandSteps() throws {
    let shape = try ModelConfiguration(layers: 1, heads: 1, width: 4, context: 2, vocabularySize: 5)
    let training = SampleTraining(configuration: shape, batch: 1, steps: 1)
    let device = try gpu(threads: 1)
    let free = try device.freeByteCount()
    do {
      let state = try TrainingState(configuration: shape, device: device)
      let trainer = try Trainer(state: state, optimizer: OptimizerConfiguration(), batch: 1, device: device)
      let sequences = training.sequences(step: 0).map { $0.map { min($0, 4) } }
      for _ in 0..<2 { try trainer.step(sequences: sequences) }
      let used = try device.freeByteCount()
      let graphs = try CUDATestTools.emulatedGraphs()
      for _ in 2..<1000 { try trainer.step(sequences: sequences) }
      #expect(try device.freeByteCount() == used)
      let after = try CUDATestTools.emulatedGraphs()
      #expect(after.count == graphs.count && after.launches == graphs.launches + 998)
    }
    // What operations keep for themselves goes with the device.
    withExtendedLifetime(device) {}
    #expect(try device.freeByteCount() >= free - (64 << 10))
  }

  @Test("a step and a token of several texts run as graphs, which are made anew when their sizes change")
  func graphs() throws {
    let training = try Self.training.get()
    let device = try gpu()
    let before = try CUDATestTools.emulatedGraphs()
    let found = try training.run(device: device)
    // The first step is run, the second and later ones are graphs.
    #expect(try CUDATestTools.emulatedGraphs().launches == before.launches + training.steps - 1)

    let cpu = try Device.cpu(threads: 1)
    let expected = try training.run(device: cpu)
    let texts = try [(found.state, device), (expected.state, cpu)].map { state, place in
      let generator = try TextGenerator(state: state, device: place)
      let samplers = try (0..<3).map {
        try Sampler(temperature: 1, topK: 10, seed: [UInt8](repeating: $0, count: 32))
      }
      // They end at different tokens: three texts, then two, then one.
      var left = [4, 9, 30]
      return try generator.generate(
        prompts: [[1, 2, 3], [4], [5, 6]], maxTokens: 30, samplers: samplers,
        onToken: { index, _ in
          left[index] -= 1
          return left[index] > 0
        })
    }
    #expect(texts[0] == texts[1] && texts[0].map(\.count) == [4, 9, 30])
    let launched = try CUDATestTools.emulatedGraphs()
    #expect(launched.launches >= before.launches + training.steps - 1 + 20)
  }

  @Test("trainings and their devices leave nothing in the GPU's memory")
  func leaks() throws {
    func freeByteCount() throws -> Int { try gpu().freeByteCount() }
    let before = try freeByteCount()
    let graphs = try CUDATestTools.emulatedGraphs().count
    for _ in 0..<3 { _ = try Self.training.get().run(device: gpu()) }
    #expect(try freeByteCount() == before)
    #expect(try CUDATestTools.emulatedGraphs().count == graphs)
  }

  @Test("a GPU that is not there")
  func otherOrdinal() throws {
    let search = try CUDATestTools.emulated()
    let missing = ComputeError.deviceUnavailable(device: "cuda:2", reason: "the driver has 2 devices")
    #expect(throws: missing) { try Device.cuda(2, threads: 1, search: search) }
    #expect(missing.message == "cuda:2 can't be used: the driver has 2 devices")
    #expect(try Device.open(.automatic, threads: 1, search: search).gpu?.ordinal == 0)
    let nowhere = CUDALibrarySearch(explicit: [.driver: "/nowhere/libcuda.so.1"], environment: [:])
    #expect(try Device.open(.automatic, threads: 1, search: nowhere).gpu == nil)
    #expect(throws: ComputeError.self) { try Device.open(.cuda(0), threads: 1, search: nowhere) }
  }

  @Test("names of devices")
  func names() {
    #expect(DeviceChoice("cpu") == .cpu && DeviceChoice("auto") == .automatic)
    #expect(DeviceChoice("cuda") == .cuda(0) && DeviceChoice("cuda:12") == .cuda(12))
    #expect(DeviceChoice("cuda:1,0") == .together([1, 0]))
    for name in [
      "", "gpu", "cuda:", "cuda:-1", "cuda:1a", "cuda:9999", "CUDA", "cuda:+1", " cpu", "cuda:0,0", "cuda:0,",
      "cuda:,1", "cuda:0, 1",
    ] {
      #expect(DeviceChoice(name) == nil, "\(name)")
    }
    for choice in [DeviceChoice.cpu, .cuda(3), .together([0, 2, 1]), .automatic] {
      #expect(DeviceChoice(choice.description) == choice)
    }
  }
}
