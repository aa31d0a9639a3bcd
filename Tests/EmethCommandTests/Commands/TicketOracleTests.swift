import EmethKit
import Foundation
import Testing

/// A Python with eth-account, an EIP-712 implementation that is not this project's.
private let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]

/// Hundreds of random tickets both ways between `emeth` and eth-account.
@Suite(.enabled(if: python != nil, "EMETH_PYTHON names no Python with eth-account"))
struct TicketOracleTests {
  private let scratch: ScratchFolder
  private let seed: UInt64
  private let count: Int

  init() throws {
    scratch = try ScratchFolder()
    try scratch.writeKey(TestKeys.signer, to: "signer.key")
    let environment = ProcessInfo.processInfo.environment
    seed = environment["EMETH_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
    count = 300 * max(1, environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1)
    print("TicketOracleTests: EMETH_TEST_SEED=\(seed)")
  }

  private func script(_ name: String, _ arguments: String...) throws -> ProgramResult {
    let path = Bundle.module.bundleURL.appending(path: "Fixtures/\(name).py").path(percentEncoded: false)
    return try Program.run(
      executable: URL(filePath: try #require(python)), [path] + arguments,
      environment: ["PYTHONDONTWRITEBYTECODE": "1"], in: scratch.url)
  }

  private func emeth(_ arguments: String...) throws -> ProgramResult {
    try Program.run(executable: Program.url, arguments, in: scratch.url)
  }

  @Test func ticketsSignedElsewhereVerifyHere() throws {
    let made = try script("sign_tickets", "\(count)", "\(seed)")
    try #require(made.exitCode == 0, "\(made.errors)")
    try scratch.write(made.output, to: "theirs.jsonl")
    let result = try emeth("verify", "theirs.jsonl", "--json")
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.contains("\"signed ticket\" : \(count)"))

    // Signed here again from the same content, they have the same digests.
    let signed = try emeth("sign-ticket", "theirs.jsonl", "--key-file", "signer.key")
    try #require(signed.exitCode == 0, "\(signed.errors)")
    func digests(_ text: String) throws -> [String] {
      try text.split(separator: "\n").map { line in
        try JSONDecoder().decode(Digest.self, from: Data(line.utf8)).digest
      }
    }
    #expect(try digests(signed.output) == digests(made.output))

    // And what is signed here is accepted there.
    try scratch.write(
      "[\(signed.output.split(separator: "\n").joined(separator: ","))]", to: "ours.json")
    let checked = try script("check_tickets", "ours.json", "\(TestKeys.signer.address)")
    #expect(checked.exitCode == 0, "\(checked.errors)")
    let words = checked.output.split(separator: "\n")
    #expect(words.count == count && words.allSatisfy { $0.hasSuffix(": ok") })

    // Each of theirs with the signature of the next one: all are refused.
    let lines = made.output.split(separator: "\n")
    let signatures = try lines.map { try JSONDecoder().decode(Digest.self, from: Data($0.utf8)).signature }
    let crossed = zip(lines, zip(signatures, signatures.dropFirst() + signatures.prefix(1))).map {
      $0.replacing($1.0, with: $1.1)
    }
    try scratch.write(crossed.joined(separator: "\n"), to: "crossed.jsonl")
    let refused = try emeth("verify", "crossed.jsonl", "--json")
    #expect(refused.exitCode == 1)
    #expect(
      try JSONDecoder().decode(ErrorObject.self, from: Data(refused.errors.utf8)).details["doNotVerify"]
        == "\(count)")
  }

  private struct Digest: Decodable {
    var digest: String
    var signature: String
  }
}
