import EmethKit

/// An account: its money, what it earned, may earn and lost, and why, its tickets, its jobs.
struct AccountPage {
  let context: PageContext
  let account: NodeAccount
  let verifier: VerifierAccount
  let tickets: TicketPage
  let jobs: [JobRow]
  /// Whether its newest tickets are shown.
  let isFirst: Bool
  /// Whether its newest SubJobs are.
  let isNewestWork: Bool

  /// Whether anything is known of the account.
  var isKnown: Bool {
    account.balances.total > .zero || !account.work.isEmpty || !tickets.tickets.isEmpty || !jobs.isEmpty
      || verifier.posted > 0 || verifier.bond > .zero || !isFirst || !isNewestWork
  }

  var page: Page {
    let text = "\(account.account)"
    let title = context.words(.accountTitle, PageContext.short(text))
    return Page(context, title: title, section: .none) {
      element("h1") { title }
      element("p", .class("lead")) { context.hash(text) }
      context.tiles([
        (.unspent, context.amount(account.balances.unspent)),
        (.locked, context.amount(account.balances.locked)),
        (.payout, context.amount(account.balances.payout)),
      ])
      element("p", .class("note")) { context[.balancesNote] }
      workSection
      verifierSection
      ticketSection
      jobSection
    }
  }

  private var workSection: Markup? {
    guard !account.work.isEmpty || !isNewestWork else { return nil }
    return element("section", .id("work")) {
      element("h2") { context[.workTitle] }
      context.tiles([
        (.earned, context.amount(account.earned)), (.pending, context.amount(account.pending)),
        (.lost, context.amount(account.lost)),
      ])
      context.table(
        context[.workCaption],
        [
          .init(.job), .init(.round, .number), .init(.part, .number), .init(.attempt, .minorNumber),
          .init(.status),
          .init(.earned, .number), .init(.pending, .minorNumber), .init(.lost, .number), .init(.reason),
        ], account.work.map(row), ifEmpty: .nothingYet)
      context.pager(
        account.next.map { context.path.with("work", "\($0)") }, isFirst: isNewestWork, by: "work", at: "work"
      )
    }
  }

  private func row(_ work: NodeWork) -> PageContext.Row {
    let (state, position) = (work.subJob, work.subJob.position)
    let target = context.to(
      PagePath("jobs", "\(position.parent)", query: [("round", "\(position.round + 1)")])
    ).at("\(state.id)")
    let reason = JobEndReason.allCases.first { $0.message == state.reason }
    return PageContext.Row(cells: [
      element("a", .class("id"), .href(target), .init("title", "\(state.id)")) {
        PageContext.short("\(position.parent)")
      }, Markup(NumberText.grouped(position.round + 1)), Markup(NumberText.grouped(position.part + 1)),
      Markup(NumberText.grouped(position.attempt + 1)), context.status(state.status),
      context.amountIfAny(work.earned), context.amountIfAny(work.pending), context.amountIfAny(work.lost),
      reason.map { Markup(context[Phrase($0)]) }
        ?? (state.reason.isEmpty
          ? context.dash : element("span", .class("words"), .init("lang", "en")) { state.reason }),
    ])
  }

  private var verifierSection: Markup? {
    guard verifier.posted > 0 || verifier.bond > .zero || verifier.isStruck else { return nil }
    return element("section") {
      element("h2") { context[.verifierTitle] }
      context.facts([
        (
          .standing,
          element("span", .init("class", verifier.isStruck ? "status failed" : "status verified")) {
            context[verifier.isStruck ? .struck : .canBeDrawn]
          }
        ), (.bond, context.amount(verifier.bond)),
        (
          .commitments,
          Markup(
            context.words(.unusedOf, NumberText.grouped(verifier.unused), NumberText.grouped(verifier.posted))
          )
        ), (.bindingUntil, verifier.bindingExpiry.map { context.time($0) } ?? context.dash),
      ])
      element("p", .class("note")) { context[.verifierNote] }
    }
  }

  private var ticketSection: Markup {
    element("section", .id("list")) {
      element("h2") { context[.tickets] }
      element("p", .class("note")) { context[.ticketsNote] }
      context.table(
        context[.ticketsCaption],
        [
          .init(.epoch), .init(.payout, .number), .init(.unspent, .number), .init(.locked, .number),
          .init(.ticket),
        ],
        tickets.tickets.map { signed in
          let ticket = signed.ticket
          return PageContext.Row(cells: [
            context.epoch(ticket.epoch), context.amount(ticket.cumulativePayout),
            context.amount(ticket.unspent),
            context.amount(ticket.locked), Self.link(ticket, context),
          ])
        }, ifEmpty: .noTickets)
      context.pager(
        tickets.last.map { context.path.with("before", "\($0.ticket.epoch)") }, isFirst: isFirst)
    }
  }

  /// A ticket's page.
  static func link(_ ticket: Ticket, _ context: PageContext) -> Markup {
    element(
      "a",
      .href(context.to(PagePath("accounts", "\(ticket.account)", "tickets", "\(ticket.epoch)")))
    ) { context[.showAndCheck] }
  }

  private var jobSection: Markup? {
    guard !jobs.isEmpty else { return nil }
    return element("section") {
      element("h2") { context[.jobsOfAccount] }
      context.table(
        context[.jobsCaption],
        [.init(.job), .init(.dataSet), .init(.status), .init(.escrow, .number), .init(.registered, .minor)],
        jobs.map { job in
          PageContext.Row(cells: [
            context.job(job.id), context.name(job.line.dataSetName),
            context.status(job.status),
            context.amount(job.line.escrow), context.age(job.requestedAt),
          ])
        }, ifEmpty: .noJobs)
      element("p") {
        element("a", .href(context.to(PagePath("", query: [("requester", "\(account.account)")])))) {
          context[.allJobsOfAccount]
        }
      }
    }
  }
}
