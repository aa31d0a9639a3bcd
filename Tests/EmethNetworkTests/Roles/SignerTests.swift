import EmethKit
import Foundation
import GRDB
import Testing

@testable import EmethNetwork

@Suite struct SignerTests {
  private let folder: TemporaryFolder
  private let database: NetworkDatabase
  private let signer = Signer(key: TestNetwork.key("signer", 0), domain: .embedded)
  private let accounts = (0..<4).map { TestNetwork.key("node", $0).address }

  init() throws {
    folder = try TemporaryFolder()
    database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
    try database.write { db in
      for (number, account) in accounts.enumerated() {
        try db.execute(
          sql: "INSERT INTO account (address, role, number) VALUES (?, 'node', ?)",
          arguments: ["\(account)", number + 1])
      }
    }
  }

  private func move(
    _ holon: UInt256, from source: (Address, Pot), to target: (Address, Pot)
  ) throws {
    try database.write { db in
      try Ledger.transfer(
        TokenAmount(holon: holon), from: source, to: target, reason: "test", job: nil, at: 1, in: db)
    }
  }

  private func grant(_ holon: UInt256, to account: Address) throws {
    try move(holon, from: (Ledger.outside, .granted), to: (account, .unspent))
  }

  private func close(at time: UInt64) throws -> SignedBatch {
    try database.write { db in try signer.closeEpoch(at: time, in: db) }
  }

  private func tickets() throws -> [Address: SignedTicket] {
    try database.read { db in try Signer.newestTickets(in: db) }
  }

  private func settle(_ leaf: JobLeaf, of account: Address) throws {
    try database.write { db in
      try db.execute(
        sql: "INSERT INTO settled (account, epoch, leaf) VALUES (?, NULL, ?)",
        arguments: ["\(account)", try leaf.wireText()])
    }
  }

  private func leaf(_ number: UInt8, payout: UInt256) -> JobLeaf {
    JobLeaf(
      jobID: JobID(requester: accounts[0], salt: SHA256.hash([number])),
      programID: .languageModelTrainingPart,
      status: .verified, fuelUsed: Fuel(units: 7), fuelPrice: FuelPrice(gholon: 120),
      payout: TokenAmount(holon: payout))
  }

  @Test func onlyAccountsThatChangedGetATicket() throws {
    try grant(100, to: accounts[0])
    try grant(50, to: accounts[1])
    let first = try close(at: 10)
    #expect(try Set(tickets().keys) == Set(accounts[0...1]), "who never had anything has no ticket")

    try move(30, from: (accounts[0], .unspent), to: (accounts[2], .payout))
    let second = try close(at: 20)
    let newest = try tickets()
    #expect(newest.mapValues(\.ticket.epoch) == [accounts[0]: 2, accounts[1]: 1, accounts[2]: 2])
    #expect(newest[accounts[0]]?.ticket.unspent == TokenAmount(holon: 70))
    #expect(newest[accounts[2]]?.ticket.cumulativePayout == TokenAmount(holon: 30))
    #expect(second.batch.totalPayout == TokenAmount(holon: 30))
    #expect(first.batch.totalPayout == .zero)
    for signed in newest.values { try signed.check(signer: signer.key.address, in: .embedded) }
  }

  @Test func everyPotCountsAsAChange() throws {
    try grant(100, to: accounts[0])
    _ = try close(at: 10)
    try move(1, from: (accounts[0], .unspent), to: (accounts[0], .locked))
    _ = try close(at: 20)
    #expect(try tickets()[accounts[0]]?.ticket.locked == TokenAmount(holon: 1))
    try move(1, from: (accounts[0], .locked), to: (Ledger.outside, .burned))
    let batch = try close(at: 30).batch
    #expect(batch.totalBurned == TokenAmount(holon: 1))
    #expect(try tickets()[accounts[0]]?.ticket.epoch == 3)
    #expect(try tickets()[accounts[0]]?.ticket.locked == .zero)
    // One that lost all it had keeps its leaf.
    try move(99, from: (accounts[0], .unspent), to: (accounts[1], .unspent))
    _ = try close(at: 40)
    #expect(try tickets()[accounts[0]]?.ticket.epoch == 4)
    #expect(try tickets()[accounts[0]]?.ticket.unspent == .zero)
  }

  @Test func theChainOfBatchesChecks() throws {
    var batches: [SignedBatch] = []
    for number in 1...5 {
      if number != 3 { try grant(UInt256(number), to: accounts[number % 2]) }
      batches.append(try close(at: UInt64(number) * 60))
      let leaves = try tickets().values.map(\.ticket)
      try #require(batches.last).batch.check(leaves: leaves)
    }
    #expect(batches.map(\.batch.epoch) == [1, 2, 3, 4, 5])
    #expect(batches[0].batch.previousBatch == .zero)
    for batch in batches { try batch.check(signer: signer.key.address, in: .embedded) }
    for (batch, previous) in zip(batches.dropFirst(), batches) {
      try batch.check(after: previous, signers: TrustedSigners(signer.key.address))
      #expect(batch.batch.previousBatch == previous.digest)
      #expect(batch.batch.fromTime == previous.batch.toTime)
    }
    // Nothing changed in the third: the same accounts, another batch.
    #expect(batches[2].batch.accountsRoot == batches[1].batch.accountsRoot)
    #expect(batches[2].digest != batches[1].digest)
    #expect(throws: TicketError.self) { try batches[3].check(after: batches[1]) }
    #expect(try database.read { db in try Signer.latestBatch(in: db) } == batches[4])
    #expect(try database.read { db in try Signer.batch(epoch: 2, in: db) } == batches[1])
    #expect(throws: NetworkError.inconsistent(what: "no batch of epoch 6")) {
      try database.read { db in try Signer.batch(epoch: 6, in: db) }
    }
  }

  @Test func theClockNeverRunsBackInTheChain() throws {
    _ = try close(at: 100)
    #expect(throws: NetworkError.self) { try close(at: 99) }
    #expect(
      try database.read { db in try Signer.latestBatch(in: db)?.batch.epoch } == 1, "nothing was written")
  }

  @Test func jobsRootIsOfTheJobsSettledInTheEpoch() throws {
    let leaves = (1...3).map { leaf(UInt8($0), payout: UInt256($0) * 10) }
    try grant(100, to: accounts[3])
    for leaf in leaves[0...1] {
      try move(leaf.payout.holon, from: (accounts[3], .unspent), to: (accounts[0], .payout))
      try settle(leaf, of: accounts[0])
    }
    _ = try close(at: 10)
    let first = try #require(try tickets()[accounts[0]]).ticket
    #expect(first.jobsRoot == TicketTrees.jobsRoot(of: Array(leaves[0...1])))
    try first.check(jobs: Array(leaves[0...1]))
    #expect(try tickets()[accounts[3]]?.ticket.jobsRoot == .zero, "who settled nothing")

    try move(30, from: (accounts[3], .unspent), to: (accounts[0], .payout))
    try settle(leaves[2], of: accounts[0])
    _ = try close(at: 20)
    let second = try #require(try tickets()[accounts[0]]).ticket
    try second.check(jobs: [leaves[2]])
    try second.check(after: first)
    #expect(second.cumulativePayout == TokenAmount(holon: 60))

    try grant(5, to: accounts[0])
    _ = try close(at: 30)
    #expect(try tickets()[accounts[0]]?.ticket.jobsRoot == .zero, "each job once")
  }

  @Test func aJobThatPaidNothingIsInATicketToo() throws {
    try grant(100, to: accounts[0])
    _ = try close(at: 10)
    let lost = leaf(1, payout: 0)
    try settle(lost, of: accounts[0])
    _ = try close(at: 20)
    let ticket = try #require(try tickets()[accounts[0]]).ticket
    #expect(ticket.epoch == 2)
    try ticket.check(jobs: [lost])
  }
}
