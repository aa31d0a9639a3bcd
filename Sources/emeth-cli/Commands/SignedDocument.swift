import EmethKit

/// Something signed that was read from JSON, told apart by its members.
struct SignedDocument {
  private enum Content {
    case ticket(SignedTicket)
    case batch(SignedBatch)
    case proven(ProvenTicket)
    case submission(SignedSubmission, trace: [BoundaryOpening])
    case list([SignedDocument])
    case run(tickets: [SignedTicket], batch: SignedBatch?)
  }

  private let content: Content

  init(_ value: JSONValue, text: String, file: InputFile) throws {
    if case .array(let elements) = value {
      guard !elements.isEmpty else {
        throw CommandFailure(
          .badInput, code: "verify.nothing", "\(file.name) is an empty list: there is nothing to verify")
      }
      content = .list(try elements.map { try SignedDocument($0, text: try Self.text(of: $0), file: file) })
    } else if value["tickets"] != nil {
      let run = try Self.decode(RunRecord.self, text, file)
      content = .run(tickets: run.tickets, batch: run.batch)
    } else if value["proof"] != nil {
      content = .proven(try Self.decode(ProvenTicket.self, text, file))
    } else if value["ticket"] != nil {
      content = .ticket(try Self.decode(SignedTicket.self, text, file))
    } else if value["submission"] != nil {
      let trace = try Self.decode(Trace.self, text, file)
      content = .submission(try Self.decode(SignedSubmission.self, text, file), trace: trace.trace ?? [])
    } else if value["batch"] != nil {
      content = .batch(try Self.decode(SignedBatch.self, text, file))
    } else {
      throw CommandFailure(
        .badInput, code: "verify.unknown",
        "\(file.name) is nothing that can be verified: found \(value.kind), allowed a signed ticket, a "
          + "signed "
          + "batch, a ticket with batch and proof, a submission, or a list of these")
    }
  }

  private struct RunRecord: Decodable {
    var tickets: [SignedTicket]
    var batch: SignedBatch?
  }

  private struct Trace: Decodable {
    var trace: [BoundaryOpening]?
  }

  /// An element of a list as a text of its own; what was read strictly can be written again.
  private static func text(of value: JSONValue) throws -> String {
    do throws(FormatError) {
      return try value.canonical
    } catch {
      throw CommandFailure(.badInput, code: error.code, error.message, hint: error.hint)
    }
  }

  /// Reads a value; a signature of a wrong form is an answer, not a fault of the file.
  private static func decode<Value: Decodable>(
    _ type: Value.Type, _ text: String, _ file: InputFile
  ) throws -> Value {
    do {
      return try JSONInput.decode(type, from: text, of: file)
    } catch let failure as CommandFailure where failure.report.code.hasPrefix("signature.") {
      var report = failure.report
      report.exitCode = .no
      throw CommandFailure(report)
    }
  }

  /// Checks everything that it holds.
  ///
  /// - Throws: `CommandFailure` with exit code 1 for the first thing that does not hold.
  func verify(signer: Address?, leaves: [UInt8]?) throws -> VerificationReport {
    if leaves != nil, !holdsBatch {
      throw UsageError.contradiction(
        rule: "--leaves belongs to a batch, and FILE holds none", command: "verify")
    }
    switch content {
    case .ticket(let signed): return try Self.report(signed, signer)
    case .batch(let signed): return try Self.report(signed, signer, leaves)
    case .proven(let proven): return try Self.report(proven, signer, leaves)
    case .submission(let signed, let trace): return try Self.report(signed, trace, signer)
    case .list(let documents):
      let reports = try documents.map { try $0.verify(signer: signer, leaves: $0.holdsBatch ? leaves : nil) }
      return VerificationReport(
        kind: "list of \(documents.count)",
        checks: reports.flatMap { report in report.checks.map { "\(report.kind): \($0)" } })
    case .run(let tickets, let batch):
      var checks = try batch.map { try Self.report($0, signer, leaves).checks } ?? []
      let signer = signer ?? batch?.signer
      for ticket in tickets {
        checks += try Self.report(ticket, signer).checks.prefix(1)
      }
      return VerificationReport(
        kind: "run with \(tickets.count) tickets\(batch == nil ? "" : " and a batch")", checks: checks)
    }
  }

  private var holdsBatch: Bool {
    switch content {
    case .batch, .proven: true
    case .run(_, let batch): batch != nil
    case .list(let documents): documents.contains(where: \.holdsBatch)
    case .ticket, .submission: false
    }
  }

  private static func report(_ signed: SignedTicket, _ signer: Address?) throws -> VerificationReport {
    let kind = "signed ticket"
    try check(kind) { () throws(TicketError) in try signed.check(signer: signer) }
    let ticket = signed.ticket
    return VerificationReport(
      kind: kind,
      checks: [
        "account \(ticket.account), epoch \(ticket.epoch): \(ticket.cumulativePayout) granted in all",
        signature(of: signed.digest, by: signed.signer, isExpected: signer != nil), place(signed.domain),
      ])
  }

  private static func report(
    _ signed: SignedBatch, _ signer: Address?, _ leaves: [UInt8]?
  ) throws -> VerificationReport {
    let kind = "signed batch"
    var checks = [
      "epoch \(signed.batch.epoch): \(signed.batch.totalPayout) granted in all, "
        + "\(signed.batch.totalBurned) burned",
      signature(of: signed.digest, by: signed.signer, isExpected: signer != nil), place(signed.domain),
    ]
    try check(kind) { () throws(TicketError) in
      try signed.check(signer: signer)
      if let leaves {
        let tickets = try TicketTrees.tickets(inLeavesFile: leaves)
        try signed.batch.check(leaves: tickets)
        checks.append("leaves: root, hash and total of \(tickets.count) accounts are the batch's")
      }
    }
    return VerificationReport(kind: kind, checks: checks)
  }

  private static func report(
    _ proven: ProvenTicket, _ signer: Address?, _ leaves: [UInt8]?
  ) throws -> VerificationReport {
    let kind = "ticket with proof"
    try check(kind) { () throws(TicketError) in try proven.check(signer: signer) }
    let ticket = proven.ticket
    return VerificationReport(
      kind: kind,
      checks: [
        "account \(ticket.account), epoch \(ticket.epoch): \(ticket.cumulativePayout) granted in all",
        "proof: \(proven.proof.count) hashes lead from the ticket to the batch's accountsRoot",
      ] + (try report(proven.batch, signer, leaves)).checks)
  }

  private static func report(
    _ signed: SignedSubmission, _ trace: [BoundaryOpening], _ signer: Address?
  ) throws -> VerificationReport {
    let kind = "submission"
    let submission = signed.submission
    try check(kind) { () throws(VerificationError) in
      if let signer, signer != submission.node {
        throw .signerMismatch(found: submission.node, expected: signer)
      }
      try signed.check()
      for opening in trace { try opening.check(in: submission) }
    }
    var checks = [
      "job \(submission.jobID), round \(submission.round), node \(submission.node): "
        + "\(submission.fuelUsed) fuel in \(submission.segments) segments",
      signature(of: signed.digest, by: signed.signer, isExpected: signer != nil), place(signed.domain),
    ]
    let boundaries = trace.map { "\($0.boundary)" }.joined(separator: ", ")
    checks.append(
      trace.isEmpty
        ? "trace: not given, so only the signature is checked"
        : "trace: boundaries \(boundaries) lead to the trace root; nothing was computed again")
    return VerificationReport(kind: kind, checks: checks)
  }

  private static func check<Failure: EmethError>(
    _ kind: String, _ body: () throws(Failure) -> Void
  ) throws(CommandFailure) {
    do throws(Failure) {
      try body()
    } catch {
      throw VerificationReport.failure(kind, error)
    }
  }

  private static func signature(of digest: Bytes32, by signer: Address, isExpected: Bool) -> String {
    "signature: by \(signer)\(isExpected ? ", as wanted" : "") over digest \(digest)"
  }

  private static func place(_ domain: EIP712Domain) -> String {
    domain == .embedded
      ? "counts for: embedded settlement (chain 0)"
      : "counts for: chain \(domain.chainId), contract \(domain.verifyingContract)"
  }
}
