import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct ModuleManifestTests {
  private static let hash = String(repeating: "ab", count: 32)

  private func manifest(_ change: (inout [String: Any]) -> Void) throws -> ModuleManifest {
    var fields: [String: Any] = [
      "version": 1, "programId": "10000", "name": "n", "command": ["a"], "files": ["a": "0x" + Self.hash],
    ]
    change(&fields)
    let data = try JSONSerialization.data(withJSONObject: fields)
    return try ModuleManifest(json: String(decoding: data, as: UTF8.self), named: "module.json")
  }

  @Test func whatIsLeftOutHasItsDefault() throws {
    let manifest = try manifest { _ in }
    #expect(manifest.records == .line && manifest.mode == .folders && manifest.recordsPerFuel == 1_000)
    #expect(manifest.limits == ModuleManifest.Limits())
    let other = try self.manifest { $0["limits"] = ["seconds": 5, "memoryBytes": "33554432"] }
    #expect(other.limits.seconds == 5 && other.limits.memoryBytes == 32 << 20)
    #expect(other.hash != manifest.hash)
  }

  @Test func theHashIsThatOfTheCanonicalTextWithUnknownFields() throws {
    let plain = try manifest { _ in }
    let more = try manifest { $0["note"] = "kept" }
    #expect(plain.hash != more.hash)
    let canonical =
      #"{"command":["a"],"files":{"a":"0x\#(Self.hash)"},"name":"n","programId":"10000","version":1}"#
    #expect(plain.hash == SHA256.hash(Array(canonical.utf8)))
  }

  @Test(arguments: [
    ("version", "2"), ("programId", "999"), ("programId", "0"), ("name", #""""#), ("command", "[]"),
    ("command", #"["b"]"#), ("command", #"["../a"]"#), ("command", #"["/etc/x"]"#), ("files", "{}"),
    ("files", #"{"a":"0x00"}"#), ("files", #"{"../a":"0x\#(hash)"}"#), ("files", #"{"/a":"0x\#(hash)"}"#),
    ("files", #"{"module.json":"0x\#(hash)"}"#), ("recordsPerFuel", "0"), ("mode", #""other""#),
    ("records", #""paragraph""#), ("limits", #"{"sekonds":1}"#), ("limits", #"{"seconds":0}"#),
    ("limits", #"{"memoryBytes":1}"#), ("limits", #"{"seconds":-1}"#),
  ])
  func brokenManifestsNameTheField(field: String, value: String) throws {
    let parsed = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
    let error = try #require(throws: NetworkError.self) { try manifest { $0[field] = parsed } }
    #expect(error.message.contains("module.json"), "\(error.message)")
    #expect(error.message.contains(field), "\(error.message)")
  }

  @Test func changedFilesAreRefused() throws {
    let scene = try ModuleScene("exit 0")
    let module = try scene.module
    let script = scene.folder.url.appending(path: "run.sh")
    try Data("#!/bin/sh\nexit 1\n".utf8).write(to: script)
    let error = try #require(throws: NetworkError.self) { try scene.module }
    #expect(error.message.contains("run.sh") && error.message.contains("SHA-256"))
    // Also when it was changed after it was read.
    let target = try TemporaryFolder()
    #expect(throws: NetworkError.self) { try module.copy(to: target.url) }
    try FileManager.default.removeItem(at: script)
    #expect(throws: NetworkError.self) { try scene.module }
  }
}
