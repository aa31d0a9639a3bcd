import EmethKit
import Testing

@Suite struct ProvenJobTests {
  private let key = PrivateKey(seed: .zero, label: "jobs", index: 0)

  private func jobs(_ count: Int) -> [JobLeaf] {
    (0..<count).map { index in
      JobLeaf(
        jobID: JobID(requester: key.address, salt: Keccak256.hash([UInt8(index)])),
        programID: .languageModelTrainingPart, status: .verified, fuelUsed: Fuel(units: UInt64(index)),
        fuelPrice: FuelPrice(gholon: 1), payout: TokenAmount(holon: UInt256(index)))
    }
  }

  private func ticket(over jobs: [JobLeaf]) -> SignedTicket {
    SignedTicket(
      signing: Ticket(
        account: key.address, epoch: 3, cumulativePayout: .zero, unspent: .zero, locked: .zero,
        jobsRoot: TicketTrees.jobsRoot(of: jobs)), in: .embedded, with: key)
  }

  @Test func everyJobIsProvenAndNothingElse() throws {
    for count in 1...9 {
      let jobs = jobs(count)
      let ticket = ticket(over: jobs)
      for job in jobs {
        let proven = try ProvenJob(job: job, jobs: jobs, ticket: ticket)
        try proven.check(signers: TrustedSigners(key.address), in: .embedded)
        #expect(try fromJSON(ProvenJob.self, jsonText(proven)) == proven)
        let paidMore = JobLeaf(
          jobID: job.jobID, programID: job.programID, status: job.status, fuelUsed: job.fuelUsed,
          fuelPrice: job.fuelPrice, payout: TokenAmount(holon: 1 << 80))
        let mismatch = TicketError.jobProofMismatch(job.jobID)
        #expect(throws: mismatch) {
          try ProvenJob(ticket: ticket, job: paidMore, proof: proven.proof).check()
        }
        #expect(throws: mismatch) {
          try ProvenJob(ticket: ticket, job: job, proof: proven.proof + [.zero]).check()
        }
        if count > 1 {
          #expect(throws: mismatch) {
            try ProvenJob(ticket: ticket, job: job, proof: Array(proven.proof.dropLast())).check()
          }
        }
        #expect(throws: TicketError.signed(.signerMismatch(found: key.address, expected: .zero))) {
          try proven.check(signers: TrustedSigners(.zero))
        }
      }
    }
  }

  @Test func jobsOfOtherTicketsAreRefused() throws {
    let (some, all) = (jobs(2), jobs(3))
    #expect(throws: TicketError.jobMissing(all[2].jobID)) {
      try ProvenJob(job: all[2], jobs: some, ticket: ticket(over: some))
    }
    let proven = try ProvenJob(job: all[2], jobs: all, ticket: ticket(over: some))
    #expect(throws: TicketError.jobProofMismatch(all[2].jobID)) { try proven.check() }
    // A ticket without jobs has the zero root, and nothing is proven by it.
    let none = ProvenJob(ticket: ticket(over: []), job: all[0], proof: [])
    #expect(throws: TicketError.jobProofMismatch(all[0].jobID)) { try none.check() }
  }
}
