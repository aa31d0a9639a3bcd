import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A Signer and four accounts.
private struct SignerScene {
  let folder: TemporaryFolder
  let database: NetworkDatabase
  let key = TestNetwork.key("signer", 0)
  var signer: Signer { Signer(keys: SignerKeys(first: key, network: folder.url), domain: .embedded) }
  let accounts = (0..<4).map { TestNetwork.key("node", $0).address }

  init(_ kind: TestDatabase) throws {
    folder = try TemporaryFolder()
    database = try kind.open(in: folder)
    try database.write { db in
      for (number, account) in accounts.enumerated() {
        try db.execute(
          sql: "INSERT INTO account (address, role, number) VALUES (?, 'node', ?)",
          arguments: ["\(account)", number + 1])
      }
    }
  }

  func move(
    _ holon: UInt256, from source: (Address, Pot), to target: (Address, Pot)
  ) throws {
    try database.write { db in
      try Ledger.transfer(
        TokenAmount(holon: holon), from: source, to: target, reason: "test", job: nil, at: 1, in: db)
    }
  }

  func grant(_ holon: UInt256, to account: Address) throws {
    try move(holon, from: (Ledger.outside, .granted), to: (account, .unspent))
  }

  func close(at time: UInt64) throws -> SignedBatch {
    try database.write { db in try signer.closeEpoch(at: time, in: db) }
  }

  func tickets() throws -> [Address: SignedTicket] {
    try database.read { db in try Signer.newestTickets(in: db) }
  }

  func settle(_ leaf: JobLeaf, of account: Address) throws {
    try database.write { db in
      try db.execute(
        sql: "INSERT INTO settled (account, epoch, leaf) VALUES (?, NULL, ?)",
        arguments: ["\(account)", try leaf.wireText()])
    }
  }

  func leaf(_ number: UInt8, payout: UInt256) -> JobLeaf {
    JobLeaf(
      jobID: JobID(requester: accounts[0], salt: SHA256.hash([number])),
      programID: .languageModelTrainingPart,
      status: .verified, fuelUsed: Fuel(units: 7), fuelPrice: FuelPrice(gholon: 120),
      payout: TokenAmount(holon: payout))
  }
}

@Suite struct SignerTests {
  @Test(arguments: TestDatabase.all)
  func onlyAccountsThatChangedGetATicket(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    try scene.grant(100, to: scene.accounts[0])
    try scene.grant(50, to: scene.accounts[1])
    let first = try scene.close(at: 10)
    #expect(
      try Set(scene.tickets().keys) == Set(scene.accounts[0...1]),
      "who never had anything has no ticket")

    try scene.move(30, from: (scene.accounts[0], .unspent), to: (scene.accounts[2], .payout))
    let second = try scene.close(at: 20)
    let newest = try scene.tickets()
    #expect(
      newest.mapValues(\.ticket.epoch) == [
        scene.accounts[0]: 2, scene.accounts[1]: 1, scene.accounts[2]: 2,
      ])
    #expect(newest[scene.accounts[0]]?.ticket.unspent == TokenAmount(holon: 70))
    #expect(newest[scene.accounts[2]]?.ticket.cumulativePayout == TokenAmount(holon: 30))
    #expect(second.batch.totalPayout == TokenAmount(holon: 30))
    #expect(first.batch.totalPayout == .zero)
    for signed in newest.values {
      try signed.check(signer: scene.key.address, in: .embedded)
    }
  }

  @Test(arguments: TestDatabase.all)
  func everyPotCountsAsAChange(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    try scene.grant(100, to: scene.accounts[0])
    _ = try scene.close(at: 10)
    try scene.move(1, from: (scene.accounts[0], .unspent), to: (scene.accounts[0], .locked))
    _ = try scene.close(at: 20)
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.locked == TokenAmount(holon: 1))
    try scene.move(1, from: (scene.accounts[0], .locked), to: (Ledger.outside, .burned))
    let batch = try scene.close(at: 30).batch
    #expect(batch.totalBurned == TokenAmount(holon: 1))
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.epoch == 3)
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.locked == .zero)
    // One that lost all it had keeps its leaf.
    try scene.move(99, from: (scene.accounts[0], .unspent), to: (scene.accounts[1], .unspent))
    _ = try scene.close(at: 40)
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.epoch == 4)
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.unspent == .zero)
  }

  @Test(arguments: TestDatabase.all)
  func theChainOfBatchesChecks(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    var batches: [SignedBatch] = []
    for number in 1...5 {
      if number != 3 { try scene.grant(UInt256(number), to: scene.accounts[number % 2]) }
      batches.append(try scene.close(at: UInt64(number) * 60))
      let leaves = try scene.tickets().values.map(\.ticket)
      try #require(batches.last).batch.check(leaves: leaves)
    }
    #expect(batches.map(\.batch.epoch) == [1, 2, 3, 4, 5])
    #expect(batches[0].batch.previousBatch == .zero)
    for batch in batches { try batch.check(signer: scene.key.address, in: .embedded) }
    for (batch, previous) in zip(batches.dropFirst(), batches) {
      try batch.check(after: previous, signers: TrustedSigners(scene.key.address))
      #expect(batch.batch.previousBatch == previous.digest)
      #expect(batch.batch.fromTime == previous.batch.toTime)
    }
    // Nothing changed in the third: the same accounts, another batch.
    #expect(batches[2].batch.accountsRoot == batches[1].batch.accountsRoot)
    #expect(batches[2].digest != batches[1].digest)
    #expect(throws: TicketError.self) { try batches[3].check(after: batches[1]) }
    #expect(try scene.database.read { db in try Signer.latestBatch(in: db) } == batches[4])
    #expect(try scene.database.read { db in try Signer.batch(epoch: 2, in: db) } == batches[1])
    #expect(throws: NetworkError.inconsistent(what: "no batch of epoch 6")) {
      try scene.database.read { db in try Signer.batch(epoch: 6, in: db) }
    }
  }

  @Test(arguments: TestDatabase.all)
  func theClockNeverRunsBackInTheChain(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    _ = try scene.close(at: 100)
    #expect(throws: NetworkError.self) { try scene.close(at: 99) }
    #expect(
      try scene.database.read { db in try Signer.latestBatch(in: db)?.batch.epoch } == 1,
      "nothing was written")
  }

  @Test(arguments: TestDatabase.all)
  func jobsRootIsOfTheJobsSettledInTheEpoch(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    let leaves = (1...3).map { scene.leaf(UInt8($0), payout: UInt256($0) * 10) }
    try scene.grant(100, to: scene.accounts[3])
    for leaf in leaves[0...1] {
      try scene.move(
        leaf.payout.holon, from: (scene.accounts[3], .unspent), to: (scene.accounts[0], .payout))
      try scene.settle(leaf, of: scene.accounts[0])
    }
    _ = try scene.close(at: 10)
    let first = try #require(try scene.tickets()[scene.accounts[0]]).ticket
    #expect(first.jobsRoot == TicketTrees.jobsRoot(of: Array(leaves[0...1])))
    try first.check(jobs: Array(leaves[0...1]))
    #expect(try scene.tickets()[scene.accounts[3]]?.ticket.jobsRoot == .zero, "who settled nothing")

    try scene.move(30, from: (scene.accounts[3], .unspent), to: (scene.accounts[0], .payout))
    try scene.settle(leaves[2], of: scene.accounts[0])
    _ = try scene.close(at: 20)
    let second = try #require(try scene.tickets()[scene.accounts[0]]).ticket
    try second.check(jobs: [leaves[2]])
    try second.check(after: first)
    #expect(second.cumulativePayout == TokenAmount(holon: 60))

    try scene.grant(5, to: scene.accounts[0])
    _ = try scene.close(at: 30)
    #expect(try scene.tickets()[scene.accounts[0]]?.ticket.jobsRoot == .zero, "each job once")
  }

  @Test(arguments: TestDatabase.all)
  func aJobThatPaidNothingIsInATicketToo(on kind: TestDatabase) throws {
    let scene = try SignerScene(kind)
    try scene.grant(100, to: scene.accounts[0])
    _ = try scene.close(at: 10)
    let lost = scene.leaf(1, payout: 0)
    try scene.settle(lost, of: scene.accounts[0])
    _ = try scene.close(at: 20)
    let ticket = try #require(try scene.tickets()[scene.accounts[0]]).ticket
    #expect(ticket.epoch == 2)
    try ticket.check(jobs: [lost])
  }
}
