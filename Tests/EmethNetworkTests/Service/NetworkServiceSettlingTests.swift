import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What a network does at each look at its chain, step by step: nothing runs beside the test.
@Suite(.serialized, .enabled(if: ChainBridge.python != nil, ChainBridge.reason), .timeLimit(.minutes(5)))
struct NetworkServiceSettlingTests {
  /// A network that was opened and is driven by hand.
  final class Scene: Sendable {
    let chain: ChainScene
    let folder: TemporaryFolder
    let settlement: SettlementChain
    let service: NetworkService

    let ahead = Ahead()

    /// By how many seconds a machine's clock is ahead.
    final class Ahead: Sendable { let seconds = Mutex<UInt64>(0) }

    init(confirmations: UInt64 = 1, witness: ChainScene? = nil) async throws {
      chain = try await ChainScene.deploy()
      folder = try TemporaryFolder()
      settlement = try await Self.settlement(chain, folder, confirmations, witness)
      service = try Self.service(folder.url.appending(path: "net"), settlement, ahead)
      try await chain.prepareSettlement(signer: service.signerAddress)
      try await witness?.prepareSettlement(signer: service.signerAddress)
    }

    static func settlement(
      _ chain: ChainScene, _ folder: TemporaryFolder, _ confirmations: UInt64 = 1,
      _ witness: ChainScene? = nil, isNamed: Bool = true
    ) async throws -> SettlementChain {
      var settings = SettlementChain.Settings()
      settings.confirmations = confirmations
      settings.pollSeconds = 0.05
      settings.exitsAtOnce = 3
      settings.patienceSeconds = 2
      settings.witness = try witness?.bridge.client { $0.attempts = 2 }
      let client = try chain.bridge.client {
        $0.attempts = 2
        $0.expectedChainID = isNamed ? chain.bridge.chainID : nil
        $0.expectedSettlement = isNamed ? chain.contracts.settlement : nil
      }
      return try await SettlementChain.open(
        client: client, core: chain.contracts.core, operatorKey: chain.owner,
        journal: folder.url.appending(path: "operator.sqlite"), settings: settings)
    }

    static func service(
      _ folder: URL, _ settlement: SettlementChain, _ ahead: Ahead = Ahead()
    ) throws -> NetworkService {
      try NetworkService(
        folder: folder, settings: ServiceSettings(), chain: settlement,
        time: NetworkClock.Source(
          wall: { NetworkClock.Source.system.wall() + ahead.seconds.withLock { $0 } * 1_000 },
          steady: NetworkClock.Source.system.steady))
    }

    func deposit(_ emeth: UInt64, _ name: String, for account: Address? = nil) async throws {
      let call = EmethCore.depositToLayer2(
        account: account ?? chain.user.address, amount: ChainScene.amount(emeth))
      _ = try await chain.sender().submit(call, to: chain.contracts.settlement, under: name)
    }

    /// Reads the chain to its end and carries over what it says.
    func read() async throws {
      let follower = try #require(service.follower(of: settlement))
      while try await !service.readOnce(settlement, follower) {}
    }

    /// Closes an epoch in which the user has moved a holon.
    func closeAnEpoch() throws {
      _ = try service.withdraw(TokenAmount(holon: 1), by: chain.user.address)
      try service.closeEpochIfNeeded()
    }

    func settle() async throws { try await service.settleOnce(on: settlement) }

    func posted() async throws -> EmethCore.PostedBatch? {
      try await service.posted(on: settlement, says: settlement.client)
    }

    func pass(seconds: UInt64) async throws {
      try await chain.bridge.tell("evm_increaseTime", .hex(seconds))
      try await chain.bridge.mine()
    }
  }

  private func code(_ body: () async throws -> Void) async -> String? {
    do {
      try await body()
      return nil
    } catch { return (error as? any EmethError)?.code }
  }

  // MARK: - Tickets in later batches

  /// Who has been quiet since epoch 1 leaves by the proof in the batch that was posted last.
  @Test func aTicketIsProvenInEveryLaterBatch() async throws {
    let scene = try await Scene()
    let (service, settlement) = (scene.service, scene.chain.contracts.settlement)
    let quiet = scene.chain.other
    try await scene.deposit(5, "a")
    try await scene.deposit(7, "b", for: quiet.address)
    try await scene.read()
    #expect(try service.epoch(of: .newest) == nil && service.epoch(of: .posted) == nil)
    try service.closeEpochIfNeeded()
    try await scene.settle()
    for _ in 2...3 {
      try scene.closeAnEpoch()
      try await scene.pass(seconds: 7 * 3_600)
      try await scene.settle()
    }
    #expect(try service.epoch(of: .posted) == nil, "it was not read yet")
    try await scene.read()
    #expect(try service.epoch(of: .posted) == 3)
    try scene.closeAnEpoch()
    #expect(try service.epoch(of: .newest) == 4)
    #expect(try service.epoch(of: .epoch(2)) == 2 && service.epoch(of: .epoch(5)) == nil)
    for epoch in UInt64(1)...4 {
      let proven = try #require(try service.provenTicket(of: quiet.address, epoch: epoch))
      try proven.check(signers: TrustedSigners(service.signerAddress), in: service.domain)
      #expect(proven.ticket.epoch == 1 && proven.ticket.unspent == ChainScene.amount(7))
      #expect(proven.batch.batch.epoch == epoch)
      #expect(try service.provenTicket(of: TestKeys.other.address, epoch: epoch) == nil)
    }
    let proven = try #require(try service.provenTicket(of: quiet.address, epoch: 3))
    _ = try await scene.chain.sender(quiet).submit(
      EmethCore.requestExit(proven), to: settlement, under: "exit")
    let exit = try await scene.chain.client.call(EmethCore.exit(of: quiet.address), at: settlement)
    #expect(exit?.epoch == 3)
    // One tree is built at a time: who wants another meanwhile is sent away, who wants one that is kept is not.
    let (trees, database) = (BatchTrees(limit: 2), service.database)
    _ = try trees.tree(of: 1, in: database)
    _ = try trees.tree(of: 3) { () throws(NetworkError) in
      #expect(throws: BatchTrees.busy) { try trees.tree(of: 4, in: database) }
      let kept = try trees.tree(of: 1, in: database)
      #expect(kept.batch.batch.epoch == 1)
      return try database.read { db in try BatchTree(epoch: 3, in: db) }
    }
    #expect(try trees.tree(of: 4, in: database).batch.batch.epoch == 4)
    let told = RequestFailure(BatchTrees.busy)
    #expect(told.status == .tooManyRequests && told.retryAfterSeconds == 1)
    // Leaves that are not those that were signed are not proven.
    try service.database.write { db in
      try db.execute(sql: "DELETE FROM ticket WHERE epoch = 2")
    }
    let reopened = BatchTrees(limit: 1)
    #expect(throws: NetworkError.self) { try reopened.tree(of: 2, in: service.database) }
  }

  // MARK: - Lies

  /// A deposit that one node logs, and has in its contracts, is not credited while another node does not know it.
  @Test func aDepositThatOneNodeInventsIsNotCredited() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let user = scene.chain.user
    try await scene.deposit(5, "a")
    #expect(await code { try await scene.read() } == "chain.contradiction")
    #expect(try scene.service.balances(of: user.address).unspent == .zero)
    func depositThere(_ emeth: UInt64, _ name: String) async throws {
      let call = EmethCore.depositToLayer2(account: user.address, amount: ChainScene.amount(emeth))
      _ = try await witness.sender(user).submit(call, to: witness.contracts.settlement, under: name)
    }
    try await depositThere(5, "same")
    try await scene.read()
    #expect(try scene.service.balances(of: user.address).unspent == ChainScene.amount(5))

    // Nor does at once who one node alone says that it leaves.
    try scene.service.closeEpochIfNeeded()
    // It is posted through both.
    _ = await code { try await scene.settle() }
    #expect(try await newest(on: witness)?.epoch == 1)
    let proven = try #require(try scene.service.provenTicket(of: user.address, epoch: 1))
    _ = try await scene.chain.sender(user).submit(
      EmethCore.requestExit(proven), to: scene.chain.contracts.settlement, under: "exit")
    #expect(await code { try await scene.read() } == "chain.contradiction")
    #expect(try scene.service.balances(of: user.address).unspent == ChainScene.amount(5))
    _ = try await witness.sender(user).submit(
      EmethCore.requestExit(proven), to: witness.contracts.settlement, under: "exit there")
    try await scene.read()
    #expect(try scene.service.balances(of: user.address).unspent == .zero)

    // Another amount is another deposit.
    try await scene.deposit(2, "b")
    try await depositThere(3, "more")
    #expect(await code { try await scene.read() } == "chain.contradiction")
    #expect(try scene.service.balances(of: user.address).payout == ChainScene.amount(5))
  }

  /// Who asks for the way out is let go though a node is away, and, after twice as many blocks, though it says otherwise.
  @Test func whoLeavesWaitsForNoNodeThatIsAwayOrLies() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let (chain, settlement) = (scene.chain, scene.chain.contracts.settlement)
    let leavers = [chain.user, chain.other]
    for leaver in leavers {
      let call = EmethCore.depositToLayer2(account: leaver.address, amount: ChainScene.amount(5))
      for one in [chain, witness] {
        _ = try await one.sender(one.user).submit(call, to: settlement, under: "\(leaver.address)")
      }
    }
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    _ = await code { try await scene.settle() }
    func leave(_ leaver: PrivateKey) async throws {
      let proven = try #require(try scene.service.provenTicket(of: leaver.address, epoch: 1))
      _ = try await chain.sender(leaver).submit(EmethCore.requestExit(proven), to: settlement, under: "exit")
    }
    func unspent(_ leaver: PrivateKey) throws -> TokenAmount {
      try scene.service.balances(of: leaver.address).unspent
    }
    // The witness has no such request.
    try await leave(leavers[0])
    #expect(await code { try await scene.read() } == "chain.contradiction")
    #expect(try unspent(leavers[0]) == ChainScene.amount(5))
    try await chain.bridge.mine(1)
    #expect(await code { try await scene.read() } == "chain.contradiction", "it is told all the same")
    #expect(try unspent(leavers[0]) == .zero)
    #expect(scene.service.chainStanding?.leaving == 1)
    try await scene.read()

    try await leave(leavers[1])
    try await witness.bridge.fault("*", "status", .number("503"), count: 999)
    _ = await code { try await scene.read() }
    #expect(try unspent(leavers[1]) == .zero)
    // No deposit is credited meanwhile.
    try await scene.deposit(1, "more")
    #expect(await code { try await scene.read() } == "chain.unreachable")
    #expect(scene.service.chainStanding?.deposits == 2)
  }

  /// Who is served before its request lies deep enough is told as no contradiction, until logs should tell of it too.
  @Test func anExitThatWasServedMeanwhileIsNoContradiction() async throws {
    let scene = try await Scene()
    let (chain, service) = (scene.chain, scene.service)
    try await scene.deposit(5, "a")
    try await scene.read()
    try service.closeEpochIfNeeded()
    try await scene.settle()
    let proven = try #require(try service.provenTicket(of: chain.user.address, epoch: 1))
    _ = try await chain.sender(chain.user).submit(
      EmethCore.requestExit(proven), to: chain.contracts.settlement, under: "exit")
    func readServed() async throws -> String? {
      // The contract's word comes first after logs.
      let none = JSONValue.string("0x" + String(repeating: "0", count: 128))
      try await chain.bridge.fault("eth_call", "result", none)
      let found = await code { try await scene.read() }
      try await chain.bridge.noFaults()
      return found
    }
    #expect(try await readServed() == nil)
    #expect(try service.balances(of: chain.user.address).unspent == ChainScene.amount(5))
    try await chain.bridge.mine(1)
    #expect(try await readServed() == "chain.contradiction")
    #expect(try service.balances(of: chain.user.address).unspent == ChainScene.amount(5))
    try await scene.read()
    #expect(try service.balances(of: chain.user.address).unspent == .zero)
  }

  /// The newest batch that a chain has.
  private func newest(on chain: ChainScene) async throws -> EmethCore.PostedBatch? {
    let settlement = chain.contracts.settlement
    guard let digest = try await chain.client.call(EmethCore.latestBatch(), at: settlement) else {
      return nil
    }
    return try await chain.client.call(EmethCore.batch(digest), at: settlement)
  }

  /// What one node calls posted, hides, swallows or sends in vain is posted by another node's word, and through it.
  @Test func aBatchIsPostedWhateverOneNodeSays() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let (user, chain) = (scene.chain.user, scene.chain)
    try await scene.deposit(5, "a")
    let call = EmethCore.depositToLayer2(account: user.address, amount: ChainScene.amount(5))
    _ = try await witness.sender(user).submit(call, to: witness.contracts.settlement, under: "same")
    try await scene.read()
    try scene.service.closeEpochIfNeeded()

    // The operator's node has it; nobody else does.
    let first = try #require(try scene.service.latestBatch())
    _ = try await chain.sender(user).submit(
      EmethCore.postBatch(first), to: chain.contracts.settlement, under: "stranger")
    try await chain.bridge.mine(30)
    try await witness.bridge.mine(30)
    #expect(await code { try await scene.settlement.comparePosted() } == "chain.contradiction")
    _ = await code { try await scene.settle() }
    #expect(try await newest(on: witness)?.epoch == 1)
    // Here they are two chains: what the operator sends on one of them takes a nonce on the other, too.
    func level(_ name: String) async throws {
      let call = EmethToken.transfer(to: user.address, amount: TokenAmount(holon: 1))
      _ = try await chain.sender(chain.owner).submit(call, to: chain.contracts.token, under: name)
    }
    try await level("first")
    #expect(scene.service.chainStanding?.postedEpoch == 1)
    try await chain.bridge.mine(30)
    try await witness.bridge.mine(30)
    try await scene.settlement.comparePosted()

    func next(_ fault: (ChainBridge) async throws -> Void) async throws -> String? {
      try scene.closeAnEpoch()
      try await scene.pass(seconds: 7 * 3_600)
      try await witness.wait(seconds: 7 * 3_600)
      try await fault(chain.bridge)
      let found = await code { try await scene.settle() }
      try await chain.bridge.noFaults()
      return found
    }
    // It takes in no transaction.
    #expect(
      try await next { try await $0.fault("eth_sendRawTransaction", "status", .number("503"), count: 99) }
        == "chain.unreachable")
    #expect(try await newest(on: witness)?.epoch == 2)
    #expect(try await newest(on: chain)?.epoch == 1)
    #expect(scene.service.chainStanding?.postedEpoch == 2, "of those that answered")
    // It is back, and takes what was sent before.
    _ = await code { try await scene.settle() }
    #expect(try await newest(on: chain)?.epoch == 2)

    // It makes up a nonce, with which nothing comes into the chain.
    #expect(
      try await next {
        try await $0.fault("eth_getTransactionCount", "result", .hex(UInt64(1_000)), count: 999)
      }
        == "chain.unconfirmed")
    #expect(try await newest(on: witness)?.epoch == 3)

    try await level("second")
    // The other one is away: the operator's own goes on, and it is told.
    try scene.closeAnEpoch()
    try await scene.pass(seconds: 7 * 3_600)
    try await witness.bridge.fault("*", "status", .number("503"), count: 999)
    #expect(await code { try await scene.settle() } == "chain.unreachable")
    #expect(try await newest(on: chain)?.epoch == 4)
  }

  /// The epoch for the first deposit is closed and posted while the operator's own node is away.
  @Test func theFirstBatchNeedsNoSingleNode() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let call = EmethCore.depositToLayer2(account: scene.chain.user.address, amount: ChainScene.amount(5))
    _ = try await witness.sender(witness.user).submit(call, to: witness.contracts.settlement, under: "money")
    try await scene.chain.bridge.fault("*", "status", .number("503"), count: 9_999)
    #expect(await code { try await scene.settle() } == "chain.unreachable")
    try scene.service.closeEpochIfNeeded()
    #expect(try scene.service.latestBatch()?.batch.epoch == 1)
    #expect(await code { try await scene.settle() } == "chain.unreachable")
    #expect(try await newest(on: witness)?.epoch == 1)
  }

  /// Exits that one node has sent with nonces which it has made up are shown through another one.
  @Test func anExitIsShownWhateverOneNodeSays() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let (chains, settlement) = ([scene.chain, witness], scene.chain.contracts.settlement)
    let leavers = [scene.chain.user, scene.chain.other]
    for chain in chains {
      for key in leavers {
        let call = EmethCore.depositToLayer2(account: key.address, amount: ChainScene.amount(5))
        _ = try await chain.sender(chain.user).submit(call, to: settlement, under: "\(key.address)")
      }
    }
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    _ = await code { try await scene.settle() }
    for chain in chains {
      #expect(try await newest(on: chain)?.epoch == 1)
      for key in leavers {
        let proven = try #require(try scene.service.provenTicket(of: key.address, epoch: 1))
        _ = try await chain.sender(key).submit(EmethCore.requestExit(proven), to: settlement, under: "exit")
      }
    }
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    let batch = try #require(try scene.service.latestBatch())
    #expect(batch.batch.epoch == 2)
    for chain in chains {
      try await chain.wait(seconds: 700)
      _ = try await chain.sender(chain.other).submit(EmethCore.postBatch(batch), to: settlement, under: "two")
    }
    func waiting(on chain: ChainScene) async throws -> Int {
      var count = 0
      for key in leavers
      where try await chain.client.call(EmethCore.exit(of: key.address), at: settlement) != nil { count += 1 }
      return count
    }
    let bridge = scene.chain.bridge
    try await bridge.fault("eth_getTransactionCount", "result", .hex(UInt64(1_000)), count: 999)
    #expect(try await waiting(on: witness) == 2)
    #expect(await code { try await scene.settle() } == "chain.unconfirmed")
    #expect(try await waiting(on: witness) == 0)
    #expect(try await waiting(on: scene.chain) == 2)
  }

  // MARK: - The Signer

  /// The Signer's role goes over while a node is away, and not while two nodes differ.
  @Test func aHandoverNeedsNoSingleNode() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let (service, chains, key) = (scene.service, [scene.chain, witness], TestNetwork.key("next signer", 2))
    for chain in chains {
      _ = try await chain.sender(chain.owner).submit(
        EmethCore.proposeSigner(key.address), to: chain.contracts.settlement, under: "next")
    }
    let asked = chains.map(\.client)
    _ = try await SignerRotation(folder: service.folder).prepare(key, asking: asked)
    func newest() throws -> Address {
      try service.database.read { db in try service.signer.schedule(in: db).newest }
    }
    try await scene.pass(seconds: 8 * 86_400 + 1)
    do {
      try await scene.settle()
      Issue.record("two nodes that differ are believed")
    } catch {
      guard case .signerDisputed(let account, let takenAt, let refusedAt, _)? = error as? ChainError else {
        Issue.record("\(error)")
        return
      }
      // Of the old key the node that lags says that it counts.
      #expect(account == service.signerAddress)
      #expect(takenAt == scene.settlement.nodes[1].endpoint.description)
      #expect(refusedAt == scene.settlement.nodes[0].endpoint.description)
    }
    #expect(try newest() == service.signerAddress)
    try await witness.wait(seconds: 8 * 86_400 + 1)
    try await scene.chain.bridge.fault("*", "status", .number("503"), count: 9_999)
    #expect(await code { try await scene.settle() } == "chain.unreachable")
    #expect(try newest() == key.address)
  }

  /// While two nodes differ the operator decides which one is believed, by naming that one alone: then batches go out
  /// through it, whatever the other one says.
  @Test func aHandoverThatNodesDisputeIsTheOperatorsToDecide() async throws {
    let witness = try await ChainScene.deploy()
    let scene = try await Scene(witness: witness)
    let (service, key) = (scene.service, TestNetwork.key("next signer", 3))
    for (index, chain) in [scene.chain, witness].enumerated() {
      _ = try await chain.sender(chain.owner).submit(
        EmethCore.proposeSigner(key.address), to: chain.contracts.settlement, under: "next \(index)")
    }
    try await scene.deposit(5, "a")
    let same = EmethCore.depositToLayer2(account: scene.chain.user.address, amount: ChainScene.amount(5))
    _ = try await witness.sender().submit(same, to: witness.contracts.settlement, under: "a")
    try await scene.read()
    try await scene.pass(seconds: 8 * 86_400 + 1)
    #expect(await code { try await service.followSigner(of: scene.settlement) } == "chain.signerDisputed")
    // Not even both named to `rotate-signer` hand it over: one says that its time has not come.
    let rotation = SignerRotation(folder: service.folder)
    let nodes = [scene.chain.client, witness.client]
    guard case .prepared = try await rotation.prepare(key, asking: nodes) else {
      Issue.record("two nodes that differ are believed")
      return
    }
    guard case .changed = try await rotation.prepare(key, asking: [scene.chain.client]) else {
      Issue.record("the node that is named alone is not believed")
      return
    }
    // An epoch of the old key's is closed, then one of the new key's, and that one is posted.
    for _ in 0..<4 {
      #expect(await code { try await scene.settle() } == "chain.signerDisputed", "it goes on being told")
      try service.closeEpochIfNeeded()
    }
    let batch = try #require(try service.latestBatch()?.batch.epoch)
    #expect(try service.latestBatch()?.signer == key.address)
    let posted = try await newest(on: scene.chain)?.epoch
    #expect(posted == batch)
  }

  /// Of a Signer of which two of three sign, a batch goes out when a second member has signed it; all are asked for the
  /// same one until then.
  @Test func severalKeysSignABatch() async throws {
    let scene = try await Scene()
    let (chain, service, settlement) = (scene.chain, scene.service, scene.chain.contracts.settlement)
    let members = (0..<2).map { TestNetwork.key("member", UInt32($0)) }
    let sender = try chain.sender(chain.owner)
    let all = [service.signerAddress] + members.map(\.address)
    let code = try ChainBridge.code("EmethSigners", [.array(all.map { .address($0) }), .uint(2)])
    let set = try #require(
      try await sender.confirm(try await sender.deploy(code, named: "EmethSigners", under: "set"))
        .createdContract)
    _ = try await sender.submit(EmethCore.proposeSigner(set), to: settlement, under: "propose the set")
    try await scene.deposit(5, "a")
    try await scene.read()
    #expect(await self.code { _ = try await service.cosign(epoch: 1, with: []) } == "batch.notAsked")
    try await scene.pass(seconds: 8 * 86_400 + 1)
    try await service.checkSigner()
    try scene.closeAnEpoch()
    func missing() async -> ChainError? {
      do {
        try await scene.settle()
        return nil
      } catch { return error as? ChainError }
    }
    let asked = try #require(try service.latestBatch())
    let wanted = ChainError.signaturesMissing(contract: set, epoch: asked.batch.epoch, found: 1, needed: 2)
    #expect(await missing() == wanted)
    try scene.closeAnEpoch()
    #expect(await missing() == wanted, "the batch that was asked for stays")
    #expect(try service.askedBatch() == asked)

    func signature(_ key: PrivateKey, _ digest: Bytes32? = nil, as signer: Address? = nil) -> [Cosignature] {
      [Cosignature(signature: key.sign(digest ?? asked.digest), signer: signer ?? key.address)]
    }
    let epoch = asked.batch.epoch
    for (epoch, added, expected) in [
      (epoch + 1, signature(members[0]), "batch.notAsked"),
      (epoch, signature(chain.user), "batch.forbidden"),
      (epoch, signature(chain.user, as: members[0].address), "ticket.signerMismatch"),
      (epoch, signature(members[0], .zero), "ticket.signerMismatch"),
    ] {
      #expect(await self.code { _ = try await service.cosign(epoch: epoch, with: added) } == expected)
    }
    #expect(try service.batch(epoch: epoch) == asked)
    for _ in 0..<2 {
      let signers = try await service.cosign(epoch: epoch, with: signature(members[1]))
      #expect(signers == [service.signerAddress, members[1].address].sorted())
    }
    #expect(await missing() == nil)
    #expect(try await scene.posted()?.epoch == epoch)
    #expect(try service.askedBatch(after: epoch) == nil)
    // What comes later goes the same way.
    try await scene.pass(seconds: SettlementChain.longestSilenceSeconds)
    guard case .signaturesMissing(_, let next, 1, 2)? = await missing() else {
      Issue.record("the next batch is not asked for")
      return
    }
    #expect(next > epoch)
  }

  /// A wallet that is no EmethSigners takes a signature and knows no threshold: the network's own is enough.
  @Test func aWalletOfAnotherKindTakesBatches() async throws {
    let scene = try await Scene()
    let (chain, service, settlement) = (scene.chain, scene.service, scene.chain.contracts.settlement)
    // Answers isValidSignature with its selector, and reverts whatever else it is asked.
    let code = try Hex.decode(
      "602580600b6000396000f360003560e01c631626ba7e1460145760006000fd5b631626ba7e60e01b60005260206000f3")
    let sender = try chain.sender(chain.owner)
    let deployed = try await sender.confirm(
      try await sender.deploy(code, named: "wallet", under: "wallet"))
    let wallet = try #require(deployed.createdContract)
    _ = try await sender.submit(EmethCore.proposeSigner(wallet), to: settlement, under: "propose the wallet")
    try await scene.deposit(5, "a")
    try await scene.read()
    try await scene.pass(seconds: 8 * 86_400 + 1)
    try await service.checkSigner()
    try scene.closeAnEpoch()
    try await scene.settle()
    let newest = try #require(try service.latestBatch())
    #expect(try await scene.posted()?.epoch == newest.batch.epoch)
  }

  /// A key signs when the contract takes its word, not before; what nobody could redeem is refused.
  @Test func theSignerFollowsTheChain() async throws {
    let scene = try await Scene()
    let (chain, service, settlement) = (scene.chain, scene.service, scene.chain.contracts.settlement)
    let (first, quiet) = (service.signerAddress, scene.chain.other.address)
    let key = TestNetwork.key("next signer", 0)
    let rotation = SignerRotation(folder: service.folder)
    func propose(_ signer: Address) async throws {
      _ = try await chain.sender(chain.owner).submit(
        EmethCore.proposeSigner(signer), to: settlement, under: UUID().uuidString)
    }
    func prepare(_ key: PrivateKey) async throws -> SignerRotation.Outcome {
      try await rotation.prepare(key, asking: [chain.client])
    }
    try await scene.deposit(5, "a")
    try await scene.deposit(1, "b", for: quiet)
    try await scene.read()
    try service.closeEpochIfNeeded()
    try await scene.settle()

    #expect(await code { _ = try rotation.handOver(to: key) } == "signer.onChain")
    #expect(await code { _ = try await prepare(key) } == "chain.otherSigner")
    #expect(try service.signer.keys.accounts().isEmpty)
    try await propose(key.address)
    let time = try await chain.client.call(EmethCore.nextSigner(), at: settlement)?.time
    guard case .prepared(let startsAt) = try await prepare(key) else {
      Issue.record("a key that does not count yet signs")
      return
    }
    #expect(startsAt == time)
    // Anybody can make it an account, which keeps nothing away.
    try await scene.deposit(1, "to the next Signer", for: key.address)
    try await scene.read()
    #expect(try service.balances(of: key.address).unspent == ChainScene.amount(1))
    guard case .prepared = try await prepare(key) else {
      Issue.record("it signs before its time")
      return
    }
    try scene.closeAnEpoch()
    try await scene.settle()
    #expect(try service.latestBatch()?.signer == first)

    // Its time has come: the open epoch is the old key's, of no use on the chain; the next one is the new key's.
    try await scene.pass(seconds: 8 * 86_400 + 1)
    try await scene.settle()
    try scene.closeAnEpoch()
    #expect(try service.latestBatch()?.signer == first)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 1, "nothing is sent that the contract refuses")
    try service.closeEpochIfNeeded()
    let batch = try #require(try service.latestBatch())
    #expect(batch.signer == key.address)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == batch.batch.epoch)
    // Who has not moved can still be paid by signature.
    #expect(try service.ticket(of: quiet)?.signer == key.address)
    try await service.checkSigner()
    try scene.closeAnEpoch()
    #expect(try service.ticket(of: quiet)?.ticket.epoch == batch.batch.epoch, "once is enough")

    // The one before is gone for good.
    #expect(await code { _ = try await prepare(TestNetwork.key("next signer", 1)) } == "chain.otherSigner")
    // Sets: one that lacks it, one of which a member is enough.
    let members = (0..<3).map { TestNetwork.key("member", UInt32($0)) }
    func set(_ members: [PrivateKey], _ needed: UInt64) async throws -> Address {
      let sender = try chain.sender(chain.owner)
      let code = try ChainBridge.code(
        "EmethSigners", [.array(members.map { .address($0.address) }), .uint(UInt256(needed))])
      let sent = try await sender.deploy(code, named: "EmethSigners", under: UUID().uuidString)
      return try #require(try await sender.confirm(sent).createdContract)
    }
    try await propose(try await set(members, 1))
    do {
      _ = try await prepare(TestNetwork.key("member", 7))
      Issue.record("it is taken")
    } catch {
      guard case .signerSet(_, _, let reason)? = error as? ChainError else {
        Issue.record("\(error)")
        return
      }
      #expect(reason.contains("not one of its members"))
    }
    guard case .prepared = try await prepare(members[1]) else {
      Issue.record("a member signs before its set counts")
      return
    }

    // A network whose own Signer does not count yet is not served.
    let own = try Scene.service(scene.folder.url.appending(path: "second"), scene.settlement)
    try await propose(own.signerAddress)
    #expect(await code { try await own.checkSigner() } == "chain.signerNotStarted")
  }

  // MARK: - What a node leaves out

  /// While a node leaves deposits out of its logs nothing is credited, and that is said; later all of them are.
  @Test func whatANodeLeavesOutIsCreditedLater() async throws {
    let scene = try await Scene()
    try await scene.deposit(5, "a")
    try await scene.chain.bridge.fault("eth_getLogs", "result", .array([]), count: 999)
    #expect(await code { try await scene.read() } == "chain.contradiction")
    try await scene.deposit(6, "b")
    #expect(await code { try await scene.read() } == "chain.contradiction")
    #expect(try scene.service.balances(of: scene.chain.user.address).unspent == .zero)
    try await scene.chain.bridge.noFaults()
    try await scene.read()
    #expect(try scene.service.balances(of: scene.chain.user.address).unspent == ChainScene.amount(11))
    #expect(scene.service.chainStanding?.deposits == 2)
  }

  /// At the first start the node's word is not enough; later the network knows where it settles.
  @Test func theFirstStartNamesItsSettlement() async throws {
    let chain = try await ChainScene.deploy()
    let folder = try TemporaryFolder()
    let net = folder.url.appending(path: "net")
    let unnamed = try await Scene.settlement(chain, folder, isNamed: false)
    #expect(await code { _ = try Scene.service(net, unnamed) } == "chain.unnamedSettlement")
    do { _ = try Scene.service(net, try await Scene.settlement(chain, folder)) }
    #expect(await code { _ = try Scene.service(net, unnamed) } == nil)
  }

  // MARK: - Batches

  @Test func theFirstEpochIsClosedForADepositThatIsNotCredited() async throws {
    let scene = try await Scene(confirmations: 50)
    try await scene.settle()
    #expect(try await scene.posted() == nil, "there is nobody's money yet")
    try await scene.deposit(5, "a")
    try await scene.read()
    #expect(try scene.service.balances(of: scene.chain.user.address).unspent == .zero)
    // One look asks for the epoch, the next posts it; the transaction waits for 50 blocks.
    try await scene.settle()
    try scene.service.closeEpochIfNeeded()
    #expect(try scene.service.latestBatch()?.batch.epoch == 1)
    async let settled: Void = scene.settle()
    while try await scene.posted() == nil { try await Task.sleep(for: .milliseconds(20)) }
    try await scene.chain.bridge.mine(50)
    try await settled
    let posted = try await scene.posted()
    #expect(posted?.epoch == 1 && posted?.depositsSeen == 0)
  }

  /// Who posts old batches, one behind the other, keeps the newest one away for no time.
  @Test func anOldBatchOfAStrangersKeepsNothingAway() async throws {
    let scene = try await Scene()
    try await scene.deposit(5, "a")
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 1)
    for _ in 0..<3 { try scene.closeAnEpoch() }
    try await scene.pass(seconds: 7 * 3_600)
    for epoch in 2...3 as ClosedRange<UInt64> {
      let old = try #require(try scene.service.batch(epoch: epoch))
      _ = try await scene.chain.sender(scene.chain.other).submit(
        EmethCore.postBatch(old), to: scene.chain.contracts.settlement, under: "old \(epoch)")
    }
    #expect(try await scene.posted()?.epoch == 3)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 4)
  }

  /// Of many who leave some are served at a time, and a batch that is due goes first.
  @Test func aBatchGoesBeforeManyExits() async throws {
    let scene = try await Scene()
    let (chain, settlement) = (scene.chain, scene.chain.contracts.settlement)
    let leavers = chain.bridge.keys[5..<10]
    try await scene.deposit(50, "a")
    for leaver in leavers { try await scene.deposit(1, "\(leaver.address)", for: leaver.address) }
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    try await scene.settle()
    for leaver in leavers {
      let proven = try #require(try scene.service.provenTicket(of: leaver.address, epoch: 1))
      _ = try await chain.sender(leaver).submit(
        EmethCore.requestExit(proven), to: settlement, under: "exit \(leaver.address)")
    }
    try await scene.read()
    #expect(scene.service.chainStanding?.leaving == 5)
    try scene.service.closeEpochIfNeeded()
    // A leaver can't make the operator pay for a batch at every moment.
    try await scene.pass(seconds: 700)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 1)
    try await scene.pass(seconds: SettlementChain.exitSeconds)
    // The batch that shows the exits.
    try await scene.settle()
    try await scene.read()
    #expect(try await scene.posted()?.epoch == 2)
    #expect(scene.service.chainStanding?.leaving == 2, "three are served in one go")
    // Now one is due again, and two exits can be shown by the one that is there.
    try scene.closeAnEpoch()
    try await scene.pass(seconds: 7 * 3_600)
    let before = try await chain.client.blockNumber()
    try await scene.settle()
    try await scene.read()
    #expect(try await scene.posted()?.epoch == 3)
    #expect(scene.service.chainStanding?.leaving == 0)
    let topics = try #require(scene.service.events).logs(
      [EmethCore.batchPostedTopic, EmethCore.exitServedTopic], in: (before + 1)...UInt64(Int64.max)
    ).compactMap(\.topics.first)
    #expect(
      topics == [EmethCore.batchPostedTopic, EmethCore.exitServedTopic, EmethCore.exitServedTopic],
      "48 hours without a batch freeze the network")
  }

  // MARK: - Clocks

  /// A machine whose clock was days ahead for a moment goes on posting: what it has stated then is no younger than its
  /// posting, by which the contract goes.
  @Test func aClockThatWasDaysAheadKeepsNoBatchAway() async throws {
    let scene = try await Scene()
    try await scene.deposit(5, "a")
    try await scene.read()
    scene.ahead.seconds.withLock { $0 = 3 * 86_400 }
    try scene.service.closeEpochIfNeeded()
    scene.ahead.seconds.withLock { $0 = 0 }
    try await scene.settle()
    let first = try #require(try await scene.posted())
    #expect(first.epoch == 1)
    let closed = try #require(try scene.service.latestBatch()?.batch.toTime)
    #expect(closed > first.postedAt + 2 * 86_400)
    #expect(scene.service.chainStanding?.clocksApart?.code == "chain.clocksApart")
    #expect(scene.service.chainStanding?.clocksApart?.message.contains("ahead of the chain") == true)

    // While something changes, at the network's interval.
    try scene.closeAnEpoch()
    try await scene.pass(seconds: 5 * 3_600)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 1)
    try await scene.pass(seconds: 3_600)
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 2)
    // And while nothing does: one look closes an epoch, the next one posts it.
    try await scene.pass(seconds: SettlementChain.longestSilenceSeconds)
    try await scene.settle()
    try scene.service.closeEpochIfNeeded()
    try await scene.settle()
    #expect(try await scene.posted()?.epoch == 3)
    #expect(
      await code {
        _ = try await scene.chain.sender(scene.chain.other).submit(
          EmethCore.freeze(), to: scene.chain.contracts.settlement, under: "freeze")
      } == "chain.reverted")
  }

  /// Whose clock is behind the chain's closes no epoch after the other for it; that is told.
  @Test func aClockThatIsBehindIsTold() async throws {
    let scene = try await Scene()
    #expect(scene.service.chainStanding?.clocksApart == nil)
    try await scene.deposit(5, "a")
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    try await scene.pass(seconds: 30 * 3_600)
    for _ in 0..<4 {
      try await scene.settle()
      try scene.service.closeEpochIfNeeded()
    }
    #expect(try await scene.posted()?.epoch == 1)
    #expect(try scene.service.latestBatch()?.batch.epoch == 1)
    #expect(scene.service.chainStanding?.clocksApart?.message.contains("behind the chain") == true)
  }

  // MARK: - Copies

  /// A network that was put back to an older state signs nothing: each epoch would be signed twice.
  @Test func anOlderCopyIsNotServed() async throws {
    let folder: TemporaryFolder
    let settlement: SettlementChain
    let chain: ChainScene
    do {
      let scene = try await Scene()
      folder = scene.folder
      settlement = scene.settlement
      chain = scene.chain
      try await scene.deposit(5, "a")
      try await scene.read()
      try scene.service.closeEpochIfNeeded()
      try await scene.settle()
      try scene.closeAnEpoch()
      try await scene.service.checkSigner()
      let file = folder.url.appending(path: "copy.tar")
      #expect(try NetworkBackup(folder: scene.service.folder).write(to: file).epoch == 2)
    }
    func error(_ net: URL) async -> ChainError? {
      do {
        try await Scene.service(net, settlement).checkSigner()
        return nil
      } catch { return error as? ChainError }
    }
    let net = folder.url.appending(path: "net")
    let mark = net.appending(path: "signed-epoch").path
    #expect(await error(net) == nil)
    // Somebody has put an old copy in the place of the database: here, an empty one.
    for end in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(at: net.appending(path: "network.sqlite\(end)"))
    }
    #expect(await error(net) == .epochsLost(found: 0, signed: 2, file: mark))
    // And where the mark is gone, too, the chain has what the network does not know.
    try FileManager.default.removeItem(atPath: mark)
    let contradiction = await error(net)
    #expect(contradiction?.code == "chain.contradiction", "\(String(describing: contradiction))")

    // From a backup: somebody must say that nothing was signed since.
    let restored = folder.url.appending(path: "restored")
    _ = try NetworkBackup.restore(folder.url.appending(path: "copy.tar"), to: restored)
    let file = restored.appending(path: "signed-epoch")
    #expect(await error(restored) == .epochsLost(found: 2, signed: nil, file: file.path))
    try FileManager.default.removeItem(at: file)
    #expect(await error(restored) == nil)
    withExtendedLifetime(chain) {}
  }

  // MARK: - The freeze

  /// On a frozen settlement nothing begins: nobody would be paid.
  @Test func aFrozenNetworkTakesNothingOn() async throws {
    let scene = try await Scene()
    let user = scene.chain.user.address
    try await scene.deposit(5, "a")
    try await scene.read()
    try scene.service.closeEpochIfNeeded()
    try await scene.settle()
    try scene.closeAnEpoch()
    try await scene.pass(seconds: 49 * 3_600)
    _ = try await scene.chain.sender(scene.chain.other).submit(
      EmethCore.freeze(), to: scene.chain.contracts.settlement, under: "freeze")
    #expect(await code { try await scene.settle() } == "chain.frozen")
    try await scene.read()
    let submission = JobSubmission(
      salt: .zero, manifest: try TestNetwork.manifest(), dataSetName: "neko", dataSet: .zero, parallel: 1,
      fuelPrice: FuelPrice(holonPerFuel: 1_000_000), timeLimitSeconds: 60)
    #expect(await code { _ = try scene.service.submit(submission, by: user) } == "chain.frozen")
    #expect(
      await code { _ = try scene.service.withdraw(TokenAmount(holon: 1), by: user) } == "chain.frozen")
    // What is there can be seen, and be proven.
    #expect(try scene.service.provenTicket(of: user, epoch: 1) != nil)
  }
}
