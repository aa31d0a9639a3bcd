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
    of record: SubJobRecord, round: UInt32, beacon: Bytes32
  ) async throws(NetworkError) -> Reply<Data> {
    .given(
      try acceptingVerifier(of: record).share(
        of: try checkedUpdate(of: record), subJob: record.id, round: round, beacon: beacon,
        work: worker.vectorWork))
  }

  func examine(
    _ record: SubJobRecord, masked: SignedMasked, roster: Roster
  ) async throws(NetworkError) -> Reply<Data?> {
    let (now, expiry) = try database.read { db in
      (try network.seconds(in: db), try JobStore.job(id, in: db).machine.deadline)
    }
    let verifier = try acceptingVerifier(of: record)
    guard let number = nodeNumber(record.machine.node) else {
      throw .inconsistent(what: "SubJob \(record.id) was taken by a foreign node")
    }
    let sealed = try node(number - 1).openSecret(
      of: record.id, to: verifier.binding(expiry: max(expiry, now + 1)), verifier: verifier.address, now: now)
    return .given(
      try verifier.examine(sealed, update: try checkedUpdate(of: record), masked: masked, roster: roster))
  }
}
