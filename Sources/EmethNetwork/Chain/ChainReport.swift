import EmethKit

/// What was done on a chain, or would be.
///
/// In JSON as PROTOCOL 10 says: 64-bit and wider integers are decimal strings, amounts in holon, gas in wei.
public struct ChainReport: Encodable, Sendable {
  /// One transaction.
  public struct Step: Encodable, Sendable {
    /// The contract's function.
    public var function: String
    /// The contract; nil for one that is not there yet.
    public var contract: Address?
    /// Who may take the tokens; nil for what is no approval.
    public var spender: Address?
    /// The transaction's hash; nil when it was not sent.
    public var transaction: Bytes32?
    /// The block that has it; nil when it was not sent.
    public var block: String?
    /// The gas that it used; of one that was not sent, the most that it may; nil when that can't be known yet.
    public var gas: String?
    /// What that cost, or at most would, in wei.
    public var wei: String?
    /// Whether it was sent by an earlier call, and only waited for now.
    public var wasSentBefore = false
    /// What stays open in the journal until this report is written.
    var unsettled: NonceJournal.Entry?

    init(function: String, contract: Address?) {
      self.function = function
      self.contract = contract
    }

    private enum CodingKeys: String, CodingKey {
      case function, contract, spender, transaction, block, gas, wei, wasSentBefore
    }
  }

  /// The chain.
  public var chainID: String
  /// Who sent.
  public var account: Address
  /// EMETH Core; nil before it is created.
  public var core: Address?
  /// The token; nil before it is created.
  public var token: Address?
  /// The contract that redeems tickets, where it was created or is asked.
  public var settlement: Address?
  /// The contract that checks jobs, where it was created.
  public var verification: Address?
  /// The job that it was about.
  public var job: JobID?
  /// How many verifiers could be drawn for the job when it was requested; nil where that was not asked.
  public var candidates: UInt32?
  /// Whether nothing was sent.
  public var isDryRun: Bool
  /// The transactions, in their order.
  public var steps: [Step] = []
  /// What was moved; of a dry run, what would be; nil where nothing moves.
  public var amount: TokenAmount?
  /// The account's tokens afterwards; nil when the node did not say it.
  public var wallet: TokenAmount?
  /// The account's ledger on L1 afterwards; nil when the node did not say it.
  public var ledger: TokenAmount?
  /// What is worth knowing beside it.
  public var notes: [String] = []

  init(chainID: UInt64, account: Address, isDryRun: Bool) {
    self.chainID = "\(chainID)"
    self.account = account
    self.isDryRun = isDryRun
  }

  private enum CodingKeys: String, CodingKey {
    case chainID = "chainId"
    case account, core, token, settlement, verification, job, candidates
    case isDryRun = "dryRun"
    case steps, amount, wallet, ledger, notes
  }
}

extension ChainReport.Step {
  /// What became of it.
  mutating func arrived(_ receipt: ChainReceipt, _ entry: NonceJournal.Entry?) {
    contract = contract ?? receipt.createdContract
    transaction = receipt.transaction
    block = "\(receipt.blockNumber)"
    gas = "\(receipt.gasUsed)"
    wei = receipt.effectiveGasPrice.map { price in
      let (cost, overflows) = UInt256(receipt.gasUsed).multipliedReportingOverflow(by: price)
      return "\(overflows ? .max : cost)"
    }
    unsettled = entry
  }

  /// What it would cost at most.
  mutating func costs(_ preview: TransactionSender.Preview) {
    gas = "\(preview.gasLimit)"
    wei = "\(preview.mostWei)"
  }
}
