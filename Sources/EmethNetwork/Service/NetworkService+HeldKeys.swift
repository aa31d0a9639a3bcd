import EmethKit
import Foundation
import Synchronization

/// Jobs whose requester holds the keys of the parts (PROTOCOL 5, Docs/Decisions/0050): a node claims a SubJob, the
/// requester's process writes the header, and only then the node's deposit is locked.
extension NetworkService {
  /// Checks what a requester gives in the place of a data set, as far as that can be seen without the keys.
  func check(_ division: HeldDivision, of request: TrainingRequest) throws(NetworkError) {
    guard !request.manifest.masksVocabulary, request.manifest.privacy == nil else {
      throw .badSetting(
        name: "division", found: "a division of the requester's own, with noise or a masked vocabulary",
        allowed: "one of them: the seeds of both are the Splitter's")
    }
    let parts = division.plan.parts
    guard parts.count == Int(request.parallel), division.parts.count == parts.count,
      Set(division.parts).count == parts.count, parts.allSatisfy({ $0.noiseRoot == nil })
    else {
      throw .badSetting(
        name: "division", found: "\(parts.count) parts and \(division.parts.count) payloads",
        allowed: "\(request.parallel) of both, each payload once, without noise")
    }
    let leaves = division.plan.recordCount.multipliedReportingOverflow(by: 32)
    let given = try byteCount(ofDataSet: request.dataSet)
    guard !leaves.overflow, given == leaves.partialValue else {
      throw .badSetting(
        name: "division", found: "\(division.plan.recordCount) records and another number of leaves",
        allowed: "32 bytes for each record in the data set's place")
    }
    for (part, object) in zip(parts, division.parts) {
      guard try store.contains(object) else { throw .missingObject(hash: object) }
      let found = store.byteCount(of: object) ?? 0
      let allowed = try asNetworkError {
        try HeldDivision.payloadByteCount(of: part, context: Int(request.manifest.model.context))
      }
      guard found == allowed else {
        throw .badSetting(
          name: "division", found: "a payload of \(found) bytes for part \(part.index)",
          allowed: "\(allowed) bytes for its \(part.count) records")
      }
    }
  }

  /// How long after it last asked for errands a requester's process counts as there.
  private static let presenceSeconds: UInt64 = 90

  /// Notes that an account's process asks for headers to write.
  func noteKeyHolder(_ account: Address) {
    let now = clock.milliseconds / 1_000
    keyHolders.withLock { holders in
      holders = holders.filter { $0.value + Self.presenceSeconds > now }
      holders[account] = now
    }
  }

  /// Why a node can't claim a SubJob of a job with held keys; nil when it can.
  ///
  /// - Parameter now: seconds.
  func obstacle(
    to node: Address, claiming record: SubJobRecord, of requester: Address, at now: UInt64
  ) -> (code: String, message: String)? {
    if let claim = record.machine.claim {
      if claim.node != node, now < claim.expiresAt {
        return (
          "job.claimed", "SubJob \(record.id) is claimed by \(claim.node) until \(claim.expiresAt)"
        )
      }
      // Who claims and does not take leaves it to others for a while.
      let again = claim.expiresAt + UInt64(record.machine.parameters.claimSeconds)
      if claim.node == node, claim.expiresAt <= now, now < again {
        return ("subJob.claimLapsed", "account \(node) may claim SubJob \(record.id) again at \(again)")
      }
    }
    // Another server may have seen it.
    if database.isShared { return nil }
    let seen = keyHolders.withLock { $0[requester] }
    if let seen, now < seen + Self.presenceSeconds { return nil }
    return (
      "subJob.requesterAway",
      "the process that holds the keys of SubJob \(record.id) is away: nobody could open the part"
    )
  }

  /// Claims a SubJob whose requester holds the keys, and asks the requester for the header. Asked again, it says how that
  /// stands.
  ///
  /// - Parameter binding: the node's word on a key that is for this SubJob alone: should the part turn out damaged, the
  ///   node shows its secret.
  /// - Throws: ``NetworkError/refused(code:message:hint:)`` where this account may not have the SubJob, or not now.
  public func claim(
    _ subJob: JobID, by node: Address, binding: SignedKeyBinding
  ) throws(NetworkError) -> SubJobClaim {
    let time = clock.milliseconds / 1_000
    try asNetworkError { try binding.check(at: time, account: node, in: domain) }
    try binding.binding.checkRecipient()
    return try database.write { db in
      var (record, parent) = try JobStore.withParent(subJob, in: db)
      guard parent.request.division != nil else {
        throw NetworkError.refused(
          code: "subJob.notHeld",
          message: "the keys of SubJob \(subJob) are the network's: it is taken at once", hint: nil)
      }
      let now = try milliseconds(in: db)
      if record.status == .processing, record.machine.node == node {
        return SubJobClaim(expiresAt: record.machine.deadline, headerExists: true)
      }
      if let claim = record.machine.claim, claim.node == node, now / 1_000 < claim.expiresAt,
        record.notes.partKey?.binding.sealingKey == binding.binding.sealingKey
      {
        let header = try writtenHeader(for: record, in: db)
        return SubJobClaim(expiresAt: claim.expiresAt, headerExists: header != nil)
      }
      let account = try ClaimingAccount(node, in: db)
      try checkMayTake(record, of: parent, by: node, account, at: now, in: db)
      try note(node, as: "node", knownAs: account.role, in: db)
      try ErrandStore.removeSilent(.header, about: subJob, at: now / 1_000, in: db)
      record.notes.partKey = binding
      let expiresAt = now / 1_000 + UInt64(record.machine.parameters.claimSeconds)
      let key = node.bytes + binding.binding.sealingKey.bytes + expiresAt.bigEndianBytes
      let question = Errand.Question.header(
        HeaderRequest(subJob: subJob, position: record.position, binding: binding))
      record.notes.headerErrand = ErrandStore.id(.header, of: parent.job.requester, subJob: subJob, key: key)
      try ExecutionLayer.apply(
        .claim(by: node, cooldownOver: true, depositAvailable: account.unspent), to: &record,
        parent: &parent, at: now / 1_000, in: db)
      _ = try ErrandStore.ask(
        question, of: parent.job.requester, key: key, job: parent.job.id, due: expiresAt, at: now / 1_000,
        in: db)
      return SubJobClaim(expiresAt: expiresAt, headerExists: false)
    }
  }

  /// The answer to the last claim on a SubJob; nil while there is none.
  private func writtenHeader(for record: SubJobRecord, in db: SQLSession) throws -> WrittenHeader? {
    guard let id = record.notes.headerErrand, let errand = try ErrandStore.record(id, in: db) else {
      return nil
    }
    return try errand.answer.map { try WrittenHeader(wireText: $0) }
  }

  /// The header with which a node that has claimed a SubJob may take it.
  ///
  /// - Parameter now: seconds.
  func heldHeader(
    for record: SubJobRecord, node: Address, at now: UInt64, in db: SQLSession
  ) throws -> Data {
    func refused(_ code: String, _ message: String) -> NetworkError {
      .refused(code: code, message: message, hint: nil)
    }
    guard let claim = record.machine.claim, claim.node == node else {
      throw refused(
        "subJob.notClaimed",
        "the requester holds the keys of SubJob \(record.id): it is to be claimed before it is taken")
    }
    if let answer = try writtenHeader(for: record, in: db) {
      guard let header = answer.header else {
        throw refused(
          "subJob.headerRefused", "the requester writes no header of SubJob \(record.id) for \(node)")
      }
      return header.wrappedValue
    }
    guard now < claim.expiresAt else {
      throw refused(
        "subJob.notClaimed",
        "the claim on SubJob \(record.id) lapsed at \(claim.expiresAt): no header came")
    }
    throw refused(
      "subJob.headerAwaited", "the header of SubJob \(record.id) is awaited until \(claim.expiresAt)")
  }

  /// The longest header, in bytes: one recipient's takes 200.
  private static let headerByteLimit = 4_096

  /// Refuses an answer that can't be a header. Whether it opens the part the node alone can tell.
  func check(_ answer: WrittenHeader, to errand: Errand) throws(NetworkError) {
    guard let header = answer.header?.wrappedValue else { return }
    func refuse(_ reason: String) -> NetworkError {
      .malformed(what: "answer to errand \(errand.id)", reason: reason)
    }
    guard header.count <= Self.headerByteLimit else {
      throw refuse("the header has \(header.count) bytes, allowed are \(Self.headerByteLimit)")
    }
    var reader = SealedHeaderReader()
    let used: Int
    do {
      used = try header.withUnsafeBytes { try reader.read($0) }
      try reader.finish()
    } catch {
      throw refuse(NetworkError(error).message)
    }
    guard used == header.count else {
      throw refuse("there are \(header.count - used) bytes behind the header")
    }
  }

  /// Whether a node has shown that what its requester sealed for it does not open, or is another part.
  ///
  /// - Parameter identity: the secret of the key that it claimed the SubJob with, as text.
  /// - Returns: the hash of what was shown; nil where it shows nothing.
  func damage(of subJob: JobID, shownBy identity: String) throws(NetworkError) -> Bytes32? {
    let (record, parent) = try database.read { db in try JobStore.withParent(subJob, in: db) }
    guard parent.request.division != nil, record.status == .processing, let header = record.notes.header,
      let key = record.notes.partKey?.binding.sealingKey, let shown = try? SealingIdentity(identity),
      shown.recipient.key == key
    else { return nil }
    let part = try JobWorker.part(record.position.part, of: parent)
    let payload = try store.get(parent.progress.parts[Int(part.index)])
    let context = try Int(parent.request.training.manifest.model.context)
    let isSound: Bool
    do {
      let opened = try HeldPart.read(
        HeldPart.open(header: header.wrappedValue, payload: payload, with: [shown]))
      let data = try TrainingData(context: context, bytes: opened.records)
      isSound =
        PartRecords(data: data, firstRecord: part.firstRecord, secret: opened.secret).root == part.root
    } catch {
      isSound = false
    }
    return isSound ? nil : SHA256.hash(Array("damaged part".utf8) + subJob.bytes + Array(identity.utf8))
  }
}
