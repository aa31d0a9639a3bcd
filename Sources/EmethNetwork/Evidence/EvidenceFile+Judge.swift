import EmethCompute
import EmethKit
import Foundation

extension EvidenceFile {
  /// What came of judging a file.
  public struct Judgement: Codable, Sendable, Hashable {
    /// What is found against the node from this file alone; `nil` when it proves nothing.
    public var mismatch: Finding?
    /// Where the node's own account and the replay part, when that was asked for.
    public var divergence: Divergence?
    /// What was checked, in words.
    public var checks: [String]
  }

  /// Judges the evidence: everything that it is about is checked and computed again.
  ///
  /// It holds when the same is found that the file says, about something that the node has signed.
  ///
  /// - Parameter bisects: whether to find the step and the operator, from what the node said on appeal.
  /// What nobody has signed proves nothing, nor does a file that lacks what its finding is about.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` when its facts are none that work can have.
  public func judge(
    on device: Device, bisects: Bool = false, stop: StopFlag = StopFlag()
  ) throws(NetworkError) -> Judgement {
    try checkFacts()
    var checks = ["every section has its hash; evidence \(hash)"]
    func provesNothing(_ reason: String) -> Judgement { Judgement(mismatch: nil, checks: checks + [reason]) }
    do {
      try header.submission.check(in: header.domain)
    } catch {
      return provesNothing("the node has not signed this submission: \(NetworkError(error).message)")
    }
    checks.append("the submission is signed by \(header.submission.submission.node)")
    if header.finding.kind == .submission {
      checks.append(
        "that the Execution Layer's record of the SubJob is as this file says has to be seen there")
    }
    for verdict in trailer.verdicts {
      do {
        try verdict.check(of: header.submission.digest, in: header.domain)
      } catch {
        return provesNothing(
          "the verdict of \(verdict.verdict.verifier) is none on this submission: \(NetworkError(error).message)"
        )
      }
    }
    if !trailer.verdicts.isEmpty {
      let rejecting = trailer.verdicts.count { !$0.verdict.accepted && $0.verdict.evidence == hash }
      checks.append("\(trailer.verdicts.count) verdicts, of which \(rejecting) name this evidence")
    }
    guard header.finding.kind != .withheld else {
      return provesNothing(
        "an opening that did not come, or can't be read, leaves no proof: the verdicts stand for it")
    }
    if header.finding.kind == .opening {
      // Else anybody could write an opening that does not fit.
      guard header.statement != nil else { return provesNothing("nobody has signed this opening") }
      checks.append("the opening is signed by the node")
    }
    let outcome: SegmentReplay.Outcome
    do throws(NetworkError) {
      outcome = try replay.run(opening: content(.opening) ?? Data(), device: device, stop: stop)
    } catch {
      switch error {
      // Records that contradict each other are here those of the file.
      case .inconsistent(let what): throw .malformed(what: name, reason: what)
      case .missingObject(let hash): return provesNothing("the file does not hold what it is about: \(hash)")
      default: throw error
      }
    }
    // An opening that is not what the node signed, or a state that is not there, is the file's own fault.
    if let finding = outcome.finding, finding.kind == .withheld { return provesNothing(finding.text) }
    if let segment = header.finding.segment, outcome.finding == nil {
      checks.append("segment \(segment) was computed again: it ends in what the node committed to")
    }
    guard let found = outcome.finding, found.kind == header.finding.kind else {
      if let found = outcome.finding {
        checks.append(
          "it is said of it: \(header.finding.kind.rawValue), and found is \(found.kind.rawValue)")
      } else if header.finding.segment == nil {
        checks.append("nothing is found against it")
      }
      return Judgement(mismatch: nil, checks: checks)
    }
    checks.append(found.text)
    var judgement = Judgement(mismatch: found, checks: checks)
    if bisects { try bisect(on: device, into: &judgement) }
    return judgement
  }

  /// The most sequences of a part that are judged.
  private static let sequenceLimit = 1 << 28

  /// The header's numbers are ones that a replay can begin with.
  private func checkFacts() throws(NetworkError) {
    let manifest = try asNetworkError { try TrainingManifest(json: header.facts.manifest) }
    let segments = 0..<Int(manifest.segmentCount)
    let facts = header.facts
    guard facts.position.id == facts.subJob else {
      throw .malformed(
        what: name, reason: "SubJob \(facts.subJob) has another place in its job")
    }
    guard (1...Self.sequenceLimit).contains(facts.sequenceCount) else {
      throw .malformed(
        what: name,
        reason: "the part has \(facts.sequenceCount) sequences, allowed are 1 to \(Self.sequenceLimit)")
    }
    guard !header.drawn.isEmpty, header.drawn.allSatisfy(segments.contains),
      zip(header.drawn, header.drawn.dropFirst()).allSatisfy({ $0 < $1 }),
      header.finding.segment.map(header.drawn.contains) ?? true
    else {
      throw .malformed(
        what: name,
        reason:
          "its drawn segments are not ascending ones of 0 to \(segments.upperBound - 1), or the finding's "
          + "is none of them")
    }
    guard header.finding.kind != .replay && header.finding.kind != .result || header.finding.segment != nil
    else { throw .malformed(what: name, reason: "its finding is about no segment") }
  }

  /// The replay of what the finding is about, from the file's sections.
  private var replay: SegmentReplay {
    SegmentReplay(
      facts: header.facts, submission: header.submission, seed: header.seed, segments: header.drawn,
      statement: header.statement, domain: header.domain,
      object: { hash throws(NetworkError) in
        for name in [EvidenceHeader.Section.Name.state, .parameters] {
          if let section = header.sections.first(where: { $0.name == name && $0.sha256 == hash }),
            let data = content(section.name)
          {
            return data
          }
        }
        throw .missingObject(hash: hash)
      },
      replayed: header.finding.segment.map { [$0] } ?? [], checksResult: header.finding.kind == .result)
  }

  private func bisect(on device: Device, into judgement: inout Judgement) throws(NetworkError) {
    guard header.finding.kind == .replay, let segment = header.finding.segment else {
      judgement.checks.append("there is no step to be found: no segment was computed to another end")
      return
    }
    guard let appeal = trailer.appeal, appeal.segment == segment else {
      judgement.checks.append("the node gave no account of its steps")
      return
    }
    let opening = content(.opening) ?? Data()
    let replay = replay
    let court = AppealCourt(
      submission: header.submission, domain: header.domain,
      verifier: { step throws(NetworkError) in
        try replay.traced(segment: segment, operatorsOf: step, opening: opening, device: device)
      })
    let divergence = try court.check(appeal)
    judgement.divergence = divergence
    judgement.checks.append(
      "the node's own account parts from the replay at step \(divergence.step), \(divergence.operator)")
  }
}
