import EmethKit
import Foundation
import Testing

/// `emeth submit-job --hold-keys` and `emeth hold-keys`.
@Suite(.serialized) struct HoldKeysCommandTests {
  private static func code(_ finished: ProgramResult) throws -> String {
    try JSONDecoder().decode(ErrorObject.self, from: Data(finished.errors.utf8)).code
  }

  @Test func whatCanNotGoWithItIsRefused() throws {
    let folder = try ScratchFolder()
    try folder.write(String(repeating: "The miller counts seven stones.\n", count: 60), to: "text.txt")
    let server = ["--server", "http://127.0.0.1:9", "--json"]
    for (words, code) in [
      (["--hold-keys", "--json"], "server.missing"),
      (["--hold-keys", "--program", "999"] + server, "usage.contradiction"),
      (["--hold-keys", "--mask-vocabulary"] + server, "usage.contradiction"),
      (["--hold-keys", "--privacy-noise", "1", "--privacy-clip", "1"] + server, "usage.contradiction"),
      (["--for-node", "\(TestKeys.key(1).address)"] + server, "usage.contradiction"),
    ] {
      let refused = try Program.run(executable: Program.url, ["submit-job", folder.path("text.txt")] + words)
      #expect(refused.exitCode == 2 && refused.output.isEmpty)
      #expect(try Self.code(refused) == code, "\(words): \(refused.errors)")
    }
  }

  @Test func aJobGoesOnWhenItsRequesterWasKilled() throws {
    let folder = try ScratchFolder()
    for number in 1...4 { try folder.writeKey(TestKeys.key(UInt32(number)), to: "key\(number)") }
    let text = (0..<200).map { "Sentence \($0) of the miller who counts \($0 * 7) stones.\n" }.joined()
    try folder.write(text, to: "text.txt")
    let grants = (1...4).flatMap { ["--grant", "\(TestKeys.key(UInt32($0)).address)=20emeth"] }
    let server = try Server(in: folder, grants + ["--interval", "200ms"])
    func start(_ words: [String]) throws -> Process {
      let process = Process()
      process.executableURL = Program.url
      process.arguments = words
      (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
      try process.run()
      return process
    }
    func of(_ number: Int) -> [String] {
      ["--server", server.url, "--key-file", folder.path("key\(number)")]
    }
    let submitting = try start(
      [
        "submit-job", folder.path("text.txt"), "--hold-keys", "--parallel", "1", "--rounds", "1", "--steps",
        "4",
      ]
        + of(1))
    struct Listed: Decodable {
      var jobId: JobID
      var status: String
    }
    var job: JobID?
    for _ in 0..<1_200 where job == nil {
      usleep(100_000)
      job = try Program.run("list-jobs", "--server", server.url, "--json").json([Listed].self).first?.jobId
    }
    kill(submitting.processIdentifier, SIGKILL)
    submitting.waitUntilExit()
    let found = try #require(job)
    let id = "\(found)"
    let stranger = try Program.run(executable: Program.url, ["hold-keys", id, "--json"] + of(4))
    #expect(stranger.exitCode == 1)
    #expect(try Self.code(stranger) == "account.notAllowed")
    let agents = [
      try start(["node", "--data", folder.path("node"), "--threads", "1"] + of(2)),
      try start(["verifier", "--data", folder.path("verifier"), "--threads", "1"] + of(3)),
    ]
    defer { for agent in agents where agent.isRunning { agent.terminate() } }
    let held = try Program.run(executable: Program.url, ["hold-keys", id] + of(1))
    #expect(held.exitCode == 0, "\(held.errors)")
    #expect(held.errors.contains("can be opened by \(TestKeys.key(2).address)"), "\(held.errors)")
    let fetched = try Program.run(
      executable: Program.url, ["fetch-result", id, "--out", folder.path("model")] + of(1))
    #expect(fetched.exitCode == 0, "\(fetched.errors)")
    let verified = try Program.run("verify", folder.path("model"))
    #expect(verified.exitCode == 0, "\(verified.output) \(verified.errors)")
  }
}
