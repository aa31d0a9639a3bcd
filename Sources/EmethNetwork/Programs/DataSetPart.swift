import EmethKit
import Foundation

/// Records of any kind that make up a part of a data set, with their salted leaves.
struct DataSetPart {
  let bytes: Data
  let leaves: [Bytes32]

  /// Cuts a part into its records.
  ///
  /// - Parameters:
  ///   - firstRecord: the first one's place in the data set.
  ///   - secret: what the records' salts follow from.
  init(bytes: Data, kind: RecordKind, firstRecord: UInt64, secret: Bytes32) throws(NetworkError) {
    let whole = Array(bytes)
    let ranges = try asNetworkError { try kind.records(in: whole) }
    self.init(whole[...], ranges: ranges, firstRecord: firstRecord, secret: secret)
  }

  fileprivate init(_ whole: ArraySlice<UInt8>, ranges: [Range<Int>], firstRecord: UInt64, secret: Bytes32) {
    bytes = Data(whole)
    leaves = ranges.enumerated().map { index, range in
      SplitPlan.recordLeafHash(
        salt: SplitPlan.recordSalt(partSecret: secret, index: firstRecord + UInt64(index)),
        record: whole[range])
    }
  }

  /// Root of the leaves.
  var root: Bytes32 { StateTree(leafHashes: leaves).root }
}

extension Splitter {
  /// A data set of records, divided for a job.
  struct DividedRecords {
    var plan: SplitPlan
    var leaves: [Bytes32]
    var parts: [Data]
  }

  /// Divides a data set of records.
  func divide(
    _ dataSet: Data, named name: String, _ kind: RecordKind, job: JobID, parts: UInt32
  ) throws(NetworkError) -> DividedRecords {
    let whole = Array(dataSet)
    return try asNetworkError {
      let records = try kind.records(in: whole)
      let ranges = try SplitPlan.ranges(recordCount: UInt64(records.count), parts: parts)
      let divided = ranges.enumerated().map { index, range in
        let own = Array(records[Int(range.lowerBound)..<Int(range.upperBound)])
        let bytes = (own.first?.lowerBound ?? 0)..<(own.last?.upperBound ?? 0)
        return DataSetPart(
          whole[bytes], ranges: own, firstRecord: range.lowerBound,
          secret: partSecret(of: job, part: UInt32(index)))
      }
      let leaves = divided.flatMap(\.leaves)
      let plan = try SplitPlan(leafHashes: leaves, parts: parts)
      try plan.check(leafHashes: leaves)
      return DividedRecords(plan: plan, leaves: leaves, parts: divided.map(\.bytes))
    }
  }
}
