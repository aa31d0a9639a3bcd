import EmethKit

/// What the user asks of everything that is verified.
struct VerificationTerms: Sendable {
  /// Who must have signed; nil: nobody is named, and only agreement with itself is checked.
  var signers: TrustedSigners?
  /// How the Signer's role was handed on, as the user or the document says: by one trusted account of it, each epoch's
  /// is trusted for its epoch. nil: nothing is known.
  var handovers: SignerSchedule?
  /// What it must be signed for; nil: EMETH on whatever chain.
  var domain: EIP712Domain?
  /// The public file of a batch's leaves.
  var leaves: [UInt8]?

  /// Checks the signatures of something signed, who made them and for what.
  func check<Content>(_ signed: Signed<Content>) throws(Content.CheckError) {
    try checkSignature(of: signed)
  }

  /// Checks a ticket by who signs its epoch.
  func check(_ signed: SignedTicket) throws(TicketError) {
    try terms(of: signed.ticket.epoch).checkSignature(of: signed)
  }

  /// Checks a batch by who signs its epoch.
  func check(_ signed: SignedBatch) throws(TicketError) {
    try terms(of: signed.batch.epoch).checkSignature(of: signed)
  }

  private func checkSignature<Content>(of signed: Signed<Content>) throws(Content.CheckError) {
    try signed.check(signers: signers, in: domain ?? Self.emethDomain(like: signed.domain))
  }

  private func terms(of epoch: UInt64) -> VerificationTerms {
    guard let handovers, trustsHandovers else { return self }
    var terms = self
    terms.signers = TrustedSigners(handovers.signer(of: epoch))
    return terms
  }

  /// Each change has the word of both sides: who trusts one of them knows all by it.
  private var trustsHandovers: Bool {
    guard let handovers, let signers, signers.threshold == 1 else { return false }
    return handovers.accounts.contains { signers.contains($0) }
  }

  private func trusts(_ account: Address) -> Bool {
    signers?.contains(account) == true || trustsHandovers && handovers?.contains(account) == true
  }

  /// What is signed for another application than EMETH is redeemed nowhere (PROTOCOL 9).
  private static func emethDomain(like domain: EIP712Domain) -> EIP712Domain {
    domain.isEMETH
      ? domain : EIP712Domain(chainId: domain.chainId, verifyingContract: domain.verifyingContract)
  }

  /// The line that says who signed.
  func signatureLine<Content>(of signed: Signed<Content>) -> String {
    trustLine(signed.allSigners.map { ($0, nil) }) + " over digest \(signed.digest)"
  }

  /// Who signed, each with a number of documents or without, and whether the user trusts them.
  func trustLine(_ found: [(account: Address, count: Int?)]) -> String {
    func list(_ some: [(account: Address, count: Int?)]) -> String {
      let shown = some.prefix(Self.shownSigners).map { signer in
        "\(signer.account)" + (signer.count.map { " (\(NumberText.grouped($0)))" } ?? "")
      }
      return shown.joined(separator: ", ") + (some.count > shown.count ? " and others" : "")
    }
    guard signers != nil else { return "signature: self-consistent only, by \(list(found))" }
    let others = found.filter { !trusts($0.account) }
    return "signature: trusted, by \(list(found.filter { trusts($0.account) }))"
      + (others.isEmpty ? "" : "; not trusted, by \(list(others))")
  }

  /// The most accounts that a line names.
  private static let shownSigners = 4

  /// What to do when nobody was named.
  static let trustHint = "nobody is trusted yet: --signer or --signers says whose signature counts"
}
