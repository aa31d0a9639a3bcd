import EmethKit

/// A job from request to signed ticket with EmethKit alone: no network, no clock, no randomness but the keys given.
@main struct SettleJob {
  static func main() throws {
    let requester = PrivateKey(seed: SHA256.hash(Array("example".utf8)), label: "requester", index: 0)
    let node = PrivateKey(seed: SHA256.hash(Array("example".utf8)), label: "node", index: 0)
    let verifier = PrivateKey(seed: SHA256.hash(Array("example".utf8)), label: "verifier", index: 0)
    let signer = PrivateKey(seed: SHA256.hash(Array("example".utf8)), label: "signer", index: 0)

    // What it costs is fixed when the job is requested: 120,000 fuel at 120 Gholon are 0.0144 EMETH.
    let fuel = Fuel(units: 120_000)
    let price = FuelPrice(gholon: 120)
    let terms = try RuleSet.standard.terms(fuelLimit: fuel, fuelPrice: price)
    print("fee limit \(terms.feeLimit), escrow \(terms.escrow), deposit \(terms.deposit)")

    let job = try Job(
      id: JobID(requester: requester.address, salt: .zero), requester: requester.address,
      programID: .meanOfNumbers,
      dataset: "numbers.txt", fuelLimit: fuel, fuelPrice: price, requestedAt: 0, deadline: 3_600, terms: terms
    )
    var machine = try JobMachine(
      request: job, by: .requester(requester.address), idIsUnused: true, fundsAvailable: terms.escrow)

    // Events in, effects for a ledger out; whatever is not allowed is refused and changes nothing.
    _ = try machine.apply(
      .process(by: node.address, headerExists: true, cooldownOver: true, depositAvailable: terms.deposit),
      at: 10)
    _ = try machine.apply(
      .submit(by: node.address, fuelUsed: Fuel(units: 100_000), submission: SHA256.hash([1, 2, 3])), at: 20)
    _ = try machine.apply(.draw(verifier: verifier.address), at: 30)
    _ = try machine.apply(.receiveOpenings, at: 40)
    let effects = try machine.apply(.verify(by: verifier.address, verdict: SHA256.hash([4, 5, 6])), at: 50)
    guard case .settle(let settlement, _, _, _, _)? = effects.last else { return }
    print(
      "\(machine.status.name): node \(settlement.node), verifier \(settlement.verifier), requester \(settlement.requester)"
    )

    // The node's ticket: cumulative, so a lost or repeated one does no harm.
    let leaf = JobLeaf(
      jobID: job.id, programID: job.programID, status: machine.status, fuelUsed: Fuel(units: 100_000),
      fuelPrice: price,
      payout: settlement.nodeFee)
    let ticket = Ticket(
      account: node.address, epoch: 1, cumulativePayout: settlement.nodeFee, unspent: settlement.nodeDeposit,
      locked: .zero, jobsRoot: TicketTrees.jobsRoot(of: [leaf]))
    let signed = SignedTicket(signing: ticket, in: .embedded, with: signer)
    try signed.check(signer: signer.address)
    print("ticket over \(ticket.cumulativePayout) signed by \(signed.signer)")
  }
}
