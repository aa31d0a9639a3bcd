import EmethKit
import Foundation
import Testing

/// `emeth verify --handovers`: whose key counts for which epoch, whatever a document says of itself.
@Suite struct VerifyHandoversTests {
  private let scratch: ScratchFolder
  private let old = TestKeys.key(1)
  private let new = TestKeys.key(2)
  private let third = TestKeys.key(3)
  private let thief = TestKeys.key(4)
  private let chain = EIP712Domain(chainId: 1, verifyingContract: TestKeys.key(9).address)

  init() throws {
    scratch = try ScratchFolder()
    try scratch.writeJSON([try change(10, from: old, to: new)], to: "list")
  }

  private func change(
    _ epoch: UInt64, from previous: PrivateKey, to next: PrivateKey, in domain: EIP712Domain = .embedded
  ) throws -> SignedSignerChange {
    let content = SignerChange(epoch: epoch, previous: previous.address, next: next.address)
    return try SignedSignerChange(signing: content, in: domain, with: previous).cosigned(with: next)
  }

  private func ticket(
    _ epoch: UInt64, by key: PrivateKey, in domain: EIP712Domain = .embedded
  ) -> SignedTicket {
    SignedTicket(
      signing: Ticket(
        account: TestKeys.key(5).address, epoch: epoch, cumulativePayout: .zero, unspent: .zero,
        locked: .zero, jobsRoot: .zero), in: domain, with: key)
  }

  private func json(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  private struct Run: Encodable {
    var tickets: [SignedTicket]
    var signerChanges: [SignedSignerChange]?
  }

  /// `done`, or the exit code and the error's code.
  private func verify(_ text: String, _ flags: [String]) throws -> String {
    try outcome(["-"] + flags, input: text)
  }

  private func outcome(_ arguments: [String], input: String = "") throws -> String {
    let result = try Program.run(
      executable: Program.url, ["verify"] + arguments + ["--json"], input: input, in: scratch.url)
    if result.exitCode == 0 { return "done" }
    #expect(result.output.isEmpty)
    let error = try JSONDecoder().decode(ErrorObject.self, from: Data(result.errors.utf8))
    return "\(result.exitCode) \(error.code)"
  }

  private var flags: [String] { ["--signer", "\(old.address)", "--handovers", "list"] }

  /// Whoever has stolen the old key writes documents in which it never went out of use.
  @Test func theRecordOfARunDoesNotOverrideTheUser() throws {
    func checked(_ ticket: SignedTicket, _ changes: [SignedSignerChange]?) throws -> String {
      try verify(json(Run(tickets: [ticket], signerChanges: changes)), flags)
    }
    let honest = try change(10, from: old, to: new)
    let further = try change(60, from: new, to: third)
    for changes in [nil, [], [honest]] as [[SignedSignerChange]?] {
      #expect(try checked(ticket(50, by: old), changes) == "1 ticket.signerMismatch")
      #expect(try checked(ticket(60, by: third), changes) == "1 ticket.signerMismatch")
      #expect(try checked(ticket(50, by: new), changes) == "done")
      #expect(try checked(ticket(9, by: old), changes) == "done")
    }
    // The document knows more.
    #expect(try checked(ticket(60, by: third), [honest, further]) == "done")
    #expect(try checked(ticket(60, by: new), [honest, further]) == "1 ticket.signerMismatch")
    // A chain that the old key began anew.
    for epoch: UInt64 in [10, 20] {
      let forged = try change(epoch, from: old, to: thief)
      #expect(try checked(ticket(50, by: thief), [forged]) == "1 verify.otherHandovers")
      #expect(try checked(ticket(50, by: new), [forged]) == "1 verify.otherHandovers")
    }
    #expect(try checked(ticket(60, by: third), [further]) == "1 verify.otherHandovers")
  }

  @Test func aSingleDocumentDoesNotOverrideTheUser() throws {
    for changes in ["[]", try json([change(20, from: old, to: thief)])] {
      for (key, found) in [
        (old, "1 ticket.signerMismatch"), (thief, "1 ticket.signerMismatch"), (new, "done"),
      ] {
        let text = try json(ticket(50, by: key))
        #expect(try verify("{\"signerChanges\":\(changes)," + text.dropFirst(), flags) == found)
      }
    }
    // A change: known, further, and one that the old key may not make any more.
    #expect(try verify(json(change(10, from: old, to: new)), flags) == "done")
    #expect(try verify(json(change(60, from: new, to: third)), flags) == "done")
    #expect(try verify(json(change(50, from: old, to: thief)), flags) == "1 ticket.signerMismatch")
    #expect(try verify(json(change(5, from: new, to: third)), flags) == "1 ticket.wrongEpoch")
    // Evidence: two batches of an epoch by its Signer, and not by the one before.
    for (key, found) in [(new, "done"), (old, "1 ticket.signerMismatch")] {
      let batches = (1...2).map { burned in
        SignedBatch(
          signing: Batch(
            epoch: 50, previousBatch: .zero, accountsRoot: .zero, totalPayout: .zero,
            totalBurned: TokenAmount(holon: UInt256(burned)), depositsSeen: 0, dataHash: .zero, fromTime: 0,
            toTime: 0), in: .embedded, with: key)
      }
      #expect(try verify(json(BatchConflict(batches[0], batches[1])), flags) == found)
    }
  }

  @Test func aFinishedJobsFolderDoesNotOverrideTheUser() throws {
    try scratch.write(SmallJob.text, to: "text.txt")
    let run = try Program.run(
      executable: Program.url, ["run", "text.txt"] + SmallJob.flags + ["--out", "model", "--json"],
      in: scratch.url)
    try #require(run.exitCode == 0, "\(run.errors)")
    let seed = try Bytes32(
      hex: scratch.read("model/job/seed").trimmingCharacters(in: .whitespacesAndNewlines))
    let signer = PrivateKey(seed: seed, label: "signer", index: 0)
    let records = try scratch.read("model/job/records.json")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    /// Puts changes into the folder as its Signer can.
    func write(_ changes: [SignedSignerChange]) throws {
      let lines = String(decoding: try encoder.encode(["signerChanges": changes]), as: UTF8.self)
        .split(separator: "\n", omittingEmptySubsequences: false).dropFirst().dropLast()
      let mark = "\n  \"signer\" : \"\(signer.address)\",\n"
      let changed = records.replacing(mark, with: mark + lines.joined(separator: "\n") + ",\n")
      try #require(changed != records)
      try scratch.write(changed, to: "model/job/records.json")
      let manifest = scratch.url.appending(path: "model/job/manifest.json")
      let before = try JSONDecoder().decode(SignedFolderManifest.self, from: Data(contentsOf: manifest))
      let files = before.content.files.map { file in
        file.path != "job/records.json"
          ? file
          : FolderManifest.File(
            path: file.path, size: UInt64(changed.utf8.count), hash: SHA256.hash(changed.utf8),
            isWorking: file.isWorking)
      }
      let signed = SignedFolderManifest(
        signing: FolderManifest(jobID: before.content.jobID, files: files), in: before.domain, with: signer)
      try encoder.encode(signed).write(to: manifest)
    }
    func verified(_ handovers: [SignedSignerChange]?) throws -> String {
      if let handovers { try scratch.writeJSON(handovers, to: "handovers") }
      let flags = handovers.map { _ in ["--handovers", "handovers"] } ?? []
      return try outcome(["model", "--signer", "\(signer.address)"] + flags)
    }
    let (soon, late) = (try change(2, from: signer, to: new), try change(1000, from: signer, to: new))
    #expect(try verified(nil) == "done")
    #expect(try verified([late]) == "done")
    #expect(try verified([soon]) == "1 ticket.signerMismatch")
    try write([])
    #expect(try verified(nil) == "done")
    #expect(try verified([late]) == "done")
    #expect(try verified([soon]) == "1 ticket.signerMismatch")
    try write([late])
    #expect(try verified([late]) == "done")
    #expect(try verified([late, change(2000, from: new, to: third)]) == "done")
    try write([change(1000, from: signer, to: thief)])
    #expect(try verified(nil) == "done")
    #expect(try verified([late]) == "1 verify.otherHandovers")
    #expect(try verified([soon]) == "1 verify.otherHandovers")
  }

  @Test func aChangeCountsForItsNetworkAlone() throws {
    let place = ["--chain-id", "1", "--contract", "\(TestKeys.key(9).address)"]
    for key in [old, new] {
      #expect(try verify(json(ticket(50, by: key, in: chain)), flags) == "1 ticket.wrongDomain")
    }
    #expect(try verify(json(ticket(50, by: new)), flags + place) == "3 verify.handovers")
    // What a document says of another network decides nothing about its tickets.
    let run = Run(
      tickets: [ticket(50, by: thief, in: chain)], signerChanges: [try change(10, from: old, to: thief)])
    #expect(try verify(json(run), ["--signer", "\(old.address)"]) == "1 ticket.wrongDomain")
    try scratch.writeJSON([try change(10, from: old, to: new, in: chain)], to: "list")
    for more in [[], place] {
      #expect(try verify(json(ticket(50, by: new, in: chain)), flags + more) == "done")
      #expect(try verify(json(ticket(50, by: old, in: chain)), flags + more) == "1 ticket.signerMismatch")
    }
    #expect(try verify(json(ticket(50, by: new)), flags) == "1 ticket.wrongDomain")
    let other = EIP712Domain(
      name: "Other", version: "1", chainId: 1, verifyingContract: TestKeys.key(9).address)
    try scratch.writeJSON([try change(10, from: old, to: new, in: other)], to: "list")
    #expect(try verify(json(ticket(50, by: new, in: other)), flags) == "3 verify.handovers")
  }

  /// A file that would say nothing is refused: the old key must not count because of a wrong file.
  @Test func aFileThatDoesNotFitIsRefused() throws {
    let text = try json(ticket(50, by: old))
    let stranger = ["--signer", "\(thief.address)", "--handovers", "list"]
    #expect(try verify(text, stranger) == "3 verify.handovers")
    func signers(_ threshold: Int, _ keys: PrivateKey...) -> [String] {
      let accounts = keys.map { "\($0.address)" }.joined(separator: ",")
      return ["--signers", "\(threshold)-of-\(accounts)", "--handovers", "list"]
    }
    #expect(try verify(text, signers(2, old, new)) == "2 usage.contradiction")
    #expect(try verify(text, signers(1, old, thief)) == "3 verify.handovers")
    #expect(try verify(text, signers(1, old, new)) == "1 ticket.signerMismatch")
    #expect(try verify(json(ticket(50, by: new)), signers(1, old, new)) == "done")
    let facts = "{\"signer\":\"\(old.address)\""
    for empty in ["[]", facts + "}", facts + ",\"signerChanges\":[]}"] {
      try scratch.write(empty, to: "list")
      #expect(try verify(text, flags) == "3 verify.handovers")
    }
  }
}
