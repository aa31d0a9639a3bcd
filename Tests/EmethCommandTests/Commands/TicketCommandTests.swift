import EmethKit
import Foundation
import Testing

/// A Python with eth-account, an EIP-712 implementation that is not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

@Suite struct TicketCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.writeKey(TestKeys.signer, to: "signer.key")
  }

  private func emeth(_ arguments: String..., input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private func verify(_ value: some Encodable, _ flags: String...) throws -> ProgramResult {
    try scratch.writeJSON(value, to: "document.json")
    return try Program.run(executable: Program.url, ["verify", "document.json"] + flags, in: scratch.url)
  }

  @Test func ticketsAreSignedFromFilesStandardInputAndFlags() throws {
    for ticket in try TestKeys.tickets() {
      let unsigned = UnsignedTicket(domain: ticket.domain, ticket: ticket.ticket)
      try scratch.writeJSON(unsigned, to: "ticket.json")
      let result = try emeth("sign-ticket", "ticket.json", "--key-file", "signer.key")
      #expect(result.exitCode == 0)
      // RFC 6979: the same key and digest give the same signature.
      #expect(try result.json(SignedTicket.self) == ticket)
      let text = try scratch.read("ticket.json")
      #expect(try emeth("sign-ticket", "-", "--key-file", "signer.key", input: text).output == result.output)
      #expect(try emeth("sign-ticket", "--key-file", "signer.key", input: text).output == result.output)
      let content = ticket.ticket
      let flags = try emeth(
        "sign-ticket", "--key-file", "signer.key", "--account", "\(content.account)", "--epoch",
        "\(content.epoch)",
        "--cumulative-payout", "\(content.cumulativePayout.holon)holon", "--unspent",
        "\(content.unspent.emethText)emeth",
        "--locked=\(content.locked)", "--jobs-root", "\(content.jobsRoot)", "--chain-id",
        "\(ticket.domain.chainId)", "--contract", "\(ticket.domain.verifyingContract)")
      #expect(flags.output == result.output)
    }
  }

  @Test func theDomainNeedsOnlyChainAndContract() throws {
    let ticket = try TestKeys.tickets()[1]
    let content = String(decoding: try JSONEncoder().encode(ticket.ticket), as: UTF8.self)
    let text = """
      {"domain": {"chainId": 1, "verifyingContract": "\(ticket.domain.verifyingContract)"},
       "ticket": \(content), "note": 1}
      """
    let result = try emeth("sign-ticket", "-", "--key-file", "signer.key", input: text)
    #expect(try result.json(SignedTicket.self) == ticket)
  }

  @Test func badTicketsAreRefusedWithTheirPlace() throws {
    let ticket = try TestKeys.tickets()[0]
    let good = String(
      decoding: try JSONEncoder().encode(UnsignedTicket(domain: ticket.domain, ticket: ticket.ticket)),
      as: UTF8.self)
    let cases: [(String, String)] = [
      ("", "is empty"), ("{", "standard input"), (good + "x", "standard input"), ("[]", "standard input"),
      ("{\"ticket\":{},\"ticket\":{}}", "ticket"),
      ("{\"domain\":{\"chainId\":1}}", "domain.verifyingContract"),
      (good.replacing("\"epoch\":\"1\"", with: "\"epoch\":\"-1\""), "ticket.epoch"),
      (good.replacing("\"epoch\":\"1\"", with: "\"epoch\":\"18446744073709551616\""), "ticket.epoch"),
      (good.replacing("\"locked\":\"0\"", with: "\"locked\":\"1e3\""), "ticket.locked"),
      (good.replacing("\"locked\":\"0\"", with: "\"locked\":null"), "ticket.locked"),
    ]
    for (text, place) in cases {
      #expect(text != good)
      let result = try emeth("sign-ticket", "-", "--key-file", "signer.key", input: text)
      #expect(result.exitCode == 3, "\(text)")
      #expect(result.output == "")
      #expect(result.errors.contains(place), "\(result.errors)")
    }
    #expect(
      try emeth("sign-ticket", "-", "--epoch", "1", "--key-file", "signer.key", input: good).exitCode == 2)
    #expect(try emeth("sign-ticket", "--epoch", "1", "--key-file", "signer.key").exitCode == 2)
    #expect(try emeth("sign-ticket", "-", input: good).exitCode == 2)
  }

  @Test func whatIsSignedVerifiesAndWhatIsChangedDoesNot() throws {
    let ticket = try TestKeys.tickets()[2]
    let good = try verify(ticket)
    #expect(good.exitCode == 0)
    #expect(good.output.hasPrefix("signed ticket: verifies\n"))
    #expect(try verify(ticket, "--signer", "\(TestKeys.signer.address)").exitCode == 0)
    let other = try verify(ticket, "--signer", "\(TestKeys.key(1).address)", "--json")
    #expect(other.exitCode == 1)
    #expect(other.output == "")
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(other.errors.utf8))
    #expect(error.code == "ticket.signerMismatch")

    let text = String(decoding: try JSONEncoder().encode(ticket), as: UTF8.self)
    let (r, s) = (ticket.signature.r, ticket.signature.s)
    func digits(_ bytes: Bytes32) -> String { Hex.encode(bytes.bytes, prefixed: false) }
    let order: UInt256 = 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141
    let highS = Bytes32(order - UInt256(s))
    let changes: [(String, String)] = [
      ("\"epoch\":\"3\"", "\"epoch\":\"4\""), ("14400000000000000", "14400000000000001"),
      ("\"chainId\":\"0\"", "\"chainId\":\"1\""), ("\"version\":\"1\"", "\"version\":\"2\""),
      ("\(ticket.signer)", "\(TestKeys.key(5).address)"), ("\(ticket.digest)", "\(Bytes32.zero)"),
      (digits(r), digits(highS)), (digits(s), digits(highS)),
    ]
    for (old, new) in changes {
      let changed = text.replacing(old, with: new)
      #expect(changed != text, "\(old)")
      let result = try emeth("verify", "-", input: changed)
      #expect(result.exitCode == 1, "\(old) -> \(new): \(result.errors)")
      #expect(result.output == "")
    }
  }

  @Test func batchesLeavesAndProofs() throws {
    let (leaves, batch) = try TestKeys.batch()
    #expect(try verify(batch).exitCode == 0)
    try Data(TicketTrees.leavesFile(leaves)).write(to: scratch.url.appending(path: "leaves"))
    #expect(try verify(batch, "--leaves", "leaves").output.contains("3 accounts"))
    try Data(TicketTrees.leavesFile(Array(leaves.dropLast()))).write(to: scratch.url.appending(path: "fewer"))
    #expect(try verify(batch, "--leaves", "fewer").exitCode == 1)
    for leaf in leaves {
      let proven = try ProvenTicket(account: leaf.account, leaves: leaves, batch: batch)
      let result = try verify(proven)
      #expect(result.exitCode == 0)
      #expect(result.output.hasPrefix("ticket with proof: verifies\n"))
      #expect(
        try verify(ProvenTicket(batch: batch, ticket: leaf, proof: proven.proof + [.zero])).exitCode == 1)
    }
    #expect(try verify(TestKeys.tickets()[0], "--leaves", "leaves").exitCode == 2)
  }

  @Test func submissionsWithTheirTrace() throws {
    let node = TestKeys.key(1)
    let roots = (0...4).map { SHA256.hash("state \($0)".utf8) }
    let secret = SHA256.hash("secret".utf8)
    let tree = StateTree(leafHashes: TraceTree.leafHashes(jobSecret: secret, stateRoots: roots))
    let submission = Submission(
      jobID: JobID(requester: node.address, salt: .zero), round: 1, node: node.address, programHash: .zero,
      dataRoot: .zero, initRoot: roots[0], traceRoot: tree.root, finalRoot: roots[4], resultRoot: .zero,
      segments: 4,
      fuelUsed: 12)
    struct WithTrace: Encodable {
      var signed: SignedSubmission
      var trace: [BoundaryOpening]

      private enum CodingKeys: String, CodingKey { case trace }

      func encode(to encoder: any Encoder) throws {
        try signed.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(trace, forKey: .trace)
      }
    }
    func opening(_ boundary: UInt32, of root: Bytes32? = nil) -> BoundaryOpening {
      BoundaryOpening(
        boundary: boundary, salt: TraceTree.salt(jobSecret: secret, boundary: boundary),
        stateRoot: root ?? roots[Int(boundary)], proof: tree.proof(of: Int(boundary)))
    }
    let signed = SignedSubmission(signing: submission, in: .embedded, with: node)
    #expect(try verify(signed).output.contains("only the signature"))
    let whole = try verify(WithTrace(signed: signed, trace: (0...4).map { opening($0) }))
    #expect(whole.exitCode == 0)
    #expect(whole.output.contains("boundaries 0, 1, 2, 3, 4"))
    #expect(try verify(WithTrace(signed: signed, trace: [opening(2, of: roots[3])])).exitCode == 1)
    let foreign = SignedSubmission(signing: submission, in: .embedded, with: TestKeys.key(2))
    #expect(try verify(foreign).exitCode == 1)
    #expect(try verify(signed, "--signer", "\(TestKeys.key(2).address)").exitCode == 1)
  }

  @Test func listsAndWholeRuns() throws {
    struct Run: Encodable {
      var jobId = "0x00"
      var tickets: [SignedTicket]
      var batch: SignedBatch
    }
    let batch = try TestKeys.batch().batch
    let run = try verify(Run(tickets: TestKeys.tickets(), batch: batch))
    #expect(run.exitCode == 0)
    #expect(run.output.hasPrefix("run with 4 tickets and a batch: verifies"))
    let foreign = SignedTicket(
      signing: try TestKeys.tickets()[0].ticket, in: .embedded, with: TestKeys.key(1))
    #expect(try verify(Run(tickets: [foreign], batch: batch)).exitCode == 1)
    #expect(try verify(TestKeys.tickets()).exitCode == 0)
    #expect(try verify([Int]()).exitCode == 3)
    #expect(try verify(["a": 1]).exitCode == 3)
    #expect(try emeth("verify", "none").exitCode == 4)
    try FileManager.default.createDirectory(atPath: scratch.path("empty"), withIntermediateDirectories: false)
    #expect(try emeth("verify", "empty").exitCode == 3)
  }

  @Test(.enabled(if: python != nil, "EMETH_PYTHON names no Python with eth-account"))
  func anIndependentImplementationAgrees() throws {
    struct Run: Encodable {
      var tickets: [SignedTicket]
      var batch: SignedBatch
    }
    let tickets = try TestKeys.tickets()
    // Signed by the program, not by the library in this process.
    var signed: [SignedTicket] = []
    for ticket in tickets {
      let input = try JSONEncoder().encode(UnsignedTicket(domain: ticket.domain, ticket: ticket.ticket))
      let result = try emeth(
        "sign-ticket", "-", "--key-file", "signer.key", input: String(decoding: input, as: UTF8.self))
      signed.append(try result.json(SignedTicket.self))
    }
    try scratch.writeJSON(Run(tickets: signed, batch: try TestKeys.batch().batch), to: "run.json")
    let script = Bundle.module.bundleURL.appending(path: "Fixtures/check_tickets.py").path(
      percentEncoded: false)
    func check(_ arguments: String...) throws -> ProgramResult {
      try Program.run(
        executable: URL(filePath: try #require(python)), [script] + arguments, in: scratch.url)
    }
    let result = try check("run.json", "\(TestKeys.signer.address)")
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.split(separator: "\n").count == 5)
    #expect(result.output.split(separator: "\n").allSatisfy { $0.hasSuffix(": ok") })
    // The script itself finds a changed ticket.
    let text = try scratch.read("run.json").replacing("\"epoch\":\"2\"", with: "\"epoch\":\"9\"")
    try scratch.write(text, to: "changed.json")
    #expect(try check("changed.json").exitCode == 1)
    #expect(try check("run.json", "\(TestKeys.key(1).address)").exitCode == 1)
  }
}
