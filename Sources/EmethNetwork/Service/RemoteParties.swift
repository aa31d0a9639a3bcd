import EmethKit
import Foundation

/// Nodes and verifiers that are elsewhere: what they are asked are errands, and answers come later.
struct RemoteParties: Parties {
  let service: NetworkService
  let worker: JobWorker

  var id: JobID { worker.id }
  var database: NetworkDatabase { service.database }

  func nodeNumber(_ address: Address?) -> Int? { nil }

  func verifierNumber(_ address: Address) -> Int? { nil }

  // MARK: - Money

  // Verifiers bind their bonds for the network, not for one job.
  func lockBonds(at time: UInt64, in db: SQLSession) throws {}
  func releaseBonds(at time: UInt64, in db: SQLSession) throws {}

  func bond(of verifier: Address, in db: SQLSession) throws -> TokenAmount {
    try service.bond(of: verifier, in: db) ?? .zero
  }

  // MARK: - Computing

  func compute(_ round: UInt32) async throws(NetworkError) -> [SubJobRecord] {
    try database.read { db in
      let now = try service.seconds(in: db)
      return try JobStore.subJobs(of: id, round: round, in: [.requested, .processing], in: db).filter {
        $0.machine.dueAt <= now
      }
    }
  }

  // MARK: - Sums

  func ask(
    _ members: [(subJob: JobID, node: Address)], _ message: Data, due: UInt64
  ) throws(NetworkError) -> [(subJob: JobID, reply: Reply<Data>)] {
    let key = message.withUnsafeBytes { SHA256.hash($0) }.bytes
    return try database.write { db in
      let now = try service.seconds(in: db)
      return try members.map { member in
        let reply = try ErrandStore.ask(
          .cohort(subJob: member.subJob, message: HexText(wrappedValue: message)), of: member.node, key: key,
          job: id, due: due, at: now, in: db)
        return (member.subJob, try Self.message(reply))
      }
    }
  }

  func share(
    of update: VouchedUpdate, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<Data> {
    let record = update.subJob
    return try database.write { db in
      let now = try service.seconds(in: db)
      return try Self.message(
        try ErrandStore.ask(
          .share(subJob: record.id, round: round, beacon: beacon), of: update.verifier, key: beacon.bytes,
          job: id,
          due: now + UInt64(record.machine.parameters.verificationSeconds), at: now, in: db))
    }
  }

  func examine(
    _ update: VouchedUpdate, masked: SignedMasked, roster: Roster
  ) async throws(NetworkError) -> Reply<MaskAnswer> {
    let (record, verifier) = (update.subJob, update.verifier)
    guard let node = record.machine.node else { return .silent }
    return try database.write { db in
      let now = try service.seconds(in: db)
      guard let binding = try service.binding(of: verifier, in: db) else { return .silent }
      let opened = try ErrandStore.ask(
        .openSecret(subJob: record.id, binding: binding), of: node, key: roster.hash.bytes + verifier.bytes,
        job: id, due: now + UInt64(record.machine.parameters.openingSeconds), at: now, in: db)
      var sealed: HexText?
      switch opened {
      case .pending: return .pending
      case .silent: break
      case .given(let text): sealed = try MessageAnswer(wireText: text).message
      }
      let examined = try ErrandStore.ask(
        .examineMask(MaskExamination(sealed: sealed, masked: masked, roster: roster)), of: verifier,
        key: roster.hash.bytes, job: id, due: now + UInt64(record.machine.parameters.verificationSeconds),
        at: now, in: db)
      switch examined {
      case .pending: return .pending
      case .silent: return .silent
      case .given(let text):
        let word = try MessageAnswer(wireText: text).message?.wrappedValue
        return .given(MaskAnswer(word: word, isOpened: sealed != nil))
      }
    }
  }

  func handOver(_ posted: PostedVector, to reader: Address) async throws(NetworkError) -> Reply<Data> {
    let (record, accuser, roster) = (posted.vouched.subJob, posted.vouched.verifier, posted.roster)
    guard let node = record.machine.node else { return .silent }
    return try database.write { db in
      let now = try service.seconds(in: db)
      let due = now + UInt64(record.machine.parameters.verificationSeconds)
      guard let own = try service.binding(of: accuser, in: db),
        let theirs = try service.binding(of: reader, in: db),
        // What it was opened when it spoke.
        case .given(let opened) = try ErrandStore.ask(
          .openSecret(subJob: record.id, binding: own), of: node, key: roster.hash.bytes + accuser.bytes,
          job: id, due: now, at: now, in: db),
        let sealed = try MessageAnswer(wireText: opened).message
      else { return .silent }
      let key = roster.hash.bytes + reader.bytes
      let handed = try ErrandStore.ask(
        .handOver(
          MaskExamination(sealed: sealed, masked: posted.masked, roster: roster), binding: theirs),
        of: accuser, key: key, job: id, due: due, at: now, in: db)
      let text: String
      switch handed {
      case .pending: return .pending
      case .silent: return .silent
      case .given(let given): text = given
      }
      guard let object = try HandedObject(wireText: text).object else { return .silent }
      let word = try ErrandStore.ask(
        .weighMask(
          MaskExamination(sealed: nil, masked: posted.masked, roster: roster), handed: object),
        of: reader, key: key, job: id, due: due, at: now, in: db)
      if case .pending = word { return .pending }
      let errand = ErrandStore.id(.handOver, of: accuser, subJob: record.id, key: key)
      try HoldStore.release(.opening(errand), of: id, in: db)
      return try Self.message(word)
    }
  }

  /// A message that somebody sent; to have nothing to say is silence.
  private static func message(_ reply: Reply<String>) throws -> Reply<Data> {
    switch reply {
    case .pending: .pending
    case .silent: .silent
    case .given(let text):
      try MessageAnswer(wireText: text).message.map { .given($0.wrappedValue) } ?? .silent
    }
  }

  // MARK: - Afterwards

  /// Nodes and verifiers forget by themselves.
  func forget(_ record: SubJobRecord) throws(NetworkError) {}

  func finish() throws(NetworkError) {
    let contents = try database.write { db in
      try ErrandStore.removeAll(of: id, in: db)
      return try HoldStore.end(JobStore.job(id, in: db), at: service.seconds(in: db), in: db)
    }
    // What is sealed lies here in no other form from now on.
    try service.discard(contents)
  }
}

extension NetworkService {
  /// The key that a verifier has bound to its account.
  func binding(of verifier: Address, in db: SQLSession) throws -> SignedKeyBinding? {
    try String.fetchOne(
      db, sql: "SELECT binding FROM bond WHERE verifier = ?", arguments: ["\(verifier)"]
    ).map { try SignedKeyBinding(wireText: $0) }
  }
}
