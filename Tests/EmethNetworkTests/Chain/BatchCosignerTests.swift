import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What one of several keys signs, and what it does not sign whatever a server says.
@Suite struct BatchCosignerTests {
  private let folder: TemporaryFolder
  private let cosigner: BatchCosigner
  private let domain = EIP712Domain(
    chainId: 31_337, verifyingContract: TestNetwork.key("settlement", 0).address)
  private let signer = TestNetwork.key("signer", 0)

  init() throws {
    folder = try TemporaryFolder()
    // Nobody listens there: what is tested asks nobody.
    cosigner = BatchCosigner(
      server: ServerClient(server: try ServerAddress("http://127.0.0.1:9")),
      chain: ChainClient(endpoint: try ChainEndpoint("http://127.0.0.1:9")), core: .zero,
      key: TestNetwork.key("member", 0), folder: folder.url)
  }

  private func leaf(_ number: UInt32, _ epoch: UInt64, payout: UInt64, unspent: UInt64 = 0) -> Ticket {
    Ticket(
      account: TestNetwork.key("holder", number).address, epoch: epoch,
      cumulativePayout: ChainScene.amount(payout), unspent: ChainScene.amount(unspent), locked: .zero,
      jobsRoot: .zero)
  }

  private func batch(
    _ leaves: [Ticket], after previous: SignedBatch? = nil, burned: UInt64 = 0, seen: UInt64 = 1,
    time: UInt64 = 5, by key: PrivateKey? = nil
  ) throws -> SignedBatch {
    SignedBatch(
      signing: try Batch(
        after: previous, leaves: leaves, totalBurned: ChainScene.amount(burned), depositsSeen: seen,
        fromTime: previous?.batch.toTime ?? 0, toTime: time), in: domain, with: key ?? signer)
  }

  /// What the member says to a batch: nil when it signs.
  private func refusal(
    _ batch: SignedBatch, _ leaves: [Ticket], cameIn: UInt64 = 10, deposits: UInt64 = 1
  ) -> String? {
    do {
      _ = try cosigner.check(
        batch, leaves, signer: signer.address, in: domain, cameIn: ChainScene.amount(cameIn),
        deposits: deposits)
      return nil
    } catch {
      guard case .batchRefused(let epoch, let reason) = error else { return "another error: \(error)" }
      #expect(epoch == batch.batch.epoch)
      return reason
    }
  }

  @Test func theMoneyIsWhatCameIn() throws {
    let leaves = [leaf(0, 1, payout: 3, unspent: 4), leaf(1, 1, payout: 2)]
    #expect(refusal(try batch(leaves, burned: 1), leaves) == nil)
    let made = refusal(try batch(leaves, burned: 2), leaves)
    #expect(made?.contains("have 11 EMETH in all, and 10 came in") == true)
    #expect(refusal(try batch(leaves), leaves, cameIn: 8)?.contains("and 8 came in") == true)
    #expect(refusal(try batch(leaves, seen: 2), leaves)?.contains("seen 2 deposits, and there are 1") == true)
    // More than 2^256 holon is no small number.
    let much = [
      leaf(0, 1, payout: 1),
      Ticket(
        account: leaf(1, 1, payout: 0).account, epoch: 1, cumulativePayout: .zero,
        unspent: TokenAmount(holon: .max), locked: TokenAmount(holon: .max), jobsRoot: .zero),
    ]
    #expect(refusal(try batch(much), much) != nil)
  }

  @Test func theLeavesAreThoseOfItsRoot() throws {
    let leaves = [leaf(0, 1, payout: 3), leaf(1, 1, payout: 2)]
    let signed = try batch(leaves)
    #expect(refusal(signed, [leaves[0]]) != nil)
    #expect(refusal(signed, [leaves[0], leaf(1, 1, payout: 2, unspent: 1)]) != nil)
    #expect(refusal(signed, leaves + [leaves[0]]) != nil)
    let stranger = try batch(leaves, by: TestNetwork.key("stranger", 0))
    #expect(refusal(stranger, leaves)?.contains(stranger.signer.description) == true)
    let elsewhere = SignedBatch(signing: signed.batch, in: .embedded, with: signer)
    #expect(refusal(elsewhere, leaves) != nil)
  }

  @Test func itFollowsFromWhatWasSignedLast() throws {
    let leaves = [leaf(0, 1, payout: 3), leaf(1, 1, payout: 2)]
    let first = try batch(leaves)
    try cosigner.keep(first, leaves, domain)
    #expect(refusal(first, leaves) == nil, "the same once more, after an interruption")
    let other = try batch(leaves, time: 6)
    #expect(refusal(other, leaves)?.contains("epoch 1") == true, "two of one epoch cost the bond")
    let more = [leaf(0, 2, payout: 4), leaves[1]]
    let second = try batch(more, after: first)
    #expect(refusal(second, more) == nil)
    #expect(refusal(try batch(more, after: other, time: 7), more) != nil, "it follows another batch")
    let gone = [leaf(0, 2, payout: 9)]
    #expect(refusal(try batch(gone, after: first), gone)?.contains("\(leaves[1].account)") == true)
    let less = [leaf(0, 2, payout: 2), leaf(1, 2, payout: 5)]
    #expect(refusal(try batch(less, after: first), less)?.contains("\(leaves[0].account)") == true)
    try cosigner.keep(second, more, domain)
    #expect(refusal(first, leaves)?.contains("a later one was signed with this key, of epoch 2") == true)
    // Of epochs that it has not seen, what never falls is known all the same.
    let third = try batch(more, after: second)
    let good = third.batch
    let fallen = Batch(
      epoch: 4, previousBatch: third.digest, accountsRoot: good.accountsRoot, totalPayout: good.totalPayout,
      totalBurned: good.totalBurned, depositsSeen: 0, dataHash: good.dataHash, fromTime: good.toTime,
      toTime: 9)
    let fourth = SignedBatch(signing: fallen, in: domain, with: signer)
    #expect(refusal(fourth, more)?.contains("depositsSeen") == true)
    #expect(refusal(try batch(more, after: third, time: 9), more) == nil)
  }

  /// Two runs at once could both find an epoch unsigned: one looks and writes, the other says who does.
  @Test func oneRunAtATimeSigns() throws {
    let leaves = [leaf(0, 1, payout: 3)]
    let first = try batch(leaves)
    try cosigner.alone { () throws(ChainError) in
      do throws(ChainError) {
        try cosigner.alone { () throws(ChainError) in
          _ = Issue.record("a second run looks meanwhile")
        }
      } catch {
        #expect(error.code == "network.inUse", "\(error)")
      }
      try asChainError { try cosigner.keep(first, leaves, domain) }
    }
    let other = try batch(leaves, time: 6)
    try cosigner.alone { () throws(ChainError) in
      #expect(refusal(other, leaves)?.contains("epoch 1") == true, "the next one sees what was signed")
    }
  }

  /// Without knowing what was signed nothing is.
  @Test func whatCannotBeReadIsNotForgotten() throws {
    let leaves = [leaf(0, 1, payout: 3)]
    let signed = try batch(leaves)
    try cosigner.keep(signed, leaves, domain)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    let file = folder.url.appending(path: try #require(names.first))
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    try Data("{\"batch\":".utf8).write(to: file)
    #expect(refusal(signed, leaves)?.contains(file.lastPathComponent) == true)
  }
}
