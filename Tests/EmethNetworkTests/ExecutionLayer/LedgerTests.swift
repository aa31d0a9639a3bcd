import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A ledger with two accounts.
private struct LedgerScene {
  let folder: TemporaryFolder
  let database: NetworkDatabase
  let one = TestNetwork.key("node", 0).address
  let two = TestNetwork.key("node", 1).address

  init(_ kind: TestDatabase) throws {
    folder = try TemporaryFolder()
    database = try kind.open(in: folder)
  }

  func move(_ holon: UInt256, _ source: (Address, Pot), _ target: (Address, Pot)) throws {
    try database.write { db in
      try Ledger.transfer(
        TokenAmount(holon: holon), from: source, to: target, reason: "test", job: nil, at: 5, in: db
      )
    }
  }

  /// 1,000 granted to one, of which two has 300 (90 locked, 10 burned from it, 40 paid out).
  func fill() throws {
    try move(1_000, (Ledger.outside, .granted), (one, .unspent))
    try move(300, (one, .unspent), (two, .unspent))
    try move(100, (two, .unspent), (two, .locked))
    try move(10, (two, .locked), (Ledger.outside, .burned))
    try move(40, (two, .unspent), (one, .payout))
  }

  func execute(_ sql: String) throws { try database.write { db in try db.execute(sql: sql) } }

  func audit() throws { try database.read { db in try Ledger.audit(in: db) } }

  func balances(_ account: Address) throws -> [UInt256] {
    let found = try database.read { db in try Ledger.balances(of: account, in: db) }
    return [found.unspent.holon, found.locked.holon, found.payout.holon]
  }
}

@Suite struct LedgerTests {
  @Test(arguments: TestDatabase.all)
  func whatOnePotGivesAnotherGets(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    try scene.fill()
    #expect(try scene.balances(scene.one) == [700, 0, 40])
    #expect(try scene.balances(scene.two) == [160, 90, 0])
    #expect(try scene.balances(TestNetwork.key("node", 2).address) == [0, 0, 0])
    let totals = try scene.database.read { db in try Ledger.conservation(in: db) }
    #expect(totals.in.holon == 1_000 && totals.out.holon == 900 && totals.locked.holon == 90)
    #expect(totals.burned.holon == 10 && totals.holds)
    try scene.audit()
  }

  @Test(arguments: TestDatabase.all)
  func moreThanIsThereIsRefusedAndNothingMoves(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    try scene.fill()
    let error = NetworkError.insufficientBalance(
      account: scene.two, found: TokenAmount(holon: 90), needed: TokenAmount(holon: 91))
    #expect(throws: error) { try scene.move(91, (scene.two, .locked), (scene.one, .unspent)) }
    #expect(throws: NetworkError.self) {
      try scene.move(1, (scene.one, .locked), (scene.one, .unspent))
    }
    #expect(try scene.balances(scene.two) == [160, 90, 0])
    try scene.move(90, (scene.two, .locked), (scene.one, .unspent))
    try scene.audit()
  }

  @Test(arguments: TestDatabase.all)
  func aTransactionThatFailsLeavesNothing(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    try scene.fill()
    #expect(throws: NetworkError.self) {
      try scene.database.write { db in
        let all = TokenAmount(holon: 160)
        try Ledger.transfer(
          all, from: (scene.two, .unspent), to: (scene.one, .unspent), reason: "a", job: nil, at: 6,
          in: db)
        try Ledger.transfer(
          all, from: (scene.two, .unspent), to: (scene.one, .unspent), reason: "b", job: nil, at: 6,
          in: db)
      }
    }
    #expect(try scene.balances(scene.two) == [160, 90, 0])
    try scene.audit()
  }

  @Test(arguments: TestDatabase.all)
  func nothingIsNoTransfer(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    try scene.move(0, (scene.one, .unspent), (scene.two, .unspent))
    #expect(
      try scene.database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM transfer") }
        == 0)
  }

  @Test(arguments: TestDatabase.all)
  func amountsAbove64BitsStayExact(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    let large = UInt256.max
    try scene.move(large, (Ledger.outside, .granted), (scene.one, .unspent))
    try scene.move(1, (scene.one, .unspent), (scene.two, .payout))
    #expect(try scene.balances(scene.one) == [large - 1, 0, 0])
    try scene.audit()
    #expect(throws: NetworkError.self, "there is no more than 2^256 - 1") {
      try scene.move(1, (Ledger.outside, .granted), (scene.two, .unspent))
    }
    try scene.audit()
  }

  @Test(
    arguments: TestDatabase.all,
    [
      (
        "UPDATE balance SET holon = '701' WHERE holon = '700'",
        "unspent is 0.000000000000000701 EMETH"
      ),
      ("UPDATE balance SET holon = '0' WHERE pot = 'burned'", "burned is"),
      ("UPDATE balance SET pot = 'payout' WHERE holon = '90'", "payout is"),
      ("DELETE FROM balance WHERE holon = '90'", "locked is not stored"),
      (
        "INSERT INTO balance (account, pot, holon) VALUES ('nobody', 'unspent', '1')",
        "nobody unspent is"
      ),
      ("UPDATE balance SET holon = 'much' WHERE holon = '700'", "the amount much"),
      ("UPDATE transfer SET holon = '301' WHERE holon = '300'", "unspent is"),
      ("UPDATE transfer SET targetPot = 'payout' WHERE holon = '300'", "transfer 3 takes"),
      ("DELETE FROM transfer WHERE holon = '40'", "its transfers give"),
    ])
  func theAuditFinds(on kind: TestDatabase, tampering: (sql: String, said: String)) throws {
    let scene = try LedgerScene(kind)
    try scene.fill()
    try scene.audit()
    try scene.execute(tampering.sql)
    #expect {
      try scene.audit()
    } throws: { error in
      guard case NetworkError.inconsistent(let what) = error else { return false }
      return what.contains(tampering.said)
    }
  }

  @Test(arguments: TestDatabase.all)
  func theAuditFindsMoneyThatWasSpentBeforeItCame(on kind: TestDatabase) throws {
    let scene = try LedgerScene(kind)
    try scene.fill()
    // The balances stay what all transfers give; only their order tells.
    try scene.execute("UPDATE transfer SET number = 99 WHERE holon = '1000'")
    #expect {
      try scene.audit()
    } throws: { error in
      guard case NetworkError.inconsistent(let what) = error else { return false }
      return what.contains("transfer 2 takes")
    }
  }

  /// Its Signer would put the balance on tickets.
  @Test(arguments: TestDatabase.all)
  func whatDoesNotAddUpIsNotServed(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let location = try kind.location(in: folder)
    var settings = ServiceSettings()
    let account = TestKeys.requester.address
    settings.grants = [account: TokenAmount(holon: 1_000)]
    func serve() throws {
      _ = try NetworkService(folder: folder.url, settings: settings, database: location)
    }
    func alter(_ holon: String) throws {
      try NetworkDatabase(location).write { db in
        try db.execute(sql: "UPDATE balance SET holon = ? WHERE pot = 'unspent'", arguments: [holon])
      }
    }
    try serve()
    try alter("1001")
    let error = #expect(throws: NetworkError.self) { try serve() }
    #expect(
      error?.message.contains("balance of \(account) unspent is") == true, "\(error?.message ?? "nothing")")
    try alter("1000")
    try serve()
  }
}
