extension EmethVerifiers {
  enum Function {
    private static let verdict = Verdict.eip712Type.drop { $0 != "(" }

    static let bondVerifier: ABIFunction = "bondVerifier(uint256 amount)"
    static let announceUnbonding: ABIFunction = "announceUnbonding()"
    static let unbondVerifier: ABIFunction = "unbondVerifier(address verifier) returns (uint256 paid)"
    static let commitSecrets: ABIFunction = "commitSecrets(bytes32[] digests)"
    static let drawVerifier: ABIFunction = "drawVerifier(bytes16 jobId) returns (address verifier)"
    static let challenge: ABIFunction = "challenge(bytes16 jobId,bytes32 secret) returns (bytes32 seed)"
    static let open: ABIFunction = "open(bytes16 jobId,bytes32 openings)"
    static let withhold: ABIFunction = "withhold(bytes16 jobId)"
    static let expireVerification: ABIFunction = "expireVerification(bytes16 jobId)"
    static let absent: ABIFunction = "absent(bytes16 jobId)"
    static let openCohort: ABIFunction = "openCohort(bytes16[] jobIds,uint256 due)"
    static let fixCohort: ABIFunction = "fixCohort(bytes16[] jobIds,bytes32 rosterHash,uint256 due)"
    static let completeCohort: ABIFunction = "completeCohort(bytes16 jobId)"
    static let postRoundKey: ABIFunction = "postRoundKey(bytes16 jobId,bytes32 roundKey)"
    static let postMasked: ABIFunction = "postMasked(bytes16 jobId,bytes32 maskedRoot)"
    static let forfeitBond = ABIFunction(
      known: "forfeitBond(\(verdict) first,bytes firstSignature,\(verdict) second,bytes secondSignature)"
        + " returns (uint256 paid)")

    static let candidatesOf: ABIFunction = "candidatesOf(bytes16 jobId,address node) returns (uint256 count)"
    static let candidatesFor: ABIFunction =
      "candidatesFor(address requester,uint256 verifierFee) returns (uint256 count)"
    static let isListed: ABIFunction = "isListed(address account) returns (bool)"
    static let reviews: ABIFunction =
      """
      reviews(bytes16 jobId) returns (uint256 phase,bool masked,uint256 turn,uint256 silent,uint256 dueBy,\
      uint256 beaconBlock,uint256 submittedBlock,bytes32 submission,bytes32 beacon,bytes32 commitment,\
      address verifier,address finder,uint256 submittedAt,uint256 scheduledAt)
      """
    static let bonds: ABIFunction =
      """
      bonds(address verifier) returns (uint256 amount,uint256 unbondingAt,uint256 posted,uint256 used)
      """

    static let all = [
      bondVerifier, announceUnbonding, unbondVerifier, commitSecrets, drawVerifier, challenge, open, withhold,
      expireVerification, absent, openCohort, fixCohort, completeCohort, postRoundKey, postMasked,
      forfeitBond, candidatesOf, candidatesFor, isListed, reviews, bonds,
    ]
  }

  static let eventTable: [ContractEvent<Event>] = [
    .init("Drawn(bytes16 indexed jobId,address indexed verifier,bytes32 beacon)") {
      fields throws(ContractError) in
      .drawn(try fields.jobID(), verifier: try fields.address(), beacon: try fields.bytes32())
    },
    .init("DrawDelayed(bytes16 indexed jobId,uint256 beaconBlock)") { fields throws(ContractError) in
      .drawDelayed(try fields.jobID(), beaconBlock: try fields.count())
    },
    .init("Challenged(bytes16 indexed jobId,bytes32 seed)") { fields throws(ContractError) in
      .challenged(try fields.jobID(), seed: try fields.bytes32())
    },
    .init("Opened(bytes16 indexed jobId,bytes32 openings)") { fields throws(ContractError) in
      .opened(try fields.jobID(), openings: try fields.bytes32())
    },
    .init("Disputed(bytes16 indexed jobId,address indexed verifier)") { fields throws(ContractError) in
      .disputed(try fields.jobID(), verifier: try fields.address())
    },
    .init("CohortChanged(bytes16 indexed jobId,uint256 attempt,uint256 phase,bytes32 word)") {
      fields throws(ContractError) in
      .cohortChanged(
        try fields.jobID(), attempt: try fields.count(), phase: try fields.count(),
        word: try fields.bytes32())
    },
    .init("BondChanged(address indexed verifier,uint256 amount,uint256 unbondingAt)") {
      fields throws(ContractError) in
      .bondChanged(
        verifier: try fields.address(), amount: try fields.amount(),
        unbondingAt: try fields.countUnlessZero())
    },
    .init("BondForfeited(address indexed verifier,uint256 amount)") { fields throws(ContractError) in
      .bondForfeited(verifier: try fields.address(), amount: try fields.amount())
    },
    .init("SecretsCommitted(address indexed verifier,uint256 posted)") { fields throws(ContractError) in
      .secretsCommitted(verifier: try fields.address(), posted: try fields.count())
    },
  ]
}
