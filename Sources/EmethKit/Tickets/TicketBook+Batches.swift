extension TicketBook {
  /// Takes in a batch, with the tickets of its public file when they are at hand.
  ///
  /// - Throws: ``TicketError``: those of ``Signed/check(signers:in:)`` and ``Batch/check(leaves:)``;
  ///   `equivocation` for a second batch of an epoch, `brokenChain`, `totalFell` or `wrongTime` when it does
  ///   not fit the batches around it, `leafMissing`, `payoutFell`, `ticketConflict` or `wrongEpoch` when its
  ///   leaves don't fit the tickets that are held. The first three are kept in ``conflicts``.
  @discardableResult
  public mutating func add(_ batch: SignedBatch, leaves: [Ticket]? = nil) throws(TicketError) -> Addition {
    try batch.check(signers: signers, in: domain)
    return try insert(batch, leaves: leaves)
  }

  /// Takes in a batch whose signature was checked.
  @discardableResult
  mutating func insert(_ batch: SignedBatch, leaves: [Ticket]? = nil) throws(TicketError) -> Addition {
    let epoch = batch.batch.epoch
    try batch.batch.checkStart()
    let known = batches[epoch]
    if let known, known.digest != batch.digest {
      keepConflict(known, batch)
      throw .equivocation(epoch: epoch)
    }
    if known == nil { try checkAgainstNeighbours(batch) }
    if let leaves { try add(leaves, of: batch.batch) }
    if known != nil { return .known }
    batches[epoch] = batch
    epochs.insert(epoch)
    return epochs.first(above: epoch) == nil ? .newest : .older
  }

  private mutating func checkAgainstNeighbours(_ batch: SignedBatch) throws(TicketError) {
    let lower = epochs.last(below: batch.batch.epoch).flatMap { batches[$0] }
    let upper = epochs.first(above: batch.batch.epoch).flatMap { batches[$0] }
    for (before, after) in [(lower, batch), (batch, upper)] {
      guard let before, let after else { continue }
      do throws(TicketError) {
        if after.batch.epoch - before.batch.epoch == 1 {
          try after.batch.check(after: before.batch, in: domain)
        } else {
          try after.batch.checkNothingFell(since: before.batch)
        }
      } catch {
        keepConflict(before, after)
        throw error
      }
    }
  }

  /// Keeps two batches as evidence, if they are any: times out of order are not.
  private mutating func keepConflict(_ one: SignedBatch, _ other: SignedBatch) {
    let conflict = BatchConflict(one, other)
    let isEvidence = (try? conflict.check(signers: signers, in: domain)) != nil
    if isEvidence, conflicts.count < Self.conflictLimit, !conflicts.contains(conflict) {
      conflicts.append(conflict)
    }
  }

  private mutating func add(_ leaves: [Ticket], of batch: Batch) throws(TicketError) {
    try batch.check(leaves: leaves)
    for leaf in leaves { try checkAgainstHeld(leaf, newestUntil: batch.epoch) }
    let byAccount = Dictionary(uniqueKeysWithValues: leaves.map { ($0.account, $0) })
    // Every account with a ticket of this epoch or an earlier one is a leaf, here and in later batches.
    for (account, entry) in entries where byAccount[account] == nil {
      let tickets = [entry.signed?.ticket, entry.proven?.ticket].compactMap { $0 }
      if tickets.contains(where: { $0.epoch <= batch.epoch }) { throw .leafMissing(account: account) }
    }
    guard let published else {
      self.published = (batch.epoch, byAccount)
      return
    }
    let isLater = published.epoch < batch.epoch
    let (before, after) = isLater ? (published.leaves, byAccount) : (byAccount, published.leaves)
    for account in before.keys where after[account] == nil { throw .leafMissing(account: account) }
    let end = min(published.epoch, batch.epoch)
    for leaf in after.values where leaf.epoch <= end && before[leaf.account] == nil {
      throw .leafMissing(account: leaf.account)
    }
    if isLater { self.published = (batch.epoch, byAccount) }
  }

  /// The batch of an epoch, when it is known.
  public func batch(of epoch: UInt64) -> SignedBatch? { batches[epoch] }

  /// The batch of the highest epoch.
  public var newestBatch: SignedBatch? { epochs.ranges.last.flatMap { batches[$0.upperBound] } }

  /// The epochs from 1 to the newest batch's of which no batch is known.
  public var gaps: [ClosedRange<UInt64>] { epochs.gaps }
}
