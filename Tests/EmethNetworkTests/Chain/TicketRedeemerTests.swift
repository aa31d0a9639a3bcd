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
  ) async throws -> TicketRedeemer {
    var settings = SenderSettings()
    settings.confirmations = 1
    settings.pollSeconds = 0.05
    let account = try await ChainAccount.open(
      client: client ?? scene.client, core: scene.contracts.core, key: node,
      journal: scene.folder.url.appending(path: "node.sqlite"), settings: settings)
    let newest = newest
    return try TicketRedeemer(
      account: account, policy: policy, folder: scene.folder.url.appending(path: "node"), pollSeconds: 0.05
    ) { () async throws(NetworkError) in try newest.read() }
  }

  private func sign(epoch: UInt64, payout: UInt64) {
    newest.ticket.withLock { $0 = scene.ticket(node.address, epoch: epoch, payout: payout) }
  }

  private func redeemed(_ event: AgentEvent?) -> TokenAmount? {
    if case .redeemed(let amount, .some)? = event { amount } else { nil }
  }

  @Test func anAmountIsWaitedFor() async throws {
    let redeemer = try await redeemer(.when(ChainScene.amount(10)))
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
    let next = try await self.redeemer(.when(ChainScene.amount(9)))
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

  /// What fails is told once, and tried again.
  @Test func aServerThatIsAwayIsToldOnce() async throws {
    let redeemer = try await redeemer(.when(ChainScene.amount(1)))
    let events = Mutex<[String]>([])
    newest.isAway.withLock { $0 = true }
    sign(epoch: 1, payout: 2)
    let task = Task {
      await redeemer.run { event in
        events.withLock { events in
          switch event {
          case .failed(let what, let error): events.append("\(what) \(error.code)")
          case .redeemed(let amount, _): events.append(amount.emethText)
          default: events.append("\(event)")
          }
        }
      }
    }
    for _ in 0..<200 where events.withLock({ $0.isEmpty }) { try await Task.sleep(for: .milliseconds(50)) }
    try await Task.sleep(for: .milliseconds(300))
    newest.isAway.withLock { $0 = false }
    for _ in 0..<200 where events.withLock({ $0.count < 2 }) { try await Task.sleep(for: .milliseconds(50)) }
    task.cancel()
    await task.value
    #expect(events.withLock { $0 } == ["redeeming server.unreachable", "2"])
  }
}
