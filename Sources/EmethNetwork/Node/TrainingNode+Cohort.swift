import EmethCompute
import EmethKit
import Foundation

/// A node's part in a masked sum (PROTOCOL 8): it gives a key, masks its update, and if the sum is wrong
/// opens its round secret to its own verifier.
extension TrainingNode {
  /// What vectors are worked on with.
  struct Means {
    let work: VectorWork
    let device: Device
    let stop: StopFlag
  }

  /// Answers a message of a SubJob's cohort; `nil` is silence.
  ///
  /// The same question gets the same answer, byte for byte, also after a restart.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` for what an honest node refuses, see
  ///   `CohortMember`.
  func answer(_ message: Data, for subJob: JobID, with means: Means) throws(NetworkError) -> Data? {
    let message = try CohortMessage(wire: message)
    let vault = NodeVault(node: folder, subJob: subJob)
    guard let record = try vault.record() else {
      throw .malformed(what: "message to node \(address)", reason: "it has not computed SubJob \(subJob)")
    }
    switch message {
    case .form(let plan, _): return try announce(plan, of: record)
    case .offer(let roster, _): return try post(under: roster, of: record, in: vault, with: means)
    case .roundKey, .masked, .cohortSum, .sumShare, .opening, .maskedFault:
      throw .malformed(what: "message to node \(address)", reason: "it is not one that nodes are sent")
    }
  }

  /// Opens the round secret of the last attempt to a verifier that the submission was opened to, sealed to the key that it
  /// has bound to its account; `nil` is silence.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `node.notDrawn`, for anybody else.
  func openSecret(
    of subJob: JobID, to binding: SignedKeyBinding, verifier: Address, now: UInt64
  ) throws(NetworkError) -> Data? {
    _ = try shows(.dropAfterOpening, on: subJob)
    guard try opens(subJob, to: verifier) else { return nil }
    guard try openings(of: subJob)?.accounts.contains(verifier) == true else {
      throw .refused(
        code: "node.notDrawn",
        message:
          "node \(address) has not opened SubJob \(subJob) to \(verifier), which gets no round secret of it",
        hint: nil)
    }
    let file = NodeCohortFile(node: folder, subJob: subJob)
    guard let record = try NodeVault(node: folder, subJob: subJob).record(), let attempt = try file.attempt(),
      let roster = attempt.roster
    else {
      throw .malformed(
        what: "message to node \(address)", reason: "it has masked nothing of SubJob \(subJob)")
    }
    return try asNetworkError {
      try binding.check(at: now, account: verifier, in: domain)
      let opening = RoundOpening(
        jobID: subJob, round: record.assignment.position.round, attempt: roster.attempt,
        roundSecret: roundSecret(of: subJob, attempt: roster.attempt))
      var random = ChaCha20Generator(
        key: SHA256.hash(
          secret("opening", subJob: subJob).bytes + roster.attempt.bigEndianBytes + verifier.bytes))
      return Data(
        try SealingStream.seal(
          CohortMessage.opening(opening).wire(), to: [binding.content.recipient], using: &random))
    }
  }

  /// Whether it opens anything of a SubJob to a verifier: always, but for faults that it shows after it has posted its
  /// vector.
  func opens(_ subJob: JobID, to verifier: Address) throws(NetworkError) -> Bool {
    switch try markedFault(of: subJob) {
    case .dropAfterMask?, .hiddenPoison?: return false
    case .dropAfterOpening?, .guardedPoison?:
      let first = folder.appending(path: "fault-opened")
      guard FileManager.default.fileExists(atPath: first.path) else {
        try Files.write(Data("\(verifier)".utf8), to: first)
        return true
      }
      return String(decoding: try Files.read(first), as: UTF8.self) == "\(verifier)"
    default: return true
    }
  }

  private func announce(_ plan: CohortPlan, of record: NodeVault.Record) throws(NetworkError) -> Data? {
    let subJob = record.assignment.subJob
    if try shows(.dropBeforeKeys, on: subJob) { return nil }
    let file = NodeCohortFile(node: folder, subJob: subJob)
    let kept = try file.attempt()
    if let kept, kept.plan == plan { return try Self.key(of: member(of: kept, record).effects) }
    var memory = try file.memory()
    if let kept { memory.formUnion(try member(of: kept, record).member.memory) }
    let attempt = NodeCohortFile.Attempt(before: memory, plan: plan)
    let effects = try member(of: attempt, record).effects
    try file.keep(attempt)
    return try Self.key(of: effects)
  }

  private static func key(of effects: [CohortMember.Effect]) throws(NetworkError) -> Data? {
    for case .announce(let key) in effects {
      return try asNetworkError { try CohortMessage.roundKey(key).wire() }
    }
    return nil
  }

  private func post(
    under roster: Roster, of record: NodeVault.Record, in vault: NodeVault, with means: Means
  ) throws(NetworkError) -> Data? {
    let subJob = record.assignment.subJob
    if try shows(.dropBeforeMask, on: subJob) { return nil }
    for fault in [NodeFault.dropAfterMask, .poisonedUpdate, .hiddenPoison, .guardedPoison] {
      _ = try shows(fault, on: subJob)
    }
    let file = NodeCohortFile(node: folder, subJob: subJob)
    guard var attempt = try file.attempt() else {
      throw .malformed(what: "message to node \(address)", reason: "it gave no key for SubJob \(subJob)")
    }
    var (member, effects) = try member(of: attempt, record)
    effects += try asNetworkError { try member.apply(.offer(roster)) }
    if attempt.roster == nil {
      attempt.roster = roster
      try file.keep(attempt)
      try file.remember(member.memory)
    }
    for case .mask(let mask, let rosterHash) in effects {
      var vector = try keptUpdate(of: record, in: vault, on: means.device, stop: means.stop)
      if let fault = try markedFault(of: subJob),
        [.poisonedUpdate, .hiddenPoison, .guardedPoison].contains(fault)
      {
        vector = Update.negated(vector)
      }
      let root = try means.work.mask(&vector, with: mask)
      try store.put(vector: vector, root: root)
      return try asNetworkError {
        let stored = MaskedVector(root: root, byteCount: UInt64(vector.count))
        for case .post(let masked) in try member.apply(.stored(stored, rosterHash: rosterHash)) {
          return try CohortMessage.masked(masked).wire()
        }
        return nil
      }
    }
    return nil
  }

  /// The member that an attempt has led to, and what it was told to do last.
  private func member(
    of attempt: NodeCohortFile.Attempt, _ record: NodeVault.Record
  ) throws(NetworkError) -> (member: CohortMember, effects: [CohortMember.Effect]) {
    let submission = record.result.submission.submission
    var member = CohortMember(
      seat: CohortSeat(of: submission), round: submission.round, programHash: submission.programHash,
      initRoot: submission.initRoot, key: key, domain: domain, memory: attempt.before)
    return try asNetworkError {
      let secret = RoundSecret(roundSecret(of: submission.jobID, attempt: attempt.plan.attempt))
      var effects = try member.apply(.form(attempt.plan, secret))
      if let roster = attempt.roster { effects += try member.apply(.offer(roster)) }
      return (member, effects)
    }
  }

  /// Fresh for every attempt, and the same when the node starts again.
  private func roundSecret(of subJob: JobID, attempt: UInt32) -> Bytes32 {
    key.withSecretBytes {
      HMACSHA256.authenticate(
        Array("round secret".utf8) + subJob.bytes + attempt.bigEndianBytes, key: $0)
    }
  }
}

extension CohortMessage {
  /// The message as it travels.
  func wire() throws -> Data { try WireFormat.encoder.encode(self) }

  /// Reads a message that somebody sent.
  init(wire: Data) throws(NetworkError) {
    do {
      self = try JSONDecoder().decode(CohortMessage.self, from: wire)
    } catch {
      throw .malformed(what: "a cohort's message", reason: "\(error)")
    }
  }
}
