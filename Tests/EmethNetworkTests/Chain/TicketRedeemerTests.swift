import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// A node's tickets are paid when its owner's policy says so, and no more often.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct TicketRedeemerTests {
  private final class Newest: Sendable {
    let ticket = Mutex<SignedTicket?>(nil)
    let proven = Mutex<[UInt64: ProvenTicket]>([:])
    let isAway = Mutex(false)

    func read() throws(NetworkError) -> SignedTicket? {
      if isAway.withLock({ $0 }) { throw .unreachable(server: "server", reason: "away") }
      return ticket.withLock { $0 }
    }
  }

  private let scene: ChainScene
  private let newest = Newest()
  private var node: PrivateKey { scene.other }

  init() async throws {
    scene = try await ChainScene.deploy()
    try await scene.prepareSettlement()
    let call = EmethCore.depositToLayer2(account: scene.user.address, amount: ChainScene.amount(100))
    _ = try await scene.sender().submit(call, to: scene.contracts.settlement, under: "deposit")
  }

  private func redeemer(
    _ policy: TicketRedeemer.Policy, client: ChainClient? = nil
  ) throws -> TicketRedeemer {
    var settings = SenderSettings()
    settings.confirmations = 1
    settings.pollSeconds = 0.05
    let (newest, how, client, key) = (newest, settings, client ?? scene.client, node)
    let (core, journal) = (scene.contracts.core, scene.folder.url.appending(path: "node.sqlite"))
    let tickets = TicketRedeemer.Tickets { () async throws(NetworkError) in
      try newest.read()
    } proven: { (epoch) async throws(NetworkError) in
      newest.proven.withLock { $0[epoch] }
    }
    return try TicketRedeemer(
      policy: policy, folder: scene.folder.url.appending(path: "node"), pollSeconds: 0.05, tickets: tickets
    ) { () async throws(ChainError) in
      try await ChainAccount.open(client: client, core: core, key: key, journal: journal, settings: how)
    }
  }

  private func sign(epoch: UInt64, payout: UInt64) {
    newest.ticket.withLock { $0 = scene.ticket(node.address, epoch: epoch, payout: payout) }
  }

  private func redeemed(_ event: AgentEvent?) -> TokenAmount? {
    if case .redeemed(let amount, .some)? = event { amount } else { nil }
  }

  @Test func anAmountIsWaitedFor() async throws {
    let redeemer = try redeemer(.when(ChainScene.amount(10)))
    let before = try await scene.balance(node.address)
    #expect(redeemed(try await redeemer.look(at: 0)) == nil, "no ticket yet")
    sign(epoch: 1, payout: 9)
    #expect(redeemed(try await redeemer.look(at: 0)) == nil)
    sign(epoch: 2, payout: 12)
    #expect(redeemed(try await redeemer.look(at: 0)) == ChainScene.amount(12))
    #expect(redeemed(try await redeemer.look(at: 0)) == nil, "it is paid")
    sign(epoch: 3, payout: 21)
    #expect(redeemed(try await redeemer.look(at: 0)) == nil, "nine more")
    // A process that was started anew goes by the chain.
    let next = try self.redeemer(.when(ChainScene.amount(9)))
    #expect(redeemed(try await next.look(at: 0)) == ChainScene.amount(9))
    #expect(try await scene.balance(node.address) == before + ChainScene.amount(21))
  }

  @Test func onceADayIsOnceADayAlsoAfterARestart() async throws {
    let day: UInt64 = 86_400
    sign(epoch: 1, payout: 1)
    #expect(redeemed(try await redeemer(.daily).look(at: 5 * day + 7)) == ChainScene.amount(1))
    sign(epoch: 2, payout: 3)
    #expect(redeemed(try await redeemer(.daily).look(at: 6 * day - 1)) == nil)
    #expect(redeemed(try await redeemer(.daily).look(at: 6 * day)) == ChainScene.amount(2))
    sign(epoch: 3, payout: 4)
    #expect(redeemed(try await redeemer(.manual).look(at: 9 * day)) == nil)
  }

  /// The cap is 50: a batch of which a day has passed pays what is above it, and nothing is said of a refusal then.
  @Test func whatSignaturesCannotPayIsPaidByABatch() async throws {
    let redeemer = try redeemer(.when(ChainScene.amount(10)))
    sign(epoch: 3, payout: 80)
    let cap = ChainError.reverted(function: "redeemTicket", reason: .message("settlement.cap"))
    await #expect(throws: cap) { try await redeemer.look(at: 0) }
    var previous: SignedBatch?
    for payout: UInt64 in [60, 70] {
      let proven = try scene.proven([(node.address, payout), (scene.user.address, 1)], after: previous)[0]
      previous = proven.batch
      newest.proven.withLock { $0[proven.batch.batch.epoch] = proven }
      _ = try await scene.sender().submit(
        EmethCore.postBatch(proven.batch), to: scene.contracts.settlement, under: "\(proven.batch.digest)")
      await #expect(throws: cap) { try await redeemer.look(at: 0) }
      try await scene.wait(seconds: 43_300)
    }
    // Only the first is a day old; the signature pays the rest of the newest.
    let before = try await scene.balance(node.address)
    #expect(redeemed(try await redeemer.look(at: 0)) == ChainScene.amount(80))
    #expect(try await scene.balance(node.address) == before + ChainScene.amount(80))
    #expect(redeemed(try await redeemer.look(at: 0)) == nil)
  }

  /// Who posts as many old batches as there are hides none that pays.
  @Test func manyPostingsHideNoBatchThatPays() async throws {
    let account = try await redeemer(.daily).account()
    let sender = try scene.sender()
    var batches: [SignedBatch] = []
    func post() async throws {
      let batch = try scene.proven([(node.address, 1)], after: batches.last)[0].batch
      batches.append(batch)
      _ = try await sender.submit(
        EmethCore.postBatch(batch), to: scene.contracts.settlement, under: "\(batch.digest)")
    }
    for _ in 1...3 {
      #expect(try await account.payingEpoch() == nil)
      try await post()
    }
    try await scene.wait(seconds: 86_400)
    #expect(try await account.payingEpoch() == 3)
    for count in 1...138 {
      try await post()
      guard [1, 2, 127, 128, 138].contains(count) else { continue }
      #expect(try await account.payingEpoch() == 3)
    }
    try await scene.wait(seconds: 86_400)
    #expect(try await account.payingEpoch() == 141)
  }

  /// A node computes while its chain is away; that is told once, and tickets are paid when it is back.
  @Test func aChainThatIsAwayIsWaitedFor() async throws {
    let redeemer = try redeemer(.when(ChainScene.amount(1)), client: scene.bridge.client { $0.attempts = 2 })
    sign(epoch: 1, payout: 2)
    try await scene.bridge.fault("*", "status", .number("503"), count: 1_000_000)
    await #expect(throws: ChainError.self) { try await redeemer.account() }
    let events = Mutex<[String]>([])
    let task = Task {
      await redeemer.run { event in events.withLock { $0.append(told(event)) } }
    }
    try await wait(for: 1, events)
    try await Task.sleep(for: .milliseconds(300))
    try await scene.bridge.noFaults()
    try await wait(for: 2, events)
    task.cancel()
    await task.value
    #expect(events.withLock { $0 } == ["redeeming chain.unreachable", "2"])
  }

  /// Waits until so many events were told, a minute at most.
  private func wait(for count: Int, _ events: borrowing Mutex<[String]>) async throws {
    for _ in 0..<1_200 {
      if events.withLock({ $0.count >= count }) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private func told(_ event: AgentEvent) -> String {
    switch event {
    case .failed(let what, let error): "\(what) \(error.code)"
    case .redeemed(let amount, _): amount.emethText
    default: "\(event)"
    }
  }

  /// What fails is told once, and tried again.
  @Test func aServerThatIsAwayIsToldOnce() async throws {
    let redeemer = try redeemer(.when(ChainScene.amount(1)))
    let events = Mutex<[String]>([])
    newest.isAway.withLock { $0 = true }
    sign(epoch: 1, payout: 2)
    let task = Task {
      await redeemer.run { event in events.withLock { $0.append(told(event)) } }
    }
    try await wait(for: 1, events)
    try await Task.sleep(for: .milliseconds(300))
    newest.isAway.withLock { $0 = false }
    try await wait(for: 2, events)
    task.cancel()
    await task.value
    #expect(events.withLock { $0 } == ["redeeming server.unreachable", "2"])
  }
}
