import EmethKit
import Foundation
import Testing

@testable import emeth_cli

/// The job commands on a local network's folder.
@Suite struct JobCommandTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
    try scratch.write(SmallJob.text, to: "text.txt")
  }

  private func emeth(_ arguments: String..., input: String = "") throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, input: input, in: scratch.url)
  }

  private func submit(_ flags: [String] = SmallJob.flags) throws -> String {
    let result = try Program.run(
      executable: Program.url, ["submit-job", "text.txt", "--network", "net"] + flags, in: scratch.url)
    try #require(result.exitCode == 0, "\(result.errors)")
    return result.output.trimmingCharacters(in: .newlines)
  }

  private struct Listing: Decodable {
    struct Round: Decodable {
      var round: Int
      var trainLoss: Double
      var validationLoss: Double
    }

    var jobId: String
    var status: String
    var reason: String
    var dataSet: String
    var rounds: Int
    var roundsDone: Int
    var parallel: Int
    var escrow: String
    var losses: [Round]
  }

  private func list() throws -> [Listing] {
    try emeth("list-jobs", "--network", "net", "--json").json([Listing].self)
  }

  @Test func aJobFromItsRequestToItsModel() throws {
    let job = try submit()
    #expect(try list().map(\.jobId) == [job])
    #expect(try list().first?.status == "REQUESTED")
    let early = try emeth("fetch-result", job, "--network", "net", "--out", "model")
    #expect(early.exitCode == 1 && early.errors.contains("has no result: it is REQUESTED"))

    let worked = try emeth("run", "--network", "net", "--json")
    let reports = try worked.json([RunOutputOfQueue].self)
    #expect(worked.exitCode == 0 && reports.map(\.jobId) == [job] && reports.first?.status == "VERIFIED")
    let listing = try #require(try list().first)
    #expect(listing.status == "VERIFIED" && listing.roundsDone == 2 && listing.losses.count == 2)
    #expect(listing.dataSet == "text.txt" && listing.parallel == 4)
    let shown = try emeth("show-job", String(job.dropFirst(2).prefix(6)), "--network", "net")
    #expect(shown.exitCode == 0 && shown.output.contains("status    VERIFIED") && shown.output.contains(job))
    // The bond pool has a line when a verdict was replayed.
    #expect(shown.output.contains("requester 1"))
    #expect((26...27).contains(shown.output.split(separator: "\n").count), "\(shown.output)")
    let json = try emeth("show-job", job, "--network", "net", "--json").json(RunOutputOfQueue.self)
    #expect(json.stateRoot == reports.first?.stateRoot)
    let watched = try emeth("watch-job", job, "--network", "net")
    #expect(watched.exitCode == 0 && watched.output.hasPrefix("VERIFIED  round 2 of 2"))

    let fetched = try emeth("fetch-result", job, "--network", "net", "--out", "model", "--json").run()
    #expect(fetched.model == scratch.url.appending(path: "model").path)
    #expect(try emeth("verify", "model").exitCode == 0)
    #expect(try emeth("generate", "model", "--prompt", "the ", "--max-tokens", "4").exitCode == 0)
    let again = try emeth("fetch-result", job, "--network", "net", "--out", "model")
    #expect(again.exitCode == 4 && again.output.isEmpty)
    #expect(
      try emeth("fetch-result", job, "--network", "net").output == "emeth-\(job.dropFirst(2).prefix(8))\n")
    let empty = try emeth("run", "--network", "net")
    #expect(empty.exitCode == 0 && empty.errors == "the queue is empty\n")
    #expect(try scratch.names() == ["emeth-\(job.dropFirst(2).prefix(8))", "model", "net", "text.txt"])
  }

  @Test func aQueueOfTwoAndWhatStandardInputHolds() throws {
    let first = try submit()
    let second = try Program.run(
      executable: Program.url, ["submit-job", "-", "--network", "net", "--json"] + SmallJob.flags,
      input: SmallJob.text, in: scratch.url
    ).json(Listing.self)
    #expect(second.dataSet == "standard input" && second.status == "REQUESTED" && second.jobId != first)
    let watcher = try RunningProgram(
      ["watch-job", second.jobId, "--network", "net", "--json"], in: scratch.url)
    #expect(try emeth("run", "--network", "net").exitCode == 0)
    let watched = try watcher.wait()
    let states = try watched.output.split(separator: "\n").map {
      try JSONDecoder().decode(Listing.self, from: Data($0.utf8)).status
    }
    #expect(watched.exitCode == 0 && states.first == "REQUESTED" && states.last == "VERIFIED")
    #expect(try list().map(\.status) == ["VERIFIED", "VERIFIED"])
    for job in [first, second.jobId] {
      #expect(try emeth("fetch-result", job, "--network", "net", "--out", job).exitCode == 0)
      #expect(try emeth("verify", job).exitCode == 0)
    }
  }

  @Test func anEarlierJobStaysWholeWhenTheNetworkHasOtherNodes() throws {
    let first = try submit()
    #expect(try emeth("run", "--network", "net").exitCode == 0)
    let second = try submit()
    #expect(try emeth("run", "--network", "net", "--nodes", "2").exitCode == 0)
    for job in [first, second] {
      let fetched = try emeth("fetch-result", job, "--network", "net", "--out", job, "--json").run()
      #expect(
        fetched.subJobs.allSatisfy { $0.node != nil }
          && fetched.accounts.count { $0.role != "bond pool" } == 9)
      #expect(try emeth("verify", job).exitCode == 0)
    }
  }

  @Test func aJobIsCanceledBeforeAnybodyBeginsIt() throws {
    let job = try submit()
    #expect(try emeth("cancel-job", job, "--network", "net").output == "\(job) CANCELED\n")
    let again = try emeth("cancel-job", job, "--network", "net", "--json")
    #expect(again.exitCode == 1 && again.output.isEmpty && again.errors.contains("job.ended"))
    #expect(try emeth("watch-job", job, "--network", "net").exitCode == 1)
    #expect(try emeth("fetch-result", job, "--network", "net").exitCode == 1)
    #expect(try emeth("run", "--network", "net").errors == "the queue is empty\n")
  }

  @Test func aJobThatBeganCanNotBeCanceled() throws {
    let job = try submit(SmallJob.endlessFlags)
    let worker = try RunningProgram(["run", "--network", "net"], in: scratch.url)
    try waitUntil("the job is worked on") { try list().first?.status == "PROCESSING" }
    let result = try emeth("cancel-job", job, "--network", "net")
    #expect(result.exitCode == 1 && result.output.isEmpty && result.errors.hasPrefix("emeth: error: "))
    let doubled = try emeth("run", "--network", "net")
    #expect(doubled.exitCode == 4 && doubled.errors.contains("process \(worker.processIdentifier)"))
    let watcher = try RunningProgram(["watch-job", job, "--network", "net"], in: scratch.url)
    try waitUntil("the watcher has told a state") { try watcher.outputSoFar().hasPrefix("PROCESSING") }
    let watched = try watcher.end(SIGINT)
    #expect(watched.exitCode == 130 && watched.output.hasPrefix("PROCESSING"))
    #expect(try worker.end(SIGINT).exitCode == 130)
    #expect(try list().map(\.status) == ["PROCESSING"])
  }

  @Test func whatAJobCostsIsSaidBeforeItIsPaid() throws {
    let words = ["submit-job", "text.txt", "--network", "net"] + SmallJob.flags
    let result = try Program.run(executable: Program.url, words, in: scratch.url)
    #expect(result.exitCode == 0 && result.errors.hasPrefix("the job costs at most "), "\(result.errors)")
    #expect(result.errors.contains("they replay 1 of 1 segments of each SubJob, 100.0 % of the work"))
    let json = try Program.run(executable: Program.url, words + ["--json"], in: scratch.url)
    #expect(json.exitCode == 0 && result.errors.hasPrefix(json.errors), "\(json.errors)")
    #expect(json.errors.hasPrefix("the job costs at most ") && json.errors.contains("they replay 1 of 1"))
  }

  @Test func aDryRunStoresNothing() throws {
    let words = ["submit-job", "text.txt", "--network", "net", "--dry-run"] + SmallJob.flags
    let result = try Program.run(executable: Program.url, words, in: scratch.url)
    #expect(result.exitCode == 0 && result.output.contains("escrow"))
    #expect(try Program.run(executable: Program.url, words + ["--json"], in: scratch.url).exitCode == 0)
    #expect(try scratch.names() == ["text.txt"])
  }

  @Test func whatIsNotThereIsRefusedAndLeavesNothing() throws {
    for words in [["list-jobs"], ["show-job", "12345678"], ["cancel-job", "12345678"], ["run"]] {
      let result = try Program.run(executable: Program.url, words + ["--network", "none"], in: scratch.url)
      #expect(result.exitCode == 4 && result.errors.contains("no network in "), "\(result.errors)")
    }
    let refused = try emeth("submit-job", "missing.txt", "--network", "net")
    #expect(refused.exitCode == 4 && refused.errors.contains("missing.txt"))
    #expect(try emeth("submit-job", "text.txt", "--network", "text.txt").exitCode == 3)
    let tooMany = try emeth("submit-job", "text.txt", "--network", "net", "--parallel", "511")
    #expect(tooMany.exitCode == 3 && tooMany.errors.contains("--parallel 511"))
    #expect(try scratch.names() == ["text.txt"])
    _ = try submit()
    let unknown = try emeth("show-job", "0xffffffff", "--network", "net", "--json")
    #expect(unknown.exitCode == 3 && unknown.errors.contains("job.unknown"))
    #expect(try emeth("show-job", "0x12", "--network", "net").exitCode == 2)
  }

  @Test func anAmbiguousBeginningNamesTheJobsThatItFits() throws {
    let ids = try ["0xabcd0000000000000000000000000001", "0xabcd0000000000000000000000000002"].map {
      try JobID(hex: $0)
    }
    let network = "in net"
    #expect(try JobReference(prefix: "abcd0000000000000000000000000002").only(of: ids, in: network) == ids[1])
    let error = #expect(throws: CommandFailure.self) {
      try JobReference(prefix: "abcd").only(of: ids, in: network)
    }
    #expect(error?.report.exitCode == .badInput && error?.report.code == "job.ambiguous")
    #expect(error?.report.message.contains("\(ids[0]), \(ids[1])") == true)
    #expect(throws: CommandFailure.self) { try JobReference(prefix: "1234").only(of: ids, in: network) }
  }

  @Test func aReaderThatGoesAwayIsNoError() throws {
    _ = try submit()
    for line in ["list-jobs --network net", "list-jobs --network net --json", "run --network net --json"] {
      let result = try Program.shell("$EMETH \(line) 2>errors | true; exit ${PIPESTATUS[0]}", in: scratch.url)
      #expect(result.exitCode == 0)
      #expect(try !scratch.read("errors").contains("error"))
    }
    let head = try Program.shell("$EMETH list-jobs --network net | head -1", in: scratch.url)
    #expect(head.output.hasPrefix("job ") && head.errors.isEmpty)
  }
}

/// What `run --network --json` and `show-job --json` print of a job; the model is not written there.
private struct RunOutputOfQueue: Decodable {
  var jobId: String
  var status: String
  var stateRoot: String
}
