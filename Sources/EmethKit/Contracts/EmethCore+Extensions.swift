// What the contracts have beside the functions of 2023 and of PROTOCOL 9 (Docs/Decisions/0018).
extension EmethCore {
  /// What is at stake in a job.
  public struct JobTerms: Hashable, Sendable {
    /// What is left of the requester's escrow.
    public let escrow: TokenAmount
    /// The verifier's fee.
    public let verifierFee: TokenAmount
    /// What a node locks that takes it.
    public let deposit: TokenAmount
  }

  /// The most tickets that ``redeemTickets(_:)`` takes.
  public static let redeemLimit = 100
  /// The most signatures of a ticket that ``redeemTickets(_:)`` takes: one that more must sign is redeemed alone.
  public static let redeemSignatureLimit = 8

  /// Registers a job whose id follows from its sender and a salt, so that nobody can take it first, and pays for
  /// it. Returns the id, ``JobID/init(requester:salt:)`` of the sender.
  ///
  /// - Parameters:
  ///   - parallel: Into how many parts it may be divided; 1: not at all.
  ///   - epochs: How many rounds it takes.
  ///   - deadline: Until when it must be done, unix seconds.
  ///   - maxEscrow: The most that may be taken for it, fee and verifier's fee together.
  public static func request(
    salt: Bytes32, program: ProgramID, parallel: UInt32 = 1, epochs: UInt32 = 1, dataset: String,
    parameters: String, fuelLimit: Fuel, fuelPrice: FuelPrice, deadline: UInt64, maxEscrow: TokenAmount
  ) -> ContractCall<JobID> {
    ContractCall(
      ExtensionFunction.requestWithSalt,
      [
        .bytes32(salt), .number(program), .number(UInt64(parallel)), .number(UInt64(epochs)),
        .string(dataset), .string(parameters), .number(fuelLimit), .number(fuelPrice), .number(deadline),
        .number(maxEscrow),
      ]
    ) { fields throws(ContractError) in try fields.jobID() }
  }

  /// Registers a part of a job; for the job's owner or its server. Returns the id,
  /// ``JobID/init(parent:round:part:attempt:)``.
  ///
  /// - Parameter isMasked: Whether it is verified only when its masked vector is in (PROTOCOL 8).
  public static func requestSubJob(
    parent: JobID, round: UInt32, part: UInt32, attempt: UInt32, program: ProgramID, dataset: String,
    parameters: String, fuelLimit: Fuel, verifierFee: TokenAmount, deadline: UInt64, isMasked: Bool
  ) -> ContractCall<JobID> {
    ContractCall(
      ExtensionFunction.requestSubJob,
      [
        .bytes16(parent), .number(UInt64(round)), .number(UInt64(part)), .number(UInt64(attempt)),
        .number(program), .string(dataset), .string(parameters), .number(fuelLimit), .number(verifierFee),
        .number(deadline), .bool(isMasked),
      ]
    ) { fields throws(ContractError) in try fields.jobID() }
  }

  /// Lets a server register and end the parts of the caller's jobs, or takes that right away.
  public static func setServer(_ server: Address, isAllowed: Bool) -> ContractCall<Void> {
    ContractCall(ExtensionFunction.setServer, [.address(server), .bool(isAllowed)])
  }

  /// Names the two contracts beside Core, once and for good; for an owner.
  public static func setContracts(settlement: Address, verification: Address) -> ContractCall<Void> {
    ContractCall(ExtensionFunction.setContracts, [.address(settlement), .address(verification)])
  }

  /// Stops new jobs, or lets them come again; for an owner.
  public static func setPaused(_ isPaused: Bool) -> ContractCall<Void> {
    ContractCall(ExtensionFunction.setPaused, [.bool(isPaused)])
  }

  /// Says whether a program's fuel counts for rewards; for an owner.
  public static func setFuelCounts(_ program: ProgramID, _ counts: Bool) -> ContractCall<Void> {
    ContractCall(ExtensionFunction.setFuelCounts, [.number(program), .bool(counts)])
  }

  /// What is at stake in a job.
  public static func jobTerms(_ jobID: JobID) -> ContractCall<JobTerms> {
    ContractCall(ExtensionFunction.jobTerms, [.bytes16(jobID)]) { fields throws(ContractError) in
      JobTerms(
        escrow: try fields.amount(), verifierFee: try fields.amount(), deposit: try fields.amount())
    }
  }

  /// Whether a part is verified only when its masked vector is in (PROTOCOL 8).
  public static func isMasked(_ jobID: JobID) -> ContractCall<Bool> {
    .bool(ExtensionFunction.isMasked, [.bytes16(jobID)])
  }

  /// Whether a server may register and end the parts of a requester's jobs.
  public static func isServer(_ server: Address, of requester: Address) -> ContractCall<Bool> {
    .bool(ExtensionFunction.servers, [.address(requester), .address(server)])
  }

  /// The contract that redeems tickets; nil before Core names it.
  public static func settlement() -> ContractCall<Address?> { optional(ExtensionFunction.settlement) }

  /// The contract that checks jobs; nil before Core names it.
  public static func verification() -> ContractCall<Address?> { optional(ExtensionFunction.verification) }

  /// Whether new jobs are stopped.
  public static func isPaused() -> ContractCall<Bool> { .bool(ExtensionFunction.paused) }

  /// Who signs the challenges of proofs of work; nil where nobody does.
  public static func challengeSigner() -> ContractCall<Address?> {
    optional(ExtensionFunction.challengeSigner)
  }

  /// Pays many tickets at once; what was paid already pays nothing and stops nobody. Returns what was paid in all.
  ///
  /// Traps above ``redeemLimit`` tickets, and where one has more than ``redeemSignatureLimit`` signatures.
  public static func redeemTickets(_ tickets: [SignedTicket]) -> ContractCall<TokenAmount> {
    precondition(tickets.count <= redeemLimit, "more tickets than one call takes")
    precondition(
      tickets.allSatisfy { $0.cosignatures.count < redeemSignatureLimit }, "more signatures than it takes")
    return .amount(
      ExtensionFunction.redeemTickets,
      [
        .array(tickets.map { .tuple($0.ticket.abiValues) }),
        .array(tickets.map { .bytes($0.signatureBytes) }),
      ])
  }

  /// What the Signer signs for a ticket, as the settlement computes it.
  public static func ticketDigest(_ ticket: Ticket) -> ContractCall<Bytes32> {
    word(ExtensionFunction.ticketDigest, [.tuple(ticket.abiValues)])
  }

  /// What the Signer signs for a batch, as the settlement computes it.
  public static func batchDigest(_ batch: Batch) -> ContractCall<Bytes32> {
    word(ExtensionFunction.batchDigest, [.tuple(batch.eip712Values)])
  }

  /// All that the settlement can pay from.
  public static func pool() -> ContractCall<TokenAmount> { .amount(ExtensionFunction.pool) }

  /// All that was ever deposited to L2.
  public static func totalDeposited() -> ContractCall<TokenAmount> {
    .amount(ExtensionFunction.totalDeposited)
  }

  /// All rewards and forfeited bonds that ever came into the pool.
  public static func totalGranted() -> ContractCall<TokenAmount> { .amount(ExtensionFunction.totalGranted) }

  /// How many batches were posted.
  public static func postingCount() -> ContractCall<UInt64> { .count(ExtensionFunction.postingCount) }

  /// The digest of a posted batch by its place, from 0; nil where there is none.
  public static func posting(number: UInt64) -> ContractCall<Bytes32?> {
    ContractCall(ExtensionFunction.postings, [.number(number)]) { fields throws(ContractError) in
      let digest = try fields.bytes32()
      return digest == .zero ? nil : digest
    }
  }

  /// The Core that a settlement or EmethVerifiers belongs to.
  public static func core() -> ContractCall<Address> { .address(ExtensionFunction.core) }

  /// The separator of the EIP-712 domain in which the settlement takes signatures.
  public static func domainSeparator() -> ContractCall<Bytes32> { word(ExtensionFunction.domainSeparator) }

  private static func word(_ function: ABIFunction, _ values: [ABIValue] = []) -> ContractCall<Bytes32> {
    ContractCall(function, values) { fields throws(ContractError) in try fields.bytes32() }
  }

  private static func optional(_ function: ABIFunction) -> ContractCall<Address?> {
    ContractCall(function) { fields throws(ContractError) in try fields.addressUnlessZero() }
  }
}
