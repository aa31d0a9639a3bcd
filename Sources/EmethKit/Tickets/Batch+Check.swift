extension Batch {
  /// Checks that this batch may follow another: the chain, the epoch, and what must never fall.
  ///
  /// - Parameters:
  ///   - previous: The batch before.
  ///   - domain: The domain of both, which the chain's digest depends on.
  /// - Throws: ``TicketError/wrongEpoch(found:allowed:)``, ``TicketError/brokenChain(found:expected:)``,
  ///   ``TicketError/totalFell(field:found:before:)``, ``TicketError/wrongTime(from:to:notBefore:)``.
  public func check(after previous: Batch, in domain: EIP712Domain) throws(TicketError) {
    let (next, overflow) = previous.epoch.addingReportingOverflow(1)
    guard !overflow, epoch == next else {
      throw .wrongEpoch(found: epoch, allowed: "the one after \(previous.epoch)")
    }
    let digest = previous.digest(in: domain)
    guard previousBatch == digest else { throw .brokenChain(found: previousBatch, expected: digest) }
    try checkNothingFell(since: previous)
  }

  /// Checks that these are the batch's leaves: root, public file, total, and that no leaf is of a later
  /// epoch.
  ///
  /// - Parameter leaves: The newest ticket of every account, in any order.
  /// - Throws: ``TicketError/duplicateAccount(_:)``, ``TicketError/wrongEpoch(found:allowed:)``,
  ///   ``TicketError/accountsRootMismatch(found:expected:)``,
  ///   ``TicketError/dataHashMismatch(found:expected:)``,
  ///   ``TicketError/totalPayoutMismatch(found:expected:)``, ``TicketError/wrongTime(from:to:notBefore:)``.
  public func check(leaves: [Ticket]) throws(TicketError) {
    guard toTime >= fromTime else { throw .wrongTime(from: fromTime, to: toTime, notBefore: fromTime) }
    try TicketTrees.checkUnique(leaves)
    for leaf in leaves {
      guard leaf.epoch <= epoch else { throw .wrongEpoch(found: leaf.epoch, allowed: "at most \(epoch)") }
    }
    let root = TicketTrees.accountsRoot(of: leaves)
    guard root == accountsRoot else { throw .accountsRootMismatch(found: root, expected: accountsRoot) }
    let hash = SHA256.hash(TicketTrees.leavesFile(leaves))
    guard hash == dataHash else { throw .dataHashMismatch(found: hash, expected: dataHash) }
    let total = try Batch.totalPayout(of: leaves)
    guard total == totalPayout else { throw .totalPayoutMismatch(found: total, expected: totalPayout) }
  }

  /// Checks what holds for a batch without its predecessor: epochs count from 1, and the first has none.
  ///
  /// - Throws: ``TicketError/wrongEpoch(found:allowed:)``, ``TicketError/brokenChain(found:expected:)``.
  func checkStart() throws(TicketError) {
    guard epoch > 0 else { throw .wrongEpoch(found: epoch, allowed: "1 or above") }
    guard epoch > 1 || previousBatch == .zero else {
      throw .brokenChain(found: previousBatch, expected: .zero)
    }
  }

  /// Checks what never falls, against any batch of an earlier epoch.
  ///
  /// - Throws: ``TicketError/totalFell(field:found:before:)``,
  ///   ``TicketError/wrongTime(from:to:notBefore:)``.
  func checkNothingFell(since earlier: Batch) throws(TicketError) {
    guard totalPayout >= earlier.totalPayout else {
      throw .totalFell(field: "totalPayout", found: totalPayout.holon, before: earlier.totalPayout.holon)
    }
    guard totalBurned >= earlier.totalBurned else {
      throw .totalFell(field: "totalBurned", found: totalBurned.holon, before: earlier.totalBurned.holon)
    }
    guard depositsSeen >= earlier.depositsSeen else {
      throw .totalFell(
        field: "depositsSeen", found: UInt256(depositsSeen), before: UInt256(earlier.depositsSeen))
    }
    guard fromTime >= earlier.toTime, toTime >= fromTime else {
      throw .wrongTime(from: fromTime, to: toTime, notBefore: earlier.toTime)
    }
  }
}
