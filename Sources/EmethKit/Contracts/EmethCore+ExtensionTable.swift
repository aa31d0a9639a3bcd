extension EmethCore {
  /// The functions that the contracts have beside those of 2023 and of PROTOCOL 9 (Docs/Decisions/0018): ids that
  /// belong to who requests, SubJobs, servers, and what a chain client checks a contract by.
  enum ExtensionFunction {
    private static let ticket = Ticket.eip712Type.drop { $0 != "(" }
    private static let batch = Batch.eip712Type.drop { $0 != "(" }

    static let requestWithSalt: ABIFunction =
      """
      requestWithSalt(bytes32 salt,uint256 programId,uint256 numParallel,uint256 numEpoch,string dataset,\
      string param,uint256 fuelLimit,uint256 fuelPrice,uint256 deadline,uint256 maxEscrow) \
      returns (bytes16 jobId)
      """
    static let requestSubJob: ABIFunction =
      """
      requestSubJob(bytes16 parentJob,uint32 round,uint32 part,uint32 attempt,uint256 programId,\
      string dataset,string param,uint256 fuelLimit,uint256 verifierFee,uint256 deadline,bool masked) \
      returns (bytes16 jobId)
      """
    static let setServer: ABIFunction = "setServer(address server,bool allowed)"
    static let setContracts: ABIFunction = "setContracts(address settlement,address verification)"
    static let setPaused: ABIFunction = "setPaused(bool paused)"
    static let setFuelCounts: ABIFunction = "setFuelCounts(uint256 programId,bool counts)"
    static let jobTerms: ABIFunction =
      "jobTerms(bytes16 jobId) returns (uint256 escrow,uint256 verifierFee,uint256 deposit)"
    static let isMasked: ABIFunction = "isMasked(bytes16 jobId) returns (bool)"
    static let servers: ABIFunction = "servers(address requester,address server) returns (bool)"
    static let settlement: ABIFunction = "settlement() returns (address)"
    static let verification: ABIFunction = "verification() returns (address)"
    static let paused: ABIFunction = "paused() returns (bool)"
    static let challengeSigner: ABIFunction = "challengeSigner() returns (address)"

    static let redeemTickets = ABIFunction(
      known: "redeemTickets(\(ticket)[] tickets,bytes[] signatures) returns (uint256 paid)")
    static let ticketDigest = ABIFunction(known: "ticketDigest(\(ticket) ticket) returns (bytes32)")
    static let batchDigest = ABIFunction(known: "batchDigest(\(batch) batch) returns (bytes32)")
    static let pool: ABIFunction = "pool() returns (uint256)"
    static let totalDeposited: ABIFunction = "totalDeposited() returns (uint256)"
    static let totalGranted: ABIFunction = "totalGranted() returns (uint256)"
    static let postingCount: ABIFunction = "postingCount() returns (uint256)"
    static let postings: ABIFunction = "postings(uint256 number) returns (bytes32 digest)"
    static let core: ABIFunction = "core() returns (address)"
    static let domainSeparator: ABIFunction = "domainSeparator() returns (bytes32)"

    static let all = [
      requestWithSalt, requestSubJob, setServer, setContracts, setPaused, setFuelCounts, jobTerms, isMasked,
      servers, settlement, verification, paused, challengeSigner, redeemTickets, ticketDigest, batchDigest,
      pool, totalDeposited, totalGranted, postingCount, postings, core, domainSeparator,
    ]
  }
}
