import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Modules made for a test: one script each.
struct ModuleScene {
  let folder: TemporaryFolder

  /// A module whose only file is a script of the shell; `extra` are members of module.json.
  init(_ script: String, extra: String = "", program: Int = 10_000) throws {
    folder = try TemporaryFolder()
    let text = "#!/bin/sh\n" + script + "\n"
    try Data(text.utf8).write(to: folder.url.appending(path: "run.sh"))
    let hash = SHA256.hash(Array(text.utf8))
    try Data(
      """
      {"version": 1, "programId": \(program), "name": "test", "command": ["run.sh"],
       "files": {"run.sh": "\(hash)"}\(extra.isEmpty ? "" : ", " + extra)}
      """.utf8
    ).write(to: folder.url.appending(path: "module.json"))
  }

  var module: ProgramModule { get throws { try ProgramModule(folder: folder.url) } }

  static let job = JobID(requester: .zero, salt: .zero)

  /// Runs it on a part in this machine's sandbox.
  func run(
    _ part: String = "one\ntwo\n", parameters: [String: String] = [:], stop: StopFlag = StopFlag()
  ) throws -> ModuleSandbox.Outcome {
    try ModuleSandbox(for: [module]).run(
      module, part: Data(part.utf8), job: Self.job, parameters: parameters, stop: stop)
  }
}
