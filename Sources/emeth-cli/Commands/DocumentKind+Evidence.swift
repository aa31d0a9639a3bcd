import EmethKit

extension DocumentKind {
  /// Two batches that can't both be honest.
  static let batchConflict = DocumentKind(
    name: "pair of conflicting batches", member: "conflictingBatches"
  ) { input, terms in
    try refuseLeaves(terms)
    let conflict = try input.decode(BatchConflict.self)
    var breach = ""
    try input.check("evidence") { () throws(TicketError) in
      try terms.check(conflict.earlier)
      try terms.check(conflict.later)
      breach = try conflict.check(signers: terms.signersOfAllEpochs).description
    }
    return CheckedDocument(
      kind: "evidence against a Signer", signers: signers(of: conflict.earlier, conflict.later)
    ) { [breach] in
      [
        "breach: \(breach)", terms.signatureLine(of: conflict.earlier),
        terms.signatureLine(of: conflict.later), place(conflict.earlier.domain),
      ]
    }
  }

  /// An account's payout that fell from one batch to another.
  static let payoutConflict = DocumentKind(
    name: "pair of conflicting tickets", member: "conflictingTickets"
  ) { input, terms in
    try refuseLeaves(terms)
    let conflict = try input.decode(PayoutConflict.self)
    let (earlier, later) = (conflict.earlier, conflict.later)
    try input.check("evidence") { () throws(TicketError) in
      try terms.check(earlier.batch)
      try terms.check(later.batch)
      try conflict.check(signers: terms.signersOfAllEpochs)
    }
    return CheckedDocument(
      kind: "evidence against a Signer", signers: signers(of: earlier.batch, later.batch)
    ) {
      [
        "breach: cumulativePayout of \(earlier.ticket.account) fell from \(earlier.ticket.cumulativePayout) "
          + "to \(later.ticket.cumulativePayout) until batch \(later.batch.batch.epoch)",
        terms.signatureLine(of: earlier.batch), terms.signatureLine(of: later.batch),
        place(earlier.batch.domain),
      ]
    }
  }

  private static func signers(of one: SignedBatch, _ other: SignedBatch) -> [Address] {
    Set(one.allSigners).union(other.allSigners).sorted()
  }

  /// A submission with its node's signature, and what was opened of its trace.
  static let submission = DocumentKind(name: "submission", member: "submission") { input, terms in
    try refuseLeaves(terms)
    struct Trace: Decodable {
      var trace: [BoundaryOpening]?
    }
    let signed = try input.decode(SignedSubmission.self)
    let trace = try input.decode(Trace.self).trace ?? []
    let submission = signed.submission
    try input.check("submission") { () throws(VerificationError) in
      try terms.check(signed)
      for opening in trace { try opening.check(in: submission) }
    }
    return CheckedDocument(kind: "submission", signers: signed.allSigners) {
      let boundaries = trace.map { "\($0.boundary)" }.joined(separator: ", ")
      return [
        "job \(submission.jobID), round \(submission.round), node \(submission.node): "
          + "\(submission.fuelUsed) fuel in \(submission.segments) segments",
        terms.signatureLine(of: signed), place(signed.domain),
        trace.isEmpty
          ? "trace: not given, so only the signature is checked"
          : "trace: boundaries \(boundaries) lead to the trace root; nothing was computed again",
      ]
    }
  }
}
