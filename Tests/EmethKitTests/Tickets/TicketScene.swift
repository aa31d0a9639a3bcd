import EmethKit

/// An honest Signer's history: batches with their leaves, the tickets it handed out, all from one seed.
struct TicketScene {
  let key: PrivateKey
  let domain: EIP712Domain
  var signers: TrustedSigners { TrustedSigners(key.address) }

  /// The batches from epoch 1 on, and the leaves of each.
  private(set) var batches: [(batch: SignedBatch, leaves: [Ticket])] = []
  /// Every ticket that was handed out, in the order of epochs.
  private(set) var tickets: [SignedTicket] = []

  /// - Parameters:
  ///   - epochs: The number of batches.
  ///   - accounts: The number of accounts, which get their first ticket one after the other.
  init(epochs: Int, accounts: Int, using generator: inout SeededGenerator) throws {
    key = PrivateKey(seed: .zero, label: "ticket scene", index: UInt32.random(in: 0...3, using: &generator))
    domain = EIP712Domain(chainId: 7, verifyingContract: key.address)
    var newest: [Address: Ticket] = [:]
    for epoch in 1...epochs {
      for account in 0..<min(accounts, epoch + 1) where Bool.random(using: &generator) || epoch == 1 {
        let address = Cast.account(UInt8(account + 1))
        let before = newest[address]?.cumulativePayout ?? TokenAmount(holon: 1)
        let ticket = Ticket(
          account: address, epoch: UInt64(epoch),
          cumulativePayout: before + TokenAmount(holon: UInt256(Int.random(in: 0...3, using: &generator))),
          unspent: TokenAmount(holon: UInt256(Int.random(in: 0...9, using: &generator))), locked: .zero,
          jobsRoot: .zero)
        newest[address] = ticket
        tickets.append(SignedTicket(signing: ticket, in: domain, with: key))
      }
      let leaves = newest.values.sorted { $0.account < $1.account }
      let batch = try Batch(
        after: batches.last?.batch, leaves: leaves, totalBurned: TokenAmount(holon: UInt256(epoch)),
        depositsSeen: UInt64(epoch), fromTime: UInt64(60 * (epoch - 1)), toTime: UInt64(60 * epoch))
      batches.append((SignedBatch(signing: batch, in: domain, with: key), leaves))
    }
  }

  /// The same batch with something changed, signed again by the same Signer: a lie.
  func changed(
    _ index: Int, epoch: UInt64? = nil, previous: Bytes32? = nil, payout: UInt256? = nil,
    burned: UInt256? = nil, deposits: UInt64? = nil, from: UInt64? = nil, to: UInt64? = nil
  ) -> SignedBatch {
    let old = batches[index].batch.batch
    return SignedBatch(
      signing: Batch(
        epoch: epoch ?? old.epoch, previousBatch: previous ?? old.previousBatch,
        accountsRoot: old.accountsRoot,
        totalPayout: payout.map { TokenAmount(holon: $0) } ?? old.totalPayout,
        totalBurned: burned.map { TokenAmount(holon: $0) } ?? old.totalBurned,
        depositsSeen: deposits ?? old.depositsSeen, dataHash: old.dataHash, fromTime: from ?? old.fromTime,
        toTime: to ?? old.toTime), in: domain, with: key)
  }
}

/// The code of the error that a check throws, or "none".
func code<Failure: EmethError>(_ body: () throws(Failure) -> Void) -> String {
  do throws(Failure) {
    try body()
    return "none"
  } catch {
    return error.code
  }
}
