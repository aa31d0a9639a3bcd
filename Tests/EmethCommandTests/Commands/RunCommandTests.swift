import Foundation
import Testing

/// A Python with eth-account, an EIP-712 implementation that is not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

@Suite struct RunCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
  }

  private func emeth(_ arguments: [String], environment: [String: String] = [:]) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, environment: environment, in: scratch.url)
  }

  private func run(
    _ more: String..., flags: [String] = SmallJob.flags, environment: [String: String] = [:]
  ) throws -> ProgramResult {
    try emeth(["run", "text.txt"] + flags + more + ["--json"], environment: environment)
  }

  @Test func printsOneObjectWithEveryField() throws {
    let result = try run("--out", "model")
    let run = try result.run()
    #expect(
      Set(try #require(try result.comparable().allKeys as? [String])) == [
        "jobId", "status", "reason", "initialLoss", "validationLoss", "rounds", "subJobs", "accounts",
        "tickets",
        "batch", "stateRoot", "conservation", "verification", "aggregation",
      ])
    #expect(run.status == "VERIFIED" && run.model == scratch.url.appending(path: "model").path)
    #expect(run.validationLoss < run.initialLoss && run.tokensPerSecond > 0)
    #expect(run.rounds.map(\.round) == [0, 1] && run.rounds.last?.validationLoss == run.validationLoss)
    #expect(run.subJobs.map(\.index) == Array(0..<8))
    #expect(run.subJobs.allSatisfy { $0.status == "VERIFIED" && $0.attempt == 0 && !$0.reason.isEmpty })
    #expect(
      run.accounts.map { "\($0.role) \($0.number)" }
        == [
          "requester 1", "node 1", "node 2", "node 3", "node 4", "verifier 1", "verifier 2", "verifier 3",
          "aggregator 1",
        ])
    #expect(run.accounts.allSatisfy { $0.penalty == "0" })
    #expect(run.conservation.in == run.conservation.out)
    #expect(run.conservation.burned == "0" && run.conservation.locked == "0")
    // Eight SubJobs, so short that each is one segment; what a second verifier replays counts again.
    #expect(run.verification.segments == 8 && (8...16).contains(run.verification.checked))
    #expect(abs(run.verification.costShare - Double(run.verification.checked) / 8) < 1e-9)
    #expect(run.verification.detection > 0 && run.verification.seconds > 0)
    // Each posts one word for every parameter.
    #expect(run.aggregation.nodes == 8 && run.aggregation.dropped == 0 && run.aggregation.seconds > 0)
    #expect(run.aggregation.bytes > 0 && run.aggregation.bytes.isMultiple(of: 8 * 4))
    // What it costs and how much is checked, before it is paid, with --json too.
    let lines = result.errors.split(separator: "\n")
    #expect(lines.first?.hasPrefix("verifiers replay 1 of 1 segments") == true)
    #expect(lines.first?.contains("the job costs at most ") == true)
    // Not a terminal: the summary, and nothing that redraws, paints or samples.
    #expect(lines.dropFirst().first?.hasPrefix("VERIFIED in ") == true && !result.errors.contains("\u{1B}"))
    #expect(result.errors.contains("9 of 9 tickets check") && !result.errors.contains("sample"))
  }

  @Test func whatWillBeCheckedIsSaidFirst() throws {
    let result = try emeth(["run", "text.txt", "--out", "model"] + SmallJob.flags)
    #expect(result.exitCode == 0 && result.output.isEmpty)
    #expect(result.errors.hasPrefix("verifiers replay 1 of 1 segments of each SubJob, 100.0 % of the work"))
    #expect(result.errors.contains("the job costs at most"))
  }

  @Test func theResultDependsOnTheSeedAlone() throws {
    let first = try run("--threads", "1", "--out", "a").comparable()
    #expect(try run("--threads", "2", "--out", "b").comparable() == first)
    for name in ["portable", "avx2", "avx512", "neon"] {
      let result = try run("--out", name, environment: ["EMETH_CPU": name])
      if result.exitCode == 4, name != "portable" { continue }
      #expect(try result.comparable() == first)
    }
    let other = try run("--seed", "other", "--out", "c").run()
    #expect(other.stateRoot != first["stateRoot"] as? String && other.jobId != first["jobId"] as? String)
  }

  @Test(arguments: ["skip-steps", "other-data", "swapped-final", "stall"])
  func aFaultIsCaughtPenalisedAndRepaired(_ kind: String) throws {
    let honest = try run("--out", "honest", "--check-segments", "all", flags: SmallJob.longerFlags).run()
    let faulty = try run(
      "--out", "faulty", "--check-segments", "all", "--fault", "\(kind)@2", flags: SmallJob.longerFlags
    ).run()
    #expect(faulty.status == "VERIFIED" && faulty.stateRoot == honest.stateRoot)
    let lost = faulty.subJobs.filter { $0.status != "VERIFIED" }
    #expect(lost.count == 1 && faulty.subJobs.count == honest.subJobs.count + 1)
    let subJob = try #require(lost.first)
    #expect(subJob.node == 2 && subJob.round == 0 && subJob.attempt == 0)
    #expect(subJob.status == (kind == "stall" ? "TIMEOUT" : "FAILED"))
    #expect(
      faulty.subJobs.contains { $0.round == 0 && $0.part == subJob.part && $0.attempt == 1 && $0.node != 2 })
    for account in faulty.accounts {
      #expect((account.penalty != "0") == (account.role == "node" && account.number == 2))
    }
    #expect(faulty.conservation.burned != "0" && faulty.conservation.locked == "0")
    #expect(try emeth(["verify", "faulty"]).exitCode == 0)
  }

  @Test func moreNodesThanPartsAndMorePartsThanNodes() throws {
    let few = try run("--nodes", "5", "--parallel", "2", "--out", "few").run()
    #expect(few.status == "VERIFIED" && few.subJobs.count == 4)
    let many = try run("--nodes", "2", "--parallel", "5", "--out", "many").run()
    #expect(many.status == "VERIFIED" && many.subJobs.count == 10)
    let alone = try run("--nodes", "1", "--fault", "swapped-final@1", "--out", "alone").run()
    #expect(alone.status == "VERIFIED" && alone.subJobs.map(\.status) == ["FAILED", "VERIFIED", "VERIFIED"])
  }

  @Test func theModelFolderIsOpenedByTheOtherCommands() throws {
    let result = try run("--out", "model")
    let run = try result.run()
    let generated = try emeth(["generate", "model", "--prompt", "the ", "--max-tokens", "8"])
    #expect(generated.exitCode == 0 && !generated.output.isEmpty, "\(generated.errors)")
    #expect(try emeth(["evaluate", "text.txt", "--model", "model", "--json"]).exitCode == 0)
    let picture = try scratch.read("model/job/loss.svg")
    #expect(picture.hasPrefix("<svg") || picture.hasPrefix("<?xml"))
    try scratch.write(result.output, to: "run.json")
    #expect(try emeth(["verify", "run.json"]).exitCode == 0)
    struct Report: Decodable { var signers: [String: Int]; var trusted: Bool }
    let report = try emeth(["verify", "model", "--json"]).json(Report.self)
    let signer = try #require(report.signers.keys.first)
    #expect(!report.trusted && report.signers.count == 1)
    #expect(try emeth(["verify", "model", "--signer", signer]).output.contains("trusted, by \(signer)"))
    #expect(try emeth(["verify", "model", "--signer", "\(TestKeys.key(1).address)"]).exitCode == 1)
    #expect(try emeth(["verify", "model", "--leaves", "run.json"]).exitCode == 2)
    // Fine-tuning starts where the model stands.
    let tuned = try emeth(
      ["run", "text.txt"] + SmallJob.words("--init model --batch 2 --steps 4 --rounds 1 --out tuned --json")
    ).run()
    #expect(abs(tuned.initialLoss - run.validationLoss) < 1e-6)
  }

  @Test func aChangedByteIsFound() throws {
    #expect(try run("--out", "model").exitCode == 0)
    func changing(_ name: String, _ change: (inout Data) throws -> Void) throws -> Int32 {
      let file = scratch.url.appending(path: name)
      let before = try Data(contentsOf: file)
      var changed = before
      try change(&changed)
      try changed.write(to: file)
      defer { try? before.write(to: file) }
      return try emeth(["verify", "model"]).exitCode
    }
    // A run that has ended leaves no log of its database, and no process in the lock.
    let names = try FileManager.default.contentsOfDirectory(
      atPath: scratch.url.appending(path: "model/job").path)
    #expect(names.contains("network.sqlite") && !names.contains { $0.hasPrefix("network.sqlite-") })
    #expect(try scratch.read("model/job/lock").isEmpty)
    try scratch.write("pages", to: "model/job/network.sqlite-wal")
    let foreign = try emeth(["verify", "model"])
    #expect(foreign.exitCode == 1 && foreign.errors.contains("job/network.sqlite-wal is not in the manifest"))
    try FileManager.default.removeItem(at: scratch.url.appending(path: "model/job/network.sqlite-wal"))
    #expect(try changing("model/model.safetensors") { $0[$0.count - 1] ^= 1 } == 1)
    #expect(try changing("model/job/leaves.bin") { $0[7] ^= 1 } == 1)
    #expect(try changing("model/job/records.json") { $0[0] = UInt8(ascii: "[") } == 1)
    // The first digit of a signature, of a state root and of a settled amount.
    for field in ["\"signature\" : \"0x", "\"finalRoot\" : \"0x", "\"cumulativePayout\" : \""] {
      let code = try changing("model/job/records.json") { data in
        let place = try #require(data.range(of: Data(field.utf8))).upperBound
        data[place] = data[place] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
      }
      #expect(code == 1, "\(field)")
    }
    let whole = try emeth(["verify", "model"])
    #expect(whole.exitCode == 0 && whole.output.contains("no segment was computed again: "))
    // What everything needs and is not there can't be read.
    try FileManager.default.removeItem(at: scratch.url.appending(path: "model/job/leaves.bin"))
    let cut = try emeth(["verify", "model"])
    #expect(cut.exitCode == 3 && cut.errors.contains("leaves.bin"), "\(cut.errors)")
  }

  @Test(.enabled(if: python != nil, "EMETH_PYTHON names no Python with eth-account"))
  func anIndependentImplementationChecksTheTickets() throws {
    try scratch.write(try run("--out", "model").output, to: "run.json")
    let script = Bundle.module.bundleURL.appending(path: "Fixtures/check_tickets.py").path(
      percentEncoded: false)
    let result = try Program.run(
      executable: URL(filePath: try #require(python)), [script, "run.json"], in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.split(separator: "\n").allSatisfy { $0.hasSuffix(": ok") })
    #expect(result.output.split(separator: "\n").count == 10)
  }

  @Test func defaultFoldersCountUpAndARunThatEndedIsNotRepeated() throws {
    let first = try run()
    let name = "emeth-" + (try first.run().jobId).dropFirst(2).prefix(8)
    let second = try run()
    #expect(try second.comparable() == first.comparable())
    #expect(try scratch.names() == [name, "\(name)-2", "text.txt"])
    let again = try run("--out", name)
    #expect(try again.comparable() == first.comparable())
    #expect(again.errors.contains("has ended already") && !again.errors.contains("going on"))
  }
}
