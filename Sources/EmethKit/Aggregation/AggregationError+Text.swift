extension AggregationError {
  /// A stable identifier such as `aggregation.tooFewAccounts`.
  public var code: String {
    switch self {
    case .signed(let fault): fault.code(in: "aggregation")
    case .entrySignature: "aggregation.entrySignature"
    case .cohortSize: "aggregation.cohortSize"
    case .partCount: "aggregation.partCount"
    case .duplicateMember: "aggregation.duplicateMember"
    case .tooFewAccounts: "aggregation.tooFewAccounts"
    case .rosterOrder: "aggregation.rosterOrder"
    case .foreignProgram: "aggregation.foreignProgram"
    case .foreignInitRoot: "aggregation.foreignInitRoot"
    case .foreignRound: "aggregation.foreignRound"
    case .wrongAttempt: "aggregation.wrongAttempt"
    case .attemptSeen: "aggregation.attemptSeen"
    case .attemptsExhausted: "aggregation.attemptsExhausted"
    case .notAMember: "aggregation.notAMember"
    case .memberMissing: "aggregation.memberMissing"
    case .nodeMismatch: "aggregation.nodeMismatch"
    case .resultRootAltered: "aggregation.resultRootAltered"
    case .rosterMismatch: "aggregation.rosterMismatch"
    case .keyMissing: "aggregation.keyMissing"
    case .keyConflict: "aggregation.keyConflict"
    case .roundKeyReused: "aggregation.roundKeyReused"
    case .roundKeyLowOrder: "aggregation.roundKeyLowOrder"
    case .roundKeyMismatch: "aggregation.roundKeyMismatch"
    case .valueOutOfRing: "aggregation.valueOutOfRing"
    case .vectorLength: "aggregation.vectorLength"
    case .vectorMismatch: "aggregation.vectorMismatch"
    case .coordinateLimit: "aggregation.coordinateLimit"
    case .maskedMissing: "aggregation.maskedMissing"
    case .maskedConflict: "aggregation.maskedConflict"
    case .maskedRootMismatch: "aggregation.maskedRootMismatch"
    case .maskedRootsMismatch: "aggregation.maskedRootsMismatch"
    case .sumOutOfBound: "aggregation.sumOutOfBound"
    case .sumConflict: "aggregation.sumConflict"
    case .shareRange: "aggregation.shareRange"
    case .shareMissing: "aggregation.shareMissing"
    case .beaconMismatch: "aggregation.beaconMismatch"
    case .unexpected: "aggregation.unexpected"
    case .tooLate: "aggregation.tooLate"
    case .library(let cause): cause.code
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed. Never a secret.
  public var message: String {
    switch self {
    case .signed(let fault): fault.message
    case .entrySignature(let jobID, let fault): "roster entry of \(jobID): \(fault.message)"
    case .cohortSize(let found, let allowed):
      "cohort has \(found) SubJobs, allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
    case .partCount(let found, let allowed):
      "sum is over \(found) parts, allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
    case .duplicateMember(let jobID): "SubJob \(jobID) is in the cohort twice"
    case .tooFewAccounts(let found, let allowed):
      "cohort has \(found) different account\(found == 1 ? "" : "s"), allowed are \(allowed) and more"
    case .rosterOrder(let index): "roster entry \(index) does not follow the one before by its SubJob id"
    case .foreignProgram(let found, let expected): "program is \(found), expected is \(expected)"
    case .foreignInitRoot(let found, let expected): "starting model is \(found), expected is \(expected)"
    case .foreignRound(let found, let expected): "round is \(found), expected is \(expected)"
    case .wrongAttempt(let found, let expected): "cohort attempt is \(found), expected is \(expected)"
    case .attemptSeen(let found, let last):
      "cohort attempt is \(found), this node has answered attempt \(last) already"
    case .attemptsExhausted: "no cohort attempt is left behind \(UInt32.max)"
    case .notAMember(let jobID): "SubJob \(jobID) is no member of the cohort"
    case .memberMissing(let jobID): "SubJob \(jobID) is missing from the cohort"
    case .nodeMismatch(let jobID, let found, let expected):
      "node of \(jobID) is \(found), expected is \(expected)"
    case .resultRootAltered(let jobID, let found, let expected):
      "resultRoot of \(jobID) is \(found), expected is \(expected)"
    case .rosterMismatch(let found, let expected): "roster is \(found), expected is \(expected)"
    case .keyMissing(let jobID): "SubJob \(jobID) has given no round key"
    case .keyConflict(let jobID): "SubJob \(jobID) gives a second round key for one attempt"
    case .roundKeyReused(let jobID): "round key of \(jobID) was used before"
    case .roundKeyLowOrder(let jobID):
      "round key of \(jobID) is of low order, so that everybody can compute its secrets"
    case .roundKeyMismatch(let jobID, let found, let expected):
      "round key of \(jobID) is \(found), expected is \(expected)"
    case .valueOutOfRing(let coordinate, let found, let allowed):
      "coordinate \(coordinate) of the update is \(found), allowed are \(-allowed) to \(allowed)"
    case .vectorLength(let found): "vector has \(found) bytes, allowed are multiples of 4"
    case .vectorMismatch(let found, let expected): "vector has \(found) bytes, expected are \(expected)"
    case .coordinateLimit(let found, let allowed):
      "vector has \(found) coordinates, allowed are 1 to \(allowed)"
    case .maskedMissing(let jobID): "SubJob \(jobID) has posted no masked vector"
    case .maskedConflict(let jobID, let found, let first):
      "masked vector of \(jobID) is \(found), posted before was \(first)"
    case .maskedRootMismatch(let jobID, let found, let expected):
      "masked vector of \(jobID) is \(found), expected is \(expected)"
    case .maskedRootsMismatch(let found, let expected):
      "sum is over the vectors \(found), expected are \(expected)"
    case .sumOutOfBound(let coordinate, let found, let allowed):
      "coordinate \(coordinate) of the sum is \(found), allowed are \(-allowed) to \(allowed)"
    case .sumConflict(let found, let first): "sum is \(found), reported before was \(first)"
    case .shareRange(let found, let allowed): "share of the sum is \(found), allowed are 0 to \(allowed)"
    case .shareMissing(let jobID): "SubJob \(jobID) has no share of the sum"
    case .beaconMismatch(let found, let expected): "beacon is \(found), expected is \(expected)"
    case .unexpected(let event, let phase): "event \(event) does not fit: the cohort is \(phase)"
    case .tooLate(let event, let now, let deadline):
      "event \(event) comes at \(now), its deadline was \(deadline)"
    case .library(let cause): cause.message
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signed(let fault), .entrySignature(_, let fault): fault.hint
    case .tooFewAccounts: "let nodes of three owners take part, or ask for plain sums"
    case .sumOutOfBound: "a mask did not cancel: a member's vector is not what the roster's keys give"
    case .library(let cause): cause.hint
    case .cohortSize, .partCount, .duplicateMember, .rosterOrder, .foreignProgram, .foreignInitRoot,
      .foreignRound, .wrongAttempt, .attemptSeen, .attemptsExhausted, .notAMember, .memberMissing,
      .nodeMismatch, .resultRootAltered, .rosterMismatch, .keyMissing, .keyConflict, .roundKeyReused,
      .roundKeyLowOrder, .roundKeyMismatch, .valueOutOfRing, .vectorLength, .vectorMismatch,
      .coordinateLimit, .maskedMissing, .maskedConflict, .maskedRootMismatch, .maskedRootsMismatch,
      .sumConflict, .shareRange, .shareMissing, .beaconMismatch, .unexpected, .tooLate:
      nil
    }
  }
}
