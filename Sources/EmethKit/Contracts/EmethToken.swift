/// The EMETH token: ERC-20, with a minter and the burning of one's own balance.
///
/// ```swift
/// let call = EmethToken.approve(spender: core, amount: TokenAmount(holon: 25))
/// let balance = try EmethToken.balance(of: account).result(returned)
/// ```
/// Its `mint` and `burn` log nothing on the contracts of 2022 and 2023.
public enum EmethToken {
  /// Every function of the contract.
  public static let functions: [ABIFunction] = [
    Function.name, Function.symbol, Function.decimals, Function.totalSupply, Function.balanceOf,
    Function.allowance, Function.transfer, Function.transferFrom, Function.approve, Function.mint,
    Function.burn, Function.setMinter, Function.owner, Function.minter,
  ]

  /// Every event of the contract.
  public static let events: [ABIEvent] = eventTable.map(\.event)

  enum Function {
    static let name: ABIFunction = "name() returns (string)"
    static let symbol: ABIFunction = "symbol() returns (string)"
    static let decimals: ABIFunction = "decimals() returns (uint8)"
    static let totalSupply: ABIFunction = "totalSupply() returns (uint256)"
    static let balanceOf: ABIFunction = "balanceOf(address account) returns (uint256)"
    static let allowance: ABIFunction = "allowance(address owner,address spender) returns (uint256)"
    static let transfer: ABIFunction = "transfer(address to,uint256 amount) returns (bool)"
    static let transferFrom: ABIFunction =
      "transferFrom(address from,address to,uint256 amount) returns (bool)"
    static let approve: ABIFunction = "approve(address spender,uint256 amount) returns (bool)"
    static let mint: ABIFunction = "mint(address to,uint256 amount) returns (bool)"
    static let burn: ABIFunction = "burn(uint256 amount) returns (bool)"
    static let setMinter: ABIFunction = "setMinter(address minter)"
    static let owner: ABIFunction = "owner() returns (address)"
    static let minter: ABIFunction = "minter() returns (address)"
  }

  static let eventTable: [ContractEvent<Event>] = [
    .init("Transfer(address indexed from,address indexed to,uint256 amount)") {
      fields throws(ContractError) in
      .transfer(
        from: try fields.addressUnlessZero(), to: try fields.addressUnlessZero(), amount: try fields.amount())
    },
    .init("Approval(address indexed owner,address indexed spender,uint256 amount)") {
      fields throws(ContractError) in
      .approval(owner: try fields.address(), spender: try fields.address(), amount: try fields.amount())
    },
  ]

  /// Something that the contract logged.
  public enum Event: Hashable, Sendable {
    /// Tokens went from one account to another; from nobody when they were minted, to nobody when burned.
    case transfer(from: Address?, to: Address?, amount: TokenAmount)
    /// An owner allows a spender an amount.
    case approval(owner: Address, spender: Address, amount: TokenAmount)

    /// The event of a log.
    ///
    /// - Throws: ``ContractError/unknownEvent(topic0:)``, ``ContractError/data(of:cause:)``.
    public init(topics: [Bytes32], data: [UInt8]) throws(ContractError) {
      self = try ContractEvent.output(in: EmethToken.eventTable, topics: topics, data: data)
    }
  }
}

extension EmethToken {
  /// The token's name.
  public static func name() -> ContractCall<String> { text(Function.name) }

  /// The token's short name.
  public static func symbol() -> ContractCall<String> { text(Function.symbol) }

  /// The digits after the point.
  public static func decimals() -> ContractCall<UInt8> {
    ContractCall(Function.decimals) { fields throws(ContractError) in try fields.count() }
  }

  /// All tokens.
  public static func totalSupply() -> ContractCall<TokenAmount> { .amount(Function.totalSupply) }

  /// An account's tokens.
  public static func balance(of account: Address) -> ContractCall<TokenAmount> {
    .amount(Function.balanceOf, [.address(account)])
  }

  /// What a spender may still take from an owner.
  public static func allowance(owner: Address, spender: Address) -> ContractCall<TokenAmount> {
    .amount(Function.allowance, [.address(owner), .address(spender)])
  }

  /// Sends tokens of the caller.
  public static func transfer(to account: Address, amount: TokenAmount) -> ContractCall<Bool> {
    .bool(Function.transfer, [.address(account), .number(amount)])
  }

  /// Sends tokens that their owner allowed the caller.
  public static func transfer(
    from owner: Address, to account: Address, amount: TokenAmount
  ) -> ContractCall<Bool> {
    .bool(Function.transferFrom, [.address(owner), .address(account), .number(amount)])
  }

  /// Allows a spender an amount, in place of what it was allowed before.
  public static func approve(spender: Address, amount: TokenAmount) -> ContractCall<Bool> {
    .bool(Function.approve, [.address(spender), .number(amount)])
  }

  /// Makes new tokens; for the minter.
  public static func mint(to account: Address, amount: TokenAmount) -> ContractCall<Bool> {
    .bool(Function.mint, [.address(account), .number(amount)])
  }

  /// Destroys tokens of the caller.
  public static func burn(_ amount: TokenAmount) -> ContractCall<Bool> {
    .bool(Function.burn, [.number(amount)])
  }

  /// Sets who may mint; for the owner.
  public static func setMinter(_ account: Address) -> ContractCall<Void> {
    ContractCall(Function.setMinter, [.address(account)])
  }

  /// The contract's owner.
  public static func owner() -> ContractCall<Address> { .address(Function.owner) }

  /// Who may mint.
  public static func minter() -> ContractCall<Address> { .address(Function.minter) }

  private static func text(_ function: ABIFunction) -> ContractCall<String> {
    ContractCall(function) { fields throws(ContractError) in try fields.text() }
  }
}
