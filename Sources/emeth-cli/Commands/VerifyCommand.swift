import EmethKit
import EmethNetwork
import Foundation

extension Command {
  /// `emeth verify FILE`: checks what others signed, trusting nothing that is claimed.
  static let verify = Command(
    CommandDefinition(
      "verify", section: .verifier, summary: "check tickets, batches, submissions or a finished job",
      discussion: [
        "Takes JSON of a signed ticket, a signed batch, a ticket with batch and proof, a job with ticket and "
          + "proof, evidence against a Signer, a submission with its trace, what `emeth run --json` printed, "
          + "or the folder of a finished job; and any number of these as JSON lines, one behind the other or "
          + "as an array, whatever the size of the file. Also the folder or the manifest of a split, and the "
          + "proof of one of its records. Finds out which it is, says what it checked, and computes every "
          + "digest and root itself. Of a finished job no segment is computed again: a folder does not hold what the "
          + "verifiers were opened, so their word stands for the work, and evidence for what they rejected.",
        "Also the evidence against a node that `emeth run` leaves in job/evidence: what the node was rejected "
          + "for is checked and computed again from the file alone. It verifies when the node cheated; it does "
          + "not (exit code 1) when the replay agrees with the node, or with what nobody has signed; a file that "
          + "was changed or cut can't be read (3). --bisect names the first step and operator where the "
          + "node's own account and the replay part.",
        "--signer says whose signature counts, --signers that so many of some accounts must have signed. "
          + "Without them it checks only that each was signed by whom it names, and says so. Where a Signer's key was "
          + "changed, --handovers names a file that says when, such as what a server answers at /api/v2/network: with "
          + "one trusted account of it, each ticket and batch must be signed by who signs its epoch. A finished job's "
          + "folder says it by itself, and may then know more changes than the file, and no others.",
        "Of several documents all are checked: the exit code is 1 if one does not verify, 3 if the only ones "
          + "that fail can't be read; the first \(VerificationTally.shownFailures) are named. Batches that "
          + "follow each other are checked as a chain.",
      ],
      arguments: [VerifyArguments.path],
      flags: [
        VerifyArguments.signer, VerifyArguments.signers, VerifyArguments.handovers, VerifyArguments.chainID,
        VerifyArguments.contract, VerifyArguments.leaves, VerifyArguments.bisect, VerifyArguments.threads,
      ] + SplitVerification.flags + [CommonFlags.json],
      examples: [
        CommandExample("emeth verify ticket.json", "digest, signature and signer of a ticket"),
        CommandExample(
          "emeth verify - --signer 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed < signed.jsonl",
          "any number of tickets, all by one Signer"),
        CommandExample("emeth verify emeth-1f2e3d4c", "everything in a finished job's folder"),
        CommandExample(
          "emeth verify emeth-1f2e3d4c/job/evidence/0x5f4e.evidence --bisect",
          "evidence against a node, down to step and operator"),
        CommandExample("emeth verify parts", "that every record of a split is in exactly one part"),
      ],
      exitCodes: [.done: "it verifies", .no: "it does not verify"])
  ) { parsed, context in
    let terms = try VerifyArguments.terms(parsed)
    let path = parsed[VerifyArguments.path]
    var isFolder: ObjCBool = false
    let report: VerificationReport
    if path != "-", FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      report =
        try SplitVerification.report(folder: path, parsed, context)
        ?? VerificationReport(jobFolder: path, terms)
    } else if path != "-", EvidenceFile.isEvidence(URL(filePath: path)) {
      report = try VerificationReport(
        evidence: path, terms, bisects: parsed[VerifyArguments.bisect],
        threads: parsed[VerifyArguments.threads] ?? ProcessInfo.processInfo.activeProcessorCount,
        cancellation: context.cancellation)
    } else {
      report = try await verifyDocuments(InputFile(path), terms, parsed, context)
    }
    if report.evidence == nil {
      for flag in [VerifyArguments.bisect, VerifyArguments.threads] as [any CommandFlag]
      where parsed.isGiven(flag) {
        throw UsageError.contradiction(
          rule: "\(flag.definition.spelling) belongs to evidence against a node, and FILE is something else",
          command: "verify")
      }
    }
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text)
    return .done
  }

  private static func verifyDocuments(
    _ file: InputFile, _ terms: VerificationTerms, _ parsed: ParsedCommand, _ context: CommandContext
  ) async throws -> VerificationReport {
    var pieces = try JSONPieces(file, cancellation: context.cancellation)
    let first = try await pieces.next()
    let second = try await pieces.next()
    guard let first else {
      throw CommandFailure(
        .badInput, code: "verify.nothing", "\(file.name) is an empty list: there is nothing to verify")
    }
    guard second != nil || pieces.form == .array else {
      return try verifyOne(first, file, terms, parsed, context)
    }
    try SplitVerification.refuseOwnFlags(parsed)
    guard terms.leaves == nil else {
      throw UsageError.contradiction(
        rule: "--leaves belongs to one batch, and FILE holds several documents", command: "verify")
    }
    var tally = VerificationTally(name: file.name)
    var begun: [JSONSplitter.Piece]? = [first, second].compactMap { $0 }
    try await OrderedWork.run(
      cancellation: context.cancellation,
      next: {
        if let group = begun {
          begun = nil
          return group
        }
        return try await pieces.nextGroup()
      },
      body: { group in try group.map { ("\($0.place)", try outcome(of: $0, file, terms)) } },
      consume: { outcomes in for (place, outcome) in outcomes { tally.add(outcome, at: place) } })
    do {
      return try tally.report(terms)
    } catch {
      // With --json the error object holds them.
      if !parsed[CommonFlags.json] {
        for line in tally.failureLines { context.talk.note(PlainText.visible(line)) }
      }
      throw error
    }
  }

  /// A single document, with every line of what was checked.
  private static func verifyOne(
    _ piece: JSONSplitter.Piece, _ file: InputFile, _ terms: VerificationTerms, _ parsed: ParsedCommand,
    _ context: CommandContext
  ) throws -> VerificationReport {
    let (value, text) = try piece.parsed(in: file.name)
    if let report = try SplitVerification.report(value, text: text, file: file, parsed, context) {
      return report
    }
    let input = DocumentInput(name: file.name, json: value, text: text)
    let document = try DocumentKind.find(for: input).check(input, terms)
    let isSigned = !document.signers.isEmpty
    return VerificationReport(
      kind: document.kind, checks: document.checks(),
      signers: isSigned
        ? Dictionary(uniqueKeysWithValues: document.signers.map { ($0.description, 1) }) : nil,
      trusted: isSigned ? terms.signers != nil : nil)
  }

  /// One of many documents: what fails is counted, and the others are checked all the same.
  private static func outcome(
    of piece: JSONSplitter.Piece, _ file: InputFile, _ terms: VerificationTerms
  ) throws -> VerificationTally.Outcome {
    do {
      let (value, text) = try piece.parsed(in: file.name)
      let input = DocumentInput(name: "\(file.name), \(piece.place)", json: value, text: text)
      return .holds(try DocumentKind.find(for: input).check(input, terms))
    } catch let failure as CommandFailure {
      return .fails(failure.report, at: "\(piece.place)")
    }
  }

  private enum VerifyArguments {
    static let path = Argument(
      "FILE", .file, help: "signed JSON (`-` for standard input), or the folder of a finished job")
    static let signer = Flag("signer", .address, absent: nil, help: "account that must have signed")
    static let signers = Flag(
      "signers", .trustedSigners, absent: nil, help: "accounts of which so many must have signed")
    static let handovers = Flag(
      "handovers", .file, absent: nil, help: "JSON file with the changes of the Signer's key")
    static let chainID = Flag("chain-id", .uint256, absent: nil, help: "chain that it must count for")
    static let contract = Flag("contract", .address, absent: nil, help: "contract that it must count for")
    static let leaves = Flag(
      "leaves", .file, absent: nil, help: "public file of a batch's leaves, to be checked against it")
    static let bisect = Flag(
      toggle: "bisect", help: "find the step and the operator where a node went wrong, from evidence")
    static let threads = Flag(
      "threads", .integer(in: 1...1024), absent: "as many as there are cores",
      help: "CPU threads to replay evidence with")

    static func terms(_ parsed: ParsedCommand) throws -> VerificationTerms {
      if parsed.isGiven(signer), parsed.isGiven(signers) {
        throw UsageError.contradiction(
          rule: "--signer and --signers exclude each other", command: "verify")
      }
      if parsed.isGiven(handovers), !parsed.isGiven(signer), !parsed.isGiven(signers) {
        throw UsageError.contradiction(
          rule: "--handovers says when whom to trust, and --signer names nobody", command: "verify")
      }
      guard parsed.isGiven(chainID) == parsed.isGiven(contract) else {
        throw UsageError.contradiction(
          rule: "--chain-id and --contract name a domain together", command: "verify")
      }
      var terms = VerificationTerms(
        signers: parsed[signers] ?? parsed[signer].map { TrustedSigners($0) },
        leaves: try parsed[leaves].map { try InputFile($0).bytes() })
      if let chain = parsed[chainID], let contract = parsed[contract] {
        terms.domain = EIP712Domain(chainId: chain, verifyingContract: contract)
      }
      if let file = parsed[handovers] { try terms.add(handovers: file) }
      return terms
    }
  }
}
