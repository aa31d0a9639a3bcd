import EmethKit
import Foundation

/// Adds the masked updates of a cohort (PROTOCOL 8). It sees vectors in which no update shows, and their sum;
/// nothing of data, models or keys.
public struct Aggregator: Sendable {
  /// The most parts whose exact sum fits: 511 · (2^22 − 1) < 2^31.
  public static let maximumParts = MaskedSum.maximumParts

  let key: PrivateKey
  let store: ContentStore
  let domain: EIP712Domain
  /// Its own folder, where it remembers the fault that it has shown.
  let folder: URL
  let fault: NodeFault?

  /// An Aggregator with its key, its view of the store, and its own folder.
  ///
  /// - Parameter fault: Something that it does wrong once, to be caught; `nil` is an honest one.
  public init(
    key: PrivateKey, store: ContentStore, domain: EIP712Domain, folder: URL, fault: NodeFault? = nil
  ) {
    self.key = key
    self.store = store
    self.domain = domain
    self.folder = folder
    self.fault = fault
  }

  /// The account that signs sums.
  public var address: Address { key.address }

  /// Adds the vectors that the members of a roster have posted, stores the sum, and signs for it.
  ///
  /// - Parameters:
  ///   - offer: The roster, as the members have it.
  ///   - masked: The members' words on their vectors, in the roster's order.
  ///   - again: Whether an earlier sum of the same vectors was wrong.
  /// - Returns: The signed sum, encoded as a `CohortMessage`.
  /// - Throws: ``NetworkError``: `malformed` for other messages, `missingObject` and `corruptObject` for vectors
  ///   that are not what was signed for.
  public func add(
    _ offer: Data, masked: [Data], again: Bool, work: VectorWork
  ) throws(NetworkError) -> Data {
    guard case .offer(let roster, _) = try CohortMessage(wire: offer) else {
      throw .malformed(what: "message to the Aggregator", reason: "it is no roster")
    }
    var roots: [Bytes32] = []
    for message in masked {
      guard case .masked(let signed) = try CohortMessage(wire: message) else {
        throw .malformed(what: "message to the Aggregator", reason: "it is no word on a masked vector")
      }
      roots.append(signed.content.maskedRoot)
    }
    var sum = try work.sum(of: roots.map { root throws(NetworkError) in try store.vector(root, work: work) })
    if fault == .wrongSum, !again, try lies(on: roster) { Self.disturb(&sum) }
    let root = work.root(of: sum)
    try store.put(vector: sum, root: root)
    return try asNetworkError {
      let content = CohortSum(roster: roster, maskedRoots: roots, sumRoot: root)
      return try CohortMessage.cohortSum(SignedCohortSum(signing: content, in: domain, with: key)).wire()
    }
  }

  /// Whether this is the sum on which the fault is shown: the first one. A marker remembers which it was.
  private func lies(on roster: Roster) throws(NetworkError) -> Bool {
    let marker = folder.appending(path: "fault")
    let name = "\(roster.hash)"
    guard FileManager.default.fileExists(atPath: marker.path) else {
      try Files.makeFolder(folder)
      try Files.write(Data(name.utf8), to: marker)
      return true
    }
    return String(decoding: try Files.read(marker), as: UTF8.self) == name
  }

  private static func disturb(_ sum: inout Data) {
    guard let first = sum.first else { return }
    sum[sum.startIndex] = first ^ 1
  }
}
