import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Contracts are found and checked, and nodes that are away, slow, limited or lie are waited for or named.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct ChainClientTests {
  private func failure(_ body: () async throws -> Void) async -> ChainError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? ChainError
    }
  }

  @Test func contractsAreThoseOfTheCore() async throws {
    let scene = try await ChainScene.deploy()
    let (client, contracts) = (scene.client, scene.contracts)
    #expect(try await client.call(EmethToken.symbol(), at: contracts.token) == "EMETH")
    #expect(try await scene.balance(scene.user.address) == ChainScene.amount(500))
    let ticket = scene.ticket(scene.user.address, epoch: 1, payout: 3)
    #expect(
      try await client.call(EmethCore.ticketDigest(ticket.ticket), at: contracts.settlement) == ticket.digest)

    #expect(
      await failure {
        _ = try await ChainContracts.find(
          core: contracts.core, with: scene.bridge.client { $0.expectedChainID = 1 })
      } == .wrongChain(found: scene.bridge.chainID, expected: 1))
    let nobody = try Address("0x00000000000000000000000000000000000000ff")
    #expect(
      await failure { _ = try await ChainContracts.find(core: nobody, with: client) }
        == .noContract(address: nobody, chainID: scene.bridge.chainID))
    #expect(
      await failure { _ = try await client.call(EmethCore.signer(), at: nobody) }
        == .noContract(address: nobody, chainID: scene.bridge.chainID))
    for wrong in [contracts.token, contracts.settlement] {
      guard
        case .wrongContract(wrong, _, _, _)? = await failure({
          _ = try await ChainContracts.find(core: wrong, with: client)
        })
      else {
        Issue.record("\(wrong) passes as Core")
        continue
      }
    }
    // A Core of its own, whose settlement is not named yet.
    let sender = try scene.sender(scene.owner)
    let bare = try await sender.confirm(
      sender.deploy(
        ChainBridge.code("EmethCore", [.address(contracts.token)]), named: "EmethCore", under: "bare"))
    let core = try #require(bare.createdContract)
    guard
      case .wrongContract(core, "settlement()", _, _)? = await failure({
        _ = try await ChainContracts.find(core: core, with: client)
      })
    else {
      Issue.record("a Core without a settlement passes")
      return
    }
  }

  @Test func aContractsRefusalIsTold() async throws {
    let scene = try await ChainScene.deploy()
    let found = await failure {
      _ = try await scene.client.call(
        EmethCore.withdraw(ChainScene.amount(1)), at: scene.contracts.core, from: scene.user.address)
    }
    #expect(found == .reverted(function: "withdraw", reason: .message("core.deposits")))
    let preview = await failure {
      _ = try await scene.sender().preview(EmethCore.withdraw(ChainScene.amount(1)), to: scene.contracts.core)
    }
    #expect(preview == found)
    #expect(found?.message == "withdraw reverted: \"core.deposits\"")
  }

  @Test func whatPassesIsWaitedFor() async throws {
    let bridge = try await ChainBridge.start()
    let client = try bridge.client()
    let method = "eth_chainId"
    try await bridge.fault(method, "status", .number("429"))
    try await bridge.fault(method, "status", .number("503"))
    try await bridge.fault(method, "drop", .bool(true))
    try await bridge.fault(method, "garbage", .string("<html>"))
    let limit = JSONValue.object([
      .init("code", .number("-32005")), .init("message", .string("limit exceeded")),
    ])
    try await bridge.fault(method, "error", limit)
    #expect(try await client.chainID() == bridge.chainID)
    // One call of a batch is limited: the others are not asked again.
    try await bridge.fault(method, "error", limit)
    let results = try await client.batch([
      RPCCall("eth_blockNumber"), RPCCall(method), RPCCall("eth_nothing"),
    ])
    #expect(try results[0].get() == .string("0x0"))
    #expect(try results[1].get() == .hex(bridge.chainID))
    #expect(throws: ChainError.self) { try results[2].get() }
  }

  @Test func whatStaysIsNamed() async throws {
    let bridge = try await ChainBridge.start()
    let client = try bridge.client { $0.attempts = 3 }
    func found(_ name: String, _ value: JSONValue) async throws -> ChainError? {
      try await bridge.fault("eth_chainId", name, value, count: 99)
      let error = await failure { _ = try await client.chainID() }
      try await bridge.noFaults()
      return error
    }
    #expect(try await found("status", .number("429")) == .rateLimited(endpoint: bridge.url))
    #expect(try await found("status", .number("503"))?.code == "chain.unreachable")
    #expect(try await found("drop", .bool(true))?.code == "chain.unreachable")
    #expect(try await found("garbage", .string("{}"))?.code == "chain.malformed")
    #expect(try await found("result", .string("1"))?.code == "chain.malformed")
    let pruned = JSONValue.object([
      .init("code", .number("-32000")), .init("message", .string("missing trie node")),
    ])
    #expect(try await found("error", pruned)?.code == "chain.pruned")
    let slow = try bridge.client {
      $0.attempts = 1
      $0.timeoutSeconds = 0.3
    }
    try await bridge.fault("eth_chainId", "delay", .number("1"))
    #expect(await failure { _ = try await slow.chainID() }?.code == "chain.unreachable")
    let nowhere = ChainClient(
      endpoint: try ChainEndpoint("http://127.0.0.1:1/key"), settings: client.settings)
    guard case .unreachable("http://127.0.0.1:1/…", _)? = await failure({ _ = try await nowhere.chainID() })
    else {
      Issue.record("a node that is not there")
      return
    }
  }

  @Test func liesAreSeen() async throws {
    let scene = try await ChainScene.deploy()
    let (bridge, client) = (scene.bridge, scene.client)
    try await bridge.fault("eth_getBlockByNumber", "patch", .object([.init("number", .string("0x7"))]))
    #expect(await failure { _ = try await client.block(.number(1)) }?.code == "chain.contradiction")

    let sender = try scene.sender()
    try await bridge.fault(
      "eth_sendRawTransaction", "result", .string("0x" + String(repeating: "1", count: 64)))
    let deposit = EmethCore.deposit(ChainScene.amount(1))
    #expect(
      await failure { _ = try await sender.send(deposit, to: scene.contracts.core, under: "a") }?.code
        == "chain.contradiction")
    // Nothing was handed in, and the same name goes on with the same transaction.
    let sent = try await sender.send(deposit, to: scene.contracts.core, under: "a")
    try await bridge.fault(
      "eth_getTransactionReceipt", "patch",
      .object([.init("transactionHash", .string("0x" + String(repeating: "2", count: 64)))]))
    #expect(await failure { _ = try await sender.confirm(sent) }?.code == "chain.contradiction")
    _ = try await sender.confirm(sent)
    #expect(try await scene.ledger(scene.user.address) == ChainScene.amount(1))

    // Gas that only a thief would ask for.
    let fees = JSONValue.object([
      .init("baseFeePerGas", .array([.string("0xffffffffffffff")])), .init("reward", .array([])),
    ])
    try await bridge.fault("eth_feeHistory", "result", fees)
    #expect(
      await failure { _ = try await sender.preview(deposit, to: scene.contracts.core) }?.code
        == "chain.feeTooHigh")
    try await bridge.fault("eth_estimateGas", "result", .string("0xffffffffffff"))
    #expect(
      await failure { _ = try await sender.preview(deposit, to: scene.contracts.core) }?.code
        == "chain.contradiction")
  }
}
