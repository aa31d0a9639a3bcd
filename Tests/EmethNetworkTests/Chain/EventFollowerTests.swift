import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// The event file is the chain's, before and after reorganisations, and no deposit is credited twice.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct EventFollowerTests {
  /// A ledger that adds whatever it is given: a deposit that came twice would show.
  private final class Ledger: Sendable {
    let balances = Mutex<[Address: TokenAmount]>([:])
    let count = Mutex(0)

    func credit(_ deposit: ChainDeposit) {
      balances.withLock { $0[deposit.account, default: .zero] += deposit.amount }
      count.withLock { $0 += 1 }
    }

    func balance(_ account: Address) -> TokenAmount { balances.withLock { $0[account] ?? .zero } }
  }

  private let scene: ChainScene
  private let ledger = Ledger()

  init() async throws {
    scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
  }

  /// A follower on the same file, as after a restart.
  private func follower(
    client: ChainClient? = nil, settledDepth: UInt64 = 128, blocksPerStep: UInt64 = 2_000
  ) throws -> EventFollower {
    let contracts = [scene.contracts.core, scene.contracts.settlement]
    let store = try EventStore(
      file: scene.folder.url.appending(path: "events.sqlite"), chainID: scene.bridge.chainID,
      contracts: contracts)
    return EventFollower(
      client: client ?? scene.client, store: store, contracts: contracts, blocksPerStep: blocksPerStep,
      settledDepth: settledDepth)
  }

  private func follow(_ follower: EventFollower) async throws -> EventFollower.Step {
    var undone = 0
    for _ in 0..<200 {
      var step = try await follower.advance()
      undone += step.undone
      step.undone = undone
      if step.isAtHead { return step }
    }
    throw ChainError.malformed(method: "test", reason: "the head is never reached")
  }

  private func deposit(_ amount: UInt64, _ name: String, by key: PrivateKey? = nil) async throws {
    let key = key ?? scene.user
    let call = EmethCore.depositToLayer2(account: key.address, amount: ChainScene.amount(amount))
    _ = try await scene.sender(key).submit(call, to: scene.contracts.settlement, under: name)
  }

  private func credit(_ follower: EventFollower, confirmations: UInt64 = 2) throws -> [UInt64] {
    let (store, settlement) = (follower.store, scene.contracts.settlement)
    let due = try store.dueDeposits(confirmations: confirmations, of: settlement)
    return try store.creditDeposits(confirmations: confirmations, of: settlement, checked: due) {
      deposit, _ in ledger.credit(deposit)
    }.map(\.number)
  }

  /// What the chain says now, read at once.
  private func chainsLogs() async throws -> [ChainLog] {
    let head = try await scene.client.blockNumber()
    return try await scene.client.logs(
      of: [scene.contracts.core, scene.contracts.settlement], in: 0...head)
  }

  @Test func itReadsWhatTheChainSays() async throws {
    _ = try await scene.sender().submit(
      EmethCore.deposit(ChainScene.amount(2)), to: scene.contracts.core, under: "in")
    try await deposit(3, "a")
    let follower = try follower()
    let step = try await follow(follower)
    #expect(step.last == step.head && step.undone == 0)
    let expected = try await chainsLogs()
    #expect(expected.count > 3)
    #expect(try follower.store.logs() == expected)
    #expect(
      try follower.store.deposits(of: scene.contracts.settlement).map(\.amount) == [ChainScene.amount(3)])
    // In small steps, old blocks without heads, the same.
    let file = scene.folder.url.appending(path: "other.sqlite")
    let contracts = [scene.contracts.core, scene.contracts.settlement]
    let store = try EventStore(file: file, chainID: scene.bridge.chainID, contracts: contracts)
    let slow = EventFollower(
      client: try scene.bridge.client { $0.batchLimit = 2 }, store: store, contracts: contracts,
      blocksPerStep: 3,
      settledDepth: 2)
    _ = try await follow(slow)
    #expect(try store.logs() == expected)
    #expect(throws: ChainError.self, "the file of other contracts") {
      try EventStore(file: file, chainID: 1, contracts: contracts)
    }
  }

  @Test func aReorganisationIsTakenBack() async throws {
    try await deposit(3, "a")
    let snapshot = try await scene.bridge.snapshot()
    try await deposit(4, "b")
    try await scene.bridge.mine(2)
    _ = try await follow(follower())
    #expect(try follower().store.deposits(of: scene.contracts.settlement).count == 2)

    try await scene.bridge.tell("evm_revert", snapshot)
    try await scene.bridge.tell("evm_increaseTime", .hex(UInt64(60)))
    try await deposit(5, "c", by: scene.other)
    try await scene.bridge.mine(3)
    let step = try await follow(follower())
    #expect(step.undone == 3)
    #expect(try follower().store.logs() == (try await chainsLogs()))
    #expect(
      try follower().store.deposits(of: scene.contracts.settlement).map(\.amount)
        == [ChainScene.amount(3), ChainScene.amount(5)])
  }

  @Test func depositsAreCreditedOnceWhenDeepEnough() async throws {
    try await deposit(3, "a")
    _ = try await follow(follower())
    #expect(try credit(follower(), confirmations: 2) == [])
    try await scene.bridge.mine()
    _ = try await follow(follower())
    #expect(try credit(follower()) == [0])
    #expect(try credit(follower()) == [])
    // What was read may be forgotten, what was credited not.
    try follower().store.readAnew()
    #expect(try follower().store.logs().isEmpty)
    try await deposit(4, "b")
    try await scene.bridge.mine()
    _ = try await follow(follower())
    #expect(try credit(follower()) == [1])
    #expect(ledger.balance(scene.user.address) == ChainScene.amount(7))
    // Where the ledger can't take it nothing is noted.
    try await deposit(5, "c")
    try await scene.bridge.mine()
    let follower = try follower()
    _ = try await follow(follower)
    #expect(throws: ChainError.interrupted) {
      let (store, settlement) = (follower.store, scene.contracts.settlement)
      let due = try store.dueDeposits(confirmations: 2, of: settlement)
      _ = try store.creditDeposits(confirmations: 2, of: settlement, checked: due) { _, _ in
        throw NetworkError.interrupted
      }
    }
    // Nor is anything credited that was not looked at.
    #expect(
      try follower.store.creditDeposits(
        confirmations: 2, of: scene.contracts.settlement, checked: []
      ) { _, _ in Issue.record("nobody has checked it") } == [])
    #expect(try credit(self.follower()) == [2])
  }

  /// Three blocks are replaced after a credit: with the same deposit again nothing is credited twice, in whatever block
  /// it is; with another one under its number crediting stops.
  @Test(arguments: [true, false]) func aReorganisationAfterACreditNeverCreditsTwice(sameAgain: Bool)
    async throws
  {
    let snapshot = try await scene.bridge.snapshot()
    try await deposit(3, "a")
    try await scene.bridge.mine(2)
    _ = try await follow(follower())
    #expect(try credit(follower(), confirmations: 3) == [0])

    try await scene.bridge.tell("evm_revert", snapshot)
    try await scene.bridge.tell("evm_increaseTime", .hex(UInt64(60)))
    try await scene.bridge.mine()
    _ = try await follow(follower())
    #expect(try credit(follower(), confirmations: 3) == [])
    if sameAgain {
      // The journal hands the same transaction in again.
      try await scene.sender().resume()
      let call = EmethCore.depositToLayer2(account: scene.user.address, amount: ChainScene.amount(3))
      _ = try await scene.sender().submit(call, to: scene.contracts.settlement, under: "a")
    } else {
      try await deposit(9, "z", by: scene.other)
    }
    try await scene.bridge.mine(5)
    let step = try await follow(follower())
    #expect(step.last == step.head)
    if sameAgain {
      #expect(try credit(follower(), confirmations: 3) == [])
      try await deposit(1, "next")
      try await scene.bridge.mine(3)
      _ = try await follow(follower())
      #expect(try credit(follower(), confirmations: 3) == [1])
      #expect(ledger.balance(scene.user.address) == ChainScene.amount(4))
    } else {
      #expect(throws: ChainError.self) { _ = try credit(follower(), confirmations: 3) }
      do {
        _ = try credit(follower(), confirmations: 3)
      } catch {
        #expect((error as? ChainError)?.code == "chain.creditUndone")
      }
      #expect(ledger.count.withLock { $0 } == 1)
      #expect(ledger.balance(scene.other.address) == .zero)
    }
  }

  @Test func aCreditedDepositThatIsGoneStopsCrediting() async throws {
    let snapshot = try await scene.bridge.snapshot()
    try await deposit(3, "a")
    try await scene.bridge.mine()
    _ = try await follow(follower())
    #expect(try credit(follower()) == [0])
    try await scene.bridge.tell("evm_revert", snapshot)
    try await scene.bridge.tell("evm_increaseTime", .hex(UInt64(60)))
    try await scene.bridge.mine(6)
    _ = try await follow(follower())
    do {
      _ = try credit(follower())
      Issue.record("a deposit that the chain does not have any more")
    } catch {
      guard case .creditUndone(0, _, "nothing of it")? = error as? ChainError else { throw error }
    }
  }

  @Test func aLyingNodeGetsNothingIn() async throws {
    try await deposit(3, "a")
    let topic = JSONValue.string("\(EmethCore.depositTopic)")
    let head = try #require(try await scene.client.block(.latest))
    func log(block: UInt64, hash: Bytes32, address: Address) -> JSONValue {
      .array([
        .object([
          .init("address", .string("\(address)")), .init("topics", .array([topic])),
          .init("data", .string("0x")),
          .init("blockNumber", .hex(block)), .init("blockHash", .string("\(hash)")),
          .init("transactionHash", .string("\(Bytes32.zero)")), .init("logIndex", .string("0x0")),
        ])
      ])
    }
    let lies = [
      log(block: head.number, hash: .zero, address: scene.contracts.settlement),
      log(block: head.number, hash: head.hash, address: scene.contracts.token),
      log(block: head.number + 9, hash: head.hash, address: scene.contracts.settlement),
    ]
    for lie in lies {
      try await scene.bridge.fault("eth_getLogs", "result", lie, count: 99)
      let follower = try follower()
      do {
        _ = try await follow(follower)
        Issue.record("a lie was taken in")
      } catch {
        #expect((error as? ChainError)?.code == "chain.contradiction")
      }
      #expect(try follower.store.logs().isEmpty)
      try await scene.bridge.noFaults()
    }
    let logs = try await chainsLogs()
    let store = try follower().store
    _ = try await follow(follower())
    #expect(try store.logs() == logs)
  }

  /// What a node leaves out of its logs shows by the number of the next deposit, and nothing is credited out of turn.
  @Test func aDepositThatIsKeptFromUsIsMissed() async throws {
    try await deposit(3, "a")
    try await scene.bridge.fault("eth_getLogs", "result", .array([]), count: 99)
    _ = try await follow(follower())
    try await scene.bridge.noFaults()
    try await deposit(4, "b")
    _ = try await follow(follower())
    await #expect(throws: ChainError.missingDeposit(number: 0, next: 1)) {
      _ = try credit(follower())
    }
    #expect(ledger.count.withLock { $0 } == 0)
  }

  /// What a node that lags has left out is missed by the contract's own count, and read anew.
  @Test func whatWasLeftOutIsReadAnew() async throws {
    try await deposit(3, "a")
    try await deposit(4, "b")
    try await scene.bridge.fault("eth_getLogs", "result", .array([]), count: 999)
    let follower = try follower()
    _ = try await follow(follower)
    #expect(try follower.store.logs().isEmpty)
    let last = try #require(try follower.store.last()).number
    let missing = ChainError.contradiction(
      method: "eth_getLogs", what: "the number of deposits up to block \(last)", found: "0", expected: "2")
    await #expect(throws: missing) { try await follower.checkDeposits(of: scene.contracts.settlement) }
    try await scene.bridge.noFaults()
    // It is looked for again after some blocks, and said until then.
    await #expect(throws: missing) { try await follower.checkDeposits(of: scene.contracts.settlement) }
    try await scene.bridge.mine(10)
    _ = try await follow(follower)
    try await follower.checkDeposits(of: scene.contracts.settlement)
    #expect(try follower.store.logs() == (try await chainsLogs()))
    #expect(try credit(self.follower()) == [0, 1])
    // More than the contract has counted.
    let one = JSONValue.string("0x" + String(repeating: "0", count: 63) + "1")
    try await scene.bridge.fault("eth_call", "result", one)
    await #expect(throws: ChainError.self) {
      try await follower.checkDeposits(of: scene.contracts.settlement)
    }
  }

  /// Logs that no contract counts, as requests for the way out are, are found at the second look.
  @Test func aSecondLookFindsWhatWasLeftOut() async throws {
    _ = try await scene.sender().submit(
      EmethCore.deposit(ChainScene.amount(2)), to: scene.contracts.core, under: "in")
    let all = try await chainsLogs()
    try await scene.bridge.fault("eth_getLogs", "result", .array([]), count: 999)
    let follower = try follower(settledDepth: 3)
    _ = try await follow(follower)
    try await scene.bridge.noFaults()
    #expect(try await follower.lookAgain() < all.count, "the newest blocks lie not deep enough")
    try await scene.bridge.mine(4)
    _ = try await follow(follower)
    let found = try await follower.lookAgain()
    #expect(found > 0)
    #expect(try follower.store.logs() == all)
    #expect(try await follower.lookAgain() == 0, "each block is read twice, not more often")
    // What was there must be there again.
    try follower.store.readAnew()
    _ = try await follow(follower)
    try await scene.bridge.fault("eth_getLogs", "result", .array([]), count: 999)
    do {
      try await follower.lookAgain()
      Issue.record("logs were taken away")
    } catch {
      #expect(error.code == "chain.contradiction")
    }
    #expect(try follower.store.logs() == all)
    try await scene.bridge.noFaults()
    #expect(try await follower.lookAgain() == 0)
  }

  /// A node that lags has not the newest blocks: that is no reorganisation.
  @Test func aNodeThatLagsTakesNothingBack() async throws {
    try await deposit(3, "a")
    let before = try await scene.client.block(.latest)
    _ = try await follow(follower())
    let logs = try follower().store.logs()
    let last = try follower().store.last()
    // An older head, and a head whose block it does not find.
    let newest = try #require(before).number
    for head in [newest - 1, newest + 1] {
      let method = "eth_getBlockByNumber"
      try await scene.bridge.fault(method, "patch", .object([.init("number", .hex(head))]))
      try await scene.bridge.fault(method, "result", .null)
      let step = try await follower().advance()
      #expect(step.undone == 0 && step.last == newest && step.isAtHead == (head < newest))
      try await scene.bridge.noFaults()
      #expect(try follower().store.logs() == logs)
      #expect(try follower().store.last()?.hash == last?.hash)
    }
    _ = try await follow(follower())
    #expect(try follower().store.logs() == logs)
  }

  @Test func rangesThatAreTooWideAreHalved() async throws {
    try await deposit(3, "a")
    let refusal = JSONValue.object([
      .init("code", .number("-32602")), .init("message", .string("query returned more than 10000 results")),
    ])
    try await scene.bridge.fault("eth_getLogs", "error", refusal, count: 3)
    let follower = try follower(settledDepth: 2)
    _ = try await follow(follower)
    #expect(try follower.store.logs() == (try await chainsLogs()))
  }

  /// What strangers can have logged for gas stops nobody from reading on: answers that are too long are asked for in parts,
  /// of old blocks and of recent ones.
  @Test func answersThatAreTooLongAreAskedForInParts() async throws {
    for number in 0..<16 { try await deposit(3, "\(number)") }
    let all = try await chainsLogs()
    #expect(all.count > 16)
    for depth in [2, 128] as [UInt64] {
      let client = try scene.bridge.client {
        $0.answerByteLimit = 6_000
        $0.attempts = 1
      }
      let head = try await scene.client.blockNumber()
      await #expect(throws: ChainError.self, "else the test asks for too little") {
        _ = try await client.logs(of: [scene.contracts.core, scene.contracts.settlement], in: 0...head)
      }
      let follower = try follower(client: client, settledDepth: depth)
      try follower.store.rollBack(to: 0)
      _ = try await follow(follower)
      #expect(try follower.store.logs() == all)
    }
  }

  @Test func aReorganisationDeeperThanRememberedIsNamed() async throws {
    let file = scene.folder.url.appending(path: "deep.sqlite")
    let contracts = [scene.contracts.settlement]
    let store = try EventStore(file: file, chainID: scene.bridge.chainID, contracts: contracts)
    let follower = EventFollower(client: scene.client, store: store, contracts: contracts, firstBlock: 2)
    _ = try await follow(follower)
    // The first block that was read is replaced as well: all is read anew.
    let wrong = try #require(try await scene.client.block(.number(3)))
    let all = try store.remembered(limit: 999)
    try store.rollBack(to: 1)
    let patched = try ChainBlock(
      .object([
        .init("number", .string("0x2")), .init("hash", .string("\(Bytes32.zero)")),
        .init("parentHash", .string("\(wrong.hash)")), .init("timestamp", .string("0x1")),
        .init("gasLimit", .string("0x1")),
      ]), method: "test")
    #expect(try store.append([try #require(patched)], logs: [], after: nil))
    let step = try await follow(follower)
    #expect(step.undone == 1)
    #expect(try store.remembered(limit: 999) == all)
    // Where nothing that is remembered is the chain's, and the beginning is elsewhere, nobody can say what changed.
    let other = EventFollower(client: scene.client, store: store, contracts: contracts, firstBlock: 0)
    try store.rollBack(to: 1)
    #expect(try store.append([try #require(patched)], logs: [], after: nil))
    // What another one has read meanwhile is not read twice, nor is anything left out.
    #expect(try !store.append([try #require(patched)], logs: [], after: nil))
    await #expect(throws: ChainError.reorganisedTooDeep(from: 2, remembered: 1)) { try await other.advance() }
  }
}
