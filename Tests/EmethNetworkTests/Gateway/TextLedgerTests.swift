import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// The money of live texts: bound, paid, given back, settled once an epoch; nothing is made or lost.
@Suite struct TextLedgerTests {
  private let owner = TestNetwork.key("owner", 0).address
  private let node = TestNetwork.key("node", 0).address
  private let key = APIKey(secret: TestNetwork.seed(5))
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ kind: TestDatabase, money: UInt64 = 1_000) throws -> NetworkDatabase {
    let database = try kind.open(in: folder)
    try fill(database, money: money)
    return database
  }

  private func fill(_ database: NetworkDatabase, money: UInt64 = 1_000) throws {
    try database.write { db in
      for (number, account) in [owner, node].enumerated() {
        try db.execute(
          sql: "INSERT INTO account (address, role, number) VALUES (?, 'holder', ?)",
          arguments: ["\(account)", number])
      }
      try Ledger.transfer(
        TokenAmount(holon: UInt256(money)), from: (Ledger.outside, .granted), to: (owner, .unspent),
        reason: "grant", job: nil, at: 1, in: db)
      _ = try APIKeyStore.add(
        WantedAPIKey(key, name: "k", budget: TokenAmount(holon: 500)), of: owner, at: 1, in: db)
    }
  }

  private func receipt(_ text: JobID, _ holon: UInt64, fuel: UInt64 = 3) -> SignedReceipt {
    SignedReceipt(
      signing: Receipt(
        text: text, node: node, model: TestNetwork.seed(1), promptTokens: 2, tokens: 3,
        tokensHash: Receipt.hash([1, 2], [3, 4, 5]), fuel: Fuel(units: fuel),
        holon: TokenAmount(holon: UInt256(holon)), time: 9),
      in: .embedded, with: TestNetwork.key("aggregator", 0))
  }

  private func id(_ number: UInt64) -> JobID { JobID(requester: owner, salt: TestNetwork.seed(number)) }

  private func reserve(_ holon: UInt64, _ number: UInt64, in database: NetworkDatabase) throws {
    try database.write { db in
      try TextLedger.reserve(
        TokenAmount(holon: UInt256(holon)), for: id(number), key: key.hash, until: 100, at: 2, in: db)
    }
  }

  @Test(arguments: TestDatabase.allCases)
  func aTextIsPaidOnceAndTheRestGoesBack(kind: TestDatabase) throws {
    let database = try open(kind)
    try reserve(300, 1, in: database)
    try database.read { db in
      #expect(try Ledger.balances(of: owner, in: db).locked.holon == 300)
      let standing = try APIKeyStore.all(of: owner, in: db).first
      #expect(standing?.reserved.holon == 300 && standing?.spent == .zero && standing?.number == 1)
    }
    for isFirst in [true, false] {
      let isPaid = try database.write { db in try TextLedger.pay(receipt(id(1), 120), at: 3, in: db) }
      #expect(isPaid == isFirst)
    }
    try database.read { db in
      let money = try Ledger.balances(of: owner, in: db)
      #expect(money.unspent.holon == 880 && money.locked == .zero)
      #expect(try Ledger.balances(of: node, in: db).payout.holon == 120)
      let standing = try APIKeyStore.all(of: owner, in: db).first
      #expect(standing?.reserved == .zero && standing?.spent.holon == 120)
      let text = try String.fetchOne(db, sql: "SELECT receipt FROM soldText")
      let kept = try SignedReceipt(wireText: try #require(text))
      #expect(kept == receipt(id(1), 120))
      try Ledger.audit(in: db)
    }
  }

  /// Receipts are numbered by node, in the order in which they were paid.
  @Test(arguments: TestDatabase.allCases)
  func receiptsAreNumbered(kind: TestDatabase) throws {
    let database = try open(kind, money: 1_000)
    let order: [UInt64] = [3, 1, 2]
    for text in order {
      try reserve(40, text, in: database)
      _ = try database.write { db in try TextLedger.pay(receipt(id(text), 30), at: 3, in: db) }
    }
    try database.read { db in
      for after in 0...4 {
        let found = try TextLedger.receipts(of: node, after: UInt64(after), in: db)
        #expect(found.map(\.content.text) == order.dropFirst(after).map(id))
      }
      #expect(try TextLedger.receipts(of: owner, after: 0, in: db).isEmpty)
    }
  }

  @Test(arguments: TestDatabase.allCases)
  func budgetAndMoneyAreTheLimits(kind: TestDatabase) throws {
    let database = try open(kind, money: 450)
    try reserve(300, 1, in: database)
    // 201 is above the budget, 160 above what the account has left.
    for (amount, word) in [(201 as UInt64, "budget"), (160, "account")] {
      let refused = #expect(throws: (any Error).self) { try reserve(amount, 2, in: database) }
      #expect("\(String(describing: refused))".contains(word))
    }
    try database.write { db in try TextLedger.release(id(1), at: 3, in: db) }
    try database.write { db in try TextLedger.pay(receipt(id(1), 5), at: 3, in: db) }
    try reserve(450, 3, in: database)
    try database.read { db in
      #expect(try Ledger.balances(of: node, in: db).payout == .zero, "what was given back is not paid")
      try Ledger.audit(in: db)
    }
    for time in [8, 9] as [UInt64] {
      let standing = try database.write { db in try APIKeyStore.revoke(1, of: owner, at: time, in: db) }
      #expect(standing.revokedAt == 8)
    }
    #expect(throws: (any Error).self) { try reserve(1, 4, in: database) }
    #expect(throws: NetworkError.self) {
      try database.write { db in _ = try APIKeyStore.revoke(1, of: node, at: 9, in: db) }
    }
    // What a server that went away has left comes back when its time is over.
    try database.write { db in try TextLedger.releaseExpired(at: 100, in: db) }
    #expect(try database.read { db in try Ledger.balances(of: owner, in: db).locked.holon } == 450)
    try database.write { db in try TextLedger.releaseExpired(at: 101, in: db) }
    #expect(try database.read { db in try Ledger.balances(of: owner, in: db).unspent.holon } == 450)
  }

  /// Texts that are asked for at once, of a database on a server by two servers, don't spend a budget twice.
  @Test(arguments: TestDatabase.allCases)
  func aBudgetHoldsWhoeverAsksAtOnce(kind: TestDatabase) throws {
    let location = try kind.location(in: folder)
    let database = try NetworkDatabase(location)
    try fill(database)
    let databases = [database, try kind == .postgres ? NetworkDatabase(location) : database]
    let taken = Mutex<[UInt64]>([])
    DispatchQueue.concurrentPerform(iterations: 12) { number in
      if (try? reserve(100, UInt64(number), in: databases[number % 2])) != nil {
        taken.withLock { $0.append(UInt64(number)) }
      }
    }
    let numbers = taken.withLock { $0 }
    #expect(numbers.count == 5)
    let bound = try database.read { db in
      (try Ledger.balances(of: owner, in: db).locked, try APIKeyStore.all(of: owner, in: db).first?.reserved)
    }
    #expect(bound.0.holon == 500 && bound.1?.holon == 500)
    // The same end from several sides counts once, be it paid or given back.
    DispatchQueue.concurrentPerform(iterations: 10) { number in
      let text = numbers[number / 2]
      try? databases[number % 2].write { db in
        if number % 2 == 0 {
          try TextLedger.pay(receipt(id(text), 40), at: 3, in: db)
        } else {
          try TextLedger.release(id(text), at: 3, in: db)
        }
      }
    }
    try database.read { db in
      let money = try Ledger.balances(of: owner, in: db)
      let paid = try Ledger.balances(of: node, in: db).payout
      #expect(money.locked == .zero && money.unspent.holon + paid.holon == 1_000)
      let key = try APIKeyStore.all(of: owner, in: db).first
      #expect(key?.reserved == .zero && key?.spent == paid)
      try Ledger.audit(in: db)
    }
  }

  /// However many texts, one leaf an epoch, whose payout is their sum.
  @Test(arguments: TestDatabase.allCases)
  func anEpochHasOneEntry(kind: TestDatabase) throws {
    let database = try open(kind)
    for number in 1...3 as ClosedRange<UInt64> {
      try reserve(100, number, in: database)
      try database.write { db in try TextLedger.pay(receipt(id(number), 10 * number), at: 3, in: db) }
    }
    try reserve(100, 4, in: database)
    for epoch in 1...2 as ClosedRange<UInt64> {
      try database.write { db in try TextLedger.settle(epoch: epoch, in: db) }
    }
    try database.read { db in
      let leaves = try String.fetchAll(
        db, sql: "SELECT leaf FROM settled WHERE account = ?", arguments: ["\(node)"]
      )
      .map { try JobLeaf(wireText: $0) }
      #expect(leaves.count == 1)
      #expect(leaves.first?.payout.holon == 60 && leaves.first?.fuelUsed.units == 9)
      #expect(leaves.first?.status == .submitted && leaves.first?.jobID == TextLedger.id(of: node, epoch: 1))
    }
    try database.write { db in try TextLedger.pay(receipt(id(4), 7), at: 3, in: db) }
    try database.write { db in try TextLedger.settle(epoch: 3, in: db) }
    #expect(try database.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM settled") } == 2)
  }

  @Test func aReceiptIsTheAggregatorsAndOfTheseTokens() throws {
    let signed = receipt(id(1), 7)
    let aggregator = TestNetwork.key("aggregator", 0).address
    #expect(signed.signer == aggregator && signed.content.digest(in: .embedded) == signed.digest)
    let read = try SignedReceipt(wireText: try signed.wireText())
    #expect(read == signed)
    #expect(Receipt.hash([1, 2], [3]) == Receipt.hash([1], [2, 3]))
    #expect(Receipt.hash([1, 2], [3]) != Receipt.hash([1, 2], [4]))
  }

  @Test func aTextCostsItsTokens() throws {
    let shape = try ModelShape(layers: 1, heads: 1, width: 8, context: 16, vocabularySize: 100)
    let model = LiveModel(
      name: "m",
      model: try ModelReference(
        files: ["config.json": .zero, "model.safetensors": TestNetwork.seed(1)], shape: shape),
      price: TokenAmount(holon: 1_999))
    #expect(try model.cost(promptTokens: 3, tokens: 7).holon == 19)
    #expect(try model.cost(promptTokens: 0, tokens: 0) == .zero)
    #expect(APIKey(secret: .zero).description == "emeth-" + String(repeating: "0", count: 64))
    #expect(APIKey().description != APIKey().description)
  }
}
