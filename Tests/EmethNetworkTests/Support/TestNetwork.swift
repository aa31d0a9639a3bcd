import EmethCompute
import EmethKit
import Foundation

@testable import EmethNetwork

/// A folder that is deleted with the value that made it.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "emeth-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  /// One whose path counts.
  init(at path: String) throws {
    url = URL(filePath: path)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}

/// Small networks and jobs that train in a second.
enum TestNetwork {
  /// English-like sentences, the same on every machine.
  static func text(sentences: Int = 260) -> String {
    let subjects = [
      "the miller", "a heron", "my neighbour", "the old clock", "every child", "the north wind",
    ]
    let verbs = ["counts", "carries", "forgets", "mends", "follows", "praises"]
    let objects = [
      "the silver bell", "seven stones", "a letter", "the morning", "its own shadow", "the long road",
    ]
    var generator = ChaCha20Generator(key: SHA256.hash(Array("sentences".utf8)))
    return (0..<sentences).map { _ in
      let pick = { (words: [String]) in words[Int(generator.below(UInt32(words.count)))] }
      return "\(pick(subjects)) \(pick(verbs)) \(pick(objects)).\n"
    }.joined()
  }

  static func seed(_ number: UInt64 = 1) -> Bytes32 { SHA256.hash(Array("test \(number)".utf8)) }

  static func manifest(
    model: ModelShape? = nil, rounds: UInt32 = 2, steps: UInt32 = 5, segment: UInt32 = 2, seed: UInt64 = 1,
    outer: TrainingManifest.OuterOptimizer = .diloco
  ) throws -> TrainingManifest {
    let optimizer = TrainingManifest.Optimizer(
      learningRate: try DecimalNumber("0.01"), beta1: try DecimalNumber("0.9"),
      beta2: try DecimalNumber("0.95"),
      epsilon: try DecimalNumber("0.00000001"), weightDecay: try DecimalNumber("0.1"),
      gradientClip: try DecimalNumber("1"))
    return try TrainingManifest(
      model: model
        ?? ModelShape(layers: 1, heads: 2, width: 16, context: 16, vocabularySize: 256),
      tokenizerHash: Bytes32(ByteTokenizer().hash) ?? .zero, seed: self.seed(seed), batch: 3,
      optimizer: optimizer,
      stepsPerRound: steps, rounds: rounds, segmentLength: segment, outer: outer, quantiserExponent: 22)
  }

  static func request(
    _ network: LocalNetwork, manifest: TrainingManifest, parallel: UInt32 = 3, text: String = text(),
    ruleSet: String = "standard", attempts: UInt32 = 3
  ) throws -> TrainingRequest {
    TrainingRequest(
      manifest: manifest, dataSetName: "sentences", dataSet: try network.keep(dataSet: Data(text.utf8)),
      tokenizer: nil,
      initialParameters: nil, parallel: parallel, fuelPrice: FuelPrice(gholon: 120), ruleSet: ruleSet,
      timeLimitSeconds: 86_400, retry: RetryPolicy(attempts: attempts, baseDelayMilliseconds: 100, factor: 4))
  }

  /// Runs one job on a new network and returns its report; the folder goes when the result does.
  static func run(
    settings: NetworkSettings, manifest: TrainingManifest? = nil, parallel: UInt32 = 3, threads: Int = 2,
    ruleSet: String = "standard", attempts: UInt32 = 3
  ) async throws -> Finished {
    let folder = try TemporaryFolder()
    let network = try LocalNetwork(folder: folder.url, seed: seed(), settings: settings)
    let job = try network.submit(
      request(
        network, manifest: try manifest ?? self.manifest(), parallel: parallel, ruleSet: ruleSet,
        attempts: attempts))
    let report = try await network.work(on: job, threads: threads)
    return Finished(folder: folder, network: network, job: job, report: report)
  }

  struct Finished {
    let folder: TemporaryFolder
    let network: LocalNetwork
    let job: JobID
    let report: JobReport
  }
}

extension JobReport {
  /// The report without the figures that differ between equal runs.
  var comparable: String {
    get throws {
      var copy = self
      copy.tokensPerSecond = 0
      copy.verification.seconds = 0
      copy.verification.traceShare = 0
      copy.aggregation.seconds = 0
      copy.model = nil
      return try copy.wireText()
    }
  }
}
