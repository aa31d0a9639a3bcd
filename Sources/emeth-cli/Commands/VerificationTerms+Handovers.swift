import EmethKit

extension VerificationTerms {
  /// Goes by the changes of the Signer's key in the user's file.
  ///
  /// Nothing of the file is left aside in silence: what does not fit to the other flags is refused.
  ///
  /// - Throws: `UsageError` for flags that exclude it, `CommandFailure` with exit code 3 when the file is not about who is
  ///   named, and what ``SignerChanges/schedule(in:)`` throws.
  mutating func add(handovers path: String) throws {
    let named = signers?.accounts ?? []
    if let threshold = signers?.threshold, threshold > 1 {
      throw UsageError.contradiction(
        rule: "--handovers goes by one trusted account, and --signers wants \(threshold) to have signed",
        command: "verify")
    }
    let schedule = try SignerChanges.schedule(in: path)
    if let stranger = named.first(where: { !schedule.contains($0) }) {
      throw CommandFailure(
        .badInput, code: "verify.handovers",
        "--handovers: in \(path) \(stranger) signs no epoch: found are \(Self.list(schedule))",
        hint: "name with --signer one of these that you trust, or leave --handovers out")
    }
    guard schedule.domain == domain ?? schedule.domain, schedule.domain.isEMETH else {
      throw CommandFailure(
        .badInput, code: "verify.handovers",
        "--handovers: the changes in \(path) are of \(Self.place(schedule.domain)), allowed is "
          + (domain.map(Self.place) ?? "EMETH, version 1"),
        hint: "take the changes of the network whose tickets are verified")
    }
    handovers = schedule
  }

  /// The terms for a document that says itself how the Signer's role was handed on.
  ///
  /// What the user says comes first, or whoever has stolen an old key writes a document in which it never went out of
  /// use: the document may know less or more of the same changes, and no others.
  ///
  /// - Throws: `CommandFailure` with exit code 1 when the document contradicts the user.
  func adding(_ found: SignerSchedule, of name: String) throws(CommandFailure) -> VerificationTerms {
    var terms = self
    if let known = handovers {
      let isSame =
        known.domain == found.domain && known.first == found.first
        && zip(known.changes, found.changes).allSatisfy { $0.content == $1.content }
      guard isSame else {
        let (says, allowed) = (Self.list(found), Self.list(known))
        throw CommandFailure(
          .no, code: "verify.otherHandovers",
          "\(name) contradicts --handovers: found are \(says), allowed are \(allowed)",
          hint: "--handovers needs all changes from the first on; if it has them, the document is false",
          details: ["found": says, "allowed": allowed])
      }
      if known.changes.count >= found.changes.count { return self }
    }
    terms.handovers = found
    return terms
  }

  /// The terms for a change that is a document: the user's changes have it, or it follows them.
  func adding(_ change: SignedSignerChange) throws(TicketError) -> VerificationTerms {
    guard var known = handovers else { return self }
    let isKnown =
      known.domain == change.domain && known.changes.contains { $0.content == change.content }
    if isKnown { return self }
    try known.append(change)
    var terms = self
    terms.handovers = known
    return terms
  }

  /// Who must have signed two batches that are checked by their epochs besides; nil: one and the same account.
  var signersOfAllEpochs: TrustedSigners? { handovers == nil ? signers : nil }

  /// Who signs, and from when on.
  private static func list(_ schedule: SignerSchedule) -> String {
    let changes = schedule.changes.map { ", from epoch \($0.content.epoch) on \($0.content.next)" }
    let shown = changes.prefix(4).joined() + (changes.count > 4 ? " and others" : "")
    return "\(schedule.first)\(shown) (\(place(schedule.domain)))"
  }

  private static func place(_ domain: EIP712Domain) -> String {
    let application = domain.isEMETH ? "" : "\(domain.name) \(domain.version), "
    return application + "chain \(domain.chainId), contract \(domain.verifyingContract)"
  }
}
