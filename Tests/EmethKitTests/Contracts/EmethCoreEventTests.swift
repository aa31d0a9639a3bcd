@testable import EmethKit
import Testing

@Suite struct EmethCoreEventTests {
  private let scene: ContractScene
  private let amount = TokenAmount(holon: 25)

  init() throws { scene = try ContractScene() }

  @Test func statusIsThatOfTheContract() throws {
    let event = try #require(EmethCore.events.first)
    #expect(
      event.topic0.description == "0x6a890a86bce7dd07c379fa48693e0307c3cf7e162355a4b1610791cf7625ef4d")
    let log = try event.encode([.fixedBytes(scene.job.bytes), .address(scene.node), .uint(2)])
    #expect(
      try EmethCore.Event(topics: log.topics, data: log.data)
        == .status(scene.job, sender: scene.node, .processing))
  }

  /// Every event of the table, with values by the order of its parameters.
  @Test func everyEventIsRead() throws {
    let (node, other, word) = (scene.node, scene.other, scene.word)
    let cases: [([ABIValue], EmethCore.Event)] = [
      (
        [.fixedBytes(scene.job.bytes), .address(node), .uint(8)], .status(scene.job, sender: node, .declined)
      ),
      (
        [.address(node), .uint(3), .address(other), .uint(25)],
        .depositedToLayer2(account: node, number: 3, depositor: other, amount: amount)
      ),
      (
        [.address(node), .uint(3), .uint(25), .uint(26)],
        .redeemed(account: node, epoch: 3, paid: amount, total: TokenAmount(holon: 26))
      ),
      (
        [.bytes32(word), .uint(3), .bytes32(.zero), .bytes32(word)],
        .batchPosted(digest: word, epoch: 3, accountsRoot: .zero, dataHash: word)
      ),
      ([.address(node), .uint(3), .uint(25)], .exitRequested(account: node, epoch: 3, unspent: amount)),
      ([.address(node), .uint(3)], .exitServed(account: node, epoch: 3)),
      ([.bytes32(word), .bool(true)], .frozen(batch: word, bondForfeited: true)),
      (
        [.address(node), .uint(3), .uint(25), .uint(9)],
        .claimed(account: node, epoch: 3, amount: amount, maturesAt: 9)
      ),
      ([.address(node), .uint(25)], .claimPaid(account: node, paid: amount)),
      (
        [.uint(3), .address(other), .uint(25)],
        .depositReclaimed(number: 3, depositor: other, amount: amount)
      ),
      ([.uint(3), .uint(25)], .slotFunded(slot: 3, minted: amount)),
      ([.address(node), .uint(9)], .signerProposed(signer: node, startsAt: 9)),
      (
        [.fixedBytes(scene.job.bytes), .uint(1), .uint(2), .uint(3), .uint(25)],
        .settled(
          scene.job, requester: TokenAmount(holon: 1), node: TokenAmount(holon: 2),
          verifier: TokenAmount(holon: 3), burned: amount)
      ),
      ([.address(node), .uint(25)], .deposited(account: node, amount: amount)),
      ([.address(node), .uint(25)], .withdrawn(account: node, amount: amount)),
      ([.address(node), .uint(7), .uint(25)], .rewardPaid(node: node, slot: 7, amount: amount)),
      (
        [.address(node), .address(other), .bool(true)],
        .serverSet(requester: node, server: other, isAllowed: true)
      ),
      ([.uint(25)], .poolFunded(amount: amount)),
      ([.uint(25), .uint(26)], .burned(amount: amount, total: TokenAmount(holon: 26))),
      ([.address(node), .uint(25)], .bondDeposited(sender: node, amount: amount)),
      ([.uint(25), .uint(9)], .bondWithdrawalAnnounced(amount: amount, readyAt: 9)),
      ([.address(node), .uint(25)], .bondWithdrawn(receiver: node, amount: amount)),
    ]
    #expect(cases.count == EmethCore.events.count)
    for (event, (values, expected)) in zip(EmethCore.events, cases) {
      let log = try event.encode(values)
      #expect(try EmethCore.Event(topics: log.topics, data: log.data) == expected)
      #expect(throws: ContractError.self, "\(event)") {
        try EmethCore.Event(topics: log.topics, data: Array(log.data.dropLast()))
      }
      #expect(throws: ContractError.self, "\(event)") {
        try EmethCore.Event(topics: log.topics + [.zero], data: log.data)
      }
    }
  }

  @Test func foreignLogsAreNamed() throws {
    #expect(throws: ContractError.unknownEvent(topic0: nil)) { try EmethCore.Event(topics: [], data: []) }
    let foreign = EmethToken.events[0].topic0
    #expect(throws: ContractError.unknownEvent(topic0: foreign)) {
      try EmethCore.Event(topics: [foreign], data: [])
    }
    let log = try EmethCore.events[0].encode([.fixedBytes(scene.job.bytes), .address(.zero), .uint(9)])
    #expect(throws: ContractError.value(of: "Status", member: "status", found: "9", allowed: "1 to 8")) {
      try EmethCore.Event(topics: log.topics, data: log.data)
    }
  }
}
