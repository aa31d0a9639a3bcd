import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs of EMETH Core in parts, by a server of layer 1 with node and verifiers, on a real EVM and with a real server.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(10)), .serialized)
struct LayerOneServerTests {
  /// The server is killed after each step, its messages are lost on the way; nothing is registered twice, and every holon is
  /// where it belongs.
  @Test func aJobInPartsIsDividedJoinedAndPaid() async throws {
    try await LayerOneScene.run { scene in
      let verifiers = [try await scene.layerOneVerifier(0), try await scene.layerOneVerifier(1)]
      for verifier in verifiers { await verifier.turn() }
      let before = (
        requester: try await scene.money(scene.requester), node: try await scene.money(scene.node),
        verifiers: try await scene.money(scene.verifiers[0]) + scene.money(scene.verifiers[1])
      )
      let id = try await scene.request(parts: 2, divider: scene.divider.address)
      try await scene.listed(id, .requested)
      do {
        try await scene.chain.bridge.fault("eth_sendRawTransaction", "status", .number("503"), count: 99)
        await (try await scene.layerOneServer()).turn()
        try await scene.chain.bridge.noFaults()
        #expect(try await scene.part(0, of: id) == nil)
        #expect(try await scene.job(id).status == .requested)
      }
      let plan = try #require(try await scene.layerOneServer().plans().first)
      #expect(plan.job == id && plan.refusal == nil && plan.next == "requestSubJob: 2 of 2 parts")
      #expect(try await scene.part(0, of: id) == nil, "a plan sends nothing")
      await (try await scene.layerOneServer()).turn()
      let parts = [
        try #require(try await scene.part(0, of: id)), try #require(try await scene.part(1, of: id)),
      ]
      // L and V are shared to the last holon.
      #expect(parts.map(\.job.fuelLimit) == [Fuel(units: 5), Fuel(units: 5)])
      #expect(parts[0].terms.verifierFee + parts[1].terms.verifierFee == LayerOneScene.verifierFee)
      #expect(try await scene.job(id).terms.escrow == .zero)
      #expect(parts.allSatisfy { $0.job.deadline < parts[0].now + 50_000 && !$0.isMasked && !$0.isOrphan })

      for part in parts { try await scene.listed(part.id, .requested) }
      await (try await scene.layerOneServer()).turn()
      let sent = try await scene.chain.client.transactionCount(of: scene.divider.address, at: .latest)
      await (try await scene.layerOneServer()).turn()
      #expect(
        try await scene.chain.client.transactionCount(of: scene.divider.address, at: .latest) == sent,
        "nothing is registered twice")

      let node = try await scene.layerOneNode()
      for _ in parts { try await scene.work(node) }
      for part in parts { try await scene.finish(part.id, node, verifiers) }
      #expect(try await scene.part(1, of: id)?.status == .verified)
      // Its result is lost on the way, after the output was given.
      try await scene.chain.bridge.fault("eth_sendRawTransaction", "status", .number("503"), count: 99)
      await (try await scene.layerOneServer()).turn()
      try await scene.chain.bridge.noFaults()
      #expect(try await scene.job(id).status == .processing)
      let told = Mutex<[String]>([])
      let server = try await scene.layerOneServer { event in
        if case .ended(_, let status, _) = event { told.withLock { $0.append(status.name) } }
      }
      await server.turn()
      #expect(told.withLock { $0 } == ["VERIFIED"])

      #expect(try await scene.job(id).status == .verified)
      let requester = try await scene.account(scene.requester)
      try await scene.listed(id, .verified)
      let output = try await requester.output(
        of: id, from: scene.server.client(scene.requester), in: scene.chain.folder.url)
      #expect(String(decoding: output, as: UTF8.self) == "3,2.5\r\n")
      // Each part is one fuel.
      let paid = LayerOneScene.fuel + LayerOneScene.fuel
      #expect(try await scene.money(scene.node) == before.node + paid)
      #expect(
        try await scene.money(scene.requester) == before.requester - paid - LayerOneScene.verifierFee)
      let earned = try await scene.money(scene.verifiers[0]) + scene.money(scene.verifiers[1])
      #expect(earned == before.verifiers + LayerOneScene.verifierFee)
      #expect(try await scene.money(scene.divider) == .zero)
    }
  }

  /// What a stranger has put at the ids of parts holds up nothing: the parts take its place.
  @Test func whoSquatsOnTheIdsOfPartsIsPutOut() async throws {
    try await LayerOneScene.run { scene in
      let id = try await scene.request(parts: 2, divider: scene.divider.address)
      try await scene.listed(id, .requested)
      let stranger = scene.chain.owner
      try await scene.send(
        stranger, EmethToken.approve(spender: scene.core, amount: LayerOneScene.fee),
        scene.chain.contracts.token)
      let deadline = try await scene.job(id).job.deadline
      for (part, attempt) in [(0, 0), (1, 1)] as [(Int, UInt32)] {
        let squat = EmethCore.request(
          jobID: LayerOneDivision.id(part, attempt, of: id), program: .meanOfNumbers, dataset: "other",
          parameters: "{}", fuelLimit: Fuel(units: 1), fuelPrice: FuelPrice(gholon: 1_000),
          deadline: deadline)
        try await scene.send(stranger, squat, scene.core)
      }
      await (try await scene.layerOneServer()).turn()
      for part in 0..<2 {
        let found = try #require(try await scene.part(part, of: id))
        #expect(found.job.owner == scene.requester.address && found.job.parentJob == id)
      }
    }
  }

  /// A stranger comes first with a job's id and a part of it, which a node takes; the job puts the stranger's out. The node ends the
  /// part, that comes to nothing, and has its deposit and its place again; what is left untaken nobody takes.
  @Test func aPartThatIsPutOutWithItsParentLocksNoDeposit() async throws {
    try await LayerOneScene.run { scene in
      let before = try await scene.money(scene.node)
      let (stranger, client) = (scene.chain.owner, scene.chain.client)
      let salt = Keccak256.hash([7])
      let parent = JobID(requester: scene.requester.address, salt: salt)
      let now = try #require(try await client.block(.latest)).timestamp
      let (price, limit) = (FuelPrice(gholon: 100_000_000), Fuel(units: 10))
      for key in [stranger, scene.requester] {
        let approval = EmethToken.approve(spender: scene.core, amount: ChainScene.amount(3))
        try await scene.send(key, approval, scene.chain.contracts.token)
      }
      let squat = EmethCore.request(
        jobID: parent, program: .meanOfNumbers, parallel: 2, dataset: "numbers", parameters: "{}",
        fuelLimit: limit, fuelPrice: price, deadline: now + 200_000)
      try await scene.send(stranger, squat, scene.core)
      let hash = LayerOneScene.numbers.withUnsafeBytes { SHA256.hash($0) }
      var parts: [JobID] = []
      for number in UInt32(0)..<2 {
        let id = JobID(parent: parent, round: 0, part: number, attempt: 0)
        let file = JobFile(.input, of: id, from: stranger.address, contentHash: hash)
        let call = EmethCore.requestSubJob(
          parent: parent, round: 0, part: number, attempt: 0, program: .meanOfNumbersPart,
          dataset: JobFileReference(file, contentHash: hash).text, parameters: "{}",
          fuelLimit: Fuel(units: 5), verifierFee: TokenAmount(holon: LayerOneScene.verifierFee.holon / 2),
          deadline: now + 150_000, isMasked: false)
        try await scene.send(stranger, call, scene.core)
        try await scene.server.client(stranger).giveInput(LayerOneScene.numbers, of: id)
        try await scene.listed(id, .requested)
        parts.append(id)
      }
      let node = try await scene.layerOneNode()
      let taken = try #require(await node.turn().first)
      #expect(parts.contains(taken))
      let own = EmethCore.request(
        salt: salt, program: .meanOfNumbers, parallel: 2, dataset: "numbers", parameters: "{}",
        fuelLimit: limit, fuelPrice: price, deadline: now + 200_000, maxEscrow: ChainScene.amount(3))
      try await scene.send(scene.requester, own, scene.core)
      for part in parts { #expect(try await scene.job(part).isOrphan) }
      try await scene.listed(taken, .processing)
      await node.compute(taken)
      for _ in 0..<50 {
        if try await scene.job(taken).status != .processing { break }
        #expect(await node.turn().isEmpty, "the other one is an orphan too")
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(try await scene.job(taken).status == .canceled)
      #expect(try await scene.money(scene.node) == before)
      let offer = try await node.offers().first { parts.contains($0.job) }
      #expect(offer == nil || offer?.refusal?.contains("put out") == true)
    }
  }

  /// A node of the chain that is behind calls a job REQUESTED whose parts are there: that puts out none of them. A job that is
  /// newer than a part of its id has put it out.
  @Test func whoIsBehindMakesNoOrphans() async throws {
    try await LayerOneScene.run { scene in
      let id = try await scene.request(parts: 2, divider: scene.divider.address)
      try await scene.listed(id, .requested)
      let call = ChainClient.ethCall(EmethCore.job(id), scene.core)
      let before = try #require(try await scene.chain.client.batch([call]).first?.get())
      let requestedAt = try await scene.job(id).job.requestedAt
      await (try await scene.layerOneServer()).turn()
      #expect(try await scene.job(id).status == .processing)
      let account = try await scene.account(scene.requester)
      let part = LayerOneDivision.id(0, 0, of: id)
      func read(_ parent: JSONValue) async throws -> LayerOneJob {
        // The part is asked for before its parent.
        try await scene.chain.bridge.fault("eth_call", "patch", .object([]))
        try await scene.chain.bridge.fault("eth_call", "result", parent)
        let found = try await LayerOneJob.read([part], with: account)[part]
        try await scene.chain.bridge.noFaults()
        return try #require(found)
      }
      let late = try await read(before)
      #expect(!late.isOrphan && late.upkeep == nil)

      func word(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
      }
      let text = try before.stringText()
      #expect(text.contains(word(requestedAt)))
      let newer = text.replacing(word(requestedAt), with: word(late.job.requestedAt + 1))
      let putOut = try await read(.string(newer))
      #expect(putOut.isOrphan && putOut.upkeep == .cancel)
    }
  }

  /// A part whose node is late is registered again after its delay, and again; then the job fails, and nothing stays locked.
  @Test func whatFailsIsRegisteredAgainAndThenGivenUp() async throws {
    try await LayerOneScene.run { scene in
      let before = (try await scene.money(scene.requester), try await scene.money(scene.node))
      let id = try await scene.request(parts: 2, divider: scene.divider.address)
      try await scene.listed(id, .requested)
      let told = Mutex<[String]>([])
      var server: LayerOneServer? = try await scene.layerOneServer { event in
        if case .ended(_, let status, let reason) = event {
          told.withLock { $0.append("\(status.name): \(reason)") }
        }
      }
      await server?.turn()
      let first = try #require(try await scene.part(0, of: id))
      try await scene.listed(first.id, .requested)
      // Inputs are given once the parts are there.
      await server?.turn()
      let node = try await scene.layerOneNode()
      let taken = try #require(await node.turn().first)
      let index = taken == first.id ? 0 : 1
      try await scene.wait(60_000)
      try await scene.listed(taken, .processing)
      await server?.turn()
      #expect(try await scene.part(0, of: id)?.status == .timeout)
      #expect(try await scene.part(1, of: id)?.status == .timeout)
      await server?.turn()
      #expect(try await scene.part(index, 1, of: id) == nil, "not before its delay is over")
      try await scene.wait(31)
      await server?.turn()
      let second = try #require(try await scene.part(index, 1, of: id))
      #expect(second.status == .requested && second.terms.escrow == first.terms.escrow)
      // Its requester takes the second attempt back; a server that starts now waits anew, and no shorter.
      server = nil
      server = try await scene.layerOneServer { event in
        if case .ended(_, let status, let reason) = event {
          told.withLock { $0.append("\(status.name): \(reason)") }
        }
      }
      try await scene.send(scene.requester, EmethCore.cancel(second.id), scene.core)
      await server?.turn()
      // Thirty seconds are not enough for a second attempt; the chain's time goes on by itself as well.
      try await scene.wait(35)
      await server?.turn()
      #expect(try await scene.part(index, 2, of: id) == nil)
      try await scene.wait(90)
      await server?.turn()
      let third = try #require(try await scene.part(index, 2, of: id))
      try await scene.send(scene.requester, EmethCore.cancel(third.id), scene.core)
      await server?.turn()
      #expect(try await scene.job(id).status == .failed)
      #expect(told.withLock { $0 } == ["FAILED: part \(index): its last attempt is CANCELED"])
      // The other part's attempt ends with its job.
      let other = try #require(try await scene.part(1 - index, 1, of: id))
      #expect(other.isOrphan)
      try await scene.listed(id, .failed)
      await server?.turn()
      #expect(try await scene.part(1 - index, 1, of: id)?.status == .canceled)
      #expect(try await scene.money(scene.requester) == before.0)
      // A quarter of the part's fee, which is half of the whole.
      let penalty = TokenAmount(holon: LayerOneScene.penalty.holon / 2)
      #expect(try await scene.money(scene.node) == before.1 - penalty)
    }
  }

  /// Nobody checks a job's sum on the chain: its requester does.
  @Test func aServerThatLiesIsFoundOut() async throws {
    try await LayerOneScene.run { scene in
      let verifiers = [try await scene.layerOneVerifier(0), try await scene.layerOneVerifier(1)]
      for verifier in verifiers { await verifier.turn() }
      let account = try await scene.account(scene.requester)
      let files = scene.server.client(scene.divider)
      func divided(_ seconds: UInt64) async throws -> JobID {
        let id = try await scene.request(seconds: seconds, parts: 2, divider: scene.divider.address)
        try await scene.listed(id, .requested)
        await (try await scene.layerOneServer()).turn()
        for part in 0..<2 { try await scene.listed(LayerOneDivision.id(part, 0, of: id), .requested) }
        await (try await scene.layerOneServer()).turn()
        try await scene.listed(id, .processing)
        return id
      }
      /// What the requester is told when the server hands in something else.
      func lie(_ id: JobID) async throws -> String {
        let name = try await files.give(.output, of: id, Data("4,2.5\r\n".utf8))
        let given = try #require(JobFile(name: name, giver: scene.requester.address))
        let text = JobFileReference(given, contentHash: SHA256.hash(Array("4,2.5\r\n".utf8))).text
        try await scene.send(
          scene.divider, EmethCore.submit(id, result: text, fuelUsed: Fuel(units: 0)), scene.core)
        try await scene.listed(id, .verified)
        do throws(ChainError) {
          _ = try await account.output(
            of: id, from: scene.server.client(scene.requester), in: scene.chain.folder.url)
          return "nothing"
        } catch {
          return error.message
        }
      }
      let first = try await divided(100_000)
      let place = scene.folder(of: scene.divider).appending(path: "layer-1/divided/\(first)").path
      #expect(FileManager.default.fileExists(atPath: place))
      let early = try await lie(first)
      #expect(early.contains("part 0 was not verified"), "\(early)")

      let id = try await divided(90_000)
      #expect(!FileManager.default.fileExists(atPath: place), "another one has ended it")
      let node = try await scene.layerOneNode()
      for _ in 0..<2 { try await scene.work(node) }
      for part in 0..<2 { try await scene.finish(LayerOneDivision.id(part, 0, of: id), node, verifiers) }
      let late = try await lie(id)
      #expect(late.contains("its parts' outputs come to another one"), "\(late)")
    }
  }

  @Test func whatIsNotDivided() async throws {
    try await LayerOneScene.run { scene in
      let before = try await scene.money(scene.requester)
      let stranger = try await scene.request(parts: 2)
      try await scene.listed(stranger, .requested)
      var plan = try #require(try await scene.layerOneServer().plans().first)
      #expect(plan.refusal?.contains("has not said that this server may divide it") == true)
      let (client, folder) = (scene.server.client(scene.divider), scene.chain.folder.url)
      await #expect(throws: NetworkError.self) {
        try await client.content(of: .input, of: stranger, in: folder)
      }
      await (try await scene.layerOneServer()).turn()
      #expect(try await scene.job(stranger).status == .requested)
      try await scene.send(scene.requester, EmethCore.cancel(stranger), scene.core)

      let rounds = try await scene.request(
        seconds: 100_001, parts: 2, rounds: 3, divider: scene.divider.address)
      try await scene.listed(rounds, .requested)
      plan = try #require(try await scene.layerOneServer().plans().first { $0.job == rounds })
      #expect(plan.refusal == "it has 3 rounds, allowed is 1")
      #expect(try await client.content(of: .input, of: rounds, in: folder).bytes == LayerOneScene.numbers)
      // A result is taken from it only while the job runs.
      await #expect(throws: NetworkError.self) {
        try await client.give(.output, of: rounds, Data("1".utf8))
      }

      // More parts than records, and a share below what a part takes: the money goes back at once.
      for parts in [UInt32(5), 11] {
        let id = try await scene.request(
          Data((0..<(parts == 5 ? 4 : 40)).map { "\($0)\n" }.joined().utf8), parts: parts,
          divider: scene.divider.address)
        try await scene.listed(id, .requested)
        let told = Mutex<[String]>([])
        await
          (try await scene.layerOneServer { event in
            if case .ended(id, let status, let reason) = event {
              told.withLock { $0.append("\(status.name): \(reason)") }
            }
          }).turn()
        #expect(try await scene.job(id).status == .canceled)
        let reason = try #require(told.withLock { $0.first })
        #expect(reason.contains(parts == 5 ? "5" : "fuel"), "\(reason)")
      }
      try await scene.send(scene.requester, EmethCore.cancel(rounds), scene.core)
      #expect(try await scene.money(scene.requester) == before)
    }
  }
}
