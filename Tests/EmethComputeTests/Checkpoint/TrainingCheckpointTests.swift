import Foundation
import Testing

@testable import EmethCompute

@Suite struct TrainingCheckpointTests {
  private static let seed = (0..<32).map { UInt8($0) }

  private func checkpoint(_ training: SampleTraining, dropout: Double = 0) throws -> TrainingCheckpoint {
    try TrainingCheckpoint(
      configuration: training.configuration,
      optimizer: OptimizerConfiguration(
        learningRate: 0.012_345_678_901_234_567, gradientClip: 0.5, warmupSteps: 3,
        totalSteps: training.steps,
        schedule: .linear),
      dropout: dropout, batch: training.batch, seed: Self.seed,
      dataSetHash: [UInt8](repeating: 0xAB, count: 32),
      tokenizerHash: ByteTokenizer().hash, trainingByteCount: 1234)
  }

  private func start(_ training: SampleTraining) throws -> TrainingState {
    let state = try TrainingState(configuration: training.configuration)
    try state.initializeWeights(seed: Self.seed)
    return state
  }

  /// Takes the steps up to `end` and records their losses.
  private func train(
    _ training: SampleTraining, _ checkpoint: inout TrainingCheckpoint, _ state: TrainingState, to end: Int,
    threads: Int
  ) throws {
    let trainer = try Trainer(
      state: state, optimizer: checkpoint.optimizer, dropout: checkpoint.dropout, batch: checkpoint.batch,
      device: .cpu(threads: threads))
    while checkpoint.step < end {
      checkpoint.losses.append(try trainer.step(sequences: training.sequences(step: checkpoint.step)).loss)
    }
  }

  @Test("a training that is stopped at any step goes on to the same bits", arguments: [0, 0.25])
  func resuming(dropout: Double) throws {
    let training = try TrainerTests.training()
    var whole = try checkpoint(training, dropout: dropout)
    let expected = try start(training)
    try train(training, &whole, expected, to: training.steps, threads: 1)
    for stop in 0...training.steps {
      let folder = try TemporaryFolder()
      let url = folder.url.appendingPathComponent("model.checkpoint")
      var (kept, state) = (try checkpoint(training, dropout: dropout), try start(training))
      do {
        let writer = try CheckpointFolder(creating: url, tokenizer: ByteTokenizer())
        try train(training, &kept, state, to: stop, threads: 2)
        kept.evaluations = (0..<stop).map { .init(step: $0, loss: 0.1 + Double($0) / 3) }
        try writer.write(kept, state)
      }
      let reader = try CheckpointFolder(opening: url)
      var found: TrainingCheckpoint
      (found, state) = try reader.read(device: .cpu(threads: 3))
      #expect(found == kept)
      #expect(try reader.tokenizer(of: found) is ByteTokenizer)
      #expect(found.sequencesTaken == stop * training.batch)
      try train(training, &found, state, to: training.steps, threads: 3)
      #expect(state.root == expected.root && found.losses == whole.losses, "stopped at \(stop)")
      try reader.remove()
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
  }

  @Test("a folder is one process's, is not written over, and loses what a kill left")
  func folders() throws {
    let folder = try TemporaryFolder()
    let url = folder.url.appendingPathComponent("c")
    let training = try TrainerTests.training()
    #expect(throws: ComputeError.checkpointMissing(path: url.path)) { try CheckpointFolder(opening: url) }
    do {
      let first = try CheckpointFolder(creating: url, tokenizer: ByteTokenizer())
      #expect(throws: ComputeError.checkpointInUse(path: url.path)) {
        try CheckpointFolder(creating: url, tokenizer: ByteTokenizer())
      }
      _ = first
    }
    // Nothing has been kept yet, so there is nothing to lose.
    #expect(throws: ComputeError.checkpointMissing(path: url.path)) { try CheckpointFolder(opening: url) }
    do {
      let second = try CheckpointFolder(creating: url, tokenizer: ByteTokenizer())
      try second.write(checkpoint(training), start(training))
    }
    #expect(throws: ComputeError.checkpointExists(path: url.path)) {
      try CheckpointFolder(creating: url, tokenizer: ByteTokenizer())
    }
    try Data([1, 2, 3]).write(to: url.appendingPathComponent(".checkpoint.safetensors.Ab3d5f"))
    let again = try CheckpointFolder(opening: url)
    #expect(try again.read().checkpoint == checkpoint(training))
    let names = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
    #expect(
      names == [
        "checkpoint.safetensors", "merges.txt", "tokenizer.json", "tokenizer_config.json", "vocab.json",
      ])
  }

  @Test("a state that is not finite is never kept, and the checkpoint before stays")
  func notFinite() throws {
    let folder = try TemporaryFolder()
    let training = try TrainerTests.training()
    let (kept, state) = (try checkpoint(training), try start(training))
    let writer = try CheckpointFolder(
      creating: folder.url.appendingPathComponent("c"), tokenizer: ByteTokenizer())
    try writer.write(kept, state)
    let root = state.root
    let tensor = try #require(state.layout["h.1.mlp.c_fc.weight"])
    state.parameters[tensor.offset + 7] = .infinity
    #expect(throws: ComputeError.notFinite(step: 0, tensor: "h.1.mlp.c_fc.weight")) {
      try writer.write(kept, state)
    }
    state.parameters[tensor.offset + 7] = 0
    state.secondMoments[tensor.offset] = .nan
    #expect(throws: ComputeError.notFinite(step: 0, tensor: "second moment of h.1.mlp.c_fc.weight")) {
      try writer.write(kept, state)
    }
    #expect(try writer.read().state.root == root)
  }

  @Test("other data than the training began with are refused")
  func otherData() throws {
    let kept = try checkpoint(TrainerTests.training())
    try kept.check(dataSetHash: kept.dataSetHash, trainingByteCount: 1234)
    var hash = kept.dataSetHash
    hash[31] ^= 1
    let error = #expect(throws: ComputeError.self) {
      try kept.check(dataSetHash: hash, trainingByteCount: 1234)
    }
    #expect(error?.code == "compute.resumeMismatch" && error?.message.contains("abab") == true)
    #expect(throws: ComputeError.self) { try kept.check(dataSetHash: kept.dataSetHash, trainingByteCount: 1) }
  }

  @Test("every field of the settings is checked")
  func settings() throws {
    var kept = try checkpoint(TrainerTests.training())
    kept.losses = [1, 2]
    kept.evaluations = [.init(step: 0, loss: 3.25), .init(step: 2, loss: 1e-9)]
    let text = kept.settings
    let (read, steps) = try TrainingCheckpoint.decode(settings: text, path: "f")
    #expect(steps == 2 && read.evaluations == kept.evaluations && read.optimizer == kept.optimizer)
    #expect(read.dropout == nil && read.profile == .reproducible)
    let changes: [(String, String)] = [
      (#""batch":5"#, #""batch":0"#), (#""batch":5"#, #""batch":9223372036854775807"#),
      (#""batch":5"#, #""batch":"5""#), (#""batch":5,"#, ""), (#""batch":5,"#, #""batch":5,"more":1,"#),
      (#""step":2"#, #""step":3"#), (#""step":2"#, #""step":-1"#), (#""step":2"#, #""step":5"#),
      (#""sequencesTaken":10"#, #""sequencesTaken":11"#), ("[2,1e-09]", "[3,1e-09]"),
      ("[2,1e-09]", "[0,1e-09]"),
      ("[2,1e-09]", "[2]"), ("[2,1e-09]", "[2,1e999]"), (#""layers":2"#, #""layers":0"#),
      (#""heads":2"#, #""heads":5"#), (#""width":24"#, #""width":1e3"#), (#""beta1":0.9"#, #""beta1":1"#),
      (#""beta2":0.95"#, #""beta2":-1"#), (#""epsilon":1e-08"#, #""epsilon":0"#),
      (#""momentsStart":0"#, #""momentsStart":1"#), ("linear", "sine"),
      (#""totalSteps":4"#, #""totalSteps":1"#),
      (#""warmupSteps":3"#, #""warmupSteps":-3"#), (#""weightDecay":0.1"#, #""weightDecay":null"#),
      (#""gradientClip":0.5"#, #""gradientClip":0"#), (#""minimumRatio":0.1"#, #""minimumRatio":1.5"#),
      (#""dropout":0.0"#, #""dropout":1"#), (#""dropout":0.0"#, #""dropout":-0.1"#),
      (#""dropout":0.0,"#, ""), (#""profile":"reproducible""#, #""profile":"exact""#),
      (#""profile":"reproducible","#, ""), ("abab", "abaB"), ("abab", "ab"),
      (#""trainingByteCount":1234"#, #""trainingByteCount":0"#),
      (#""seed":"00"#, #""seed":""#), ("{", "["), ("1234}", "1234"),
    ]
    for (from, to) in changes {
      let range = try #require(text.range(of: from), "\(from)")
      let changed = text.replacingCharacters(in: range, with: to)
      let error = #expect(throws: ComputeError.self, "\(from) to \(to)") {
        try TrainingCheckpoint.decode(settings: changed, path: "f")
      }
      #expect(error?.code == "compute.malformedFile", "\(from) to \(to)")
    }
  }

  @Test("a file with any byte changed or cut off is refused, and bounds what is reserved for it")
  func hostileFiles() throws {
    let folder = try TemporaryFolder()
    let training = SampleTraining(
      configuration: try ModelConfiguration(layers: 1, heads: 1, width: 2, context: 3, vocabularySize: 5),
      batch: 2,
      steps: 3)
    var (kept, state) = (try checkpoint(training), try start(training))
    try train(training, &kept, state, to: 2, threads: 1)
    let file = folder.url.appendingPathComponent("f")
    try kept.write(state, to: file, device: nil)
    let bytes = [UInt8](try Data(contentsOf: file))
    var random = try RandomInput("hostile checkpoint")
    for _ in 0..<400 * RandomInput.scale {
      var broken = bytes
      let place = try random.below(bytes.count)
      broken[place] ^= UInt8(1 + (try random.below(255)))
      let cut = Array(bytes[..<(try random.below(bytes.count))])
      for variant in [broken, cut] {
        // Spaces that pad the header stand for nothing.
        do {
          let read = try TrainingCheckpoint.read(
            SafetensorsFile(data: Data(variant), url: file), device: nil)
          #expect(read.checkpoint == kept && read.state.root == state.root, "byte \(place)")
        } catch {
          #expect(error.code == "compute.malformedFile", "byte \(place): \(error)")
        }
      }
    }
    // A model of 2^36 parameters that the file does not have.
    let range = try #require(kept.settings.range(of: #""layers":1"#))
    let huge = kept.settings.replacingCharacters(in: range, with: #""layers":1000"#)
      .replacing(#""width":2"#, with: #""width":1000"#)
    let writer = try SafetensorsWriter(
      file, tensors: [],
      metadata: [
        "format": TrainingCheckpoint.format, "settings": huge, "stateRoot": String(repeating: "0", count: 64),
        "checksum": String(repeating: "0", count: 64),
      ])
    try writer.finish()
    let error = #expect(throws: ComputeError.self) { try TrainingCheckpoint.read(from: file, device: nil) }
    #expect(error?.message.contains("length of all tensors is 0 bytes") == true)
  }
}
