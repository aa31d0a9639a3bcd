import EmethKit

/// Carries job events out: machines, ledger and records change in the caller's transaction, or nothing does.
enum ExecutionLayer {
  // MARK: - Parents

  /// Registers a requester's job: the escrow leaves the spendable balance.
  static func register(_ record: JobRecord, at time: UInt64, in db: SQLSession) throws {
    for effect in record.machine.requestEffects { try carry(effect, of: record.job, at: time, in: db) }
    try JobStore.insert(record, in: db)
  }

  /// Applies an event to a parent and carries out its effects; SubJobs that end with it are ended.
  static func apply(_ event: ParentEvent, to record: inout JobRecord, at time: UInt64, in db: SQLSession)
    throws
  {
    let wasFinal = record.status.isFinal
    let effects = try record.machine.apply(event, at: time)
    if record.reason.isEmpty, record.status.isFinal { record.reason = record.machine.reason ?? "" }
    try JobStore.update(record, in: db)
    for effect in effects {
      if case .endSubJobs(let ids) = effect {
        for id in ids {
          var subJob = try JobStore.subJob(id, in: db)
          // A submitted SubJob runs to its end: its node has done the work. One that is accepted has come there.
          if subJob.awaitsVerdict { continue }
          try apply(
            .endWithParent(parentStatus: record.status), to: &subJob, parent: &record, at: time, in: db)
        }
      } else {
        try carry(effect, of: record.job, at: time, in: db)
      }
    }
    if record.status.isFinal, !wasFinal {
      let job = record.job
      // Whoever drives the job seals it, however often it is killed before.
      if record.awaitsSealing {
        try db.execute(sql: "INSERT INTO sealing (job) VALUES (?)", arguments: ["\(job.id)"])
      }
      try settle(
        JobLeaf(
          jobID: job.id, programID: job.programID, status: record.status, fuelUsed: .zero,
          fuelPrice: job.fuelPrice,
          payout: .zero),
        of: job.requester, in: db)
    }
  }

  private static func carry(_ effect: ParentEffect, of job: Job, at time: UInt64, in db: SQLSession) throws {
    switch effect {
    case .escrow(let requester, let amount):
      try Ledger.transfer(
        amount, from: (requester, .unspent), to: (requester, .locked), reason: "escrow", job: job.id,
        at: time, in: db)
    case .refund(let requester, let amount):
      try Ledger.transfer(
        amount, from: (requester, .locked), to: (requester, .unspent), reason: "rest of the escrow",
        job: job.id,
        at: time, in: db)
    case .endSubJobs:
      throw NetworkError.inconsistent(what: "job \(job.id) ends SubJobs before its records were changed")
    }
  }

  // MARK: - SubJobs

  /// Registers a SubJob under its parent; its escrow comes out of the parent's.
  ///
  /// The parent's record is the caller's to store (``JobStore/update(_:in:)``): once for all that are registered with it,
  /// however many.
  static func register(
    _ job: Job, notBefore: UInt64, parameters: JobParameters = .standard, parent: inout JobRecord,
    at time: UInt64, in db: SQLSession
  ) throws {
    guard let position = job.position else {
      throw NetworkError.inconsistent(what: "SubJob \(job.id) has no place in a parent")
    }
    let isNew =
      try SQLRow.fetchOne(db, sql: "SELECT 1 FROM subJob WHERE id = ?", arguments: ["\(job.id)"]) == nil
    let machine = try JobMachine(
      request: job, by: .executionLayer(parentRequester: parent.job.requester), idIsUnused: isNew,
      fundsAvailable: parent.machine.escrow, parameters: parameters)
    // The parent's machine takes the escrow out itself: that is this event, not a transfer in the ledger.
    guard try parent.machine.apply(.registerSubJob(job), at: time).isEmpty else {
      throw NetworkError.inconsistent(what: "the registration of SubJob \(job.id) has effects")
    }
    try JobStore.insert(
      SubJobRecord(machine: machine, notes: SubJobNotes(notBefore: notBefore), position: position), in: db)
  }

  /// Applies an event to a SubJob and carries out its effects.
  static func apply(
    _ event: JobEvent, to record: inout SubJobRecord, parent: inout JobRecord, at time: UInt64,
    in db: SQLSession
  ) throws {
    let effects = try record.machine.apply(event, at: time)
    if record.notes.reason.isEmpty, record.status.isFinal {
      record.notes.reason = record.machine.reason ?? ""
    }
    try JobStore.update(record, in: db)
    for effect in effects {
      switch effect {
      case .lockDeposit(let node, let amount):
        try Ledger.transfer(
          amount, from: (node, .unspent), to: (node, .locked), reason: "deposit", job: record.id, at: time,
          in: db)
      case .settleSubJob(let settlement, _, let node, let verifier, let second):
        try pay(
          settlement, of: record.machine, requester: parent.job.requester, node: node,
          verifiers: [verifier, second].compactMap { $0 },
          at: time, in: db)
        try apply(
          .subJobEnded(record.id, record.status, returned: settlement.requester), to: &parent, at: time,
          in: db)
      case .escrow, .escrowFromParent, .settle:
        throw NetworkError.inconsistent(what: "SubJob \(record.id) asked for a requester's own escrow")
      }
    }
  }

  /// Pays a SubJob's settlement: fees to payouts, deposits to spendable balances. The requester's share stays
  /// locked: it goes back to the parent's escrow. Several verifiers share their part evenly.
  private static func pay(
    _ settlement: Settlement, of machine: JobMachine, requester: Address, node: Address?,
    verifiers: [Address], at time: UInt64, in db: SQLSession
  ) throws {
    let job = machine.job
    func move(_ amount: TokenAmount, _ source: (Address, Pot), _ target: (Address, Pot), _ reason: String)
      throws
    {
      try Ledger.transfer(amount, from: source, to: target, reason: reason, job: job.id, at: time, in: db)
    }
    // The escrow pays what does not go back to it: the node's fee first, then the verifier's part.
    let fromEscrow = try settlement.escrowReleased.subtracting(settlement.requester)
    let verifierFromEscrow = try fromEscrow.subtracting(settlement.nodeFee)
    let verifierFromDeposit = try settlement.verifier.subtracting(verifierFromEscrow)
    if let node {
      try move(settlement.nodeFee, (requester, .locked), (node, .payout), "fee")
      try move(settlement.nodeDeposit, (node, .locked), (node, .unspent), "deposit back")
      try move(settlement.burned, (node, .locked), (Ledger.outside, .burned), "penalty")
    } else if settlement.node != .zero || settlement.burned != .zero {
      throw NetworkError.inconsistent(what: "SubJob \(job.id) pays a node that it does not have")
    }
    guard settlement.verifier == .zero || !verifiers.isEmpty else {
      throw NetworkError.inconsistent(what: "SubJob \(job.id) pays a verifier that it does not have")
    }
    func shares(_ amount: TokenAmount) -> [(verifier: Address, share: TokenAmount)] {
      Array(zip(verifiers, amount.split(into: max(1, verifiers.count)))).map { ($0.0, $0.1) }
    }
    for (verifier, share) in shares(verifierFromEscrow) {
      try move(share, (requester, .locked), (verifier, .payout), "verifier's fee")
    }
    if let node {
      for (verifier, share) in shares(verifierFromDeposit) {
        try move(share, (node, .locked), (verifier, .payout), "verifier's fee from the deposit")
      }
    }
    func leaf(_ payout: TokenAmount) -> JobLeaf {
      JobLeaf(
        jobID: job.id, programID: job.programID, status: machine.status, fuelUsed: machine.fuelUsed ?? .zero,
        fuelPrice: job.fuelPrice, payout: payout)
    }
    if let node { try settle(leaf(settlement.nodeFee), of: node, in: db) }
    for (verifier, share) in shares(settlement.verifier) { try settle(leaf(share), of: verifier, in: db) }
  }

  /// Notes a settled job for its account's next ticket.
  private static func settle(_ leaf: JobLeaf, of account: Address, in db: SQLSession) throws {
    try db.execute(
      sql: "INSERT INTO settled (account, epoch, leaf) VALUES (?, NULL, ?)",
      arguments: ["\(account)", try leaf.wireText()])
  }
}
