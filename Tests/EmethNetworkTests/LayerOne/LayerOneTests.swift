import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// Jobs of EMETH Core by node and verifiers, from the request to the money, on a real EVM and with a real server.
@Suite(.enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(10)), .serialized)
struct LayerOneTests {
  @Test func aJobIsComputedVerifiedAndPaid() async throws {
    try await LayerOneScene.run { scene in
      let told = Mutex<[String]>([])
      let verifiers = [
        try await scene.layerOneVerifier(0) { event in
          if case .judged(_, let accepted, _) = event { told.withLock { $0.append("judged \(accepted)") } }
        }, try await scene.layerOneVerifier(1),
      ]
      for verifier in verifiers { await verifier.turn() }
      let before = (
        requester: try await scene.money(scene.requester), node: try await scene.money(scene.node),
        verifiers: try await scene.money(scene.verifiers[0]) + scene.money(scene.verifiers[1])
      )
      let id = try await scene.request()
      let node = try await scene.layerOneNode { event in
        if case .ended(_, let status, _) = event { told.withLock { $0.append("ended \(status.name)") } }
      }
      let offers = try await node.offers()
      #expect(offers.map(\.job) == [id] && offers.map(\.refusal) == [nil])
      #expect(offers.first?.deposit == LayerOneScene.deposit && offers.first?.fee == LayerOneScene.fee)

      try await scene.work(node)
      #expect(try await scene.job(id).status == .submitted)
      #expect(try await scene.money(scene.node) == before.node - LayerOneScene.deposit)
      // Neither before it is drawn, nor for anybody else.
      let stranger = scene.chain.bridge.keys[6]
      for key in [stranger] + scene.verifiers {
        await #expect(throws: NetworkError.self) {
          try await scene.server.client(key).content(of: .input, of: id, in: scene.chain.folder.url)
        }
      }
      try await scene.finish(id, node, verifiers)
      _ = await node.turn()

      let job = try await scene.job(id)
      #expect(job.status == .verified)
      #expect(job.assign?.fuelUsed == Fuel(units: 1))
      let requester = try await scene.account(scene.requester)
      let output = try await requester.output(
        of: id, from: scene.server.client(scene.requester), in: scene.chain.folder.url)
      #expect(String(decoding: output, as: UTF8.self) == "3,2.5\r\n")
      #expect(try await !requester.mayBeUnseen(id))
      #expect(try await scene.money(scene.node) == before.node + LayerOneScene.fuel)
      #expect(
        try await scene.money(scene.requester)
          == before.requester - LayerOneScene.fuel - LayerOneScene.verifierFee)
      let earned = try await scene.money(scene.verifiers[0]) + scene.money(scene.verifiers[1])
      #expect(earned == before.verifiers + LayerOneScene.verifierFee)
      #expect(told.withLock { $0 }.contains("ended VERIFIED"))
      #expect(await node.turn().isEmpty, "nothing is taken twice")
    }
  }

  /// Each transaction's way is cut off once: whoever starts again in the node's folder goes on, and nothing is sent twice.
  @Test func aNodeThatIsKilledGoesOn() async throws {
    try await LayerOneScene.run { scene in
      let before = try await scene.money(scene.node)
      let id = try await scene.request()
      func isTaken() async throws -> Bool {
        let node = try await scene.layerOneNode()
        return await node.turn() == [id]
      }
      #expect(try await isTaken(), "killed before it computes")
      try await scene.listed(id, .processing)
      let sent = try await scene.chain.client.transactionCount(of: scene.node.address, at: .latest)
      #expect(try await isTaken(), "and once more")
      try FileManager.default.removeItem(at: scene.folder(of: scene.node))
      #expect(try await isTaken(), "and in another folder")
      #expect(try await scene.chain.client.transactionCount(of: scene.node.address, at: .latest) == sent)
      do {
        // Its transaction is lost on the way, after the output was handed over.
        let node = try await scene.layerOneNode()
        #expect(await node.turn() == [id])
        try await scene.chain.bridge.fault("eth_sendRawTransaction", "status", .number("503"), count: 99)
        await node.compute(id)
        try await scene.chain.bridge.noFaults()
        #expect(try await scene.job(id).status == .processing)
      }
      let node = try await scene.layerOneNode()
      #expect(await node.turn() == [id])
      await node.compute(id)
      #expect(try await scene.job(id).status == .submitted)
      #expect(try await scene.chain.client.transactionCount(of: scene.node.address, at: .latest) == sent + 1)
      // Nobody checks it: those who have a bond are away. It is not paid unseen, and keeps its deposit.
      try await scene.wait(90_000)
      try await scene.chain.bridge.mine(33)
      for _ in 0..<8 {
        if try await scene.job(id).status.isFinal { break }
        _ = await node.turn()
        try await scene.wait(3_700)
        try await scene.chain.bridge.mine(33)
      }
      #expect(try await scene.job(id).status == .canceled)
      #expect(try await scene.money(scene.node) == before)
    }
  }

  /// An output that the node has given to another server, or that is something else there, is no fault of the node's: its
  /// verifier gives the one that it has computed, and the requester finds that.
  @Test func whatAServerLacksItsVerifierGives() async throws {
    try await LayerOneScene.run { scene in
      let verifiers = [try await scene.layerOneVerifier(0), try await scene.layerOneVerifier(1)]
      for verifier in verifiers { await verifier.turn() }
      let node = try await scene.layerOneNode()
      let outputs = scene.server.folder.url.appending(path: "job-files/files/output")
      let place = outputs.appending(path: "\(scene.node.address)")
      for isReplaced in [false, true] {
        let before = try await scene.money(scene.node)
        let id = try await scene.request()
        try await scene.work(node)
        #expect(try await scene.job(id).status == .submitted)
        let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
        let name = try #require(names.first { $0.hasPrefix("\(id)") })
        try FileManager.default.removeItem(at: place.appending(path: name))
        if isReplaced {
          let other = try ZipArchive.archive(Data("other".utf8), named: "other.dat")
          try other.write(to: place.appending(path: name))
        }
        // Only who is drawn may give it.
        await #expect(throws: NetworkError.self) {
          _ = try await scene.server.client(scene.chain.bridge.keys[6]).give(.output, of: id, Data("x".utf8))
        }
        try await scene.finish(id, node, verifiers)
        #expect(try await scene.job(id).status == .verified)
        #expect(try await scene.money(scene.node) == before + LayerOneScene.fuel)
        let output = try await scene.account(scene.requester).output(
          of: id, from: scene.server.client(scene.requester), in: scene.chain.folder.url)
        #expect(String(decoding: output, as: UTF8.self) == "3,2.5\r\n")
      }
    }
  }

  /// However many jobs were requested or submitted after it, a job is found by nodes, and a result by its verifier.
  @Test func newerJobsHideNoneThatIsOlder() async throws {
    try await LayerOneScene.run(pageLimit: 1, areBonded: false) { scene in
      let verifier = try await scene.layerOneVerifier(0)
      await verifier.turn()
      let node = try await scene.layerOneNode()
      let id = try await scene.request()
      let account = try await scene.account(scene.requester)
      for _ in 0..<3 {
        let report = try await account.submit(
          ChainJob(
            program: .meanOfNumbers, parallel: 1, epochs: 1, dataset: .text("numbers.zip"), parameters: "{}",
            fuelLimit: Fuel(units: 10), fuelPrice: FuelPrice(gholon: 1), lifeSeconds: 100_000))
        try account.sender.settle(report)
        try await scene.listed(try #require(report.job), .requested)
      }
      #expect(try await scene.server.client().listedJobs(.requested).count == 1)
      var taken: [JobID] = []
      for _ in 0..<4 where taken.isEmpty { taken = await node.turn() }
      #expect(taken == [id])
      try await scene.listed(id, .processing)
      await node.compute(id)
      let other = try await scene.request()
      for _ in 0..<4 { try await scene.work(node) }
      for job in [id, other] { try await scene.listed(job, .submitted) }
      try await scene.chain.bridge.mine(33)
      await verifier.turn()
      // Its server lists nothing any more, or another one: the chain has logged for what it was drawn.
      #expect(try await scene.server.client().listedJobs(.submitted).map(\.id) == [other])
      #expect(Set(await verifier.duties().map(\.id)) == [id, other])
    }
  }

  /// Where two verifiers in turn had their openings and said nothing, what its requester fetches is called so.
  @Test func whatNobodyHasLookedAtIsToldToItsRequester() async throws {
    try await LayerOneScene.run { scene in
      let verifiers = [try await scene.layerOneVerifier(0), try await scene.layerOneVerifier(1)]
      for verifier in verifiers { await verifier.turn() }
      let node = try await scene.layerOneNode()
      let id = try await scene.request()
      try await scene.work(node)
      try await scene.listed(id, .submitted)
      for _ in 0..<20 {
        let job = try await scene.job(id)
        if job.status.isFinal { break }
        switch job.review.phase {
        case .waitsForDraw: try await scene.chain.bridge.mine(33)
        case .waitsForChallenge:
          for verifier in verifiers {
            for duty in await verifier.duties() { await verifier.doDuty(duty) }
          }
        case .waitsForVerdict: try await scene.wait(3_700)
        default: break
        }
        _ = await node.turn()
      }
      #expect(try await scene.job(id).status == .verified)
      #expect(try await scene.account(scene.requester).mayBeUnseen(id))
    }
  }

  @Test func aLyingNodeIsRejectedByTwoAndPays() async throws {
    try await LayerOneScene.run { scene in
      let verifiers = [try await scene.layerOneVerifier(0), try await scene.layerOneVerifier(1)]
      for verifier in verifiers { await verifier.turn() }
      let before = (try await scene.money(scene.requester), try await scene.money(scene.node))
      let id = try await scene.request()
      let node = try await scene.layerOneNode(fault: .swappedFinal)
      try await scene.work(node)
      try await scene.finish(id, node, verifiers)
      #expect(try await scene.job(id).status == .failed)
      #expect(try await scene.money(scene.requester) == before.0)
      #expect(
        try await scene.money(scene.node) == before.1 - LayerOneScene.penalty - LayerOneScene.verifierFee)

      // What it does not open it loses too; the verifier that asked is paid.
      let middle = (try await scene.money(scene.requester), try await scene.money(scene.node))
      let second = try await scene.request(seconds: 90_000)
      try await scene.work(node)
      try await scene.listed(second, .submitted)
      try await scene.chain.bridge.mine(33)
      for _ in 0..<4 {
        for verifier in verifiers { await verifier.turn() }
      }
      #expect(try await scene.job(second).review.phase == .waitsForOpenings)
      try await scene.wait(3_700)
      for verifier in verifiers { await verifier.turn() }
      #expect(try await scene.job(second).status == .failed)
      #expect(try await scene.money(scene.requester) == middle.0)
      #expect(
        try await scene.money(scene.node) == middle.1 - LayerOneScene.penalty - LayerOneScene.verifierFee)
    }
  }

  @Test func lateJobsEndByAnybody() async throws {
    try await LayerOneScene.run { scene in
      let before = (try await scene.money(scene.requester), try await scene.money(scene.node))
      let taken = try await scene.request(seconds: 50_000)
      let node = try await scene.layerOneNode()
      #expect(await node.turn() == [taken])
      // Nobody takes this one.
      let untaken = try await scene.request(seconds: 50_000)
      try await scene.wait(60_000)
      let verifier = try await scene.layerOneVerifier(0)
      try await scene.listed(taken, .processing)
      try await scene.listed(untaken, .requested)
      // One late job in each turn: strangers can have many.
      await verifier.turn()
      let after = (try await scene.job(taken).status, try await scene.job(untaken).status)
      #expect((after.0 == .timeout) != (after.1 == .timeout), "\(after)")
      await verifier.turn()
      #expect(try await scene.job(taken).status == .timeout)
      #expect(try await scene.job(untaken).status == .timeout)
      #expect(try await scene.money(scene.requester) == before.0)
      #expect(try await scene.money(scene.node) == before.1 - LayerOneScene.penalty)
      // It is too late for the node's result; it forgets the job and takes nothing that has ended.
      await node.compute(taken)
      #expect(await node.turn().isEmpty)
    }
  }

  @Test func whatANodeDoesNotTake() async throws {
    try await LayerOneScene.run { scene in
      let node = try await scene.layerOneNode()
      let account = try await scene.account(scene.requester)
      func request(_ dataset: ChainJob.DataSet, _ seconds: UInt64, _ parallel: UInt32) async throws -> JobID {
        let report = try await account.submit(
          ChainJob(
            program: .meanOfNumbers, parallel: parallel, epochs: 1, dataset: dataset, parameters: "{}",
            fuelLimit: Fuel(units: 10), fuelPrice: FuelPrice(gholon: 1), lifeSeconds: seconds))
        try account.sender.settle(report)
        return try #require(report.job)
      }
      let hash = SHA256.hash([1])
      let refusals = [
        try await request(.text("numbers.zip"), 100_000, 1): "names no input",
        try await request(.input(hash: hash), 100_000, 1): "its input is not at",
        try await request(.input(hash: hash), LayerOneChoice.handlingSeconds / 2, 1): "before its deadline",
        try await request(.input(hash: hash), 100_001, 3): "job in parts",
      ]
      for id in refusals.keys { try await scene.listed(id, .requested) }
      let found = try await node.offers()
      #expect(found.count == refusals.count)
      for offer in found {
        let expected = try #require(refusals[offer.job])
        #expect(offer.refusal?.contains(expected) == true, "\(expected): \(offer.refusal ?? "nothing")")
      }
      #expect(await node.turn().isEmpty)

      // What turns out to be other data than was named is given back after a while, and not at once.
      let other = try await scene.request(named: SHA256.hash([2]))
      #expect(await node.turn() == [other])
      try await scene.listed(other, .processing)
      await node.compute(other)
      #expect(try await scene.job(other).status == .processing)
      try await scene.wait(LayerOneDesk.patienceSeconds)
      await node.compute(other)
      #expect(try await scene.job(other).status == .declined)
      // Whoever has cost it a deposit it works for no more, after a restart too.
      let next = try await scene.request()
      let offer = try #require(try await node.offers().first { $0.job == next })
      let reason = try #require(offer.refusal)
      #expect(reason.contains("has cost this node a deposit"), "\(reason)")
      let kept = NodeLosses(
        file: scene.folder(of: scene.node).appending(path: LayerOneNode.place).appending(path: "losses.json"))
      #expect(try kept.all().map(\.requester) == [scene.requester.address])
    }
  }

  /// What nobody could check is neither paid for nor taken: its node would work for nothing.
  @Test func whatNobodyCanCheckIsNeitherRequestedNorTaken() async throws {
    try await LayerOneScene.run(areBonded: false) { scene in
      let (client, checks) = (scene.chain.client, scene.chain.contracts.verification)
      let account = try await scene.account(scene.requester)
      let before = try await scene.money(scene.requester)
      let sent = try await client.transactionCount(of: scene.requester.address, at: .latest)
      func submit(_ fuelLimit: UInt64, parts: UInt32 = 1, isDryRun: Bool) async throws -> ChainReport {
        let job = ChainJob(
          program: .meanOfNumbers, parallel: parts, epochs: 1, dataset: .text("numbers.zip"),
          parameters: "{}", fuelLimit: Fuel(units: fuelLimit), fuelPrice: FuelPrice(gholon: 100_000_000),
          lifeSeconds: 100_000)
        return try await account.submit(job, isDryRun: isDryRun)
      }
      func refused(_ fuelLimit: UInt64, fee: TokenAmount) async {
        for isDryRun in [true, false] {
          await #expect(throws: ChainError.noVerifier(fee: fee)) {
            try await submit(fuelLimit, isDryRun: isDryRun)
          }
        }
      }
      // Two are listed, and have no bond.
      await refused(10, fee: LayerOneScene.verifierFee)
      await (try await scene.layerOneVerifier(0)).turn()
      // A bond of 10 EMETH is enough for V of one, and L of 20.
      await refused(201, fee: TokenAmount(holon: ChainScene.emeth / 200 * 201))
      let dear = try await submit(200, isDryRun: true)
      #expect(dear.candidates == 1 && dear.notes.contains { $0.contains("1 verifier could be drawn") })
      // Its parts' fees are what counts.
      #expect(try await submit(380, parts: 2, isDryRun: true).candidates == 1)
      await #expect(throws: ChainError.self) { try await submit(402, parts: 2, isDryRun: true) }
      // A flat fee is the same for all jobs, and no part of what the requester pays.
      func pay(_ flat: TokenAmount) async throws {
        let call = EmethCore.setParameter(.verifierFeeFlat, to: flat.holon)
        try await scene.send(scene.chain.owner, call, scene.core)
      }
      try await pay(ChainScene.amount(2))
      await refused(200, fee: ChainScene.amount(2))
      try await pay(LayerOneScene.verifierFee)
      #expect(try await submit(200, isDryRun: true).amount == ChainScene.amount(20))
      try await pay(.zero)
      #expect(try await scene.money(scene.requester) == before)
      #expect(try await client.transactionCount(of: scene.requester.address, at: .latest) == sent)

      let id = try await scene.request()
      try await scene.listed(id, .requested)
      let told = Mutex<[UInt64]>([])
      let node = try await scene.layerOneNode { event in
        if case .fewVerifiers(id, let count) = event { told.withLock { $0.append(count) } }
      }
      // Who takes its bond out is drawn for nothing any more.
      try await scene.send(scene.verifiers[0], EmethVerifiers.announceUnbonding(), checks)
      let offer = try #require(try await node.offers().first { $0.job == id })
      #expect(offer.refusal?.hasPrefix("nobody could check it") == true && offer.candidates == 0)
      #expect(await node.turn().isEmpty)
      #expect(try await scene.job(id).status == .requested)
      // The other one has been listed all the time, and is here now.
      await (try await scene.layerOneVerifier(1)).turn()
      for _ in 0..<200 {
        if await node.turn() == [id] { break }
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(told.withLock { $0 } == [1])
      #expect(try await scene.job(id).status == .processing)
    }
  }

  /// Who was removed is drawn still for jobs of its time: it goes on posting commitments, and says that it is not listed.
  @Test func aRemovedVerifierKeepsItsCommitmentsPosted() async throws {
    try await LayerOneScene.run(areBonded: false) { scene in
      let (key, checks) = (scene.verifiers[0], scene.chain.contracts.verification)
      let told = Mutex<[String]>([])
      let verifier = try await scene.layerOneVerifier(0) { event in
        if case .failed(_, let error) = event { told.withLock { $0.append(error.code) } }
      }
      func bond() async throws -> EmethVerifiers.Bond {
        try await scene.chain.client.call(EmethVerifiers.bond(of: key.address), at: checks)
      }
      try await scene.send(scene.chain.owner, EmethCore.removeVerifier(key.address), scene.core)
      await verifier.turn()
      #expect(told.withLock { $0 } == ["verifier.notListed"])
      #expect(try await bond().posted == 0, "without a bond it is drawn for nothing")
      // The other one has a bond, and has posted nothing yet when it is removed.
      let other = scene.verifiers[1]
      try await scene.send(
        other, EmethToken.approve(spender: checks, amount: LayerOneScene.fee), scene.chain.contracts.token)
      try await scene.send(other, EmethVerifiers.bond(LayerOneScene.fee), checks)
      try await scene.send(scene.chain.owner, EmethCore.removeVerifier(other.address), scene.core)
      let removed = try await scene.layerOneVerifier(1) { event in
        if case .failed(_, let error) = event { told.withLock { $0.append(error.code) } }
      }
      let plans = try await removed.plans()
      #expect(plans.count == 2)
      #expect(plans.first?.refusal?.contains("not listed") == true)
      #expect(plans.last?.next == "commitSecrets: 8")
      await removed.turn()
      let found = try await scene.chain.client.call(EmethVerifiers.bond(of: other.address), at: checks)
      #expect(found.posted == 8 && found.amount == LayerOneScene.fee, "no more is bonded")
      #expect(told.withLock { $0 } == ["verifier.notListed", "verifier.notListed"])
    }
  }

  /// A verifier shows its secret for no more results than it can compute again at once, the dearest first; neither
  /// nodes that don't open nor cheap results keep it from those.
  @Test func aVerifierTakesOnWhatItCanCompute() async throws {
    try await LayerOneScene.run(areBonded: false) { scene in
      let verifier = try await scene.layerOneVerifier(0, workers: 1)
      await verifier.turn()
      let node = try await scene.layerOneNode()
      // Whether the newest are listed first or the oldest: the dearest is not.
      let plain = try await scene.request()
      let dear = try await scene.request(fuelLimit: 20)
      let jobs = [dear, plain, try await scene.request(fuelLimit: 5)]
      for _ in jobs { try await scene.work(node) }
      for id in jobs { try await scene.listed(id, .submitted) }
      try await scene.chain.bridge.mine(33)
      await verifier.turn()
      for id in jobs { #expect(try await scene.job(id).review.verifier == verifier.address) }
      let first = await verifier.duties()
      #expect(first.map(\.id) == [jobs[0]])
      #expect(await verifier.duties().isEmpty, "the others wait")
      let free = try await scene.layerOneVerifier(1, workers: 2)
      #expect(await free.duties().isEmpty, "it is not drawn")
      for job in first { await verifier.doDuty(job) }
      // Its node opens in an hour, if it does: meanwhile nothing is computed.
      let second = await verifier.duties()
      #expect(second.map(\.id) == [jobs[1]])
      for job in second { await verifier.doDuty(job) }
      _ = await node.turn()
      for id in jobs.prefix(2) { #expect(try await scene.job(id).review.phase == .waitsForVerdict) }
      let judged = await verifier.duties()
      #expect(judged.map(\.id) == [jobs[0]], "two are to be computed, one at a time")
      #expect(await verifier.duties().isEmpty)
      for job in judged { await verifier.doDuty(job) }
      #expect(try await scene.job(jobs[0]).status == .verified)
      #expect(await verifier.duties().map(\.id) == [jobs[1]])
      // The last one's secret is not shown, and it is no silence: another verifier would be drawn for it.
      try await scene.wait(3_700)
      await verifier.turn()
      try await scene.chain.bridge.mine(33)
      await verifier.turn()
      #expect(try await scene.job(jobs[2]).review.silent == 0)
      #expect(try await scene.job(jobs[2]).review.phase == .waitsForDraw)
    }
  }

  /// A proof of work is searched for by whoever may, and the first one is paid; what Core would refuse is not begun.
  @Test func aProofOfWorkIsTakenWhenItIsSolved() async throws {
    try await LayerOneScene.run { scene in
      let signer = scene.chain.bridge.keys[6]
      let target = UInt256(1) << 252
      let program = EmethCore.Program(
        programID: .proofOfWork, name: "proof", mode: .direct, minFuelPrice: FuelPrice(gholon: 0),
        cooldownSeconds: 0, defaultFuelLimit: Fuel(units: 10),
        defaultFuelPrice: FuelPrice(gholon: 100_000_000), minTarget: target)
      try await scene.send(scene.chain.owner, EmethCore.setProgram(program), scene.core)
      var number: UInt8 = 0
      func request(
        by key: PrivateKey? = nil, target: UInt256 = target, seconds: UInt64 = 100_000
      ) async throws -> JobID {
        number += 1
        let salt = Keccak256.hash([number])
        let id = JobID(requester: scene.requester.address, salt: salt)
        let challenge = (key ?? signer).sign(message: ProofOfWork.message(of: id)).bytes
        let now = try #require(try await scene.chain.client.block(.latest)).timestamp
        try await scene.send(
          scene.requester,
          EmethCore.request(
            salt: salt, program: .proofOfWork, parallel: 1, epochs: 1,
            dataset: Hex.encode(challenge + target.bigEndianBytes, prefixed: false), parameters: "{}",
            fuelLimit: Fuel(units: 10), fuelPrice: FuelPrice(gholon: 100_000_000), deadline: now + seconds,
            maxEscrow: ChainScene.amount(2)), scene.core)
        try await scene.listed(id, .requested)
        return id
      }
      let node = try await scene.layerOneNode([.proofOfWork])
      let early = try await request()
      #expect(try await node.offers().first?.refusal?.contains("nobody signs challenges") == true)
      try await scene.send(scene.chain.owner, EmethCore.setChallengeSigner(signer.address), scene.core)
      let refusals = [
        // Its signer was nobody's at its request, which nothing tells; the node is not paid for it, nor does it lose a deposit.
        try await request(target: target + 1): "it names the target",
        try await request(by: scene.node): "its challenge is signed for it by \(scene.node.address)",
        try await request(target: 1): "zero bits at its top",
        try await request(seconds: LayerOneChoice.handlingSeconds / 2): "before its deadline",
      ]
      try await scene.send(scene.requester, EmethCore.cancel(early), scene.core)
      try await scene.listed(early, .canceled)
      for offer in try await node.offers() {
        let expected = try #require(refusals[offer.job])
        #expect(offer.refusal?.contains(expected) == true, "\(expected): \(offer.refusal ?? "nothing")")
      }

      let before = (try await scene.money(scene.requester), try await scene.money(scene.node))
      let id = try await request()
      #expect(await node.turn() == [id])
      #expect(try await scene.job(id).status == .requested, "nothing is locked while it searches")
      // What it has found it keeps while something is in the way: here, there is nothing to lock.
      let (money, purse) = (try await scene.chain.balance(scene.node.address), scene.verifiers[1])
      try await scene.send(
        scene.node, EmethToken.transfer(to: purse.address, amount: money), scene.chain.contracts.token)
      await node.compute(id)
      #expect(try await scene.job(id).status == .requested)
      try await Task.sleep(for: .milliseconds(500))
      #expect(await node.turn() == [id])
      try await scene.send(
        purse, EmethToken.transfer(to: scene.node.address, amount: money), scene.chain.contracts.token)
      await node.compute(id)
      #expect(try await scene.job(id).status == .verified)
      #expect(try await scene.money(scene.node) == before.1 + LayerOneScene.fuel)
      #expect(try await scene.money(scene.requester) == before.0 - LayerOneScene.fuel)
      let account = try await scene.account(scene.requester)
      let output = try await account.output(
        of: id, from: scene.server.client(scene.requester), in: scene.chain.folder.url)
      let work = try ProofOfWork(record: try await scene.job(id).detail.dataset)
      #expect(work.accepts(result: String(decoding: output, as: UTF8.self)))
      #expect(await node.turn().isEmpty)

      // Another node is faster: nothing is lost, and nothing is told.
      let lost = try await request()
      #expect(await node.turn() == [lost])
      let (rival, token) = (scene.verifiers[0], scene.chain.contracts.token)
      let approval = EmethToken.approve(spender: scene.core, amount: LayerOneScene.fee)
      try await scene.send(rival, approval, token)
      try await scene.send(rival, EmethCore.deposit(LayerOneScene.fee), scene.core)
      let solution = try #require(
        ProofOfWork(record: try await scene.job(lost).detail.dataset).solve(
          startingWith: rival.address.bytes, isStopped: { false }))
      try await scene.send(
        rival,
        EmethCore.directSubmit(lost, program: .proofOfWork, result: solution, fuelUsed: Fuel(units: 1)),
        scene.core)
      let sent = try await scene.chain.client.transactionCount(of: scene.node.address)
      await node.compute(lost)
      #expect(await node.turn().isEmpty)
      #expect(try await scene.chain.client.transactionCount(of: scene.node.address) == sent)
    }
  }
}
