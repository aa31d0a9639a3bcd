@testable import EmethKit

/// The people and times of the job tests.
enum Cast: CaseIterable {
  case requester, node, verifier, secondVerifier, stranger

  /// An account for each; the number plays no part.
  var address: Address {
    switch self {
    case .requester: Cast.account(0xA1)
    case .node: Cast.account(0xB2)
    case .verifier: Cast.account(0xC3)
    case .secondVerifier: Cast.account(0xC4)
    case .stranger: Cast.account(0xD5)
    }
  }

  static func account(_ byte: UInt8) -> Address {
    Address(bytes: [UInt8](repeating: byte, count: 20)) ?? .zero
  }
}

/// Every situation of a job that the protocol tells apart, each reached by events only.
enum JobScene: CaseIterable {
  case requested, claimed, processing
  case submitted, drawn, opened, secondAfterSilence, disputed, secondAfterDispute
  case accepted, cohortFixed, maskedPosted, drawnInPlace
  case verified, canceled, timeout, failed, declined

  static let requestedAt: UInt64 = 1_000
  static let deadline: UInt64 = 2_000
  /// Claim 1010-1070; lease 1100-1280; opening 1210-1310; answer 1220-1320; second after silence: answer
  /// 1340-1440; second after dispute: opening 1240-1340; cohort 1250-1350; in another's place: opening 1270-1370.
  /// Unchecked: 100 after what was due last.
  static let times: [UInt64] =
    [1_070, 1_280, 1_300, 1_310, 1_320, 1_340, 1_350, 1_370, 1_410, 1_420, 1_440, 1_470, 1_540, 2_000]
    .flatMap { [$0 - 1, $0, $0 + 1] }

  static let submission = Bytes32(UInt256(0x5B))
  static let evidence = Bytes32(UInt256(0xE1))
  static let price = FuelPrice(holonPerFuel: 100)

  var parameters: JobParameters {
    var parameters = JobParameters.standard
    parameters.openingSeconds = 100
    parameters.verificationSeconds = 100
    switch self {
    case .accepted, .cohortFixed, .maskedPosted, .drawnInPlace: parameters.aggregation = .masked
    case .requested, .claimed, .processing, .submitted, .drawn, .opened, .secondAfterSilence, .disputed,
      .secondAfterDispute, .verified, .canceled, .timeout, .failed, .declined:
      break
    }
    return parameters
  }

  var status: JobStatus {
    switch self {
    case .requested, .claimed: .requested
    case .processing: .processing
    case .submitted, .drawn, .opened, .secondAfterSilence, .disputed, .secondAfterDispute, .accepted,
      .cohortFixed, .maskedPosted, .drawnInPlace:
      .submitted
    case .verified: .verified
    case .canceled: .canceled
    case .timeout: .timeout
    case .failed: .failed
    case .declined: .declined
    }
  }

  /// The events that lead here, with their times.
  var history: [(JobEvent, UInt64)] {
    let node = Cast.node.address
    let (first, second) = (Cast.verifier.address, Cast.secondVerifier.address)
    let funds = TokenAmount(holon: 1_000_000)
    let taken: [(JobEvent, UInt64)] = [
      (.process(by: node, headerExists: true, cooldownOver: true, depositAvailable: funds), 1_100)
    ]
    let handedIn =
      taken + [(.submit(by: node, fuelUsed: Fuel(units: 60), submission: Self.submission), 1_200)]
    let drawn = handedIn + [(.draw(verifier: first), 1_210)]
    let opened = drawn + [(.receiveOpenings, 1_220)]
    let accepted = opened + [(.verify(by: first, verdict: Self.evidence), 1_230)]
    let disputed = opened + [(.dispute(by: first, evidence: Self.evidence), 1_230)]
    let cohort = accepted + [(.fixCohort(attempt: 1, deadline: 1_350), 1_250)]
    let posted = cohort + [(.postMasked(by: node, maskedRoot: Self.evidence), 1_260)]
    switch self {
    case .requested: return []
    case .claimed: return [(.claim(by: node, cooldownOver: true, depositAvailable: funds), 1_010)]
    case .processing: return taken
    case .submitted: return handedIn
    case .drawn: return drawn
    case .opened: return opened
    case .secondAfterSilence: return opened + [(.draw(verifier: second), 1_330), (.receiveOpenings, 1_340)]
    case .disputed: return disputed
    case .secondAfterDispute: return disputed + [(.draw(verifier: second), 1_240)]
    case .accepted, .verified: return accepted
    case .cohortFixed: return cohort
    case .maskedPosted: return posted
    case .drawnInPlace: return posted + [(.draw(verifier: second), 1_270)]
    case .canceled: return [(.cancel(by: Cast.requester.address), 1_050)]
    case .timeout: return [(.timeout, 2_000)]
    case .failed: return drawn + [(.withhold, 1_310)]
    case .declined: return taken + [(.decline(by: node, evidence: nil), 1_150)]
    }
  }

  /// When the last event of the history happened.
  var since: UInt64 { history.last?.1 ?? Self.requestedAt }

  /// A machine that went through the history.
  func machine(rules: RuleSet = .standard, subJobOf parent: JobID? = nil) throws -> JobMachine {
    let job = try Self.job(rules: rules, subJobOf: parent)
    var machine = try JobMachine(
      request: job,
      by: parent == nil ? .requester(job.requester) : .executionLayer(parentRequester: job.requester),
      idIsUnused: true, fundsAvailable: job.terms.escrow, parameters: parameters)
    for (event, time) in history {
      _ = try machine.apply(event, at: time)
    }
    return machine
  }

  static func job(rules: RuleSet = .standard, subJobOf parent: JobID? = nil) throws -> Job {
    let requester = Cast.requester.address
    let position = parent.map { SubJobPosition(parent: $0, round: 0, part: 1, attempt: 0) }
    return try Job(
      id: position?.id ?? JobID(requester: requester, salt: .zero), position: position, requester: requester,
      programID: .languageModelTrainingPart, dataset: "part", fuelLimit: Fuel(units: 100), fuelPrice: price,
      requestedAt: requestedAt, deadline: deadline,
      terms: rules.terms(fuelLimit: Fuel(units: 100), fuelPrice: price))
  }
}
