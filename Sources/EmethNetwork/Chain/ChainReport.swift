import EmethKit

/// What was done on a chain, or would be.
///
/// In JSON as PROTOCOL 10 says: 64-bit and wider integers are decimal strings, amounts in holon, gas in wei.
public struct ChainReport: Encodable, Sendable {
  /// One transaction.
  public struct Step: Encodable, Sendable {
    /// The contract's function.
    public var function: String
    /// The contract.
    public var contract: Address
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
  }

  /// The chain.
  public var chainID: String
  /// Who sent.
  public var account: Address
  /// EMETH Core.
  public var core: Address
  /// Whether nothing was sent.
  public var isDryRun: Bool
  /// The transactions, in their order.
  public var steps: [Step] = []
  /// What was moved; of a dry run, what would be.
  public var amount: TokenAmount
  /// The account's tokens afterwards.
  public var wallet: TokenAmount = .zero
  /// The account's ledger on L1 afterwards.
  public var ledger: TokenAmount = .zero

  private enum CodingKeys: String, CodingKey {
    case chainID = "chainId"
    case account, core
    case isDryRun = "dryRun"
    case steps, amount, wallet, ledger
  }
}
