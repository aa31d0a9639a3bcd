import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Each transaction once, whatever happens between signature and confirmation.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct TransactionSenderTests {
  private let one = EmethCore.deposit(ChainScene.amount(1))

  private func failure(_ body: () async throws -> Void) async -> ChainError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? ChainError
    }
  }

  @Test func depositsAndTicketsReachTheContracts() async throws {
    let scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let (core, settlement) = (scene.contracts.core, scene.contracts.settlement)
    let account = scene.user.address
    let sender = try scene.sender()
    _ = try await sender.submit(EmethCore.deposit(ChainScene.amount(10)), to: core, under: "in")
    _ = try await sender.submit(EmethCore.withdraw(ChainScene.amount(4)), to: core, under: "out")
    #expect(try await scene.ledger(account) == ChainScene.amount(6))

    let deposit = EmethCore.depositToLayer2(account: account, amount: ChainScene.amount(20))
    let receipt = try await sender.submit(deposit, to: settlement, under: "layer 2")
    let log = try #require(receipt.logs.first { $0.address == settlement })
    #expect(
      try EmethCore.Event(topics: log.topics, data: log.data)
        == .depositedToLayer2(account: account, number: 0, depositor: account, amount: ChainScene.amount(20)))

    let before = try await scene.balance(account)
    let ticket = scene.ticket(account, epoch: 1, payout: 3)
    _ = try await sender.submit(EmethCore.redeemTicket(ticket), to: settlement, under: "ticket")
    #expect(try await scene.balance(account) == before + ChainScene.amount(3))
    // The same ticket pays nothing, and a foreign Signer's is refused before anything is sent.
    _ = try await sender.submit(EmethCore.redeemTickets([ticket]), to: settlement, under: "again")
    #expect(try await scene.balance(account) == before + ChainScene.amount(3))
    let forged = scene.ticket(account, epoch: 2, payout: 9, by: scene.other)
    #expect(
      await failure {
        _ = try await sender.submit(EmethCore.redeemTicket(forged), to: settlement, under: "forged")
      } == .reverted(function: "redeemTicket", reason: .message("settlement.signature")))
  }

  @Test func aNameIsSentOnce() async throws {
    let scene = try await ChainScene.deploy()
    let core = scene.contracts.core
    let first = try await scene.sender().submit(one, to: core, under: "a")
    let again = try await scene.sender().submit(one, to: core, under: "a")
    #expect(first.transaction == again.transaction)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))
    #expect(
      await failure {
        _ = try await scene.sender().send(EmethCore.deposit(ChainScene.amount(2)), to: core, under: "a")
      } == .keyInUse(key: "a", transaction: first.transaction))
  }

  /// Handed in and lost, before the answer came: the next process finds the transaction in the journal.
  @Test func aProcessThatEndedIsFollowedByAnother() async throws {
    let scene = try await ChainScene.deploy()
    let core = scene.contracts.core
    let client = try scene.bridge.client { $0.attempts = 1 }
    // libcurl itself sends anew over another connection, once.
    try await scene.bridge.fault("eth_sendRawTransaction", "drop", .bool(true), count: 2)
    #expect(
      await failure { _ = try await scene.sender(client: client).send(one, to: core, under: "a") }?.code
        == "chain.unreachable")
    try await scene.bridge.noFaults()
    let journalled = try #require(try await scene.sender().unfinished(one, to: core).first?.entry)
    let receipt = try await scene.sender().submit(one, to: core, under: "a")
    #expect(receipt.transaction == journalled.newest.hash)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))
    #expect(try await scene.sender().unfinished(one, to: core).isEmpty)
  }

  @Test func manySendersShareAnAccount() async throws {
    let scene = try await ChainScene.deploy()
    let core = scene.contracts.core
    let hashes = try await withThrowingTaskGroup(of: Bytes32.self) { group in
      for index in 0..<12 {
        group.addTask {
          // The same names from different senders, each with the journal opened anew.
          try await scene.sender().submit(one, to: core, under: "task \(index / 2)").transaction
        }
      }
      return try await group.reduce(into: Set<Bytes32>()) { $0.insert($1) }
    }
    #expect(hashes.count == 6)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(6))
  }

  @Test func aGapOfNoncesIsFilled() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    try await bridge.tell("evm_setAutomine", .bool(false))
    let first = try await scene.sender().send(one, to: core, under: "a")
    let second = try await scene.sender().send(one, to: core, under: "b")
    #expect(second.nonce == first.nonce + 1)
    // The node forgets both; the later one comes back first and waits behind the gap.
    try await bridge.tell("evm_dropPool")
    try await scene.client.sendRaw(second.newest.encoded, hash: second.newest.hash)
    try await bridge.mine()
    #expect(try await scene.client.receipts(of: [second.newest.hash]) == [nil])
    try await scene.sender().resume()
    try await bridge.mine(2)
    _ = try await scene.sender().confirm(first)
    _ = try await scene.sender().confirm(second)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(2))
  }

  /// Waiting for the later one hands the earlier one in as well.
  @Test func aLostTransactionIsHandedInWithThoseBeforeIt() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    try await bridge.tell("evm_setAutomine", .bool(false))
    _ = try await scene.sender().send(one, to: core, under: "a")
    let second = try await scene.sender().send(one, to: core, under: "b")
    try await bridge.tell("evm_dropPool")
    try await bridge.tell("evm_setAutomine", .bool(true))
    _ = try await scene.sender().confirm(second)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(2))
  }

  @Test func aStuckTransactionIsDisplacedByADearerOne() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    try await bridge.tell("evm_setAutomine", .bool(false))
    let sent = try await scene.sender().send(one, to: core, under: "a")
    let sender = try scene.sender {
      $0.stuckSeconds = 0
      $0.attemptLimit = 3
    }
    let waiting = Task { try await sender.confirm(sent) }
    let journal = sender.journal
    var entry = sent
    for _ in 0..<600 where entry.attempts.count < 3 {
      try await Task.sleep(for: .milliseconds(100))
      entry = try #require(try journal.open(chain: bridge.chainID, account: sender.account).first)
    }
    // It is written down first, and handed in then.
    for _ in 0..<100 {
      if try await scene.client.knows(entry.newest.hash) { break }
      try await Task.sleep(for: .milliseconds(50))
    }
    waiting.cancel()
    _ = await waiting.result
    #expect(entry.attempts.count == 3)
    for (old, new) in zip(entry.attempts, entry.attempts.dropFirst()) {
      #expect(old.transaction.nonce == new.transaction.nonce && old.transaction.data == new.transaction.data)
      #expect(new.fees.maxFeePerGas * 10 >= old.fees.maxFeePerGas * 11)
    }
    try await bridge.mine()
    let receipt = try await scene.sender().submit(one, to: core, under: "a")
    #expect(receipt.transaction == entry.newest.hash, "the dearest is the one that is mined")
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))
  }

  @Test func aNonceThatIsUsedElsewhereIsNoticed() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    try await bridge.tell("evm_setAutomine", .bool(false))
    let sent = try await scene.sender().send(one, to: core, under: "a")
    try await bridge.tell("evm_dropPool")
    // Another wallet with the same key.
    let foreign = try Transaction(
      kind: .dynamicFee(
        chainId: bridge.chainID, maxPriorityFeePerGas: 1_000_000_000, maxFeePerGas: 100_000_000_000),
      nonce: sent.nonce, gasLimit: 21_000, to: scene.other.address, value: 1
    ).signed(with: scene.user)
    try await scene.client.sendRaw(foreign.encoded, hash: foreign.hash)
    try await bridge.mine()
    #expect(
      await failure { _ = try await scene.sender().confirm(sent) }
        == .nonceTaken(account: scene.user.address, nonce: sent.nonce, transaction: sent.newest.hash))
    try await bridge.tell("evm_setAutomine", .bool(true))
    _ = try await scene.sender().submit(one, to: core, under: "a")
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))
  }

  @Test func whatFailsInItsBlockIsExplained() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    _ = try await scene.sender().submit(one, to: core, under: "in")
    try await bridge.tell("evm_setAutomine", .bool(false))
    // Each alone would be right; the second finds nothing left.
    let withdrawal = EmethCore.withdraw(ChainScene.amount(1))
    let first = try await scene.sender().send(withdrawal, to: core, under: "a")
    let second = try await scene.sender().send(withdrawal, to: core, under: "b")
    try await bridge.mine(2)
    _ = try await scene.sender().confirm(first)
    let refusal = ChainError.reverted(function: "withdraw", reason: .message("core.deposits"))
    #expect(await failure { _ = try await scene.sender().confirm(second) } == refusal)
    // What failed is over: the name may be sent anew, and is refused before it is.
    #expect(await failure { _ = try await scene.sender().send(withdrawal, to: core, under: "b") } == refusal)
  }

  @Test func aReorganisationTakesNothingAway() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, core) = (scene.bridge, scene.contracts.core)
    let snapshot = try await bridge.snapshot()
    let sent = try await scene.sender().send(one, to: core, under: "a")
    #expect(try await scene.client.receipts(of: [sent.newest.hash]) != [nil])
    try await bridge.tell("evm_revert", snapshot)
    try await bridge.mine(3)
    #expect(try await scene.ledger(scene.user.address) == .zero)
    _ = try await scene.sender().confirm(sent)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))
  }

  @Test func whoCantPayIsTold() async throws {
    let scene = try await ChainScene.deploy()
    let poor = try PrivateKey(hex: String(repeating: "77", count: 32))
    let found = await failure {
      _ = try await scene.sender(poor).send(
        EmethToken.approve(spender: scene.contracts.core, amount: .zero), to: scene.contracts.token,
        under: "a")
    }
    guard case .insufficientFunds(poor.address, let balance, let needed)? = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(balance == .zero && needed > .zero)
    // A node that finds it out first: the nonce is free again.
    let sender = try scene.sender()
    let refusal = JSONValue.object([
      .init("code", .number("-32000")), .init("message", .string("insufficient funds for gas")),
    ])
    try await scene.bridge.fault("eth_sendRawTransaction", "error", refusal)
    #expect(
      await failure { _ = try await sender.send(one, to: scene.contracts.core, under: "a") }?.code
        == "chain.insufficientFunds")
    _ = try await sender.submit(one, to: scene.contracts.core, under: "b")
    _ = try await sender.submit(one, to: scene.contracts.core, under: "a")
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(2))
  }
}
