import EmethKit
import Foundation
import Testing

/// `emeth serve` and the commands that speak to it, as scripts use them.
@Suite struct ServeCommandTests {
  private struct Money: Decodable {
    var account: Address
    var unspent: TokenAmount
    var payout: TokenAmount
  }

  @Test func resultsAreKeptForDaysOrForEver() throws {
    let folder = try ScratchFolder()
    for (value, word) in [
      ("0", "out of range"), ("36501", "out of range"), ("30d", "not allowed"), ("", "not allowed"),
    ] {
      let result = try Program.run("serve", "--data", folder.path("net"), "--keep-results", value)
      #expect(result.exitCode == 2 && result.errors.contains(word), "\(value): \(result.errors)")
      #expect(result.errors.contains("a number of days from 1 to 36500, or forever"))
    }
    try Data(#"{"keepResults": "a month"}"#.utf8).write(to: URL(filePath: folder.path("config.json")))
    let result = try Program.run(
      "serve", "--data", folder.path("net"), "--config", folder.path("config.json"))
    #expect(result.exitCode == 3 && result.errors.contains("keepResults"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("net")))
    #expect(try Server(in: folder, ["--keep-results", "forever"]).stop() == 0)
  }

  @Test func grantsAreThereAndCanBeWithdrawn() throws {
    let folder = try ScratchFolder()
    try folder.writeKey(TestKeys.key(1), to: "key")
    let account = TestKeys.key(1).address
    let server = try Server(
      in: folder, logLevel: "info", ["--grant", "\(account)=3emeth", "--interval", "500ms"])
    let environment = ["EMETH_SERVER": server.url]
    let balance = try Program.run("balance", "\(account)", "--json", environment: environment)
    #expect(balance.exitCode == 0, "\(balance.errors)")
    #expect(try balance.json(Money.self).unspent == TokenAmount(emeth: "3"))
    let withdrawn = try Program.run(
      "withdraw", "1emeth", "--server", server.url, "--key-file", folder.path("key"), "--json")
    #expect(withdrawn.exitCode == 0, "\(withdrawn.errors)")
    #expect(try withdrawn.json(Money.self).payout == TokenAmount(emeth: "1"))
    let tooMuch = try Program.run(
      "withdraw", "5emeth", "--server", server.url, "--key-file", folder.path("key"), "--json")
    #expect(tooMuch.exitCode == 1)
    #expect(tooMuch.output.isEmpty)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(tooMuch.errors.utf8)).code
        == "ledger.insufficient")
    #expect(server.stop() == 0)
    // Each request that changes something, or is refused, has its line.
    let lines = try server.log().split(separator: "\n").filter {
      $0.contains("\"path\":\"/api/v2/withdrawals\"")
    }
    #expect(lines.count == 2 && lines.contains { $0.contains("\"status\":\"409\"") }, "\(lines)")
    // The same folder again: nothing is lost, and no grant is given twice.
    let again = try Server(in: folder, ["--grant", "\(account)=3emeth"])
    let later = try Program.run("balance", "\(account)", "--server", again.url, "--json")
    #expect(try later.json(Money.self).unspent == TokenAmount(emeth: "2"))
    #expect(again.stop(SIGINT) == 0)
    let audit = try Program.run("serve", "--audit", "--data", folder.path("net"))
    #expect(audit.exitCode == 0, "\(audit.errors)")
  }

  /// A module of one script.
  private static func module(_ script: String, in folder: ScratchFolder, _ name: String) throws -> String {
    let place = URL(filePath: folder.path(name))
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: false)
    let text = "#!/bin/sh\n\(script)\n"
    try Data(text.utf8).write(to: place.appending(path: "run.sh"))
    try Data(
      """
      {"version": 1, "programId": "10000", "name": "\(name)", "command": ["run.sh"], "mode": "direct",
       "files": {"run.sh": "\(SHA256.hash(Array(text.utf8)))"}}
      """.utf8
    ).write(to: place.appending(path: "module.json"))
    return place.path
  }

  /// What a job says of itself while it waits.
  private struct Shown: Decodable {
    var status: String
    var waitsFor: String?
  }

  @Test func nodesAndVerifiersComputeByTheModulesThatTheyHave() throws {
    let folder = try ScratchFolder()
    for number in 1...3 { try folder.writeKey(TestKeys.key(UInt32(number)), to: "key\(number)") }
    let grants = (1...3).flatMap { ["--grant", "\(TestKeys.key(UInt32($0)).address)=20emeth"] }
    let server = try Server(in: folder, grants + ["--interval", "200ms"])
    let module = try Self.module("tr a-z A-Z < /input > /output", in: folder, "upper")
    let other = try Self.module("rev < /input > /output", in: folder, "other")
    func agent(_ role: String, _ number: Int) -> [String] {
      [
        role, "--server", server.url, "--key-file", folder.path("key\(number)"), "--data", folder.path(role),
        "--threads", "1",
      ]
    }
    for role in ["node", "verifier"] {
      for (folders, words) in [
        ([folder.path("missing")], "module.json"), ([module, other], "program 10000, as in"),
      ] {
        let refused = try Program.run(
          executable: Program.url, agent(role, 2) + folders.flatMap { ["--module", $0] })
        #expect(refused.exitCode != 0 && refused.errors.contains(words), "\(refused.errors)")
      }
    }
    try folder.write("one\ntwo\nthree\n", to: "words.txt")
    let submitted = try Program.run(
      "submit-job", folder.path("words.txt"), "--server", server.url, "--key-file", folder.path("key1"),
      "--program", "10000", "--module", module, "--parallel", "2")
    try #require(submitted.exitCode == 0, "\(submitted.errors)")
    let job = submitted.output.trimmingCharacters(in: .newlines)
    func start(_ words: [String]) throws -> Process {
      let process = Process()
      process.executableURL = Program.url
      process.arguments = words
      (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
      try process.run()
      return process
    }
    // A verifier with another module of the number can't check it: the job waits, and says so.
    var agents = [
      try start(agent("node", 2) + ["--module", module]),
      try start(agent("verifier", 3) + ["--module", other]),
    ]
    defer { for agent in agents where agent.isRunning { agent.terminate() } }
    func shown() throws -> Shown {
      try Program.run("show-job", job, "--server", server.url, "--json").json(Shown.self)
    }
    for _ in 0..<100 where try shown().waitsFor == nil { usleep(200_000) }
    #expect(try shown().waitsFor == "verifiers")
    let text = try Program.run("show-job", job, "--server", server.url).output
    #expect(text.contains("waits for verifiers"), "\(text)")
    agents[1].terminate()
    agents[1].waitUntilExit()
    agents[1] = try start(agent("verifier", 3) + ["--module", module])
    let watched = try Program.run("watch-job", job, "--server", server.url, "--json")
    #expect(watched.exitCode == 0, "\(watched.output) \(watched.errors)")
    let lines = try watched.output.split(separator: "\n").map {
      try JSONDecoder().decode(Shown.self, from: Data($0.utf8))
    }
    #expect(lines.last?.status == "VERIFIED" && lines.last?.waitsFor == nil)
    let fetched = try Program.run(
      "fetch-result", job, "--server", server.url, "--key-file", folder.path("key1"), "--out",
      folder.path("out"))
    #expect(fetched.exitCode == 0, "\(fetched.errors)")
    #expect(try folder.read("out/result.dat") == "ONE\nTWO\nTHREE\n")
    let verified = try Program.run("verify", folder.path("out"))
    #expect(verified.exitCode == 0, "\(verified.errors)")
    // Another key gets nothing, and the server has it in no file.
    let refused = try Program.run(
      "fetch-result", job, "--server", server.url, "--key-file", folder.path("key2"), "--out",
      folder.path("stolen"), "--json")
    #expect(refused.exitCode == 3 && refused.output.isEmpty)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(refused.errors.utf8)).code == "account.notAllowed"
    )
    #expect(!FileManager.default.fileExists(atPath: folder.path("stolen")))
    let net = URL(filePath: folder.path("net"))
    for _ in 0..<300 where Self.files(with: "ONE\nTWO\nTHREE\n", in: net) != [] { usleep(100_000) }
    #expect(Self.files(with: "ONE\nTWO\nTHREE\n", in: net) == [])
    try folder.write("a ONE\nTWO\nTHREE\n b", to: "net/plant")
    #expect(Self.files(with: "ONE\nTWO\nTHREE\n", in: net) == ["plant"])
  }

  /// Names of the files of a folder in which a text stands.
  private static func files(with text: String, in folder: URL) -> [String] {
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    return (files?.allObjects as? [URL] ?? []).filter { file in
      (try? Data(contentsOf: file))?.range(of: Data(text.utf8)) != nil
    }.map(\.lastPathComponent)
  }

  /// A job of the same account goes on with the model of an earlier one, which only that account can open.
  @Test func aJobBeginsWithAnEarlierOnesModel() throws {
    let folder = try ScratchFolder()
    for number in 1...3 { try folder.writeKey(TestKeys.key(UInt32(number)), to: "key\(number)") }
    let grants = (1...3).flatMap { ["--grant", "\(TestKeys.key(UInt32($0)).address)=20emeth"] }
    let server = try Server(in: folder, grants + ["--interval", "200ms"])
    try folder.write(String(repeating: "the cat sat on the mat.\n", count: 40), to: "text")
    let steps = ["--parallel", "1", "--rounds", "1", "--batch", "2", "--steps", "3"]
    let shape = ["--layers", "1", "--heads", "2", "--width", "16", "--context", "16"]
    func submit(_ key: Int, _ flags: [String]) throws -> ProgramResult {
      try Program.run(
        executable: Program.url,
        ["submit-job", folder.path("text"), "--server", server.url, "--key-file", folder.path("key\(key)")]
          + steps + flags)
    }
    let first = try submit(1, shape)
    try #require(first.exitCode == 0, "\(first.errors)")
    let job = first.output.trimmingCharacters(in: .newlines)
    let early = try submit(1, ["--init", job])
    #expect(early.exitCode == 3 && early.errors.contains("no result"), "\(early.errors)")
    var agents: [Process] = []
    defer { for agent in agents where agent.isRunning { agent.terminate() } }
    for (role, number) in [("node", 2), ("verifier", 3)] {
      let process = Process()
      process.executableURL = Program.url
      process.arguments = [
        role, "--server", server.url, "--key-file", folder.path("key\(number)"), "--data", folder.path(role),
        "--threads", "1",
      ]
      (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
      try process.run()
      agents.append(process)
    }
    let watched = try Program.run("watch-job", job, "--server", server.url, "--json")
    #expect(watched.exitCode == 0, "\(watched.output) \(watched.errors)")
    let stranger = try submit(2, ["--init", job])
    #expect(
      stranger.exitCode == 3 && stranger.errors.contains("is not that of account"), "\(stranger.errors)")
    let second = try submit(1, ["--init", job])
    try #require(second.exitCode == 0, "\(second.errors)")
    let next = second.output.trimmingCharacters(in: .newlines)
    #expect(try Program.run("watch-job", next, "--server", server.url, "--json").exitCode == 0)
    for (id, out) in [(job, "one"), (next, "two")] {
      let fetched = try Program.run(
        "fetch-result", id, "--server", server.url, "--key-file", folder.path("key1"), "--out",
        folder.path(out))
      #expect(fetched.exitCode == 0, "\(fetched.errors)")
    }
    // The same from a folder, here: the same bits.
    let expected = try Program.run(
      executable: Program.url,
      [
        "run", folder.path("text"), "--nodes", "1", "--init", folder.path("one"), "--out",
        folder.path("local"),
      ]
        + steps)
    #expect(expected.exitCode == 0, "\(expected.errors)")
    let models = try ["one", "two", "local"].map {
      try Data(contentsOf: URL(filePath: folder.path($0 + "/model.safetensors")))
    }
    #expect(models[1] == models[2] && models[0] != models[1])
  }

  private static let emulation = ProcessInfo.processInfo.environment["EMETH_EMULATED_CUDA"]

  @Test(
    "a node whose GPU is lost in a SubJob opens it anew, or gives the SubJob up to another; the model is a CPU's",
    .enabled(if: emulation != nil, "EMETH_EMULATED_CUDA names no emulated driver"), arguments: [true, false])
  func aGPUIsLostInAServedJob(returns: Bool) throws {
    let folder = try ScratchFolder()
    for number in 1...4 { try folder.writeKey(TestKeys.key(UInt32(number)), to: "key\(number)") }
    let grants = (1...4).flatMap { ["--grant", "\(TestKeys.key(UInt32($0)).address)=20emeth"] }
    let server = try Server(in: folder, grants + ["--interval", "200ms"])
    try folder.write(String(repeating: "the cat sat on the mat.\n", count: 40), to: "text")
    let shape = [
      "--parallel", "2", "--rounds", "1", "--layers", "1", "--heads", "2", "--width", "16", "--context", "16",
      "--batch", "2", "--steps", "4",
    ]
    let submitted = try Program.run(
      executable: Program.url,
      ["submit-job", folder.path("text"), "--server", server.url, "--key-file", folder.path("key1")] + shape)
    try #require(submitted.exitCode == 0, "\(submitted.errors)")
    let job = submitted.output.trimmingCharacters(in: .newlines)

    var environment = ProcessInfo.processInfo.environment
    environment["EMETH_CUDA_PATH"] = Self.emulation
    environment["XDG_CACHE_HOME"] = folder.path("cache")
    environment["EMULATED_CUDA_LOST"] = "60"
    if returns { environment["EMULATED_CUDA_RETURNS"] = "1" }
    func start(_ role: String, _ number: Int, _ device: String) throws -> Process {
      let data = URL(filePath: folder.path("data\(number)"))
      try FileManager.default.createDirectory(at: data, withIntermediateDirectories: false)
      // It knows how fast it is: the first kernels are those of a SubJob.
      try Data(#"{"fuelPerSecond": {"11": 0.5, "21": 0.5, "9991": 0.5}}"#.utf8)
        .write(to: data.appending(path: "speed.json"))
      let log = folder.path("log\(number)")
      _ = FileManager.default.createFile(atPath: log, contents: nil)
      let process = Process()
      process.executableURL = Program.url
      process.environment = environment
      process.arguments = [
        role, "--server", server.url, "--key-file", folder.path("key\(number)"), "--data", data.path,
        "--threads", "1", "--device", device,
      ]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle(forWritingAtPath: log) ?? .nullDevice
      try process.run()
      return process
    }
    var agents = [try start("node", 2, "cuda"), try start("verifier", 3, "cpu")]
    defer { for agent in agents where agent.isRunning { agent.terminate() } }
    if !returns {
      // The other node comes when the first has given up what it took.
      let deadline = ContinuousClock.now + .seconds(180)
      func hasGivenUp() throws -> Bool { try folder.read("log2").contains(" up: cuda:0 failed: ") }
      while try !hasGivenUp(), ContinuousClock.now < deadline { usleep(100_000) }
      let (isOver, said) = (try hasGivenUp(), try folder.read("log2"))
      try #require(isOver, "\(said)")
      agents.append(try start("node", 4, "cpu"))
    }
    let watched = try Program.run("watch-job", job, "--server", server.url, "--json")
    let log = try folder.read("log2")
    #expect(watched.exitCode == 0, "\(watched.output) \(watched.errors) \(log)")
    // It gives up once, and takes nothing more without its GPU.
    #expect(log.split(separator: "\n").count { $0.hasPrefix("gave ") } == (returns ? 0 : 1), "\(log)")
    let fetched = try Program.run(
      "fetch-result", job, "--server", server.url, "--key-file", folder.path("key1"), "--out",
      folder.path("out"))
    #expect(fetched.exitCode == 0, "\(fetched.errors)")
    #expect(try Program.run("verify", folder.path("out")).exitCode == 0)
    let expected = try Program.run(
      executable: Program.url,
      ["run", folder.path("text"), "--nodes", "2", "--out", folder.path("cpu")] + shape)
    #expect(expected.exitCode == 0, "\(expected.errors)")
    let models = try ["out", "cpu"].map {
      try Data(contentsOf: URL(filePath: folder.path($0 + "/model.safetensors")))
    }
    #expect(models[0] == models[1])
  }

  @Test func commandsSayWhatIsMissing() throws {
    let folder = try ScratchFolder()
    let noServer = try Program.run("balance", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    #expect(noServer.exitCode == 2)
    #expect(noServer.errors.contains("--server"))
    let gone = try Program.run(
      "balance", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "--server", "http://127.0.0.1:1", "--json")
    #expect(gone.exitCode == 4)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(gone.errors.utf8)).code == "server.unreachable")
    let both = try Program.run(
      "list-jobs", "--server", "http://127.0.0.1:1", "--network", folder.path("net"))
    #expect(both.exitCode == 2)
    let audit = try Program.run("serve", "--audit", "--data", folder.path("none"))
    #expect(audit.exitCode == 4)
    try folder.write(#"{"listn":"127.0.0.1:0"}"#, to: "emeth.json")
    let config = try Program.run("serve", "--config", folder.path("emeth.json"), "--data", folder.path("net"))
    #expect(config.exitCode == 3)
    #expect(config.errors.contains("listn"))
  }

  /// What is typed comes before the environment, that before the file; members are called like the flags.
  @Test func aFileSetsWhatIsNotTyped() throws {
    let folder = try ScratchFolder()
    let account = TestKeys.key(1).address
    try folder.write(
      """
      {"listen": "127.0.0.1:0", "data": "\(folder.path("net"))", "interval": "100ms", "threads": 1,
       "audience": ["net.example"], "grants": {"\(account)": "2emeth"}, "logLevel": "error"}
      """, to: "emeth.json")
    func serve(_ words: String, _ environment: [String: String] = [:]) throws -> ProgramResult {
      try Program.shell(
        "timeout 5 $EMETH serve --config emeth.json \(words)", environment: environment, in: folder.url)
    }
    // It is stopped in order, and by then it has granted and closed an epoch.
    let served = try serve("")
    #expect(served.output.hasPrefix("http://127.0.0.1:"), "\(served.errors)")
    let audit = try serve("--audit --json")
    struct Totals: Decodable { var `in`: TokenAmount }
    #expect(try audit.json(Totals.self).in == TokenAmount(emeth: "2"))
    for (words, environment) in [
      ("--audit --data other", [:]), ("--audit", ["EMETH_DATA": "other"]),
      ("--audit --data other", ["EMETH_DATA": folder.path("net")]),
    ] {
      let other = try serve(words, environment)
      #expect(other.exitCode == 4 && other.errors.contains("other"), "\(words): \(other.errors)")
    }
    for (json, code, part) in [
      (#"{"listn": "x"}"#, "config.unknown", "listn"), (#"{"threads": 0}"#, "config.value", "threads"),
      (#"{"interval": "5"}"#, "config.value", "interval"), (#"{"backup": "x"}"#, "config.unknown", "backup"),
      (#"{"grants": {"0x12": "1emeth"}}"#, "config.value", "grants"), ("[1]", "config.malformed", "JSON"),
    ] {
      try folder.write(json, to: "emeth.json")
      let refused = try serve("--data net --json")
      let error = try JSONDecoder().decode(ErrorObject.self, from: Data(refused.errors.utf8))
      #expect(refused.exitCode == 3 && error.code == code, "\(json): \(error.message)")
      #expect(error.message.contains(part))
    }
  }

  @Test func aBucketThatCantBeUsedIsNamed() throws {
    let folder = try ScratchFolder()
    func serve(_ storage: String, _ environment: [String: String] = [:]) throws -> ProgramResult {
      try Program.run(
        "serve", "--listen", "127.0.0.1:0", "--data", folder.path("net"), "--storage", storage, "--json",
        environment: environment)
    }
    let keys = ["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hidden"]
    for (storage, environment, exitCode, code) in [
      ("s3://emeth?secret=hidden", keys, 2, "setting.invalid"), ("http://emeth", keys, 2, "setting.invalid"),
      ("s3://emeth?endpoint=http://127.0.0.1:1", [:], 3, "setting.invalid"),
      ("s3://emeth?endpoint=http://127.0.0.1:1", keys, 4, "server.unreachable"),
    ] as [(String, [String: String], Int32, String)] {
      let refused = try serve(storage, environment)
      #expect(refused.exitCode == exitCode, "\(storage): \(refused.errors)")
      #expect(refused.output.isEmpty && !refused.errors.contains("hidden"))
      #expect(try JSONDecoder().decode(ErrorObject.self, from: Data(refused.errors.utf8)).code == code)
    }
  }

  @Test func aDatabaseThatCanNotBeUsedIsNamedWithoutItsPassword() throws {
    let folder = try ScratchFolder()
    let data = folder.path("net")
    func check(_ found: ProgramResult, _ exitCode: Int32, _ code: String) throws {
      #expect(found.exitCode == exitCode && found.output.isEmpty, "\(found.errors)")
      let error = try JSONDecoder().decode(ErrorObject.self, from: Data(found.errors.utf8))
      #expect(error.code == code)
      #expect(!found.errors.contains("secret"))
    }
    let bad = "postgres://emeth:secret@host:port/net"
    try check(
      Program.run("serve", "--data", data, "--database", bad, "--json"), 2, "setting.invalid")
    try check(
      Program.run("serve", "--data", data, "--json", environment: ["EMETH_DATABASE": bad]), 2,
      "setting.invalid")
    try folder.write("{\"database\":\"\(bad)\"}", to: "emeth.json")
    try check(
      Program.run("serve", "--data", data, "--config", folder.path("emeth.json"), "--json"), 3,
      "setting.invalid")
    // Nobody is there; the flag comes before the rest.
    let away = "postgres://emeth:secret@127.0.0.1:1/net"
    try check(
      Program.run(
        "serve", "--data", data, "--audit", "--database", away, "--json",
        environment: ["EMETH_DATABASE": bad]), 4, "database.unreachable")
  }

  @Test func anAlteredLedgerIsFound() throws {
    let folder = try ScratchFolder()
    let account = TestKeys.key(1).address
    let server = try Server(in: folder, ["--grant", "\(account)=3emeth"])
    #expect(server.stop() == 0)
    let sqlite = try #require(Program.find("sqlite3") ?? Program.find("python3"))
    let statement = "UPDATE balance SET holon = '1' WHERE pot = 'unspent'"
    let script =
      sqlite.hasSuffix("python3")
      ? "\(sqlite) -c \"import sqlite3; c = sqlite3.connect('net/network.sqlite'); c.execute(\\\"\(statement)\\\"); c.commit()\""
      : "\(sqlite) net/network.sqlite \"\(statement)\""
    #expect(try Program.shell(script, in: folder.url).exitCode == 0)
    let audit = try Program.run("serve", "--audit", "--data", folder.path("net"), "--json")
    #expect(audit.exitCode == 1)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(audit.errors.utf8)).code == "network.inconsistent"
    )
    // Nor is it served: its Signer would put the balance on tickets.
    let served = try Program.run("serve", "--data", folder.path("net"), "--listen", "127.0.0.1:0", "--json")
    #expect(served.exitCode != 0 && served.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(served.errors.utf8))
    #expect(error.code == "network.inconsistent")
    #expect(error.message.contains("balance of \(account) unspent is"), "\(error.message)")
  }

  @Test func anotherKeySignsFromAnEpochOn() throws {
    let folder = try ScratchFolder()
    let account = TestKeys.key(1).address
    try folder.writeKey(TestKeys.key(2), to: "next")
    try folder.writeKey(TestKeys.key(3), to: "third")
    try folder.writeKey(TestKeys.key(1), to: "account")
    func rotate(_ key: String, _ flags: String...) throws -> ProgramResult {
      try Program.run(
        executable: Program.url,
        ["rotate-signer", "--data", folder.path("net"), "--key-file", folder.path(key)] + flags)
    }
    func code(_ result: ProgramResult) throws -> String {
      #expect(result.output.isEmpty)
      return try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8)).code
    }
    let nothing = try rotate("next", "--json")
    #expect(nothing.exitCode == 4)
    #expect(try code(nothing) == "file.failed")
    // While it is served.
    let server = try Server(in: folder, ["--grant", "\(account)=3emeth", "--interval", "100ms"])
    let done = try rotate("next", "--json")
    #expect(done.exitCode == 0, "\(done.errors)")
    let change = try done.json(SignedSignerChange.self)
    #expect(change.content.next == TestKeys.key(2).address && (2...3).contains(change.content.epoch))
    let both = try rotate("account", "--json")
    #expect(both.exitCode == 3)
    #expect(["signer.pending", "signer.otherRole"].contains(try code(both)))
    #expect(server.stop() == 0)
    let log = try server.log()
    #expect(log.isEmpty, "\(log)")

    try folder.write(done.output, to: "change.json")
    for signer in [change.content.previous, change.content.next] {
      let report = try Program.run("verify", folder.path("change.json"), "--signer", "\(signer)")
      #expect(report.exitCode == 0, "\(report.errors)")
      #expect(report.output.contains("from epoch \(change.content.epoch) on \(change.content.next) signs"))
    }
    #expect(try Program.run("verify", folder.path("change.json"), "--signer", "\(account)").exitCode == 1)
    // The same folder again: its key is there.
    let again = try Server(in: folder)
    #expect(again.stop() == 0)
  }

  @Test func ticketsAreVerifiedByTheKeyOfTheirEpoch() throws {
    let folder = try ScratchFolder()
    let (old, new) = (TestKeys.key(1), TestKeys.key(2))
    let content = SignerChange(epoch: 3, previous: old.address, next: new.address)
    let change = try SignedSignerChange(signing: content, in: .embedded, with: old).cosigned(with: new)
    let text = String(decoding: try JSONEncoder().encode(change), as: UTF8.self)
    try folder.write("[\(text)]", to: "list")
    try folder.write("{\"signer\":\"\(new.address)\",\"signerChanges\":[\(text)]}", to: "facts")
    try folder.write(text, to: "one")
    func verify(_ epoch: UInt64, by key: PrivateKey, _ flags: String...) throws -> ProgramResult {
      let ticket = Ticket(
        account: TestKeys.key(5).address, epoch: epoch, cumulativePayout: .zero, unspent: .zero,
        locked: .zero, jobsRoot: .zero)
      let signed = SignedTicket(signing: ticket, in: .embedded, with: key)
      return try Program.run(
        executable: Program.url, ["verify", "-"] + flags,
        input: String(decoding: try JSONEncoder().encode(signed), as: UTF8.self))
    }
    for file in ["list", "facts", "one"] {
      for trusted in [old, new] {
        let flags = ["--signer", "\(trusted.address)", "--handovers", folder.path(file)]
        for (epoch, key, exitCode) in [
          (2, old, 0), (3, new, 0), (9, new, 0), (3, old, 1), (2, new, 1), (3, TestKeys.key(5), 1),
        ] as [(UInt64, PrivateKey, Int32)] {
          let result = try verify(epoch, by: key, flags[0], flags[1], flags[2], flags[3])
          #expect(result.exitCode == exitCode, "\(file), epoch \(epoch): \(result.errors)")
          #expect(exitCode != 0 || result.output.contains("signature: trusted, by \(key.address)"))
        }
      }
    }
    // Nobody of the chain is trusted: the file is about others.
    let stranger = try verify(
      3, by: new, "--signer", "\(TestKeys.key(5).address)", "--handovers", folder.path("list"))
    #expect(stranger.exitCode == 3)
    #expect(try verify(3, by: new, "--handovers", folder.path("list")).exitCode == 2)
    try folder.write(text.replacing("\"epoch\":\"3\"", with: "\"epoch\":\"4\""), to: "altered")
    let altered = try verify(
      3, by: new, "--signer", "\(old.address)", "--handovers", folder.path("altered"), "--json")
    #expect(altered.exitCode == 1)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(altered.errors.utf8)).code
        == "ticket.digestMismatch")
  }
}
