import EmethKit

/// An epoch's end as the Signer sees it, and as a node that trusts nobody checks it: EmethKit alone.
@main struct SignTicket {
  static func main() throws {
    let seed = SHA256.hash(Array("example".utf8))
    let signer = PrivateKey(seed: seed, label: "signer", index: 0)
    let nodes = (0..<3).map { PrivateKey(seed: seed, label: "node", index: $0) }
    let domain = EIP712Domain(
      chainId: 137, verifyingContract: try Address("0x5aF9c255D6C965aAa8DB3e9C82276e59345186C8"))

    // The Signer: one ticket for each account, and one batch over all of them.
    let tickets = try nodes.enumerated().map { index, node in
      Ticket(
        account: node.address, epoch: 1, cumulativePayout: try TokenAmount("\(index + 1)emeth"),
        unspent: .zero,
        locked: .zero, jobsRoot: .zero)
    }
    let batch = SignedBatch(
      signing: try Batch(
        after: nil, leaves: tickets, totalBurned: .zero, depositsSeen: 0, fromTime: 0, toTime: 60),
      in: domain, with: signer)
    let signed = SignedTicket(signing: tickets[1], in: domain, with: signer)

    // The node: takes in what it was handed, and knows what it can redeem.
    var book = TicketBook(domain: domain, signers: TrustedSigners(signer.address))
    try book.add(signed)
    try book.recordRedeemed(TokenAmount("0.5emeth"), by: nodes[1].address)
    let proven = try ProvenTicket(account: nodes[2].address, leaves: tickets, batch: batch)
    try proven.check(signers: TrustedSigners(signer.address))
    print("node 2 can redeem \(book.redeemable(by: nodes[1].address)?.amount ?? .zero)")
    print("node 3 proves \(proven.ticket.cumulativePayout) by \(proven.proof.count) hashes")

    // A forger with another key gets nowhere.
    let forger = PrivateKey(seed: seed, label: "forger", index: 0)
    do {
      try book.add(SignedTicket(signing: tickets[2], in: domain, with: forger))
    } catch {
      print("refused: \(error.code)")
    }
  }
}
