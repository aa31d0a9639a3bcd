@testable import EmethKit

/// PROTOCOL 2 once more, written as a table and not as a machine: what each event leads to in each situation,
/// for whom, and when.
enum JobTable {
  /// The rows of the protocol, and the steps inside SUBMITTED that they need: which events a status has at
  /// all.
  static let rows: [JobStatus: Set<JobEvent.Name>] = [
    .requested: [.cancel, .claim, .process, .timeout, .extendDeadline, .endWithParent],
    .processing: [.renewLease, .decline, .submit, .timeout, .extendDeadline, .endWithParent],
    .submitted: [
      .draw, .receiveOpenings, .dispute, .verify, .reject, .withhold, .expireVerification, .endUnchecked,
      .fixCohort, .postMasked, .standIn, .overrule, .completeCohort, .absent, .extendDeadline, .endWithParent,
    ],
    .verified: [], .canceled: [], .timeout: [], .failed: [], .declined: [],
  ]

  /// An event of each kind from an account at a time, its facts as they should be.
  static func event(_ name: JobEvent.Name, by sender: Address, at now: UInt64) -> JobEvent {
    let funds = TokenAmount(holon: 10_500)
    return switch name {
    case .cancel: .cancel(by: sender)
    case .claim: .claim(by: sender, cooldownOver: true, depositAvailable: funds)
    case .process: .process(by: sender, headerExists: true, cooldownOver: true, depositAvailable: funds)
    case .renewLease: .renewLease(by: sender)
    case .decline: .decline(by: sender, evidence: nil)
    case .submit: .submit(by: sender, fuelUsed: Fuel(units: 100), submission: JobScene.submission)
    case .draw: .draw(verifier: sender)
    case .receiveOpenings: .receiveOpenings
    case .dispute: .dispute(by: sender, evidence: JobScene.evidence)
    case .verify: .verify(by: sender, verdict: JobScene.evidence)
    case .reject: .reject(by: sender, evidence: JobScene.evidence)
    case .withhold: .withhold
    case .fixCohort: .fixCohort(attempt: 2, deadline: now + 100)
    case .postMasked: .postMasked(by: sender, maskedRoot: JobScene.evidence)
    case .standIn: .standIn(by: sender, verdict: JobScene.evidence)
    case .overrule: .overrule(by: sender, confirmedBy: Cast.account(0xE6), evidence: JobScene.evidence)
    case .completeCohort: .completeCohort(sumChecks: true)
    case .absent: .absent
    case .timeout: .timeout
    case .expireVerification: .expireVerification
    case .endUnchecked: .endUnchecked
    case .extendDeadline: .extendDeadline(outageFrom: now - 200, outageTo: now)
    case .endWithParent: .endWithParent(parentStatus: .failed)
    }
  }

  /// The status after the event, or nil when it is refused.
  static func outcome(
    _ scene: JobScene, _ name: JobEvent.Name, by sender: Cast, at now: UInt64, isSubJob: Bool
  ) -> JobStatus? {
    func when(_ holds: Bool, _ status: JobStatus) -> JobStatus? { holds ? status : nil }
    let inTime = now < 2_000
    switch (scene, name) {
    case (.requested, .cancel), (.claimed, .cancel): return when(sender == .requester, .canceled)
    case (.requested, .claim): return when(inTime, .requested)
    case (.claimed, .claim): return when(inTime && now >= 1_070, .requested)
    case (.requested, .process): return when(inTime, .processing)
    case (.claimed, .process): return when(inTime && (now >= 1_070 || sender == .node), .processing)
    case (.requested, .timeout), (.claimed, .timeout): return when(!inTime, .timeout)
    case (.requested, .endWithParent), (.claimed, .endWithParent), (.processing, .endWithParent):
      return when(isSubJob, .canceled)

    case (.processing, .renewLease): return when(sender == .node && inTime, .processing)
    case (.processing, .decline): return when(sender == .node, .declined)
    case (.processing, .submit): return when(sender == .node && inTime, .submitted)
    case (.processing, .timeout): return when(now >= 1_280, .timeout)

    case (.submitted, .draw): return when(![.requester, .node].contains(sender), .submitted)
    case (.opened, .draw):
      return when(now >= 1_320 && ![.requester, .node, .verifier].contains(sender), .submitted)
    case (.disputed, .draw): return when(![.requester, .node, .verifier].contains(sender), .submitted)

    case (.drawn, .receiveOpenings), (.secondAfterDispute, .receiveOpenings): return .submitted
    case (.drawn, .dispute), (.opened, .dispute): return when(sender == .verifier, .submitted)
    case (.secondAfterSilence, .dispute), (.secondAfterDispute, .dispute):
      return when(sender == .secondVerifier, .submitted)
    case (.drawn, .verify), (.opened, .verify): return when(sender == .verifier, .verified)
    case (.secondAfterSilence, .verify), (.secondAfterDispute, .verify):
      return when(sender == .secondVerifier, .verified)
    // One verifier's word does not fail a node; after a dispute the second one's does.
    case (.secondAfterDispute, .reject): return when(sender == .secondVerifier, .failed)
    case (.drawn, .withhold): return when(now >= 1_310, .failed)
    case (.secondAfterDispute, .withhold): return when(now >= 1_340, .failed)
    case (.secondAfterSilence, .expireVerification): return when(now >= 1_440, .verified)

    // A verifier's time after whatever was due last: the submission, an opening, an answer.
    case (.submitted, .endUnchecked): return when(now >= 1_300, .canceled)
    case (.drawn, .endUnchecked): return when(now >= 1_410, .canceled)
    case (.opened, .endUnchecked), (.disputed, .endUnchecked): return when(now >= 1_420, .canceled)
    case (.secondAfterSilence, .endUnchecked): return when(now >= 1_540, .canceled)
    case (.secondAfterDispute, .endUnchecked): return when(now >= 1_440, .canceled)

    case (.accepted, .fixCohort), (.cohortFixed, .fixCohort), (.maskedPosted, .fixCohort): return .submitted
    case (.cohortFixed, .postMasked): return when(sender == .node && now < 1_350, .submitted)
    case (.cohortFixed, .absent): return when(now >= 1_350, .timeout)
    case (.maskedPosted, .standIn): return when(![.requester, .node, .verifier].contains(sender), .submitted)
    case (.maskedPosted, .overrule): return when(![.requester, .node, .verifier].contains(sender), .failed)
    case (.maskedPosted, .completeCohort): return .verified
    // Nobody can say what was masked.
    case (.maskedPosted, .endUnchecked): return when(now >= 1_420, .canceled)
    // Who takes the place of one that is silent about the sum is opened to as that one was.
    case (.maskedPosted, .draw): return when(![.requester, .node, .verifier].contains(sender), .submitted)
    case (.drawnInPlace, .receiveOpenings): return .submitted
    case (.drawnInPlace, .withhold): return when(now >= 1_370, .failed)
    case (.drawnInPlace, .endUnchecked): return when(now >= 1_470, .canceled)
    case (.drawnInPlace, .fixCohort): return .submitted
    case (.drawnInPlace, .standIn): return when(![.requester, .node, .verifier].contains(sender), .submitted)
    case (.drawnInPlace, .overrule): return when(![.requester, .node, .verifier].contains(sender), .failed)
    case (.drawnInPlace, .completeCohort): return .verified
    case (.drawnInPlace, .endWithParent): return when(isSubJob, .verified)
    case (.drawnInPlace, .reject): return when(sender == .verifier, .failed)
    // The cohort's sum will never check: what was accepted is paid.
    case (.accepted, .endWithParent), (.cohortFixed, .endWithParent), (.maskedPosted, .endWithParent):
      return when(isSubJob, .verified)
    case (.maskedPosted, .reject): return when(sender == .verifier, .failed)

    case (_, .extendDeadline): return when(!scene.status.isFinal, scene.status)
    default: return nil
    }
  }
}
