import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// A training job as the flags describe it: the request, and the data that it names by hash.
struct RequestedJob: Sendable {
  let request: TrainingRequest
  let dataSet: Data
  let initialParameters: Data?
  let tokenizer: any Tokenizer

  /// - Parameters:
  ///   - dataSet: the data set's bytes.
  ///   - check: the checking that the segments are cut for.
  ///   - asking: the checking that is part of the request; `nil` leaves it to the network.
  init(
    _ options: ModelOptions, tokenizer: any Tokenizer, name: String, dataSet: Data, parallel: Int,
    rounds: Int?, cutFor check: SegmentCheck, privacy: PrivacyOptions, fuelPrice: FuelPrice,
    timeLimit: Duration, retry: RetryPolicy, asking: SegmentCheck? = nil
  ) throws {
    var initialParameters: Data?
    if let folder = options.initialModelFolder {
      let contents = try ModelFolder.read(from: URL(filePath: folder))
      initialParameters = withExtendedLifetime(contents) { Data(buffer: contents.parameters.elements) }
    }
    let initialHash = initialParameters.map { bytes in bytes.withUnsafeBytes { SHA256.hash($0) } }
    self.dataSet = dataSet
    self.initialParameters = initialParameters
    self.tokenizer = tokenizer
    request = TrainingRequest(
      manifest: try TrainingManifest(
        options, tokenizer: tokenizer, rounds: rounds, parts: parallel, check: check,
        initialParameters: initialHash, privacy: privacy),
      dataSetName: name, dataSet: dataSet.withUnsafeBytes { SHA256.hash($0) },
      tokenizer: tokenizer is ByteTokenizer ? nil : LocalNetwork.place(of: tokenizer),
      initialParameters: initialHash, parallel: UInt32(parallel), fuelPrice: fuelPrice,
      ruleSet: RuleSet.standard.name, timeLimitSeconds: UInt64(timeLimit / .seconds(1)), retry: retry,
      check: asking)
  }

  /// Stores the data set, the tokenizer and the initial model where the job will be worked on.
  func store(in network: LocalNetwork) throws {
    try network.keep(dataSet: dataSet)
    if let initialParameters { try network.store.put(initialParameters) }
    if request.tokenizer != nil { _ = try network.keep(tokenizer) }
  }
}
