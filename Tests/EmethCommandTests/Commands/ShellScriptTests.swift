import Foundation
import Testing

/// The blocks of Docs/ShellScripts.md, as one script in one folder.
@Suite struct ShellScriptTests {
  @Test func whatTheDocumentShowsRuns() throws {
    let document = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../Docs/ShellScripts.md").standardized
    let blocks = try String(contentsOf: document, encoding: .utf8).components(separatedBy: "```sh\n")
      .dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }
    try #require(blocks.count == 7)

    let scratch = try ScratchFolder()
    try FileManager.default.createSymbolicLink(
      at: scratch.url.appending(path: "emeth"), withDestinationURL: Program.url)
    try scratch.write(
      (["set -euo pipefail", "PATH=$PWD:$PATH"] + blocks).joined(separator: "\n"), to: "all.sh")
    let result = try Program.run(
      executable: URL(filePath: "/usr/bin/env"), ["bash", "all.sh"], in: scratch.url)
    #expect(result.exitCode == 0, "\(result.errors)")
    for line in [
      "1000", "\"list of 1000\"", "inbox/ticket-ab does not verify", "15120000000000000",
      "standard: the node keeps 10800000000000000, burned 3600000000000000", "split: verifies",
    ] {
      #expect(result.output.split(separator: "\n").contains(Substring(line)), "\(line)")
    }
  }
}
