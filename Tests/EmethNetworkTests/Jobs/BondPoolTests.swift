import EmethKit
import Testing

@testable import EmethNetwork

/// What verifiers are paid when nobody else pays: by whom, and how much of it.
@Suite struct BondPoolTests {
  private static let verifier = TestNetwork.key("verifier", 0).address
  private static let subJob = JobID(requester: verifier, salt: TestNetwork.seed(1))

  /// What a verifier got of a fee of 10 when the pool held so much, what the pool has then, and what was granted from nowhere.
  private func paid(by held: UInt64, onChain: Bool, _ kind: TestDatabase) throws -> [UInt256] {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    return try database.write { db in
      if onChain {
        let domain = EIP712Domain(chainId: 5, verifyingContract: Self.verifier)
        try Setting.settlement.set(Setting.text(of: domain), in: db)
      }
      func amount(_ holon: UInt64) -> TokenAmount { TokenAmount(holon: UInt256(holon)) }
      try Ledger.transfer(
        amount(held), from: (Ledger.outside, .granted), to: (BondPool.address, .unspent), reason: "bond lost",
        job: nil, at: 1, in: db)
      try BondPool.payOnce(Self.verifier, amount(10), over: Self.subJob, at: 2, in: db)
      try Ledger.audit(in: db)
      return [
        try Ledger.balance(of: Self.verifier, pot: .payout, in: db).holon,
        try Ledger.balance(of: BondPool.address, pot: .unspent, in: db).holon,
        try Ledger.balance(of: Ledger.outside, pot: .granted, in: db).holon,
      ]
    }
  }

  @Test(arguments: TestDatabase.all) func itPaysNoMoreThanItHolds(on kind: TestDatabase) throws {
    #expect(try paid(by: 25, onChain: true, kind) == [10, 15, 25])
    #expect(try paid(by: 4, onChain: true, kind) == [4, 0, 4])
    #expect(try paid(by: 0, onChain: true, kind) == [0, 0, 0])
    // Where settlement is embedded nobody makes money either.
    #expect(try paid(by: 4, onChain: false, kind) == [4, 0, 4])
  }

  /// However often a verifier is asked about a replay, and again for that of another SubJob.
  @Test(arguments: TestDatabase.all) func itPaysAReplayOnce(on kind: TestDatabase) throws {
    let folder = try TemporaryFolder()
    let database = try kind.open(in: folder)
    let other = JobID(requester: Self.verifier, salt: TestNetwork.seed(2))
    let amounts = try database.write { db in
      func amount(_ holon: UInt64) -> TokenAmount { TokenAmount(holon: UInt256(holon)) }
      try Ledger.transfer(
        amount(25), from: (Ledger.outside, .granted), to: (BondPool.address, .unspent), reason: "bond lost",
        job: nil, at: 1, in: db)
      return try [Self.subJob, Self.subJob, other, Self.subJob].map { subJob in
        try BondPool.payOnce(Self.verifier, amount(10), over: subJob, at: 2, in: db)
        return try Ledger.balance(of: Self.verifier, pot: .payout, in: db).holon
      }
    }
    #expect(amounts == [10, 10, 20, 20] as [UInt256])
  }
}
