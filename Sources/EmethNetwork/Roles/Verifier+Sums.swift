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

  /// Hands what a node opened to it alone to another verifier, sealed to that one; nil where it has nothing to hand over.
  func handOver(
    _ sealed: Data?, of subJob: JobID, to binding: SignedKeyBinding, now: UInt64
  ) throws(NetworkError) -> Data? {
    guard let sealed, let opening = open(sealed), opening.jobID == subJob, let update = update(of: subJob),
      let salts = resultSalts(of: subJob)
    else { return nil }
    let handed = HandedUpdate(opening: opening, salts: salts, update: update)
    return try asNetworkError {
      try binding.check(at: now, account: binding.content.account)
      // The same bytes again after a restart.
      let seed = key.withSecretBytes {
        HMACSHA256.authenticate(
          Array("handed over".utf8) + subJob.bytes + opening.attempt.bigEndianBytes
            + binding.content.account.bytes, key: $0)
      }
      var random = ChaCha20Generator(key: seed)
      return Data(
        try SealingStream.seal(handed.encoded(), to: [binding.content.recipient], using: &random))
    }
  }

  /// Its word on a posted vector from what another verifier has handed to it; nil where that does not show that the node
  /// masked another update.
  func weigh(_ handed: Data, masked: SignedMasked, roster: Roster) throws(NetworkError) -> Data? {
    guard let bytes = try? OpeningStream.open(handed, with: [key.sealingIdentity()]),
      let handed = HandedUpdate(encoded: Array(bytes)),
      let expected = try handed.expectedRoot(of: masked, roster: roster, in: domain),
      expected != masked.content.maskedRoot
    else { return nil }
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
  ///
  /// - Parameter salts: Of an update's chunks under resultRoot.
  func keep(_ update: Data, salts: [Data], of subJob: JobID) throws(NetworkError) {
    guard let file = updateFile(subJob), let saltFile = saltFile(subJob) else { return }
    try Files.makeFolder(file.deletingLastPathComponent())
    if !salts.isEmpty { try Files.write(salts.reduce(Data(), +), to: saltFile, durable: false, mode: 0o600) }
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

  /// The salts of its chunks; nil when they are gone.
  private func resultSalts(of subJob: JobID) -> [Data]? {
    guard let file = saltFile(subJob), let data = try? Files.read(file), data.count % 16 == 0 else {
      return nil
    }
    return stride(from: 0, to: data.count, by: 16).map {
      data[data.startIndex + $0..<data.startIndex + $0 + 16]
    }
  }

  /// Deletes the update.
  func forget(_ subJob: JobID) throws(NetworkError) {
    for file in [updateFile(subJob), saltFile(subJob)] {
      if let file { try Files.remove(file) }
    }
  }

  private func saltFile(_ subJob: JobID) -> URL? { folder?.appending(path: "updates/\(subJob).salts") }

  private func updateFile(_ subJob: JobID) -> URL? { folder?.appending(path: "updates/\(subJob)") }
}
