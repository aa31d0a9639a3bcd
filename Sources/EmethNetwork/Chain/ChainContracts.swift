import EmethKit

/// EMETH's contracts on a chain, found from Core and checked against each other.
///
/// ```swift
/// let contracts = try await ChainContracts.find(core: core, with: client, expectedChainID: 1)
/// let domain = contracts.domain      // in which tickets for this chain are signed
/// ```
public struct ChainContracts: Hashable, Sendable {
  /// The chain's number.
  public let chainID: UInt64
  /// EMETH Core.
  public let core: Address
  /// The token.
  public let token: Address
  /// The contract that redeems tickets.
  public let settlement: Address
  /// The contract that checks jobs.
  public let verification: Address

  /// The domain in which tickets and batches are signed.
  public var domain: EIP712Domain {
    EIP712Domain(chainId: UInt256(chainID), verifyingContract: settlement)
  }

  /// Chain and settlement in words.
  var words: String { "settlement \(settlement) on chain \(chainID)" }

  /// Contracts at these addresses; nothing is checked.
  public init(
    chainID: UInt64, core: Address, token: Address, settlement: Address, verification: Address
  ) {
    self.chainID = chainID
    self.core = core
    self.token = token
    self.settlement = settlement
    self.verification = verification
  }

  /// The contracts that belong to the Core at an address.
  ///
  /// They are what they should be when each names the other, and when the settlement's domain separator is the one
  /// that follows from name, version, chain and address: so neither another chain nor another version goes unseen.
  ///
  /// - Throws: ``ChainError/wrongChain(found:expected:)``, ``ChainError/noContract(address:chainID:)``,
  ///   ``ChainError/wrongContract(address:what:found:expected:)``.
  public static func find(
    core: Address, with client: ChainClient
  ) async throws(ChainError) -> ChainContracts {
    let chainID = try await client.chainID()
    if let expectedChainID = client.settings.expectedChainID, chainID != expectedChainID {
      throw .wrongChain(found: chainID, expected: expectedChainID)
    }
    guard try await !client.code(at: core).isEmpty else { throw .noContract(address: core, chainID: chainID) }
    let token = try await member(EmethCore.token(), of: core, client)
    guard let settlement = try await member(EmethCore.settlement(), of: core, client),
      let verification = try await member(EmethCore.verification(), of: core, client)
    else {
      throw .wrongContract(
        address: core, what: "settlement()", found: "\(Address.zero)",
        expected: "the contract that redeems tickets")
    }
    if let expectedSettlement = client.settings.expectedSettlement, settlement != expectedSettlement {
      throw .wrongContract(
        address: core, what: "settlement()", found: "\(settlement)", expected: "\(expectedSettlement)")
    }
    if let expectedVerification = client.settings.expectedVerification, verification != expectedVerification {
      throw .wrongContract(
        address: core, what: "verification()", found: "\(verification)", expected: "\(expectedVerification)")
    }
    let contracts = ChainContracts(
      chainID: chainID, core: core, token: token, settlement: settlement, verification: verification)
    try await contracts.check(client)
    return contracts
  }

  private func check(_ client: ChainClient) async throws(ChainError) {
    for contract in [settlement, verification] {
      let named = try await Self.member(EmethCore.core(), of: contract, client)
      guard named == core else {
        throw .wrongContract(address: contract, what: "core()", found: "\(named)", expected: "\(core)")
      }
    }
    let separator = try await Self.member(EmethCore.domainSeparator(), of: settlement, client)
    guard separator == domain.separator else {
      throw .wrongContract(
        address: settlement, what: "domainSeparator()", found: "\(separator)",
        expected: "\(domain.separator), that of EMETH version 1 on chain \(chainID)")
    }
    let decimals = try await Self.member(EmethToken.decimals(), of: token, client)
    guard Int(decimals) == TokenAmount.decimals else {
      throw .wrongContract(
        address: token, what: "decimals()", found: "\(decimals)", expected: "\(TokenAmount.decimals)")
    }
  }

  /// A view that every such contract has: where it fails, the contract is another one.
  private static func member<Value>(
    _ call: ContractCall<Value>, of contract: Address, _ client: ChainClient
  ) async throws(ChainError) -> Value {
    do throws(ChainError) {
      return try await client.call(call, at: contract)
    } catch {
      switch error {
      case .reverted(_, let reason):
        throw .wrongContract(
          address: contract, what: "\(call.function.name)()", found: reason.description, expected: "an answer"
        )
      case .contract(let error):
        throw .wrongContract(
          address: contract, what: "\(call.function.name)()", found: error.message, expected: "an answer")
      default: throw error
      }
    }
  }
}
