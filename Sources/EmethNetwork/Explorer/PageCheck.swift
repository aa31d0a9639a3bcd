import EmethKit

/// What is checked of a batch or a ticket, step by step: by the script in the reader's browser, or by this server for
/// readers without scripts.
struct PageCheck: Sendable {
  /// One step. The raw value is its name in the page, by which the script knows it.
  enum Step: String, Sendable, CaseIterable {
    case ticketDigest = "ticket-digest"
    case ticketSigner = "ticket-signer"
    case batchDigest = "batch-digest"
    case batchSigner = "batch-signer"
    case ticketInBatch = "ticket-in-batch"
    case batchBefore = "batch-before"
    case nothingFell = "nothing-fell"
  }

  /// What came out of a step.
  struct Outcome: Sendable, Hashable {
    var step: Step
    var holds: Bool
    /// What was computed.
    var computed: String
  }

  /// The steps in order.
  var steps: [Step]
  /// Who must have signed.
  var signer: Address
  /// What this server found; `nil` when it was not asked.
  var outcomes: [Outcome]?

  /// A batch after the one before it; `nil` for the first.
  static func batch(
    _ signed: SignedBatch, after previous: SignedBatch?, signer: Address, isAsked: Bool
  ) -> PageCheck {
    var check = PageCheck(steps: [.batchDigest, .batchSigner, .batchBefore, .nothingFell], signer: signer)
    guard isAsked else { return check }
    let before = previous.map { $0.batch.digest(in: $0.domain) } ?? .zero
    let fell = signed.batch.totalFell(since: previous?.batch)
    check.outcomes =
      digestAndSigner(of: signed, signer, .batchDigest, .batchSigner) + [
        Outcome(step: .batchBefore, holds: before == signed.batch.previousBatch, computed: "\(before)"),
        Outcome(
          step: .nothingFell, holds: !fell,
          computed: "\(previous?.batch.totalPayout.holon ?? 0) → \(signed.batch.totalPayout.holon) holon"),
      ]
    return check
  }

  /// A ticket in its batch.
  static func ticket(_ detail: TicketDetail, signer: Address, isAsked: Bool) -> PageCheck {
    var check = PageCheck(
      steps: [.ticketDigest, .ticketSigner, .batchDigest, .batchSigner, .ticketInBatch], signer: signer)
    guard isAsked else { return check }
    let ticket = detail.signed.ticket
    let root = detail.proven.batch.batch.accountsRoot
    let holds = StandardMerkleTree.verify(leaf: ticket.abiValues, proof: detail.proven.proof, root: root)
    check.outcomes =
      digestAndSigner(of: detail.signed, signer, .ticketDigest, .ticketSigner)
      + digestAndSigner(of: detail.proven.batch, signer, .batchDigest, .batchSigner) + [
        Outcome(
          step: .ticketInBatch, holds: holds,
          computed: "\(StandardMerkleTree.leafHash(ticket.abiValues)) → \(holds ? "\(root)" : "?")")
      ]
    return check
  }

  private static func digestAndSigner<Content>(
    of signed: Signed<Content>, _ signer: Address, _ digestStep: Step, _ signerStep: Step
  ) -> [Outcome] {
    let digest = signed.content.digest(in: signed.domain)
    let found = try? signed.signature.recoverAddress(from: digest)
    return [
      Outcome(step: digestStep, holds: digest == signed.digest, computed: "\(digest)"),
      Outcome(step: signerStep, holds: found == signer, computed: found.map { "\($0)" } ?? "–"),
    ]
  }
}

extension Batch {
  /// Whether a total is lower than in the batch before, or the epoch is not the next.
  fileprivate func totalFell(since previous: Batch?) -> Bool {
    guard let previous else { return epoch != 1 }
    return epoch != previous.epoch &+ 1 || totalPayout < previous.totalPayout
      || totalBurned < previous.totalBurned || depositsSeen < previous.depositsSeen
  }
}

/// The part of a page that checks: a button, the steps, and what came out.
struct CheckSection {
  let context: PageContext
  let check: PageCheck

  var markup: Markup {
    element(
      "section", .id("check"), .class("check"), .init("data-signer", "\(check.signer)"),
      .init("data-holds", context[.holds]), .init("data-fails", context[.doesNotHold]),
      .init("data-all", context[.allHoldHere]), .init("data-some", context[.someFailHere])
    ) {
      element("h2") { context[.check] }
      element("p", .class("note")) { context.prose(.checkNote) }
      element("form", .action(context.path.with("verify", nil).at("check"))) {
        for member in context.path.with("verify", "1").query {
          element("input", .init("type", "hidden"), .init("name", member.name), .init("value", member.value))
        }
        element("button", .init("type", "submit"), .class("primary")) { context[.verify] }
        element("noscript") { element("span", .class("note")) { context[.serverWillCheck] } }
      }
      element("ol") {
        for step in check.steps { self.step(step) }
      }
      element("p", .class("outcome"), .init("role", "status")) {
        if let outcomes = check.outcomes {
          context[outcomes.allSatisfy(\.holds) ? .allHoldServer : .someFailServer]
        }
      }
    }
  }

  private func step(_ step: PageCheck.Step) -> Markup {
    let outcome = check.outcomes?.first { $0.step == step }
    let result = outcome.map { $0.holds ? "holds" : "fails" }
    return element("li", .init("data-step", step.rawValue), .init("class", result)) {
      element("span", .class("step")) { context[Phrase(step)] }
      element("span", .class("result")) {
        if let outcome { context[outcome.holds ? .holds : .doesNotHold] }
      }
      element("code", .class("computed")) { outcome?.computed ?? "" }
    }
  }

  /// What is checked, as it can be kept and given to `emeth verify`.
  static func document(
    _ context: PageContext, _ title: Phrase, id: String, _ value: some Encodable
  ) -> Markup {
    element("details") {
      element("summary") { context[title] }
      element("p", .class("note")) { context.prose(.documentNote) }
      element("pre", .id("document-\(id)"), .init("tabindex", "0")) {
        (try? WireFormat.readableEncoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
      }
    }
  }
}
