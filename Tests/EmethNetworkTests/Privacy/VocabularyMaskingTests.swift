import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Training on relabelled tokens, undone for the requester.
@Suite struct VocabularyMaskingTests {
  private func manifest(
    masked: Bool, initialWeights: TrainingManifest.InitialWeights = .seed
  ) throws -> TrainingManifest {
    let plain = try TestNetwork.manifest(rounds: 3, steps: 8)
    return try TrainingManifest(
      model: plain.model, tokenizerHash: plain.tokenizerHash, seed: plain.seed, batch: plain.batch,
      optimizer: plain.optimizer, initialWeights: initialWeights, stepsPerRound: plain.stepsPerRound,
      rounds: plain.rounds, segmentLength: plain.segmentLength, outer: plain.outer,
      quantiserExponent: plain.quantiserExponent, masksVocabulary: masked)
  }

  private func parameters(of model: URL) throws -> [Float] {
    let contents = try ModelFolder.read(from: model)
    return withExtendedLifetime(contents) { Array(contents.parameters.elements) }
  }

  @Test func theRequesterGetsTheModelThatTheUnmaskedTrainingGives() async throws {
    let settings = try NetworkSettings(nodes: 3)
    let masked = try await TestNetwork.run(settings: settings, manifest: manifest(masked: true))
    #expect(masked.report.status == "VERIFIED")
    let model = masked.folder.url.appending(path: "model")
    try masked.network.exportModel(of: masked.job, to: model)
    try masked.network.exportRecords(of: masked.job, report: masked.report, to: model)

    // The same training, unmasked, from the weights that the relabelling makes of the seed's.
    let mask = try #require(
      try masked.network.vocabularyMask(of: masked.job, manifest: manifest(masked: true)))
    let start = try TrainingState(configuration: ModelConfiguration(manifest(masked: true).model))
    try start.initializeWeights(seed: manifest(masked: true).seed.bytes)
    try start.unmask(mask)
    let weights = start.parameterBytes()
    let folder = try TemporaryFolder()
    let network = try LocalNetwork(folder: folder.url, seed: TestNetwork.seed(), settings: settings)
    let hash = try network.store.put(weights)
    var request = try TestNetwork.request(
      network, manifest: manifest(masked: false, initialWeights: .model(hash)))
    request.initialParameters = hash
    let job = try network.submit(request)
    let plain = try await network.work(on: job, threads: 2)
    let plainModel = folder.url.appending(path: "model")
    try network.exportModel(of: job, to: plainModel)

    let pairs = zip(masked.report.rounds, plain.rounds)
    #expect(masked.report.rounds.count == 3 && plain.rounds.count == 3)
    for (left, right) in pairs {
      #expect(abs(left.validationLoss - right.validationLoss) < 1e-4)
      #expect(abs(left.trainLoss - right.trainLoss) < 1e-4)
    }
    #expect(abs(try #require(masked.report.initialLoss) - #require(plain.initialLoss)) < 1e-5)
    #expect(try #require(plain.validationLoss) < #require(plain.initialLoss) - 0.3)
    let distances = try zip(parameters(of: model), parameters(of: plainModel)).map { abs($0 - $1) }
    #expect(try #require(distances.max()) < 2e-3)
    // Masked, the embedding lies in another order, so the nodes' model is another one.
    #expect(masked.report.stateRoot != plain.stateRoot)
  }

  @Test func nobodyButTheRequesterSeesTheTokens() async throws {
    let settings = try NetworkSettings(nodes: 3)
    let masked = try await TestNetwork.run(settings: settings, manifest: manifest(masked: true))
    let record = try masked.network.database.read { db in try JobStore.job(masked.job, in: db) }
    let mask = try #require(
      try masked.network.vocabularyMask(of: masked.job, manifest: manifest(masked: true)))
    let dataSet = try DataSet(
      name: "sentences", bytes: Data(TestNetwork.text().utf8), tokenizer: ByteTokenizer(), context: 16)
    var sequence = 0
    // Nobody but the nodes can open the parts; what they get is cut from the same sequences.
    let division = try Splitter(key: masked.network.keys.splitter).divide(
      dataSet.relabelled(by: mask), job: masked.job, parts: 3)
    #expect(record.progress.plan?.parts.map(\.root) == division.plan.parts.map(\.root))
    for part in division.parts {
      for index in 0..<part.count {
        let expected = try mask.masked(dataSet.training.tokens(sequence))
        #expect(part.tokens(index) == expected)
        sequence += 1
      }
    }
    #expect(sequence == dataSet.training.count)
    let validation = try #require(record.progress.validation)
    let held = try TrainingData(context: 16, bytes: masked.network.splitterStore.get(validation))
    #expect(try held.tokens(0) == mask.masked(dataSet.validation.tokens(0)))
  }

  @Test func theFolderChecksWithTheRequestersKeyAndWithoutItOnlyTheNodesModel() async throws {
    let masked = try await TestNetwork.run(
      settings: NetworkSettings(nodes: 3), manifest: manifest(masked: true))
    let model = masked.folder.url.appending(path: "model")
    try masked.network.exportModel(of: masked.job, to: model)
    try masked.network.exportRecords(of: masked.job, report: masked.report, to: model)
    try masked.network.signFolder(of: masked.job, at: model)
    let key = model.appending(path: "job/vocabulary-mask")
    let mode = try FileManager.default.attributesOfItem(atPath: key.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    for check in try JobFolder(model).check() {
      #expect(check.holds, "\(check.what): \(check.problem ?? "")")
    }

    let other = try Data(contentsOf: key)
    try Data("\(SHA256.hash([1]))\n".utf8).write(to: key)
    #expect(try JobFolder(model).check().contains { $0.problem?.contains("state root") == true })
    try Data("0x12\n".utf8).write(to: key)
    #expect(try JobFolder(model).check().contains { !$0.holds })
    try FileManager.default.removeItem(at: key)
    #expect(try JobFolder(model).check().contains { $0.problem?.contains("state root") == true })
    try other.write(to: key)
    #expect(try JobFolder(model).check().allSatisfy(\.holds))
  }

  @Test func maskingAndUnmaskingAreInverse() throws {
    let state = try TrainingState(configuration: ModelConfiguration(manifest(masked: true).model))
    try state.initializeWeights(seed: TestNetwork.seed().bytes)
    let before = state.parameterBytes()
    let mask = try VocabularyMask(key: TestNetwork.seed(), vocabularySize: 256)
    try state.mask(mask)
    let table = try #require(state.layout["wte.weight"])
    let width = table.count / 256
    for token in [0, 1, 100, 255] as [UInt32] {
      let start = table.offset + Int(mask.label(of: token)) * width
      let row = Array(state.parameters[start..<start + width]).map(\.bitPattern)
      let old = before.withUnsafeBytes { bytes in
        (0..<width).map {
          bytes.loadUnaligned(
            fromByteOffset: 4 * (table.offset + Int(token) * width + $0), as: UInt32.self)
        }
      }
      #expect(row == old)
    }
    #expect(state.parameterBytes() != before)
    try state.unmask(mask)
    #expect(state.parameterBytes() == before)
    let small = try VocabularyMask(key: .zero, vocabularySize: 255)
    #expect(throws: NetworkError.self) { try state.mask(small) }
  }
}
