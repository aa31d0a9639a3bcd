import EmethKit
import Foundation
import Testing

/// Any number of tickets at once: `sign-ticket` and `verify` on JSON lines, documents and arrays.
@Suite struct TicketStreamTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.writeKey(TestKeys.signer, to: "signer.key")
    try scratch.writeKey(TestKeys.key(1), to: "second.key")
  }

  private func emeth(_ arguments: String..., input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private func tickets(_ count: Int) -> [UnsignedTicket] {
    let domain = EIP712Domain(chainId: 5, verifyingContract: TestKeys.key(7).address)
    return (0..<count).map { index in
      UnsignedTicket(
        domain: index.isMultiple(of: 2) ? domain : .embedded,
        ticket: Ticket(
          account: TestKeys.signer.address, epoch: UInt64(index),
          cumulativePayout: TokenAmount(holon: UInt256(index)), unspent: .zero, locked: .zero,
          jobsRoot: .zero))
    }
  }

  private func json(_ value: some Encodable, pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    if pretty { encoder.outputFormatting = .prettyPrinted }
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private func signed(_ tickets: [UnsignedTicket], by key: PrivateKey = TestKeys.signer) -> [SignedTicket] {
    tickets.map { $0.signed(with: key) }
  }

  private func lines(_ signed: [SignedTicket]) -> String {
    signed.map { $0.canonicalJSON + "\n" }.joined()
  }

  @Test func everyFormGivesTheSameTicketsInTheirOrder() throws {
    let tickets = tickets(700)
    let expected = lines(signed(tickets))
    let jsonLines = try tickets.map { try json($0) }.joined(separator: "\n")
    #expect(try emeth("sign-ticket", "--key-file", "signer.key", input: jsonLines).output == expected)
    try scratch.write(jsonLines.replacing("\n", with: "\r\n\n") + "\n", to: "spaced.jsonl")
    #expect(try emeth("sign-ticket", "spaced.jsonl", "--key-file", "signer.key").output == expected)
    let documents = try tickets.map { try json($0, pretty: true) }.joined()
    #expect(try emeth("sign-ticket", "-", "--key-file", "signer.key", input: documents).output == expected)
    let array = try emeth("sign-ticket", "-", "--key-file", "signer.key", input: try json(tickets))
    #expect(array.output == "[\n" + expected.dropLast().replacing("\n", with: ",\n") + "\n]\n")
    #expect(try array.json([SignedTicket].self) == signed(tickets))
    #expect(try emeth("sign-ticket", "-", "--key-file", "signer.key", input: "[]").exitCode == 3)
    // What comes out goes in again, in either form.
    for text in [expected, array.output] {
      let result = try emeth("verify", "-", "--signer", "\(TestKeys.signer.address)", "--json", input: text)
      #expect(result.exitCode == 0)
      let report = try result.json(Report.self)
      #expect(report.counts == ["signed ticket": 700] && report.trusted && report.kind == "list of 700")
      #expect(report.signers == ["\(TestKeys.signer.address)": 700])
    }
  }

  private struct Report: Decodable {
    var kind: String
    var counts: [String: Int]
    var signers: [String: Int]
    var trusted: Bool
    var verifies: Bool
    var checks: [String]
  }

  @Test func oneBadTicketAndNothingIsPrinted() throws {
    let tickets = tickets(600)
    var texts = try tickets.map { try json($0) }
    texts[400] = texts[400].replacing("\"epoch\":\"400\"", with: "\"epoch\":\"x\"")
    for (text, place) in [
      (texts.joined(separator: "\n"), "standard input, line 401: ticket.epoch: "),
      ("[\(texts.joined(separator: ","))]", "standard input, [400]: ticket.epoch: "),
    ] {
      let result = try emeth("sign-ticket", "-", "--key-file", "signer.key", input: text)
      #expect(result.exitCode == 3)
      #expect(result.output == "")
      #expect(result.errors.contains(place), "\(result.errors)")
    }
    texts[400] = ""
    let cut = "[\(texts.joined(separator: ","))]"
    #expect(try emeth("sign-ticket", "-", "--key-file", "signer.key", input: cut).exitCode == 3)
    let other = try json(tickets[0]).replacing("\"EMETH\"", with: "\"OTHER\"")
    let refused = try emeth("sign-ticket", "-", "--key-file", "signer.key", "--json", input: other)
    #expect(refused.exitCode == 3)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(refused.errors.utf8)).code == "ticket.wrongDomain"
    )
  }

  @Test func failuresAreNamedAndTheRestIsChecked() throws {
    let good = signed(tickets(300))
    var lines = good.map(\.canonicalJSON)
    lines[10] = lines[10].replacing("\"epoch\":\"10\"", with: "\"epoch\":\"11\"")
    lines[20] = good[20].ticket.canonicalJSON
    lines[30] = String(lines[30].dropLast(5))
    lines[40] = signed([tickets(41)[40]], by: TestKeys.key(1))[0].canonicalJSON
    let text = lines.joined(separator: "\n")
    let result = try emeth("verify", "-", input: text)
    #expect(result.exitCode == 1)
    #expect(result.output == "")
    #expect(result.errors.contains("standard input, line 11: signed ticket does not verify: digest"))
    #expect(
      result.errors.contains("of 300 documents 1 do not verify and 2 can't be read, the first at line 11"))
    let trusting = try emeth(
      "verify", "-", "--signer", "\(TestKeys.signer.address)", "--json", input: text)
    #expect(trusting.exitCode == 1)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(trusting.errors.utf8))
    #expect(error.code == "ticket.digestMismatch")
    #expect(error.details["doNotVerify"] == "2" && error.details["unreadable"] == "2")
    #expect(error.details["checked"] == "300" && error.details["first"] == "line 11")
    #expect(error.details["line 41"]?.hasPrefix("ticket.signerMismatch") == true)
    #expect(error.details["line 21"]?.hasPrefix("verify.unknown") == true)
    // Nothing but unreadable lines is bad input, not a no.
    let unreadable = try emeth(
      "verify", "-", input: [lines[0], lines[20], lines[30]].joined(separator: "\n"))
    #expect(unreadable.exitCode == 3 && unreadable.output == "")
    // Every line wrong: only the first ones are told.
    let allWrong = good.map { $0.canonicalJSON.replacing("\"unspent\":\"0\"", with: "\"unspent\":\"1\"") }
    let many = try emeth("verify", "-", input: allWrong.joined(separator: "\n"))
    #expect(many.exitCode == 1)
    #expect(many.errors.split(separator: "\n").count == 22, "20 lines, the error and its hint")
    #expect(many.errors.contains("of 300 documents 300 do not verify"))
  }

  @Test func withoutASignerTheOutputSaysSo() throws {
    let two = signed(tickets(3)) + signed(tickets(2), by: TestKeys.key(1))
    let result = try emeth("verify", "-", input: lines(two))
    #expect(result.exitCode == 0)
    #expect(
      result.output.contains(
        "self-consistent only, by \(TestKeys.signer.address) (3), \(TestKeys.key(1).address) (2)"))
    #expect(result.output.contains("nobody is trusted yet"))
    let one = try emeth("verify", "-", input: lines([two[0]]))
    #expect(one.output.contains("self-consistent only, by \(TestKeys.signer.address) over digest"))
    let trusted = try emeth("verify", "-", "--signer", "\(TestKeys.signer.address)", input: lines([two[0]]))
    #expect(trusted.output.contains("trusted, by \(TestKeys.signer.address) over digest"))
    #expect(!trusted.output.contains("nobody is trusted"))
  }

  @Test func soManyOfSomeSigners() throws {
    let (a, b, c) = (TestKeys.signer.address, TestKeys.key(1).address, TestKeys.key(2).address)
    let one = lines(signed(tickets(5)))
    let two = try emeth("sign-ticket", "-", "--cosign", "--key-file", "second.key", input: one)
    #expect(two.exitCode == 0)
    let expected = try signed(tickets(5)).map { try $0.cosigned(with: TestKeys.key(1)) }
    #expect(two.output == lines(expected))
    func exitCode(_ text: String, _ flags: String...) throws -> Int32 {
      try Program.run(
        executable: Program.url, ["verify", "-"] + flags, input: text, in: scratch.url
      ).exitCode
    }
    #expect(try exitCode(two.output, "--signers", "2-of-\(a),\(b),\(c)") == 0)
    #expect(try exitCode(two.output, "--signers", "2-of-\(a),\(c)") == 1)
    #expect(try exitCode(one, "--signers", "2-of-\(a),\(b),\(c)") == 1)
    #expect(try exitCode(one, "--signers", "1-of-\(a),\(b)") == 0)
    #expect(try exitCode(two.output, "--signer", "\(b)") == 0)
    #expect(try exitCode(two.output, "--signers", "\(c)") == 1)
    for bad in ["0-of-\(a)", "3-of-\(a),\(b)", "1-of-\(a),\(a)", "two-of-\(a),\(b)", "", "1-of-"] {
      #expect(try exitCode(two.output, "--signers", bad) == 2, "\(bad)")
    }
    #expect(try exitCode(two.output, "--signer", "\(a)", "--signers", "\(b)") == 2)
    // What does not hold gets no second signature.
    let forged = one.replacing("\"epoch\":\"1\"", with: "\"epoch\":\"9\"")
    let refused = try emeth("sign-ticket", "-", "--cosign", "--key-file", "second.key", input: forged)
    #expect(refused.exitCode == 3 && refused.output == "")
    #expect(refused.errors.contains("line 2"))
    let unsigned = try json(tickets(1)[0])
    #expect(
      try emeth("sign-ticket", "-", "--cosign", "--key-file", "second.key", input: unsigned).exitCode == 3)
    #expect(
      try emeth(
        "sign-ticket", "--cosign", "--key-file", "second.key", "--account", "\(a)", "--epoch", "1",
        "--cumulative-payout", "1"
      ).exitCode == 2)
  }

  @Test func theDomainThatWasAskedFor() throws {
    let contract = TestKeys.key(7).address
    let text = lines(signed([tickets(1)[0]]))
    func exitCode(_ flags: String...) throws -> Int32 {
      try Program.run(
        executable: Program.url, ["verify", "-"] + flags, input: text, in: scratch.url
      ).exitCode
    }
    #expect(try exitCode("--chain-id", "5", "--contract", "\(contract)") == 0)
    #expect(try exitCode("--chain-id", "6", "--contract", "\(contract)") == 1)
    #expect(try exitCode("--chain-id", "5", "--contract", "\(Address.zero)") == 1)
    #expect(try exitCode("--chain-id", "5") == 2)
    // Signed rightly, but for another application: no contract of EMETH redeems it.
    let other = EIP712Domain(name: "Other", version: "1", chainId: 5, verifyingContract: contract)
    let foreign = SignedTicket(signing: tickets(1)[0].ticket, in: other, with: TestKeys.signer)
    #expect(try emeth("verify", "-", input: lines([foreign])).exitCode == 1)
  }

  @Test func aWaitForInputCanBeInterrupted() throws {
    let result = try Program.shell(
      "\"$EMETH\" verify - < <(sleep 30) & p=$!; sleep 1; kill -TERM $p; wait $p; echo $?")
    #expect(result.output == "130\n")
    #expect(result.errors.contains("interrupted"))
  }

  @Test func hostileStreamsEndSoon() throws {
    let zeros = try Program.shell("head -c 300M /dev/zero | \"$EMETH\" verify -")
    #expect(zeros.exitCode == 3 && zeros.output == "")
    let open = try Program.shell("yes '{\"a\":[' | tr -d '\\n' | \"$EMETH\" verify -")
    #expect(open.exitCode == 3 && open.output == "")
    let long = try Program.shell("{ printf '{\"a\":\"'; yes | tr -d '\\n'; } | \"$EMETH\" verify - --json")
    #expect(long.exitCode == 3 && long.output == "")
    let deep = String(repeating: "{\"ticket\":", count: 100_000)
    #expect(try emeth("verify", "-", input: deep).exitCode == 3)
    #expect(try emeth("verify", "-", input: " \n\t ").exitCode == 3)
    #expect(try emeth("verify", "-", input: "[ ]").exitCode == 3)
    #expect(
      try emeth("verify", "-", "--leaves", "signer.key", input: lines(signed(tickets(2)))).exitCode == 2)
  }
}
