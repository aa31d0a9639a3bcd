import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// EMETH's contracts on a chain of their own, deployed by the client that is tested.
struct ChainScene {
  let bridge: ChainBridge
  let client: ChainClient
  let folder: TemporaryFolder
  let contracts: ChainContracts

  /// Who deployed everything, and owns the first tokens.
  var owner: PrivateKey { bridge.keys[0] }
  /// An account with 500 EMETH and coin for gas.
  var user: PrivateKey { bridge.keys[1] }
  /// The Signer.
  var signer: PrivateKey { bridge.keys[2] }
  /// An account with 500 EMETH and coin for gas.
  var other: PrivateKey { bridge.keys[3] }

  static let emeth: UInt256 = 1_000_000_000_000_000_000

  static func amount(_ emeth: UInt64) -> TokenAmount { TokenAmount(holon: UInt256(emeth) * Self.emeth) }

  static func deploy() async throws -> ChainScene {
    let bridge = try await ChainBridge.start()
    let client = try bridge.client()
    let folder = try TemporaryFolder()
    let sender = try Self.sender(bridge, folder, bridge.keys[0])
    func create(_ name: String, _ arguments: [ABIValue]) async throws -> Address {
      let sent = try await sender.deploy(
        ChainBridge.code(name, arguments), named: name, under: "deploy \(name)")
      return try #require(try await sender.confirm(sent).createdContract)
    }
    let token = try await create("EmethToken", [])
    let core = try await create("EmethCore", [.address(token)])
    let settlement = try await create("EmethSettlement", [.address(core), .uint(50 * emeth)])
    let verifiers = try await create("EmethVerifiers", [.address(core)])
    let named = EmethCore.setContracts(settlement: settlement, verification: verifiers)
    _ = try await sender.submit(named, to: core, under: "setContracts")
    _ = try await sender.submit(EmethToken.setMinter(core), to: token, under: "setMinter")
    let contracts = try await ChainContracts.find(core: core, with: client)
    for (index, key) in [bridge.keys[1], bridge.keys[3]].enumerated() {
      _ = try await sender.submit(
        EmethToken.transfer(to: key.address, amount: amount(500)), to: token, under: "money \(index)")
      let holder = try Self.sender(bridge, folder, key)
      for spender in [core, settlement] {
        _ = try await holder.submit(
          EmethToken.approve(spender: spender, amount: amount(500)), to: token, under: "approve \(spender)")
      }
    }
    return ChainScene(bridge: bridge, client: client, folder: folder, contracts: contracts)
  }

  private static func sender(
    _ bridge: ChainBridge, _ folder: TemporaryFolder, _ key: PrivateKey, _ client: ChainClient? = nil,
    _ change: (inout SenderSettings) -> Void = { _ in }
  ) throws -> TransactionSender {
    var settings = SenderSettings()
    settings.confirmations = 1
    settings.pollSeconds = 0.05
    settings.patienceSeconds = 20
    change(&settings)
    return TransactionSender(
      client: try client ?? bridge.client(), chainID: bridge.chainID, key: key,
      journal: try NonceJournal(file: folder.url.appending(path: "transactions.sqlite")), settings: settings)
  }

  /// A sender with the journal's file opened anew, as another process would have it.
  func sender(
    _ key: PrivateKey? = nil, client: ChainClient? = nil, _ change: (inout SenderSettings) -> Void = { _ in }
  ) throws -> TransactionSender {
    try Self.sender(bridge, folder, key ?? user, client, change)
  }

  /// Names the Signer and gives the settlement a bond, so that tickets are paid.
  func prepareSettlement(signer: Address? = nil) async throws {
    let sender = try self.sender(owner)
    let (token, settlement) = (contracts.token, contracts.settlement)
    _ = try await sender.submit(
      EmethCore.proposeSigner(signer ?? self.signer.address), to: settlement, under: "signer")
    _ = try await sender.submit(
      EmethToken.approve(spender: settlement, amount: Self.amount(100)), to: token, under: "approve bond")
    _ = try await sender.submit(EmethCore.depositBond(Self.amount(100)), to: settlement, under: "bond")
  }

  func balance(_ account: Address) async throws -> TokenAmount {
    try await client.call(EmethToken.balance(of: account), at: contracts.token)
  }

  func ledger(_ account: Address) async throws -> TokenAmount {
    try await client.call(EmethCore.deposits(of: account), at: contracts.core)
  }

  func ticket(_ account: Address, epoch: UInt64, payout: UInt64, by key: PrivateKey? = nil) -> SignedTicket {
    SignedTicket(
      signing: Ticket(
        account: account, epoch: epoch, cumulativePayout: Self.amount(payout), unspent: .zero, locked: .zero,
        jobsRoot: .zero), in: contracts.domain, with: key ?? signer)
  }

  /// Accounts' tickets in one signed batch, each with its proof; the batch is not posted.
  func proven(
    _ payouts: [(account: Address, payout: UInt64)], after previous: SignedBatch? = nil,
    depositsSeen: UInt64 = 1
  ) throws -> [ProvenTicket] {
    let epoch = (previous?.batch.epoch ?? 0) + 1
    let leaves = payouts.map { ticket($0.account, epoch: epoch, payout: $0.payout).ticket }
    let batch = SignedBatch(
      signing: try Batch(
        after: previous, leaves: leaves, totalBurned: .zero, depositsSeen: depositsSeen, fromTime: epoch,
        toTime: epoch), in: contracts.domain, with: signer)
    return try payouts.map { try ProvenTicket(account: $0.account, leaves: leaves, batch: batch) }
  }

  /// The chain's time goes on.
  func wait(seconds: UInt64) async throws {
    try await bridge.tell("evm_increaseTime", .string("0x" + String(seconds, radix: 16)))
    try await bridge.mine()
  }
}
