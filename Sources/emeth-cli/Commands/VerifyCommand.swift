import EmethKit
import Foundation

extension Command {
  /// `emeth verify FILE`: checks what others signed, trusting nothing that is claimed.
  static let verify = Command(
    CommandDefinition(
      "verify", section: .verifier, summary: "check tickets, batches, submissions or a finished job",
      discussion: [
        "Takes JSON of a signed ticket, a signed batch, a ticket with batch and proof, a submission with "
          + "its trace, a list of these, what `emeth run --json` printed, or the folder of a finished job. "
          + "Finds out which it is, says what it checked, and computes every digest and root itself.",
        "Without --signer it checks that each was signed by whom it names; with it, that this account "
          + "signed.",
      ],
      arguments: [VerifyArguments.path],
      flags: [VerifyArguments.signer, VerifyArguments.leaves, CommonFlags.json],
      examples: [
        CommandExample("emeth verify ticket.json", "digest, signature and signer of a ticket"),
        CommandExample("emeth verify emeth-1f2e3d4c", "everything in a finished job's folder"),
      ],
      exitCodes: [.done: "it verifies", .no: "it does not verify"])
  ) { parsed, context in
    let path = parsed[VerifyArguments.path]
    var isFolder: ObjCBool = false
    let report: VerificationReport
    if path != "-", FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      report = try VerificationReport(jobFolder: path)
    } else {
      let file = InputFile(path)
      let (value, text) = try JSONInput.parse(file)
      report = try SignedDocument(value, text: text, file: file).verify(
        signer: parsed[VerifyArguments.signer],
        leaves: try parsed[VerifyArguments.leaves].map { try InputFile($0).bytes() })
    }
    try context.output.write(parsed[CommonFlags.json] ? JSONText.pretty(report) : report.text)
    return .done
  }

  private enum VerifyArguments {
    static let path = Argument(
      "FILE", .file, help: "signed JSON (`-` for standard input), or the folder of a finished job")
    static let signer = Flag("signer", .address, absent: nil, help: "account that must have signed")
    static let leaves = Flag(
      "leaves", .file, absent: nil, help: "public file of a batch's leaves, to be checked against it")
  }
}

/// What was checked and holds. What does not hold is an error with exit code 1.
struct VerificationReport: Encodable, Equatable, Sendable {
  /// What was given, such as `signed ticket`.
  var kind: String
  /// One line for everything that was checked.
  var checks: [String]
  let verifies = true

  /// The report for people.
  var text: String {
    "\(kind): verifies\n" + checks.map { "  \($0)\n" }.joined()
  }

  /// The error for something that does not verify.
  static func failure(_ kind: String, _ error: any EmethError) -> CommandFailure {
    CommandFailure(
      .no, code: error.code, "\(kind) does not verify: \(error.message)", hint: error.hint,
      details: ["kind": kind])
  }
}
