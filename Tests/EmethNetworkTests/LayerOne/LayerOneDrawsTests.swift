import EmethKit
import Testing

@testable import EmethNetwork

/// What a verifier is drawn for it finds, whatever a node of the chain has no more, or not yet.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(10)), .serialized)
struct LayerOneDrawsTests {
  @Test func aDutyIsFoundWhateverANodeLeavesOut() async throws {
    try await LayerOneScene.run { scene in
      let bridge = scene.chain.bridge
      let node = try await scene.layerOneNode()
      let id = try await scene.request()
      try await scene.work(node)
      try await scene.listed(id, .submitted)
      try await bridge.mine(33)
      try await scene.send(
        scene.requester, EmethVerifiers.drawVerifier(id), scene.chain.contracts.verification)
      let block = try await scene.chain.client.blockNumber()
      let drawn = try #require(try await scene.job(id).review.verifier)
      let number = try #require(scene.verifiers.firstIndex { $0.address == drawn })
      let account = try await scene.account(scene.verifiers[number])

      // It has no old blocks any more.
      try await bridge.tell("evm_prune", .number("\(block)"))
      #expect(try await DrawnJobs(account).jobs() == [id])
      try await bridge.tell("evm_prune", .number("0"))

      // It is behind: for more blocks than any reorganisation replaces.
      let draws = DrawnJobs(account)
      let nothing = JSONValue.array([])
      try await bridge.fault("eth_getLogs", "result", nothing, count: 10_000)
      #expect(try await draws.jobs().isEmpty)
      try await bridge.noFaults()
      try await bridge.mine(70)
      #expect(try await draws.jobs() == [id])

      // What has ended is read no more, once it is old enough.
      draws.forget([id])
      #expect(try await draws.jobs() == [id], "its log is read again")
      try await scene.wait(700)
      #expect(try await draws.jobs() == [id])
      draws.forget([id])
      #expect(try await draws.jobs().isEmpty)

      // It says nothing of it at all: the list of a server does.
      let verifier = try await scene.layerOneVerifier(number)
      try await bridge.fault("eth_getLogs", "result", nothing, count: 10_000)
      #expect(await verifier.duties().isEmpty)
      await verifier.turn()
      #expect(await verifier.duties().map(\.id) == [id])
      try await bridge.noFaults()
    }
  }
}
