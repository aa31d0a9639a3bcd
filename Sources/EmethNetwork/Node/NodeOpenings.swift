import EmethKit
import Foundation

/// What a node has opened of one SubJob, and to whom, on its disk before it answers.
///
/// Who runs the network names the verifiers. What it could ask for is bounded here: the draw of one seed, for a few
/// accounts, and the round secret for those alone.
struct NodeOpenings: Codable, Sendable {
  /// To so many accounts a node opens a SubJob at most. More are drawn only where verifiers contradict each other again
  /// and again or stay silent.
  static let accountLimit = 16

  /// What the segments were drawn from.
  let seed: Bytes32
  /// The segments that were asked for, ascending.
  let segments: [Int]
  /// The accounts that it was opened to, in turn.
  var accounts: [Address] = []
}

extension TrainingNode {
  /// Takes down that a challenge is about to be answered.
  ///
  /// - Throws: ``NetworkError/refused(code:message:hint:)``, `node.notDrawn`: the segments do not follow from the seed, are
  ///   others than were asked for before, or too many accounts ask.
  func admit(_ challenge: Challenge) throws(NetworkError) {
    func refuse(_ reason: String) -> NetworkError {
      .refused(
        code: "node.notDrawn",
        message:
          "node \(address) does not open SubJob \(challenge.subJob) to \(challenge.verifier): \(reason)",
        hint: nil)
    }
    let assignment = try finished(challenge.subJob).0.assignment
    if assignment.program == nil {
      let manifest = try asNetworkError { try TrainingManifest(json: assignment.manifest) }
      guard challenge.isDrawn(of: Int(manifest.segmentCount)) else {
        throw refuse("segments \(challenge.segments) are not drawn from \(challenge.seed)")
      }
    }
    let asked = NodeOpenings(seed: challenge.seed, segments: challenge.segments)
    var openings = try self.openings(of: challenge.subJob) ?? asked
    guard openings.seed == asked.seed, openings.segments == asked.segments else {
      throw refuse("it has opened segments \(openings.segments), \(asked.segments) are asked for")
    }
    if openings.accounts.contains(challenge.verifier) { return }
    guard openings.accounts.count < NodeOpenings.accountLimit else {
      throw refuse(
        "it has opened to \(openings.accounts.count) accounts, allowed are \(NodeOpenings.accountLimit)")
    }
    openings.accounts.append(challenge.verifier)
    let file = openingsFile(challenge.subJob)
    try Files.makeFolder(file.deletingLastPathComponent())
    let data = try asNetworkError { try WireFormat.encoder.encode(openings) }
    try Files.write(data, to: file, mode: 0o600)
  }

  /// What was opened of a SubJob; `nil` where nothing was.
  func openings(of subJob: JobID) throws(NetworkError) -> NodeOpenings? {
    let file = openingsFile(subJob)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let data = try Files.read(file)
    return try asNetworkError { try JSONDecoder().decode(NodeOpenings.self, from: data) }
  }

  func forgetOpenings(of subJob: JobID) throws(NetworkError) { try Files.remove(openingsFile(subJob)) }

  private func openingsFile(_ subJob: JobID) -> URL { folder.appending(path: "openings/\(subJob)") }
}

extension Challenge {
  /// Whether its segments are drawn from its seed: so many of `count` as there are, the last always among them.
  func isDrawn(of count: Int) -> Bool {
    Verifier.mayDraw(segments, seed: seed, of: count)
  }
}
