import EmethKit

/// The first page: jobs, the newest batch, and what came to pass by slot.
struct NetworkPage {
  let context: PageContext
  let overview: NetworkOverview
  let jobs: JobRowPage
  let filter: JobFilter

  var page: Page {
    Page(context, title: context[.network], section: .network) {
      element("h1") { context[.networkTitle] }
      element("p", .class("lead")) { context[.networkLead] }
      context.tiles(tiles)
      jobSection
      element("div", .class("columns")) {
        slotSection
        if let batch = overview.batch { batchSection(batch) }
      }
    }
  }

  private var tiles: [(Phrase, Markup)] {
    func count(_ status: JobStatus) -> Markup {
      let count = overview.counts[status] ?? 0
      let isMore = count >= NetworkOverview.countLimit
      return Markup(NumberText.grouped(count) + (isMore ? "+" : ""))
    }
    return [
      (.jobs, Markup(NumberText.grouped(overview.jobs))),
      (.jobsWaiting, count(.requested)), (.jobsRunning, count(.processing)),
      (.jobsVerified, count(.verified)),
      (.subJobs, Markup(NumberText.grouped(overview.subJobs))),
      (.epochs, overview.batch.map { context.epoch($0.batch.epoch) } ?? Markup("0")),
    ]
  }

  // MARK: - Jobs

  private var jobSection: Markup {
    element("section", .id("list")) {
      element("h2") { context[.jobs] }
      statusFilter
      if let requester = filter.requester {
        element("p", .class("filter")) {
          context[.ofRequester] + " "
          context.account(requester)
          " "
          element("a", .href(context.path.with("requester", nil).with("before", nil))) { context[.showAll] }
        }
      }
      context.table(context[.jobsCaption], Self.columns, jobs.jobs.map(row), ifEmpty: .noJobs)
      context.pager(
        jobs.next.map { context.path.with("before", "\($0)") }, isFirst: filter.before == nil)
    }
  }

  private var statusFilter: Markup {
    element("nav", .class("filters"), .init("aria-label", context[.filterByStatus])) {
      filterLink(nil, context[.allStatuses], isCurrent: filter.statuses.isEmpty)
      for status in JobStatus.allCases where Self.parentStatuses.contains(status) {
        filterLink(status.name, context[Phrase(status)], isCurrent: filter.statuses == [status])
      }
    }
  }

  /// The statuses that a job that is divided can have; SubJobs have the others too.
  private static let parentStatuses: [JobStatus] = [
    .requested, .processing, .verified, .canceled, .timeout, .failed,
  ]

  private func filterLink(_ name: String?, _ text: String, isCurrent: Bool) -> Markup {
    element(
      "a", .href(context.path.with("status", name).with("before", nil).at("list")),
      .init("aria-current", isCurrent ? "true" : nil)
    ) { text }
  }

  private static let columns = [
    PageContext.Column(.job), .init(.dataSet), .init(.status), .init(.progress),
    .init(.validationLoss, .number),
    .init(.escrow, .minorNumber), .init(.requester, .minor), .init(.registered, .minor),
  ]

  private func row(_ job: JobRow) -> PageContext.Row {
    PageContext.Row(cells: [
      context.job(job.id), context.name(job.line.dataSetName), context.status(job.status),
      element("span", .class("meter")) {
        context.progress(
          UInt64(job.line.roundsDone), of: UInt64(job.line.rounds), label: context[.roundsDone])
        element("span") { "\(job.line.roundsDone)/\(job.line.rounds)" }
      },
      context.loss(job.line.validationLoss), context.amount(job.line.escrow),
      context.account(job.requester), context.age(job.requestedAt),
    ])
  }

  // MARK: - Totals

  private var slotSection: Markup {
    element("section") {
      element("h2") { context[.slots] }
      context.table(
        context[.slotsCaption],
        [
          .init(.slot), .init(.jobs, .number), .init(.epochs, .minorNumber), .init(.granted, .number),
          .init(.burned, .number),
        ],
        overview.slots.map { totals in
          PageContext.Row(cells: [
            element("span", .class("day")) { context.slot(totals.slot) },
            Markup(NumberText.grouped(totals.jobs)),
            Markup(NumberText.grouped(totals.epochs)), context.amountIfAny(totals.granted),
            context.amountIfAny(totals.burned),
          ])
        }, ifEmpty: .nothingYet, stacks: false)
    }
  }

  private func batchSection(_ signed: SignedBatch) -> Markup {
    let batch = signed.batch
    return element("section") {
      element("h2") { context[.latestBatch] }
      context.facts([
        (.epoch, context.epoch(batch.epoch)), (.closed, context.age(batch.toTime)),
        (.totalGranted, context.amount(batch.totalPayout)), (.totalBurned, context.amount(batch.totalBurned)),
        (.digest, context.hash("\(signed.digest)")),
      ])
    }
  }
}
