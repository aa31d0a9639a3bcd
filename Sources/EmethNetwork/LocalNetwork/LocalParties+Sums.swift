import EmethCompute
import EmethKit
import Foundation

/// What nodes and verifiers do while updates are added.
extension LocalParties {
  func ask(
    _ members: [(subJob: JobID, node: Address)], _ message: Data, due: UInt64
  ) throws(NetworkError) -> [(subJob: JobID, reply: Reply<Data>)] {
    var replies: [(subJob: JobID, reply: Reply<Data>)] = []
    for (subJob, address) in members {
      guard let number = nodeNumber(address) else {
        throw .inconsistent(what: "SubJob \(subJob) was taken by a foreign node")
      }
      let means = TrainingNode.Means(work: worker.vectorWork, device: try worker.device(), stop: stop)
      let answer = try node(number - 1).answer(message, for: subJob, with: means)
      replies.append((subJob, answer.map(Reply.given) ?? .silent))
    }
    return replies
  }

  func share(
    of update: VouchedUpdate, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<Data> {
    let verifier = try verifier(of: update)
    if verifier.fault?.isSilentAboutSums == true { return .silent }
    return .given(
      try verifier.share(
        of: try vouchedFor(update, by: verifier), subJob: update.subJob.id, round: round, beacon: beacon,
        work: worker.vectorWork))
  }

  /// What a verifier vouches for: the update that it recomputed, or one that it knows its node to have masked.
  private func vouchedFor(_ update: VouchedUpdate, by verifier: Verifier) throws(NetworkError) -> Data {
    let own = try checkedUpdate(update)
    guard verifier.fault == .poisonAccomplice, let number = nodeNumber(update.subJob.machine.node),
      try node(number - 1).markedFault(of: update.subJob.id) == .poisonedUpdate
    else { return own }
    return Update.negated(own)
  }

  func examine(
    _ update: VouchedUpdate, masked: SignedMasked, roster: Roster
  ) async throws(NetworkError) -> Reply<MaskAnswer> {
    let record = update.subJob
    let (now, expiry) = try database.read { db in
      (try network.seconds(in: db), try JobStore.job(id, in: db).machine.deadline)
    }
    let verifier = try verifier(of: update)
    guard let number = nodeNumber(record.machine.node) else {
      throw .inconsistent(what: "SubJob \(record.id) was taken by a foreign node")
    }
    let sealed = try node(number - 1).openSecret(
      of: record.id, to: verifier.binding(expiry: max(expiry, now + 1)), verifier: verifier.address, now: now)
    if verifier.fault?.isSilentAboutSums == true { return .silent }
    let word = try verifier.examine(
      sealed, update: try vouchedFor(update, by: verifier), masked: masked, roster: roster)
    return .given(MaskAnswer(word: word, isOpened: sealed != nil))
  }

  func handOver(_ posted: PostedVector, to reader: Address) async throws(NetworkError) -> Reply<Data> {
    let (record, accuser) = (posted.vouched.subJob, try verifier(of: posted.vouched))
    guard let number = nodeNumber(record.machine.node),
      let key = network.keys.verifiers.first(where: { $0.address == reader })
    else { return .silent }
    let (now, expiry) = try database.read { db in
      (try network.seconds(in: db), try JobStore.job(id, in: db).machine.deadline)
    }
    let until = max(expiry, now + 1)
    let other = verifier(key)
    let sealed = try node(number - 1).openSecret(
      of: record.id, to: accuser.binding(expiry: until), verifier: accuser.address, now: now)
    guard
      let handed = try accuser.handOver(sealed, of: record.id, to: other.binding(expiry: until), now: now),
      let word = try other.weigh(handed, masked: posted.masked, roster: posted.roster)
    else { return .silent }
    return .given(word)
  }
}
