import EmethCompute
import EmethKit
import Foundation

/// What the Splitter has of a job.
extension Surroundings {
  /// A data set that the Splitter has. Networks of an earlier layout had it among the objects.
  func dataSet(_ hash: Bytes32) throws(NetworkError) -> Data {
    try splitterStore.contains(hash) ? splitterStore.get(hash) : store.get(hash)
  }

  /// How long a data set is.
  func byteCount(ofDataSet hash: Bytes32) throws(NetworkError) -> UInt64 {
    guard let count = splitterStore.byteCount(of: hash) ?? store.byteCount(of: hash) else {
      throw .missingObject(hash: hash)
    }
    return count
  }

  private func leavesKey(of job: JobID) -> String { "leaves-\(job)" }

  /// A file with the hashes of a job's record leaves; `nil` when they were not kept.
  func leavesFile(of job: JobID) throws(NetworkError) -> URL? {
    try splitterStore.place.file(of: leavesKey(of: job))
  }

  /// Keeps the hashes of a job's record leaves, which third parties get with its records.
  ///
  /// - Parameter leaves: 32 bytes each.
  func keep(leaves: Data, of job: JobID) throws(NetworkError) {
    let store = stores(for: job, .job).splitter
    try store.keeper?(leavesKey(of: job))
    try store.place.write(leaves, as: leavesKey(of: job), hash: nil, durable: true)
  }

  /// The hashes of a job's record leaves, 32 bytes each.
  func leaves(of record: JobRecord, plan: SplitPlan) throws(NetworkError) -> Data {
    if let file = try leavesFile(of: record.job.id) { return try Files.read(file) }
    // A job of an earlier layout, whose parts are not sealed.
    var hashes = Data()
    for (part, object) in zip(plan.parts, record.progress.parts) {
      let data = try TrainingData(
        context: Int(record.request.training.manifest.model.context), bytes: store.get(object))
      let leaves = PartRecords.leafHashes(
        data: data, firstRecord: part.firstRecord,
        secret: splitter.partSecret(of: record.job.id, part: part.index))
      for leaf in leaves { hashes.append(contentsOf: leaf.bytes) }
    }
    return hashes
  }

  /// The tokenizer of a request, checked against its manifest.
  func tokenizer(of request: TrainingRequest) throws(NetworkError) -> any Tokenizer {
    let tokenizer: any Tokenizer
    if let name = request.tokenizer {
      tokenizer = try asNetworkError { try TokenizerLoader.load(folder: folder.appending(path: name)) }
    } else {
      tokenizer = ByteTokenizer()
    }
    guard Bytes32(tokenizer.hash) == request.manifest.tokenizerHash else {
      throw .inconsistent(what: "the tokenizer is not the one that the manifest names")
    }
    return tokenizer
  }
}
