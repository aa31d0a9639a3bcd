import Foundation
import Testing

/// The programs in Examples, as they are built beside the tests.
@Suite struct ExampleTests {
  private func output(of name: String) throws -> String {
    let result = try Program.run(
      executable: Program.url.deletingLastPathComponent().appending(path: name), [])
    #expect(result.exitCode == 0, "\(result.errors)")
    return result.output
  }

  @Test func settleJob() throws {
    let lines = try output(of: "ExampleSettleJob").split(separator: "\n")
    #expect(
      Array(lines.prefix(2)) == [
        "fee limit 0.0144 EMETH, escrow 0.01512 EMETH, deposit 0.01512 EMETH",
        "VERIFIED: node 0.02712 EMETH, verifier 0.00072 EMETH, requester 0.0024 EMETH",
      ])
    #expect(lines.last?.hasPrefix("ticket over 0.012 EMETH signed by 0x") == true)
  }

  @Test func chatSaysWhatItNeeds() throws {
    let result = try Program.run(
      executable: Program.url.deletingLastPathComponent().appending(path: "ExampleChat"), [])
    #expect(result.exitCode == 2 && result.errors.hasPrefix("usage: EMETH_API_KEY=KEY ExampleChat URL MODEL"))
  }

  @Test func quoteJob() throws {
    let output = try output(of: "ExampleQuoteJob")
    let standard = """
      standard: escrow 0.01512 EMETH, deposit 0.01512 EMETH; if it fails the node has 0.0108 EMETH, burned 0.0036 EMETH

      """
    #expect(output.hasPrefix(standard))
    #expect(output.contains("\nround3-2: the fee limit of 0.0144 EMETH does not cover"))
  }

  @Test func signTicket() throws {
    #expect(
      try output(of: "ExampleSignTicket") == """
        node 2 can redeem 1.5 EMETH
        node 3 proves 3 EMETH by 2 hashes
        refused: ticket.signerMismatch

        """)
  }

  @Test func splitAndSeal() throws {
    #expect(
      try output(of: "ExampleSplitAndSeal") == """
        5 sentences in parts of 3 and 2
        a node opens 29 bytes, the part itself: true
        a node opens 29 bytes, the part itself: true
        the other node gets: sealing.noMatch
        a record that was changed is found: splitting.rootMismatch

        """)
  }

  @Test func trainModel() throws {
    let lines = try output(of: "ExampleTrainModel").split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines.first == "loss fell below half of the first: true")
    #expect(lines.last?.hasPrefix("the mill") == true)
  }

  @Test func trainNetwork() throws {
    let lines = try output(of: "ExampleTrainNetwork").split(separator: "\n")
    #expect(lines.first == "step 0: loss 879 / 1000")
    #expect(lines.last == "200 of 200 points are told apart")
  }

  @Test func runNetwork() throws {
    let output = try output(of: "ExampleRunNetwork")
    #expect(output.hasPrefix("the job is VERIFIED\n"))
    #expect(output.contains("node 2: FAILED\n"))
    #expect(output.hasSuffix("granted = held + burned + locked: true\ntickets that check: 8\n"))
  }
}
