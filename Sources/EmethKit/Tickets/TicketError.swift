/// What is wrong with a ticket, a batch or a proof.
public enum TicketError: EmethError, Equatable {
  /// A digest that the signed content does not have.
  case digestMismatch(found: Bytes32, expected: Bytes32)
  /// A signature from which no key can be recovered.
  case signature(CryptoError)
  /// Somebody else signed.
  case signerMismatch(found: Address, expected: Address)
  /// Content that was signed for another chain or contract.
  case wrongDomain(found: EIP712Domain, expected: EIP712Domain)
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
  /// A line of a public file that can't be read, counted from 1.
  case leavesLine(number: Int, cause: FormatError)
  /// A line of a public file whose account can't be read, counted from 1.
  case leavesAccount(number: Int, cause: CryptoError)
  /// A public file that is not in its one canonical form.
  case leavesNotCanonical
  /// A sum that does not fit 256 bits.
  case number(NumberError)

  /// A stable identifier such as `ticket.signerMismatch`.
  public var code: String {
    switch self {
    case .digestMismatch: "ticket.digestMismatch"
    case .signature(let cause): cause.code
    case .signerMismatch: "ticket.signerMismatch"
    case .wrongDomain: "ticket.wrongDomain"
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
    case .leavesLine: "ticket.leavesLine"
    case .leavesAccount: "ticket.leavesAccount"
    case .leavesNotCanonical: "ticket.leavesNotCanonical"
    case .number(let cause): cause.code
    }
  }

  /// One lower-case sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .digestMismatch(let found, let expected):
      "digest is \(found), the content gives \(expected)"
    case .signature(let cause):
      cause.message
    case .signerMismatch(let found, let expected):
      "signed by \(found), expected is \(expected)"
    case .wrongDomain(let found, let expected):
      "signed for \(found.summary), expected is \(expected.summary)"
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
    case .leavesLine(let number, let cause):
      "line \(number) of the leaves' file can't be read: \(cause.message)"
    case .leavesAccount(let number, let cause):
      "line \(number) of the leaves' file has no account: \(cause.message)"
    case .leavesNotCanonical:
      "the leaves' file is not in its canonical form: sorted by account, one canonical JSON object a line"
    case .number(let cause):
      cause.message
    }
  }

  /// What the user can do about it, when there is something to say.
  public var hint: String? {
    switch self {
    case .signature(let cause): cause.hint
    case .digestMismatch: "the content, the domain or the digest was changed after signing"
    case .signerMismatch, .wrongDomain, .wrongEpoch, .brokenChain, .totalFell, .wrongTime, .accountMismatch,
      .payoutFell, .jobsRootMismatch, .accountsRootMismatch, .dataHashMismatch, .totalPayoutMismatch,
      .proofMismatch, .leafMissing, .duplicateAccount, .leavesLine, .leavesAccount, .leavesNotCanonical,
      .number:
      nil
    }
  }

  /// The fault of an envelope as an error of this domain.
  init(_ fault: SignatureFault) {
    switch fault {
    case .digest(let found, let expected): self = .digestMismatch(found: found, expected: expected)
    case .signature(let cause): self = .signature(cause)
    case .signer(let found, let expected): self = .signerMismatch(found: found, expected: expected)
    case .domain(let found, let expected): self = .wrongDomain(found: found, expected: expected)
    }
  }
}
