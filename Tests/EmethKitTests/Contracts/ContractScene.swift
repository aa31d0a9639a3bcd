import EmethKit
import Testing

/// Values that calls of the contracts are made of.
struct ContractScene {
  let key: PrivateKey
  let node: Address
  let other: Address
  let job: JobID
  let parent: JobID
  let word: Bytes32
  let ticket: SignedTicket
  let earlier: ProvenTicket
  let later: ProvenTicket

  init() throws {
    let key = try PrivateKey(hex: String(repeating: "11", count: 32))
    self.key = key
    node = key.address
    other = try Address("0x00000000000000000000000000000000000000ff")
    job = try JobID(hex: "0x000102030405060708090a0b0c0d0e0f")
    parent = try JobID(hex: "0x101112131415161718191a1b1c1d1e1f")
    word = Keccak256.hash("word".utf8)
    func leaf(_ account: Address, _ epoch: UInt64, _ payout: UInt256) -> Ticket {
      Ticket(
        account: account, epoch: epoch, cumulativePayout: TokenAmount(holon: payout),
        unspent: TokenAmount(holon: 5), locked: TokenAmount(holon: 6), jobsRoot: .zero)
    }
    func batch(_ leaves: [Ticket], after previous: SignedBatch?) throws -> SignedBatch {
      let batch = try Batch(
        after: previous, leaves: leaves, totalBurned: TokenAmount(holon: 1), depositsSeen: 2,
        fromTime: 1_700_000_000 + 60 * (previous?.batch.epoch ?? 0),
        toTime: 1_700_000_060 + 60 * (previous?.batch.epoch ?? 0))
      return SignedBatch(signing: batch, in: .embedded, with: key)
    }
    let first = [leaf(node, 1, 100), leaf(other, 1, 7)]
    let second = [leaf(node, 2, 200), leaf(other, 1, 7)]
    let firstBatch = try batch(first, after: nil)
    earlier = try ProvenTicket(account: node, leaves: first, batch: firstBatch)
    later = try ProvenTicket(
      account: node, leaves: second, batch: batch(second, after: firstBatch))
    ticket = SignedTicket(signing: second[0], in: .embedded, with: key)
  }
}
