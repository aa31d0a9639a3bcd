import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// Flags of `submit-job` beside those of a training.
enum RemoteJobOptions {
  static let program = Flag(
    "program", .integer(in: 1...Int(Int32.max)), default: Int(ProgramID.languageModelTraining.rawValue),
    help:
      "what is computed: 1 trains a language model, 2 generates text; 84, 999 and 10000 and up compute parts")
  static let fuelLimit = Flag(
    "fuel-limit", .fuel, absent: "what the formula gives", help: "most fuel that is paid for")
}

/// A training job on its way to a server: the request as the flags describe it, and the files that it names.
struct RemoteJob {
  private let request: TrainingRequest
  private let dataSet: URL
  private let initialParameters: Data?
  private let tokenizer: any Tokenizer
  private let fuelLimit: Fuel?

  /// - Parameter dataSet: the file that the request names by its hash.
  init(_ job: RequestedJob, dataSet: URL, fuelLimit: Fuel?) {
    request = job.request
    self.dataSet = dataSet
    initialParameters = job.initialParameters
    tokenizer = job.tokenizer
    self.fuelLimit = fuelLimit
  }

  /// Sends the files that are not there yet, then the request.
  func submit(to client: ServerClient) async throws -> JobID {
    let folder = FileManager.default.temporaryDirectory.appending(path: "emeth-submit-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await client.give(dataSet: dataSet, hash: request.dataSet)
    if let initialParameters, let hash = request.initialParameters {
      let file = folder.appending(path: "parameters")
      try initialParameters.write(to: file)
      try await client.give(object: file, hash: hash)
    }
    let submission = JobSubmission(
      salt: Bytes32(SystemRandom.bytes(32)) ?? .zero, manifest: request.manifest,
      dataSetName: request.dataSetName, dataSet: request.dataSet,
      tokenizer: try await giveTokenizer(to: client, in: folder),
      initialParameters: request.initialParameters,
      parallel: request.parallel, fuelLimit: fuelLimit, fuelPrice: request.fuelPrice,
      ruleSet: request.ruleSet, timeLimitSeconds: request.timeLimitSeconds, check: request.check)
    return try await client.submit(submission)
  }

  /// The tokenizer's files by name, which are there then; `nil` for bytes.
  private func giveTokenizer(to client: ServerClient, in folder: URL) async throws -> [String: Bytes32]? {
    guard request.tokenizer != nil else { return nil }
    let target = folder.appending(path: "tokenizer")
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: false)
    try tokenizer.write(to: target)
    var files: [String: Bytes32] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: target.path).sorted() {
      let file = target.appending(path: name)
      let hash = try Data(contentsOf: file).withUnsafeBytes { SHA256.hash($0) }
      try await client.give(object: file, hash: hash)
      files[name] = hash
    }
    return files
  }
}
