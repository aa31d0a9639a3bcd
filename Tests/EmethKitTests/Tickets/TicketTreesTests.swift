import EmethKit
import Testing

@Suite struct TicketTreesTests {
  static let jobs: [JobLeaf] = (0..<3).compactMap { (index: Int) -> JobLeaf? in
    guard let id = JobID([UInt8](repeating: UInt8(index), count: 16)) else { return nil }
    return JobLeaf(
      jobID: id, programID: .languageModelTrainingPart, status: index < 2 ? .verified : .failed,
      fuelUsed: Fuel(units: UInt64(100 + index)), fuelPrice: FuelPrice(gholon: 120),
      payout: TokenAmount(holon: UInt256(index) * 1_000_000_000_000_000))
  }

  private static let payouts: [UInt256] = [1, 10, 100, 1_000, 10_000]

  static let tickets: [Ticket] = (0..<5).map { (index: Int) -> Ticket in
    Ticket(
      account: Cast.account(UInt8(0xA0 + index)), epoch: UInt64(index),
      cumulativePayout: TokenAmount(holon: payouts[index]),
      unspent: TokenAmount(holon: UInt256(index)), locked: TokenAmount(holon: UInt256(2 * index)),
      jobsRoot: Bytes32([UInt8](repeating: UInt8(index), count: 32)) ?? .zero)
  }

  /// Roots made with another implementation (Python's eth-abi, and OpenZeppelin's tree by its description).
  @Test func rootsAreOpenZeppelins() {
    #expect(TicketTrees.jobsRoot(of: []) == .zero)
    #expect(
      TicketTrees.jobsRoot(of: Self.jobs).description
        == "0x245bf2323ca7ce5df8b64354fcbc4ba71e7dc0d24d7ad9a06c892a246fe13a3e")
    #expect(
      TicketTrees.jobsRoot(of: [Self.jobs[0]]).description
        == "0x20f6aa5eead67b5567475096427ec67f9009b09176841d21982f754e38cd3e19")
    #expect(TicketTrees.jobsRoot(of: Self.jobs.reversed()) == TicketTrees.jobsRoot(of: Self.jobs))
    #expect(TicketTrees.accountsRoot(of: []) == .zero)
    #expect(
      TicketTrees.accountsRoot(of: Self.tickets).description
        == "0xce9cbb018b97e92fe915b7aacf64b9985eff90dceb6edeb4ce573e95c95ded01")
  }

  @Test func aTicketKnowsItsJobs() throws {
    let ticket = Ticket(
      account: .zero, epoch: 1, cumulativePayout: .zero, unspent: .zero, locked: .zero,
      jobsRoot: TicketTrees.jobsRoot(of: Self.jobs))
    try ticket.check(jobs: Self.jobs)
    let less = TicketTrees.jobsRoot(of: [Self.jobs[0]])
    #expect(throws: TicketError.jobsRootMismatch(found: less, expected: ticket.jobsRoot)) {
      try ticket.check(jobs: [Self.jobs[0]])
    }
    #expect(throws: TicketError.jobsRootMismatch(found: .zero, expected: ticket.jobsRoot)) {
      try ticket.check(jobs: [])
    }
  }

  /// Made with another implementation (Python's json and hashlib).
  @Test func thePublicFile() throws {
    let file = TicketTrees.leavesFile(Self.tickets)
    #expect(
      SHA256.hash(file).description == "0x68c9c8816754bd36c983d92896e22d8b459ff9a41714bb4ff7e640449eed9500")
    #expect(TicketTrees.leavesFile(Self.tickets.reversed()) == file)
    #expect(try TicketTrees.tickets(inLeavesFile: file) == Self.tickets)
    #expect(try TicketTrees.tickets(inLeavesFile: []) == [])
    // Each line is what the library's own canonical form makes of the ticket's JSON.
    let lines = String(decoding: file, as: UTF8.self).split(separator: "\n")
    for (line, ticket) in zip(lines, Self.tickets) {
      #expect(try JSONValue(parsing: jsonText(ticket)).canonical == line)
    }
  }

  @Test func otherFormsOfThePublicFileAreRefused() throws {
    let text = String(decoding: TicketTrees.leavesFile(Self.tickets), as: UTF8.self)
    func error(_ text: String) -> TicketError? {
      do throws(TicketError) {
        _ = try TicketTrees.tickets(inLeavesFile: Array(text.utf8))
        return nil
      } catch {
        return error
      }
    }
    let lines = text.split(separator: "\n")
    #expect(error(lines.reversed().joined(separator: "\n") + "\n") == .leavesNotCanonical)
    #expect(error(text.replacing(#""epoch":"1""#, with: #""epoch":1"#)) == .leavesNotCanonical)
    #expect(error(text.replacing(",", with: ", ")) == .leavesNotCanonical)
    #expect(error(String(text.dropLast())) == .leavesNotCanonical)
    #expect(error(text + "\n") == .leavesNotCanonical)
    #expect(error(text + lines[0] + "\n") == .duplicateAccount(Self.tickets[0].account))
    #expect(error("{}\n") == .leavesLine(number: 1, cause: .format(.jsonMissing(key: "account"))))
    #expect(error(lines[0] + "\nx\n")?.code == "ticket.leavesLine")
    #expect(error(text.replacing(#""epoch":"1""#, with: #""epoch":"-1""#))?.code == "ticket.leavesLine")
    let misspelt = text.replacing(#""account":"0xA"#, with: #""account":"0xa"#)
    guard case .leavesLine(1, .crypto(.addressChecksum))? = error(misspelt) else {
      Issue.record("a wrong EIP-55 checksum gives \(String(describing: error(misspelt)))")
      return
    }
  }

  @Test func proofsLeadEveryAccountToTheRoot() throws {
    let root = TicketTrees.accountsRoot(of: Self.tickets)
    for ticket in Self.tickets {
      let proof = try TicketTrees.proof(of: ticket.account, in: Self.tickets)
      #expect(StandardMerkleTree.verify(leaf: ticket.abiValues, proof: proof, root: root))
    }
    #expect(throws: TicketError.leafMissing(account: .zero)) {
      try TicketTrees.proof(of: .zero, in: Self.tickets)
    }
  }

  @Test func leavesOnlyGrow() throws {
    let before = Self.tickets
    func changed(_ index: Int, epoch: UInt64, payout: UInt256) -> [Ticket] {
      var leaves = before
      let old = before[index]
      leaves[index] = Ticket(
        account: old.account, epoch: epoch, cumulativePayout: TokenAmount(holon: payout), unspent: .zero,
        locked: .zero, jobsRoot: .zero)
      return leaves
    }
    try TicketTrees.check(leaves: before, after: before)
    try TicketTrees.check(leaves: changed(2, epoch: 9, payout: 100), after: before)
    try TicketTrees.check(leaves: before, after: [])
    #expect(throws: TicketError.leafMissing(account: before[4].account)) {
      try TicketTrees.check(leaves: Array(before.dropLast()), after: before)
    }
    #expect(throws: TicketError.self) {
      try TicketTrees.check(leaves: changed(2, epoch: 9, payout: 99), after: before)
    }
    #expect(throws: TicketError.self) {
      try TicketTrees.check(leaves: changed(2, epoch: 2, payout: 500), after: before)
    }
    #expect(throws: TicketError.duplicateAccount(before[0].account)) {
      try TicketTrees.check(leaves: before + [before[0]], after: before)
    }
  }

  @Test func jobLeavesAreJSON() throws {
    let leaf = Self.jobs[1]
    #expect(
      try jsonText(leaf) == #"{"fuelPrice":"120000000000","fuelUsed":"101","#
        + #""jobId":"0x01010101010101010101010101010101","payout":"1000000000000000","#
        + #""programId":"11","status":4}"#
    )
    #expect(try fromJSON(JobLeaf.self, jsonText(leaf)) == leaf)
  }
}
