import EmethCompute
import EmethKit
import Foundation

/// Turns a data set into the records of program 1 and divides them (PROTOCOL 4).
public struct Splitter: Sendable {
  /// A data set, converted and divided.
  public struct Division: Sendable {
    /// The plan that third parties check.
    public var plan: SplitPlan
    /// The hashes of all record leaves, in order, 32 bytes each.
    public var leaves: Data
    /// The records of each part.
    public var parts: [TrainingData]
    /// The records of the validation share, which no node gets.
    public var validation: TrainingData
  }

  /// The key from which part secrets follow.
  let key: PrivateKey

  /// The secret of one part, from which its record salts follow. The node that takes the part learns it.
  func partSecret(of job: JobID, part: UInt32) -> Bytes32 {
    key.withSecretBytes {
      HMACSHA256.authenticate(Array("part secret".utf8) + job.bytes + part.bigEndianBytes, key: $0)
    }
  }

  /// Divides `dataSet` into `parts` parts for `job`.
  func divide(_ dataSet: DataSet, job: JobID, parts: UInt32) throws(NetworkError) -> Division {
    let training = dataSet.training
    let context = dataSet.context
    let ranges = try asNetworkError {
      try SplitPlan.ranges(recordCount: UInt64(training.count), parts: parts)
    }
    var leaves: [Bytes32] = []
    leaves.reserveCapacity(training.count)
    var divided: [TrainingData] = []
    for (part, range) in ranges.enumerated() {
      let start = training.bytes.startIndex + Int(range.lowerBound) * training.recordSize
      let end = training.bytes.startIndex + Int(range.upperBound) * training.recordSize
      let data = try TrainingData(context: context, bytes: training.bytes[start..<end])
      leaves += PartRecords.leafHashes(
        data: data, firstRecord: range.lowerBound, secret: partSecret(of: job, part: UInt32(part)))
      divided.append(data)
    }
    let plan = try asNetworkError {
      let plan = try SplitPlan(leafHashes: leaves, parts: parts)
      try plan.check(leafHashes: leaves)
      return plan
    }
    var hashes = Data(capacity: 32 * leaves.count)
    for leaf in leaves { leaf.withUnsafeBytes { hashes.append(contentsOf: $0) } }
    return Division(plan: plan, leaves: hashes, parts: divided, validation: dataSet.validation)
  }
}
