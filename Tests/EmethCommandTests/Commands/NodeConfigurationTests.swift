import EmethKit
import Foundation
import Testing

/// `emeth node --config`: what a file says, what comes before it, and what is refused. Nobody listens on port 1.
@Suite struct NodeConfigurationTests {
  private static let key = "\(String(repeating: "0", count: 63))1"

  private func node(
    _ folder: ScratchFolder, _ json: String, mode: Int = 0o600, _ flags: [String] = [],
    environment: [String: String] = [:]
  ) throws -> (result: ProgramResult, error: ErrorObject?) {
    let file = folder.path("emeth.json")
    try Data(json.utf8).write(to: URL(filePath: file))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    let result = try Program.run(
      executable: Program.url, ["node", "--config", file, "--json"] + flags, environment: environment)
    return (result, try? JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8)))
  }

  @Test func theFileOfTheOldNodeServes() throws {
    let folder = try ScratchFolder()
    let old = """
      {"endpoint": "https://polygon-rpc.com", "cacheServerUrl": "http://127.0.0.1:1/api/v1/jobs",
       "storageApiUrl": "http://127.0.0.1:1/api/v1/", "emethCoreContractAddress": "0x00", "enableGpu": true,
       "emethTokenContractAddress": "0x00", "privateKey": "\(Self.key)"}
      """
    let file = folder.path("emeth.json")
    try Data(old.utf8).write(to: URL(filePath: file))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    // A node waits for its server: it says for whom it works, and is stopped. What is typed comes before the file, and
    // so does the environment.
    for (flags, environment, server) in [
      ("", [:], "127.0.0.1:1"), ("--server http://127.0.0.1:2", [:], "127.0.0.1:2"),
      ("", ["EMETH_SERVER": "http://127.0.0.1:2"], "127.0.0.1:2"),
    ] {
      let told = try Program.shell(
        "timeout 1 $EMETH node --data node \(flags)",
        environment: environment.merging(["EMETH_NODE_CONFIG": file]) { $1 }, in: folder.url)
      #expect(told.errors.contains("works for http://\(server)\n"), "\(flags) \(environment): \(told.errors)")
      #expect(told.errors.contains("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"))
    }
  }

  @Test func whatIsWrongIsNamed() throws {
    let folder = try ScratchFolder()
    let server = #""server": "http://127.0.0.1:1", "data": "\#(folder.path("node"))""#
    for (json, mode, code, part) in [
      (#"{\#(server), "workerz": 2}"#, 0o644, "config.unknown", "workerz"),
      (#"{\#(server), "workers": 65}"#, 0o644, "config.value", "workers"),
      (#"{\#(server), "workers": [1, 2]}"#, 0o644, "config.value", "2 values"),
      (#"{\#(server), "includePrograms": [1, 0]}"#, 0o644, "config.value", "includePrograms"),
      (#"{\#(server), "workers": null}"#, 0o644, "config.malformed", "JSON"),
      ("[1]", 0o644, "config.malformed", "JSON"),
      (#"{\#(server), "privateKey": "\#(Self.key)"}"#, 0o644, "key.openPermissions", "emeth.json"),
      (#"{\#(server), "privateKey": "12"}"#, 0o600, "privateKey.invalid", "privateKey"),
      (#"{\#(server)}"#, 0o644, "key.missing", "node"),
      (#"{"privateKey": "\#(Self.key)"}"#, 0o600, "data.missing", "node"),
    ] {
      let (result, error) = try node(folder, json, mode: mode)
      #expect(error?.code == code, "\(json): \(result.errors)")
      #expect(error?.message.contains(part) == true, "\(json): \(result.errors)")
      #expect(!result.errors.contains(Self.key))
    }
    let (result, error) = try node(
      folder, "{\(server)}", environment: ["EMETH_NODE_EXCLUDE_PROCESSOR": "1,x"])
    #expect(error?.code == "environment.value", "\(result.errors)")
  }
}
