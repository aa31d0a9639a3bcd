import EmethKit

/// A job: how far it is, how its loss falls, who computes and checks its parts.
struct JobDetailPage {
  let context: PageContext
  let detail: JobDetail

  private var view: JobView { detail.view }
  private var summary: JobSummary { detail.view.summary }

  var page: Page {
    let title = context.words(.jobTitle, PageContext.short("\(summary.jobId)"))
    let events =
      summary.status.isFinal
      ? nil : PagePath("api", "v2", "jobs", "\(summary.jobId)", "events")
    return Page(context, title: title, section: .none, events: events) {
      element("h1") { title }
      element("p", .class("lead")) { context.hash("\(summary.jobId)") }
      element("div", .id("live-state"), .init("data-live")) {
        state
        context.facts(facts)
      }
      element("div", .id("live-rounds"), .init("data-live")) {
        lossSection
        partSection
      }
    }
  }

  // MARK: - How it stands

  private var state: Markup {
    let all = UInt64(summary.rounds) * UInt64(summary.parallel)
    let done = UInt64(view.subJobs[JobStatus.verified.name] ?? 0)
    return element("div", .class("state")) {
      element("p", .class("headline")) {
        context.status(summary.status)
        if let reason = detail.endReason { element("span") { context[Phrase(reason)] } }
      }
      if !summary.reason.isEmpty, summary.reason != detail.endReason?.message {
        element("p", .class("words"), .init("lang", "en")) { summary.reason }
      }
      for remark in detail.remarks { element("p", .class("words"), .init("lang", "en")) { remark } }
      element("p", .class("meter", "large")) {
        context.progress(done, of: all, label: context[.subJobsVerified])
        element("span") { context.words(.subJobsOf, NumberText.grouped(done), NumberText.grouped(all)) }
      }
      counts
    }
  }

  private var counts: Markup? {
    let entries = JobStatus.allCases.compactMap { status in view.subJobs[status.name].map { (status, $0) } }
    guard !entries.isEmpty else { return nil }
    return element("ul", .class("counts"), .init("aria-label", context[.subJobsByStatus])) {
      for (status, count) in entries {
        element("li") {
          context.status(status)
          " \(NumberText.grouped(count))"
        }
      }
    }
  }

  private var facts: [(Phrase, Markup)] {
    let losses = summary.losses.compactMap(\.validationLoss)
    var facts: [(Phrase, Markup)] = [
      (.dataSet, context.name(summary.dataSet)), (.requester, context.account(view.requester)),
      (.registered, context.time(view.requestedAt)), (.deadline, context.time(view.deadline)),
      (.program, Markup("\(view.programId.rawValue)")),
    ]
    if let count = detail.parameters {
      facts.append((.model, Markup(context.words(.parametersCount, NumberText.grouped(count)))))
    }
    facts.append(
      (
        .size,
        Markup(
          context.words(
            .roundsByParts, NumberText.grouped(summary.rounds), NumberText.grouped(summary.parallel)))
      ))
    if detail.parameters != nil {
      facts.append((.validationLoss, change(from: detail.initialLoss, to: losses.last)))
    }
    switch detail.result {
    case .sealed?: facts.append((.result, Markup(context[.resultSealed])))
    case .awaited?: facts.append((.result, Markup(context[.resultAwaitsSealing])))
    case .asItIs?: facts.append((.result, Markup(context[.resultAsItIs])))
    case nil: break
    }
    facts += [
      (.fuelLimit, Markup(NumberText.grouped(view.fuelLimit.units))),
      (
        .fuelPrice,
        Markup(context.words(.gholonPerFuel, PageContext.grouped(Self.gholon(view.fuelPrice))))
      ),
      (.escrow, context.amount(summary.escrow)), (.escrowLeft, context.amount(detail.escrow)),
    ]
    return facts
  }

  private static func gholon(_ price: FuelPrice) -> String {
    let (whole, rest) = price.holonPerFuel.quotientAndRemainder(dividingBy: 1_000_000_000)
    guard rest > 0 else { return "\(whole)" }
    let digits = "\(rest)"
    var fraction = String(repeating: "0", count: 9 - digits.count) + digits
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(whole).\(fraction)"
  }

  private func change(from first: Double?, to last: Double?) -> Markup {
    guard let last else { return context.loss(first) }
    return Markup(joining: [context.loss(first), Markup(" → "), context.loss(last)])
  }

  // MARK: - Loss

  private var curve: LossCurve {
    var curve = LossCurve(title: context[.lossTitle])
    if let loss = detail.initialLoss { curve.addValidation(step: 0, loss: loss) }
    for round in summary.losses {
      let step = (Int(round.round) + 1) * Int(detail.stepsPerRound)
      if let loss = round.trainLoss { curve.addTrain(step: step, loss: loss) }
      if let loss = round.validationLoss { curve.addValidation(step: step, loss: loss) }
    }
    return curve
  }

  private var lossSection: Markup? {
    guard !summary.losses.isEmpty else { return nil }
    let words = LossCurve.Words(
      steps: context[.optimizerSteps], loss: context[.natsPerToken], training: context[.training],
      validation: context[.validation])
    return element("section") {
      element("h2") { context[.rounds] }
      element("div", .class("columns", "loss")) {
        element("figure") { curve.drawing(in: .page, words: words) }
        context.table(
          context[.roundsCaption],
          [
            .init(.round), .init(.trainingLoss, .number), .init(.validationLoss, .number),
            .init(.clipped, .minorNumber),
          ],
          summary.losses.suffix(Self.roundRows).reversed().map { round in
            PageContext.Row(cells: [
              element("a", .href(context.path.with("round", "\(round.round + 1)").at("parts"))) {
                NumberText.grouped(round.round + 1)
              }, context.loss(round.trainLoss), context.loss(round.validationLoss),
              Markup(NumberText.grouped(round.clipped)),
            ])
          }, ifEmpty: .nothingYet, stacks: false)
      }
    }
  }

  /// So many rounds are in the table; the curve has them all.
  private static let roundRows = 12

  // MARK: - Parts

  private var partSection: Markup {
    element("section", .id("parts")) {
      element("h2") {
        detail.round.map {
          context.words(.roundOf, NumberText.grouped($0 + 1), NumberText.grouped(summary.rounds))
        }
          ?? context[.subJobs]
      }
      roundLinks
      SubJobTable(context: context, subJobs: detail.subJobs).markup
      if !detail.cohorts.isEmpty { cohorts }
    }
  }

  private var roundLinks: Markup? {
    guard let round = detail.round, detail.roundsBegun > 1 else { return nil }
    func link(_ number: UInt32, _ phrase: Phrase) -> Markup {
      element("a", .href(context.path.with("round", "\(number + 1)").at("parts"))) { context[phrase] }
    }
    return element("nav", .class("pager"), .init("aria-label", context[.rounds])) {
      if round > 0 { link(round - 1, .previousRound) }
      if round + 1 < detail.roundsBegun { link(round + 1, .nextRound) }
    }
  }

  private var cohorts: Markup {
    let parts = Dictionary(
      detail.subJobs.map { ($0.state.id, $0.state.position.part) }, uniquingKeysWith: { first, _ in first })
    return element("section") {
      element("h3") { context[.cohorts] }
      element("p", .class("note")) { context[.cohortsNote] }
      context.table(
        context[.cohortsCaption],
        [.init(.cohort), .init(.parts), .init(.sum), .init(.findings)],
        detail.cohorts.map { cohort in
          PageContext.Row(cells: [
            Markup(NumberText.grouped(cohort.number + 1)),
            Markup(
              cohort.seats.compactMap { parts[$0.jobID] }.sorted().map { "\($0 + 1)" }.joined(separator: ", ")
            ),
            element("span", .init("class", cohort.holds ? "status verified" : "status processing")) {
              context[cohort.holds ? .sumHolds : cohort.isSummed ? .sumInCheck : .sumAwaited]
            }, findings(of: cohort),
          ])
        }, ifEmpty: .nothingYet, stacks: false)
    }
  }

  private func findings(of cohort: CohortDetail) -> Markup {
    var findings: [String] = []
    if cohort.wrongSums > 0 { findings.append(context.words(.wrongSums, "\(cohort.wrongSums)")) }
    if !cohort.liars.isEmpty { findings.append(context.words(.otherMasked, "\(cohort.liars.count)")) }
    return findings.isEmpty ? context.dash : Markup(findings.joined(separator: "; "))
  }
}

/// Attempts at parts: on which node, how they stand, who checked, what they earned or cost.
struct SubJobTable {
  let context: PageContext
  let subJobs: [SubJobDetail]

  var markup: Markup {
    context.table(
      context[.partsCaption],
      [
        .init(.part), .init(.attempt, .number), .init(.node), .init(.status), .init(.checkedBy),
        .init(.earned, .number), .init(.lost, .number), .init(.reason),
      ], byPart.map(row), ifEmpty: .noSubJobs)
  }

  /// A part's attempts one after another.
  private var byPart: [SubJobDetail] {
    subJobs.sorted {
      let (one, other) = ($0.state.position, $1.state.position)
      return (one.part, one.attempt) < (other.part, other.attempt)
    }
  }

  private func row(_ subJob: SubJobDetail) -> PageContext.Row {
    let state = subJob.state
    let settlement = subJob.settlement
    return PageContext.Row(
      id: "\(state.id)",
      cells: [
        element("span", .init("title", "\(state.id)")) { NumberText.grouped(state.position.part + 1) },
        Markup(NumberText.grouped(state.position.attempt + 1)),
        state.node.map { context.account($0) } ?? context.dash,
        context.status(state.status), checks(of: subJob),
        context.amountIfAny(settlement?.nodeFee ?? .zero),
        state.node == nil ? context.dash : context.amountIfAny(settlement?.nodeLoss ?? .zero),
        reason(of: subJob),
      ])
  }

  private func checks(of subJob: SubJobDetail) -> Markup {
    guard !subJob.verdicts.isEmpty || !subJob.silent.isEmpty else { return context.dash }
    return element("ul", .class("verdicts")) {
      for verdict in subJob.verdicts {
        element("li") {
          context.account(verdict.verifier)
          " "
          element("span", .init("class", verdict.isAccepting ? "status verified" : "status failed")) {
            context[verdict.isAccepting ? .accepted : .rejected]
          }
          " "
          element("span", .class("note")) { context.words(.segmentsReplayed, "\(verdict.segments)") }
        }
      }
      for verifier in subJob.silent {
        element("li") {
          context.account(verifier)
          " "
          element("span", .class("status", "timeout")) { context[.silent] }
        }
      }
    }
  }

  private func reason(of subJob: SubJobDetail) -> Markup {
    let words = subJob.state.reason
    if let wait = subJob.wait { return Markup(context[Phrase(wait)]) }
    guard let reason = subJob.endReason else { return words.isEmpty ? context.dash : Markup(words) }
    return Markup(
      joining: [
        Markup(context[Phrase(reason)]),
        words.isEmpty || words == reason.message
          ? Markup() : element("span", .class("words"), .init("lang", "en")) { words },
      ])
  }
}
