import EmethKit
import Foundation
import GRDB
import Testing

@testable import EmethNetwork

@Suite struct LedgerTests {
  private let folder: TemporaryFolder
  private let database: NetworkDatabase
  private let one = TestNetwork.key("node", 0).address
  private let two = TestNetwork.key("node", 1).address

  init() throws {
    folder = try TemporaryFolder()
    database = try NetworkDatabase(file: folder.url.appending(path: "network.sqlite"))
  }

  private func move(_ holon: UInt256, _ source: (Address, Pot), _ target: (Address, Pot)) throws {
    try database.write { db in
      try Ledger.transfer(
        TokenAmount(holon: holon), from: source, to: target, reason: "test", job: nil, at: 5, in: db)
    }
  }

  /// 1,000 granted to one, of which two has 300 (90 locked, 10 burned from it, 40 paid out).
  private func fill() throws {
    try move(1_000, (Ledger.outside, .granted), (one, .unspent))
    try move(300, (one, .unspent), (two, .unspent))
    try move(100, (two, .unspent), (two, .locked))
    try move(10, (two, .locked), (Ledger.outside, .burned))
    try move(40, (two, .unspent), (one, .payout))
  }

  private func execute(_ sql: String) throws { try database.write { db in try db.execute(sql: sql) } }

  private func audit() throws { try database.read { db in try Ledger.audit(in: db) } }

  private func balances(_ account: Address) throws -> [UInt256] {
    let found = try database.read { db in try Ledger.balances(of: account, in: db) }
    return [found.unspent.holon, found.locked.holon, found.payout.holon]
  }

  @Test func whatOnePotGivesAnotherGets() throws {
    try fill()
    #expect(try balances(one) == [700, 0, 40])
    #expect(try balances(two) == [160, 90, 0])
    #expect(try balances(TestNetwork.key("node", 2).address) == [0, 0, 0])
    let totals = try database.read { db in try Ledger.conservation(in: db) }
    #expect(totals.in.holon == 1_000 && totals.out.holon == 900 && totals.locked.holon == 90)
    #expect(totals.burned.holon == 10 && totals.holds)
    try audit()
  }

  @Test func moreThanIsThereIsRefusedAndNothingMoves() throws {
    try fill()
    let error = NetworkError.insufficientBalance(
      account: two, found: TokenAmount(holon: 90), needed: TokenAmount(holon: 91))
    #expect(throws: error) { try move(91, (two, .locked), (one, .unspent)) }
    #expect(throws: NetworkError.self) { try move(1, (one, .locked), (one, .unspent)) }
    #expect(try balances(two) == [160, 90, 0])
    try move(90, (two, .locked), (one, .unspent))
    try audit()
  }

  @Test func aTransactionThatFailsLeavesNothing() throws {
    try fill()
    #expect(throws: NetworkError.self) {
      try database.write { db in
        let all = TokenAmount(holon: 160)
        try Ledger.transfer(
          all, from: (two, .unspent), to: (one, .unspent), reason: "a", job: nil, at: 6, in: db)
        try Ledger.transfer(
          all, from: (two, .unspent), to: (one, .unspent), reason: "b", job: nil, at: 6, in: db)
      }
    }
    #expect(try balances(two) == [160, 90, 0])
    try audit()
  }

  @Test func nothingIsNoTransfer() throws {
    try move(0, (one, .unspent), (two, .unspent))
    #expect(try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM transfer") } == 0)
  }

  @Test func amountsAbove64BitsStayExact() throws {
    let large = UInt256.max
    try move(large, (Ledger.outside, .granted), (one, .unspent))
    try move(1, (one, .unspent), (two, .payout))
    #expect(try balances(one) == [large - 1, 0, 0])
    try audit()
    #expect(throws: NetworkError.self, "there is no more than 2^256 - 1") {
      try move(1, (Ledger.outside, .granted), (two, .unspent))
    }
    try audit()
  }

  @Test(arguments: [
    ("UPDATE balance SET holon = '701' WHERE holon = '700'", "unspent is 0.000000000000000701 EMETH"),
    ("UPDATE balance SET holon = '0' WHERE pot = 'burned'", "burned is"),
    ("UPDATE balance SET pot = 'payout' WHERE holon = '90'", "payout is"),
    ("DELETE FROM balance WHERE holon = '90'", "locked is not stored"),
    ("INSERT INTO balance (account, pot, holon) VALUES ('nobody', 'unspent', '1')", "nobody unspent is"),
    ("UPDATE balance SET holon = 'much' WHERE holon = '700'", "the amount much"),
    ("UPDATE transfer SET holon = '301' WHERE holon = '300'", "unspent is"),
    ("UPDATE transfer SET targetPot = 'payout' WHERE holon = '300'", "transfer 3 takes"),
    ("DELETE FROM transfer WHERE holon = '40'", "its transfers give"),
  ])
  func theAuditFinds(tampering: String, said: String) throws {
    try fill()
    try audit()
    try execute(tampering)
    #expect {
      try audit()
    } throws: { error in
      guard case NetworkError.inconsistent(let what) = error else { return false }
      return what.contains(said)
    }
  }

  @Test func theAuditFindsMoneyThatWasSpentBeforeItCame() throws {
    try fill()
    // The balances stay what all transfers give; only their order tells.
    try execute("UPDATE transfer SET number = 99 WHERE holon = '1000'")
    #expect {
      try audit()
    } throws: { error in
      guard case NetworkError.inconsistent(let what) = error else { return false }
      return what.contains("transfer 2 takes")
    }
  }
}
