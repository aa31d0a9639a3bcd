import EmethKit
import Foundation

/// The salted record leaves of one part: their root, and the path of each.
struct PartRecords {
  let data: TrainingData
  let firstRecord: UInt64
  let secret: Bytes32
  private let tree: StateTree

  init(data: TrainingData, firstRecord: UInt64, secret: Bytes32) {
    self.data = data
    self.firstRecord = firstRecord
    self.secret = secret
    tree = StateTree(leafHashes: Self.leafHashes(data: data, firstRecord: firstRecord, secret: secret))
  }

  /// The leaf hashes of a part's records, in order.
  static func leafHashes(data: TrainingData, firstRecord: UInt64, secret: Bytes32) -> [Bytes32] {
    (0..<data.count).map { index in
      SplitPlan.recordLeafHash(
        salt: SplitPlan.recordSalt(partSecret: secret, index: firstRecord + UInt64(index)),
        record: data.record(index))
    }
  }

  var root: Bytes32 { tree.root }

  func salt(_ index: Int) -> [UInt8] {
    SplitPlan.recordSalt(partSecret: secret, index: firstRecord + UInt64(index))
  }

  func proof(of index: Int) -> [Bytes32] { tree.proof(of: index) }
}
