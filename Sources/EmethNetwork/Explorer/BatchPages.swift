import EmethKit

/// All batches, newest first.
struct BatchListPage {
  let context: PageContext
  let batches: BatchPage
  let isFirst: Bool

  var page: Page {
    Page(context, title: context[.batches], section: .batches) {
      element("h1") { context[.batches] }
      element("p", .class("lead")) { context[.batchesLead] }
      element("section", .id("list")) {
        context.table(
          context[.batchesCaption],
          [
            .init(.epoch), .init(.closed), .init(.totalGranted, .number), .init(.totalBurned, .number),
            .init(.digest, .minor),
          ],
          batches.batches.map { signed in
            PageContext.Row(cells: [
              context.epoch(signed.batch.epoch), context.time(signed.batch.toTime),
              context.amount(signed.batch.totalPayout), context.amount(signed.batch.totalBurned),
              element("code", .init("title", "\(signed.digest)")) { PageContext.short("\(signed.digest)") },
            ])
          }, ifEmpty: .noBatches)
        context.pager(batches.next.map { context.path.with("before", "\($0)") }, isFirst: isFirst)
      }
    }
  }
}

/// One batch: what is in it, whether it holds, the tickets that are its leaves.
struct BatchDetailPage {
  let context: PageContext
  let signed: SignedBatch
  let previous: SignedBatch?
  let leaves: TicketPage
  let isFirst: Bool
  let check: PageCheck

  var page: Page {
    let batch = signed.batch
    let title = context.words(.batchTitle, NumberText.grouped(batch.epoch))
    return Page(context, title: title, section: .batches) {
      element("h1") { title }
      context.facts([
        (.closed, context.time(batch.toTime)), (.began, context.time(batch.fromTime)),
        (.totalGranted, context.amount(batch.totalPayout)), (.totalBurned, context.amount(batch.totalBurned)),
        (.depositsSeen, Markup(NumberText.grouped(batch.depositsSeen))),
        (.signer, context.account(signed.signer)),
      ])
      context.facts(
        [
          (.digest, context.hash("\(signed.digest)")), (.accountsRoot, context.hash("\(batch.accountsRoot)")),
          (.previousBatch, previousLink), (.dataHash, context.hash("\(batch.dataHash)")),
        ], areHashes: true)
      CheckSection(context: context, check: check).markup
      leafSection
      CheckSection.document(context, .signedBatch, id: "batch", signed)
      if let previous { CheckSection.document(context, .batchBefore, id: "previous", previous) }
    }
  }

  private var previousLink: Markup {
    guard let previous else { return context.dash }
    return element("a", .href(context.to(PagePath("batches", "\(previous.batch.epoch)")))) {
      context.hash("\(signed.batch.previousBatch)")
    }
  }

  private var leafSection: Markup {
    element("section", .id("list")) {
      element("h2") { context[.leaves] }
      element("p", .class("note")) { context[.leavesNote] }
      context.table(
        context[.leavesCaption],
        [
          .init(.account), .init(.payout, .number), .init(.unspent, .number), .init(.locked, .minorNumber),
          .init(.ticket),
        ],
        leaves.tickets.map { signed in
          let ticket = signed.ticket
          return PageContext.Row(cells: [
            context.account(ticket.account), context.amount(ticket.cumulativePayout),
            context.amount(ticket.unspent),
            context.amount(ticket.locked), AccountPage.link(ticket, context),
          ])
        }, ifEmpty: .noTickets)
      context.pager(
        leaves.last.map { context.path.with("after", "\($0.ticket.account)") }, isFirst: isFirst,
        first: .firstAccounts, .nextAccounts)
    }
  }
}

/// One ticket of an account, and its place in the batch of its epoch.
struct TicketDetailPage {
  let context: PageContext
  let detail: TicketDetail
  let check: PageCheck

  var page: Page {
    let ticket = detail.signed.ticket
    let title = context.words(
      .ticketTitle, PageContext.short("\(ticket.account)"), NumberText.grouped(ticket.epoch))
    return Page(context, title: title, section: .none) {
      element("h1") { title }
      element("p", .class("lead")) { context[.ticketLead] }
      context.tiles([
        (.payout, context.amount(ticket.cumulativePayout)), (.unspent, context.amount(ticket.unspent)),
        (.locked, context.amount(ticket.locked)),
      ])
      context.facts([
        (.account, context.account(ticket.account)), (.batch, context.epoch(ticket.epoch)),
        (.signer, context.account(detail.signed.signer)),
      ])
      context.facts(
        [
          (.digest, context.hash("\(detail.signed.digest)")),
          (.jobsRoot, context.hash("\(ticket.jobsRoot)")),
        ], areHashes: true)
      CheckSection(context: context, check: check).markup
      CheckSection.document(context, .signedTicket, id: "ticket", detail.signed)
      CheckSection.document(context, .ticketWithProof, id: "proven", detail.proven)
      element("p", .class("note")) { context.prose(.provenElsewhere) }
      element("ul") {
        proof(.newest, .provenInNewest)
        if detail.signed.domain != .embedded { proof(.posted, .provenInPosted) }
      }
    }
  }

  /// A link to the account's ticket in another batch than that of its epoch.
  private func proof(_ batch: ProvenBatch, _ phrase: Phrase) -> Markup {
    let path = PagePath(
      "api", "v2", "accounts", "\(detail.signed.ticket.account)", "proven-ticket",
      query: [("batch", batch.text)])
    return element("li") { element("a", .href(path)) { context[phrase] } }
  }
}
