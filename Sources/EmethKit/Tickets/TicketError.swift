/// What is wrong with a ticket, a batch or a proof.
public enum TicketError: SignatureError, Equatable {
  /// A digest or signatures that do not stand.
  case signed(SignatureFault)
  /// An epoch out of its order.
  case wrongEpoch(found: UInt64, allowed: String)
  /// A batch that does not follow the one before.
  case brokenChain(found: Bytes32, expected: Bytes32)
  /// A total that must never fall.
  case totalFell(field: String, found: UInt256, before: UInt256)
  /// A batch whose times are not in order; unix seconds.
  case wrongTime(from: UInt64, to: UInt64, notBefore: UInt64)
  /// A ticket of another account.
  case accountMismatch(found: Address, expected: Address)
  /// An account's cumulative payout that fell.
  case payoutFell(account: Address, found: TokenAmount, before: TokenAmount)
  /// Jobs that don't give the ticket's root.
  case jobsRootMismatch(found: Bytes32, expected: Bytes32)
  /// Leaves that don't give the batch's root.
  case accountsRootMismatch(found: Bytes32, expected: Bytes32)
  /// Leaves whose public file does not have the batch's hash.
  case dataHashMismatch(found: Bytes32, expected: Bytes32)
  /// Leaves whose payouts don't add up to the batch's total.
  case totalPayoutMismatch(found: TokenAmount, expected: TokenAmount)
  /// A path that does not lead from an account's leaf to the batch's root.
  case proofMismatch(account: Address)
  /// An account without a leaf.
  case leafMissing(account: Address)
  /// An account with two leaves.
  case duplicateAccount(Address)
  /// A job that is none of the account's settled ones.
  case jobMissing(JobID)
  /// A path that does not lead from a job's leaf to the ticket's root.
  case jobProofMismatch(JobID)
  /// Two batches, or an account's tickets in them, that may both be honest; by their epochs.
  case noConflict(first: UInt64, second: UInt64)
  /// A second, different batch of an epoch.
  case equivocation(epoch: UInt64)
  /// A second, different ticket of an account for one epoch.
  case ticketConflict(account: Address, epoch: UInt64)
  /// The Signer's role given back to an account that had it.
  case signerReturns(Address)
  /// A member of a ticket's JSON that can't be read: where, and why.
  case malformed(at: String, cause: MemberFault)
  /// A line of a public file that can't be read, counted from 1.
  case leavesLine(number: Int, cause: MemberFault)
  /// A public file that is not in its one canonical form.
  case leavesNotCanonical
  /// A sum that does not fit 256 bits.
  case number(NumberError)

  /// A stable identifier such as `ticket.signerMismatch`.
  public var code: String {
    switch self {
    case .signed(let fault): fault.code(in: "ticket")
    case .wrongEpoch: "ticket.wrongEpoch"
    case .brokenChain: "ticket.brokenChain"
    case .totalFell: "ticket.totalFell"
    case .wrongTime: "ticket.wrongTime"
    case .accountMismatch: "ticket.accountMismatch"
    case .payoutFell: "ticket.payoutFell"
    case .jobsRootMismatch: "ticket.jobsRootMismatch"
    case .accountsRootMismatch: "ticket.accountsRootMismatch"
    case .dataHashMismatch: "ticket.dataHashMismatch"
    case .totalPayoutMismatch: "ticket.totalPayoutMismatch"
    case .proofMismatch: "ticket.proofMismatch"
    case .leafMissing: "ticket.leafMissing"
    case .duplicateAccount: "ticket.duplicateAccount"
    case .jobMissing: "ticket.jobMissing"
    case .jobProofMismatch: "ticket.jobProofMismatch"
    case .noConflict: "ticket.noConflict"
    case .equivocation: "ticket.equivocation"
    case .ticketConflict: "ticket.ticketConflict"
    case .signerReturns: "ticket.signerReturns"
    case .malformed(_, let cause): cause.error.code
    case .leavesLine: "ticket.leavesLine"
    case .leavesNotCanonical: "ticket.leavesNotCanonical"
    case .number(let cause): cause.code
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .signed(let fault):
      fault.message
    case .wrongEpoch(let found, let allowed):
      "epoch is \(found), allowed is \(allowed)"
    case .brokenChain(let found, let expected):
      "previousBatch is \(found), the batch before has digest \(expected)"
    case .totalFell(let field, let found, let before):
      "\(field) is \(found), it was \(before) and never falls"
    case .wrongTime(let from, let to, let notBefore):
      "the epoch runs from \(from) to \(to), allowed is from \(notBefore) on and not backwards"
    case .accountMismatch(let found, let expected):
      "the ticket is of account \(found), expected is \(expected)"
    case .payoutFell(let account, let found, let before):
      "cumulativePayout of \(account) is \(found.holon), it was \(before.holon) and never falls"
    case .jobsRootMismatch(let found, let expected):
      "the jobs give root \(found), the ticket has \(expected)"
    case .accountsRootMismatch(let found, let expected):
      "the leaves give root \(found), the batch has \(expected)"
    case .dataHashMismatch(let found, let expected):
      "the leaves' file has hash \(found), the batch has \(expected)"
    case .totalPayoutMismatch(let found, let expected):
      "the leaves' payouts add up to \(found.holon), the batch has \(expected.holon)"
    case .proofMismatch(let account):
      "the path of account \(account) does not lead to the batch's accountsRoot"
    case .leafMissing(let account):
      "account \(account) has no leaf"
    case .duplicateAccount(let account):
      "account \(account) has more than one leaf"
    case .jobMissing(let job):
      "job \(job) is none of the account's settled jobs"
    case .jobProofMismatch(let job):
      "the path of job \(job) does not lead to the ticket's jobsRoot"
    case .noConflict(let first, let second):
      "batches \(first) and \(second) don't contradict each other"
    case .equivocation(let epoch):
      "there are two different batches of epoch \(epoch), allowed is one"
    case .ticketConflict(let account, let epoch):
      "there are two different tickets of \(account) for epoch \(epoch), allowed is one"
    case .signerReturns(let account):
      "\(account) was Signer before, allowed is an account that never was"
    case .malformed(let place, let cause):
      "\(place): \(cause.error.message)"
    case .leavesLine(let number, let cause):
      "line \(number) of the leaves' file can't be read: \(cause.error.message)"
    case .leavesNotCanonical:
      "the leaves' file is not in its canonical form: sorted by account, one canonical JSON object a line"
    case .number(let cause):
      cause.message
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signed(let fault): fault.hint
    case .malformed(_, let cause), .leavesLine(_, let cause): cause.error.hint
    case .equivocation: "keep both: together they are evidence for a challenge on L1"
    case .wrongEpoch,
      .brokenChain, .totalFell, .wrongTime, .accountMismatch,
      .payoutFell, .jobsRootMismatch, .accountsRootMismatch, .dataHashMismatch, .totalPayoutMismatch,
      .proofMismatch, .leafMissing, .duplicateAccount, .jobMissing, .jobProofMismatch, .noConflict,
      .ticketConflict, .signerReturns, .leavesNotCanonical,
      .number:
      nil
    }
  }
}
