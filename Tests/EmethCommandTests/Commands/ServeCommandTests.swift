import EmethKit
import Foundation
import Testing

/// `emeth serve` and the commands that speak to it, as scripts use them.
@Suite struct ServeCommandTests {
  /// A running `emeth serve` on a free port.
  private final class Server {
    let url: String
    let process: Process
    private let errors = Pipe()

    init(in folder: ScratchFolder, logLevel: String = "error", _ flags: [String] = []) throws {
      process = Process()
      process.executableURL = Program.url
      process.arguments =
        ["serve", "--listen", "127.0.0.1:0", "--data", folder.path("net"), "--log-level", logLevel] + flags
      let output = Pipe()
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      var line = Data()
      while !line.contains(UInt8(ascii: "\n")) {
        let more = output.fileHandleForReading.availableData
        guard !more.isEmpty else { break }
        line.append(more)
      }
      url = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      try #require(url.hasPrefix("http://127.0.0.1:"), "serve printed \(url)")
    }

    deinit { if process.isRunning { process.terminate() } }

    /// What it has logged; it has ended.
    func log() throws -> String {
      String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }

    /// Ends it with a signal, and says how it ended.
    func stop(_ signal: Int32 = SIGTERM) -> Int32 {
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      return process.terminationStatus
    }
  }

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
  }
}
