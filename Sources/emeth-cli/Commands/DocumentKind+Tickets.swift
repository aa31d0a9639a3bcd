import EmethKit

extension DocumentKind {
  /// A ticket with its signature.
  static let ticket = DocumentKind(name: "signed ticket", member: "ticket") { input, terms in
    let signed = try input.read { json throws(TicketError) in
      try SignedTicket(json: json, knownDomain: terms.domain)
    }
    return try checked(signed, input, terms)
  }

  private static func checked(
    _ signed: SignedTicket, _ input: DocumentInput, _ terms: VerificationTerms
  ) throws -> CheckedDocument {
    try refuseLeaves(terms)
    try input.check("signed ticket") { () throws(TicketError) in try terms.check(signed) }
    return CheckedDocument(kind: "signed ticket", signers: signed.allSigners) {
      [line(of: signed.ticket), terms.signatureLine(of: signed), place(signed.domain)]
    }
  }

  /// A batch with its signature, and its leaves when the user gave them.
  static let batch = DocumentKind(name: "signed batch", member: "batch") { input, terms in
    try checked(try input.decode(SignedBatch.self), input, terms)
  }

  private static func checked(
    _ signed: SignedBatch, _ input: DocumentInput, _ terms: VerificationTerms
  ) throws -> CheckedDocument {
    var leafCount: Int?
    try input.check("signed batch") { () throws(TicketError) in
      try terms.check(signed)
      if let leaves = terms.leaves {
        let tickets = try TicketTrees.tickets(inLeavesFile: leaves)
        try signed.batch.check(leaves: tickets)
        leafCount = tickets.count
      }
    }
    let leaves = leafCount.map { ["leaves: root, hash and total of \($0) accounts are the batch's"] } ?? []
    return CheckedDocument(kind: "signed batch", signers: signed.allSigners, batch: signed) {
      [
        "epoch \(signed.batch.epoch): \(signed.batch.totalPayout) granted in all, "
          + "\(signed.batch.totalBurned) burned",
        terms.signatureLine(of: signed), place(signed.domain),
      ] + leaves
    }
  }

  /// A ticket that is proven by a batch.
  static let provenTicket = DocumentKind(name: "ticket with batch and proof", member: "proof") {
    input, terms in
    let proven = try input.decode(ProvenTicket.self)
    let batch = try checked(proven.batch, input, terms)
    try input.check("ticket with proof") { () throws(TicketError) in try proven.check() }
    return CheckedDocument(kind: "ticket with proof", signers: batch.signers) {
      [
        line(of: proven.ticket),
        "proof: \(proven.proof.count) hashes lead from the ticket to the batch's accountsRoot",
      ] + batch.checks()
    }
  }

  /// A settled job that is proven by a ticket.
  static let provenJob = DocumentKind(name: "job with ticket and proof", member: "job") { input, terms in
    let proven = try input.decode(ProvenJob.self)
    let ticket = try checked(proven.ticket, input, terms)
    try input.check("job with proof") { () throws(TicketError) in try proven.check() }
    return CheckedDocument(kind: "job with proof", signers: ticket.signers) {
      [
        "job \(proven.job.jobID): \(proven.job.status.name), \(proven.job.payout) for the account",
        "proof: \(proven.proof.count) hashes lead from the job to the ticket's jobsRoot",
      ] + ticket.checks()
    }
  }

  /// The Signer's role handed on.
  static let signerChange = DocumentKind(name: "change of the Signer", member: SignerChange.jsonKey) {
    input, terms in
    try refuseLeaves(terms)
    let signed = try input.decode(SignedSignerChange.self)
    try input.check("change of the Signer") { () throws(TicketError) in
      _ = try SignerSchedule(changes: [signed])
      try terms.check(signed)
    }
    let change = signed.content
    return CheckedDocument(kind: "change of the Signer", signers: signed.allSigners) {
      [
        "from epoch \(change.epoch) on \(change.next) signs, until then \(change.previous)",
        terms.signatureLine(of: signed), place(signed.domain),
      ]
    }
  }

  /// What a run left: its tickets and the batch over them, signed by one Signer.
  static let run = DocumentKind(name: "record of a run", member: "tickets") { input, terms in
    struct Record: Decodable {
      var tickets: [SignedTicket]
      var batch: SignedBatch?
      var signerChanges: [SignedSignerChange]?
    }
    let record = try input.decode(Record.self)
    var terms = terms
    try input.check("record of a run") { () throws(TicketError) in
      if let changes = record.signerChanges { terms.handovers = try SignerSchedule(changes: changes) }
    }
    let batch = try record.batch.map { try checked($0, input, terms) }
    if batch == nil { try refuseLeaves(terms) }
    var ticketTerms = terms
    ticketTerms.leaves = nil
    ticketTerms.signers = terms.signers ?? record.batch.map { TrustedSigners($0.signer) }
    for ticket in record.tickets { _ = try checked(ticket, input, ticketTerms) }
    let signers = Set(record.tickets.flatMap(\.allSigners)).union(batch?.signers ?? [])
    let count = record.tickets.count
    return CheckedDocument(
      kind: "run with \(count) tickets\(batch == nil ? "" : " and a batch")", signers: signers.sorted()
    ) {
      // Of very many tickets the first ones show what they are.
      let shown = record.tickets.prefix(20).map { line(of: $0.ticket) }
      let rest = count > shown.count ? ["and \(count - shown.count) tickets more"] : []
      return (batch?.checks() ?? []) + shown + rest
    }
  }

  /// - Throws: `UsageError` when the user gave leaves, and the document is no batch.
  static func refuseLeaves(_ terms: VerificationTerms) throws(UsageError) {
    guard terms.leaves == nil else {
      throw .contradiction(rule: "--leaves belongs to a batch, and FILE holds none", command: "verify")
    }
  }

  private static func line(of ticket: Ticket) -> String {
    "account \(ticket.account), epoch \(ticket.epoch): \(ticket.cumulativePayout) granted in all"
  }

  /// The line that says where a signature counts.
  static func place(_ domain: EIP712Domain) -> String {
    domain == .embedded
      ? "counts for: embedded settlement (chain 0)"
      : "counts for: chain \(domain.chainId), contract \(domain.verifyingContract)"
  }
}
