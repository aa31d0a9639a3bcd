import EmethKit
import Foundation
import Testing

@testable import emeth_cli

/// Batches, evidence and proven jobs through `emeth verify`.
@Suite struct VerifyDocumentTests {
  private let scratch: ScratchFolder
  private let key = TestKeys.signer

  init() throws { scratch = try ScratchFolder() }

  private func verify(_ text: String, _ flags: String...) throws -> ProgramResult {
    try Program.run(executable: Program.url, ["verify", "-"] + flags, input: text, in: scratch.url)
  }

  private func line(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self) + "\n"
  }

  /// A chain of batches over one account.
  private func chain(_ count: Int, by key: PrivateKey? = nil, burned: UInt256 = 1) throws -> [SignedBatch] {
    var batches: [SignedBatch] = []
    for epoch in 1...count {
      let leaf = Ticket(
        account: TestKeys.key(3).address, epoch: UInt64(epoch),
        cumulativePayout: TokenAmount(holon: UInt256(epoch)), unspent: .zero, locked: .zero, jobsRoot: .zero)
      let batch = try Batch(
        after: batches.last, leaves: [leaf], totalBurned: TokenAmount(holon: burned * UInt256(epoch)),
        depositsSeen: 0, fromTime: UInt64(epoch), toTime: UInt64(epoch))
      batches.append(SignedBatch(signing: batch, in: .embedded, with: key ?? self.key))
    }
    return batches
  }

  @Test func batchesThatFollowEachOtherAreAChain() throws {
    let batches = try chain(6)
    let good = try verify(batches.map { try line($0) }.joined(), "--signer", "\(key.address)")
    #expect(good.exitCode == 0)
    #expect(good.output.contains("6 follow each other as a chain"))
    // A gap is no breach, and the same batch twice is none.
    let gap = try verify([batches[0], batches[1], batches[1], batches[4]].map { try line($0) }.joined())
    #expect(gap.exitCode == 0)
    #expect(gap.output.contains("2 follow each other as a chain"))
    // Another history of the same Signer: each batch is signed rightly, together they are a lie.
    let other = try chain(6, burned: 2)
    let forked = try verify((batches.prefix(3) + other.suffix(3)).map { try line($0) }.joined())
    #expect(forked.exitCode == 1)
    #expect(forked.errors.contains("line 4") && forked.errors.contains("previousBatch"))
    let twice = try verify([batches[2], other[2]].map { try line($0) }.joined(), "--json")
    #expect(twice.exitCode == 1)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(twice.errors.utf8)).code == "ticket.equivocation")
    // Two Signers of two networks don't contradict each other.
    let foreign = try chain(3, by: TestKeys.key(1), burned: 3)
    #expect(try verify([batches[2], foreign[2]].map { try line($0) }.joined()).exitCode == 0)
  }

  @Test func evidenceAgainstASigner() throws {
    let (one, other) = (try chain(3), try chain(3, burned: 2))
    let evidence = try line(BatchConflict(one[2], other[2]))
    let result = try verify(evidence, "--signer", "\(key.address)")
    #expect(result.exitCode == 0)
    #expect(result.output.hasPrefix("evidence against a Signer: verifies\n"))
    #expect(result.output.contains("breach: two batches of epoch 3"))
    #expect(try verify(evidence, "--signer", "\(TestKeys.key(1).address)").exitCode == 1)
    #expect(try verify(line(BatchConflict(one[1], one[2]))).exitCode == 1)
    #expect(try verify(evidence.replacing("\"3\"", with: "\"4\"")).exitCode == 1)
    #expect(try verify(#"{"conflictingBatches":[]}"#).exitCode == 3)

    func proven(_ payout: UInt256, epoch: UInt64) throws -> ProvenTicket {
      let leaf = Ticket(
        account: TestKeys.key(3).address, epoch: epoch, cumulativePayout: TokenAmount(holon: payout),
        unspent: .zero, locked: .zero, jobsRoot: .zero)
      let batch = Batch(
        epoch: epoch, previousBatch: .zero, accountsRoot: TicketTrees.accountsRoot(of: [leaf]),
        totalPayout: leaf.cumulativePayout, totalBurned: .zero, depositsSeen: 0, dataHash: .zero,
        fromTime: 0, toTime: 0)
      return ProvenTicket(
        batch: SignedBatch(signing: batch, in: .embedded, with: key), ticket: leaf, proof: [])
    }
    let fall = PayoutConflict(earlier: try proven(9, epoch: 4), later: try proven(8, epoch: 6))
    let shown = try verify(line(fall))
    #expect(shown.exitCode == 0)
    #expect(shown.output.contains("fell from 0.000000000000000009 EMETH"))
    let rise = PayoutConflict(earlier: try proven(8, epoch: 4), later: try proven(9, epoch: 6))
    #expect(try verify(line(rise)).exitCode == 1)
  }

  @Test func aJobThatATicketProves() throws {
    let jobs = (0..<5).map { index in
      JobLeaf(
        jobID: JobID(requester: key.address, salt: Keccak256.hash([UInt8(index)])),
        programID: .languageModelTrainingPart, status: .verified, fuelUsed: Fuel(units: 1),
        fuelPrice: FuelPrice(gholon: 1), payout: TokenAmount(holon: UInt256(index)))
    }
    let ticket = SignedTicket(
      signing: Ticket(
        account: TestKeys.key(3).address, epoch: 1, cumulativePayout: TokenAmount(holon: 10),
        unspent: .zero, locked: .zero, jobsRoot: TicketTrees.jobsRoot(of: jobs)), in: .embedded, with: key)
    let text = try line(ProvenJob(job: jobs[3], jobs: jobs, ticket: ticket))
    let result = try verify(text, "--signer", "\(key.address)", "--json")
    #expect(result.exitCode == 0)
    #expect(result.output.contains("job with proof"))
    #expect(try verify(text.replacing("\"payout\":\"3\"", with: "\"payout\":\"4\"")).exitCode == 1)
    #expect(try verify(text, "--signer", "\(TestKeys.key(3).address)").exitCode == 1)
  }

  /// The list of kinds is what `verify` knows: each kind is found by a member of its own.
  @Test func everyKindHasAMemberOfItsOwn() {
    #expect(Set(DocumentKind.all.map(\.member)).count == DocumentKind.all.count)
    #expect(Set(DocumentKind.all.map(\.name)).count == DocumentKind.all.count)
  }

  @Test func theBenchmarkMeasuresBothSides() throws {
    struct Report: Decodable {
      var signsPerSecond: Int
      var checksPerSecond: Int
      var rawSignsPerSecond: Int
      var rawRecoveriesPerSecond: Int
      var signRatio: Double
      var checkRatio: Double
    }
    let result = try Program.run("benchmark", "tickets", "--count", "40", "--seconds", "1", "--json")
    #expect(result.exitCode == 0, "\(result.errors)")
    let report = try result.json(Report.self)
    #expect(report.signsPerSecond > 100 && report.rawSignsPerSecond > 100)
    #expect(report.checksPerSecond > 100 && report.rawRecoveriesPerSecond > 100)
    #expect((0.05...1.5).contains(report.signRatio) && (0.05...1.5).contains(report.checkRatio))
    #expect(
      try Program.run("benchmark", "tickets", "--count", "40", "--seconds", "1").output.contains("ratio"))
    #expect(try Program.run("benchmark", "nothing").exitCode == 2)
    #expect(try Program.run("benchmark").exitCode == 2)
  }
}
