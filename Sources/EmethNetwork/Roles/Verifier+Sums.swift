import EmethKit
import Foundation

/// A verifier's part in a masked sum (PROTOCOL 8). It knows the updates that it recomputed, keeps them to
/// itself until the sum has checked, and vouches for each with one number.
extension Verifier {
  /// Its share of a checkable sum.
  func share(
    of update: Data, subJob: JobID, round: UInt32, beacon: Bytes32, work: VectorWork
  ) throws(NetworkError) -> Data {
    let projection = try work.projection(of: update, beacon: beacon)
    let isWrong = [.accusingVerifier, .wrongShare, .falseRoot].contains(fault)
    let value = isWrong ? SumProjection.sum(projection.value, 1) : projection.value
    return try asNetworkError {
      let share = try SumShare(jobID: subJob, round: round, beacon: beacon, value: value)
      return try CohortMessage.sumShare(SignedSumShare(signing: share, in: domain, with: key)).wire()
    }
  }

  /// Examines what a node opened of its round secret: the verifier's word on the vector that it posted.
  ///
  /// - Parameter sealed: `nil` when the node did not open in time.
  func examine(
    _ sealed: Data?, update: Data, masked: SignedMasked, roster: Roster
  ) throws(NetworkError) -> Data {
    var expected = Bytes32.zero
    if let sealed, let opening = open(sealed), opening.jobID == masked.content.jobID {
      do {
        expected = try update.withUnsafeBytes { try opening.maskedRoot(of: $0, roster: roster) }
      } catch AggregationError.library(let cause) {
        throw NetworkError(cause)
      } catch {
        // Whatever else is wrong with an opening is the node's doing.
      }
    }
    if fault == .accusingVerifier {
      expected = SHA256.hash(Array("a lie".utf8) + masked.content.maskedRoot.bytes)
    }
    let word = MaskedFault(of: masked.content, expectedRoot: expected)
    return try asNetworkError {
      try CohortMessage.maskedFault(SignedMaskedFault(signing: word, in: domain, with: key)).wire()
    }
  }

  private func open(_ sealed: Data) -> RoundOpening? {
    guard let bytes = try? OpeningStream.open(sealed, with: [key.sealingIdentity()]),
      case .opening(let opening)? = try? CohortMessage(wire: Data(bytes))
    else { return nil }
    return opening
  }

  // MARK: - Updates that were recomputed

  /// Keeps an update until its sum has checked: its hash, then its bytes. Without waiting for the disk, since
  /// it can be computed again.
  func keep(_ update: Data, of subJob: JobID) throws(NetworkError) {
    guard let file = updateFile(subJob) else { return }
    try Files.makeFolder(file.deletingLastPathComponent())
    let hash = update.withUnsafeBytes { SHA256.hash($0) }
    try Files.write(Data(hash.bytes) + update, to: file, durable: false, mode: 0o600)
  }

  /// The update that was kept; `nil` when it is gone or damaged.
  func update(of subJob: JobID) -> Data? {
    guard let file = updateFile(subJob), let data = try? Files.read(file), data.count >= 32
    else { return nil }
    let update = data.dropFirst(32)
    let hash = update.withUnsafeBytes { SHA256.hash($0) }
    return Data(hash.bytes) == data.prefix(32) ? update : nil
  }

  /// Deletes the update.
  func forget(_ subJob: JobID) throws(NetworkError) {
    if let file = updateFile(subJob) { try Files.remove(file) }
  }

  private func updateFile(_ subJob: JobID) -> URL? { folder?.appending(path: "updates/\(subJob)") }
}
