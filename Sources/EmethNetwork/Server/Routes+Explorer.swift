import EmethKit
import Hummingbird

/// Pages for people who would rather look: the same facts as the API's, rendered here, and the three files that they
/// need.
extension Routes {
  /// So many jobs, tickets, batches or accounts are on a page.
  static let pageLength = 25

  func addPages() {
    page("/") { request, _, state in
      var filter = try request.jobFilter()
      filter.limit = Self.pageLength
      let asked = filter
      let (overview, jobs) = try await state.offload {
        (try state.service.overview(), try state.service.jobRows(asked))
      }
      let context = PageContext(
        request, PagePath(""), ["status", "requester", "before"], now: state.now)
      return NetworkPage(context: context, overview: overview, jobs: jobs, filter: asked).page
    }

    page("/jobs/:id") { request, context, state in
      let id = try context.jobID()
      let round = try request.number("round", in: 1...UInt32.max).map { $0 - 1 }
      let detail = try await state.offload { try state.service.jobDetail(id, round: round) }
      let context = PageContext(request, PagePath("jobs", "\(id)"), ["round"], now: state.now)
      return JobDetailPage(context: context, detail: detail).page
    }

    page("/accounts/:address") { request, context, state in
      let account = try context.address()
      let before = try request.epoch("before")
      let workBefore = try request.number("work", in: 1...UInt32.max)
      let page = try await state.offload { [service = state.service, now = state.now] in
        var filter = JobFilter()
        (filter.requester, filter.limit) = (account, 5)
        return AccountPage(
          context: PageContext(request, PagePath("accounts", "\(account)"), ["before", "work"], now: now),
          account: try service.work(of: account, newest: Self.pageLength, before: workBefore),
          verifier: try service.verifier(account),
          tickets: try service.tickets(of: account, before: before, limit: Self.pageLength),
          jobs: try service.jobRows(filter).jobs, isFirst: before == nil, isNewestWork: workBefore == nil)
      }
      guard page.isKnown else {
        throw RequestFailure(
          .notFound, code: "account.unknown", "nothing is known of \(account)",
          details: ["account": "\(account)"])
      }
      return page.page
    }

    addBatchPages()
    addSearch()
    for file in StaticFile.all {
      add(.get, "/static/\(file.name)", isPage: true) { request, _, _ in file.response(to: request) }
    }
  }

  private func addBatchPages() {
    page("/accounts/:address/tickets/:epoch") { request, context, state in
      let account = try context.address()
      let epoch = try context.epoch()
      let (detail, signer) = try await state.offload {
        (
          try state.service.ticketDetail(of: account, epoch: epoch),
          try state.service.facts().signer(of: epoch)
        )
      }
      guard let detail else {
        throw RequestFailure(.notFound, code: "ticket.none", "\(account) has no ticket of epoch \(epoch)")
      }
      let context = PageContext(
        request, PagePath("accounts", "\(account)", "tickets", "\(epoch)"), ["verify"], now: state.now)
      let check = PageCheck.ticket(detail, signer: signer, isAsked: request.asksForCheck)
      return TicketDetailPage(context: context, detail: detail, check: check).page
    }

    page("/batches") { request, _, state in
      let before = try request.epoch("before")
      let batches = try await state.offload {
        try state.service.batches(before: before, limit: Self.pageLength)
      }
      let context = PageContext(request, PagePath("batches"), ["before"], now: state.now)
      return BatchListPage(context: context, batches: batches, isFirst: before == nil).page
    }

    page("/batches/:epoch") { request, context, state in
      let epoch = try context.epoch()
      let after = try request.query("after", "0x and 40 hexadecimal digits") { try Address($0) }
      let (found, leaves, signer) = try await state.offload { [service = state.service] in
        (
          try service.batches(before: epoch + 1, limit: 2).batches,
          try service.leaves(epoch: epoch, after: after, limit: Self.pageLength),
          try service.facts().signer(of: epoch)
        )
      }
      guard let batch = found.first, batch.batch.epoch == epoch else {
        throw RequestFailure(.notFound, code: "batch.none", "there is no batch of epoch \(epoch)")
      }
      let context = PageContext(
        request, PagePath("batches", "\(epoch)"), ["after", "verify"], now: state.now)
      let previous = found.dropFirst().first
      let check = PageCheck.batch(batch, after: previous, signer: signer, isAsked: request.asksForCheck)
      return BatchDetailPage(
        context: context, signed: batch, previous: previous, leaves: leaves, isFirst: after == nil,
        check: check
      ).page
    }
  }

  /// The page that somebody means by an id, an address or an epoch.
  private func addSearch() {
    add(.get, "/find", isPage: true) { request, _, state in
      let text = (request.uri.queryParameters["q"].map(String.init) ?? "").filter {
        !$0.isWhitespace && $0 != "+"
      }
      let context = PageContext(request, PagePath("find"), [], now: state.now)
      var target: PagePath?
      if let epoch = UInt64(decimal: text) {
        target = PagePath("batches", "\(epoch)")
      } else if let account = try? Address(text) {
        target = PagePath("accounts", "\(account)")
      } else if let id = try? JobID(hex: text) {
        // A SubJob is shown with its round.
        let position = try await state.offload { try? state.service.state(of: id).position }
        target =
          position.map {
            PagePath("jobs", "\($0.parent)", query: [("round", "\($0.round + 1)")]).at("\(id)")
          } ?? PagePath("jobs", "\(id)")
      }
      guard let target else {
        throw RequestFailure(
          .notFound, code: "http.notFound", "\"\(text.prefix(80))\" is no job, account or epoch")
      }
      return Response(
        status: .seeOther, headers: [.location: "\(context.to(target))", .vary: "Accept-Language"])
    }
  }

  /// Registers a page.
  private func page(
    _ path: String, _ make: @escaping @Sendable (Request, ServerContext, ServerState) async throws -> Page
  ) {
    add(.get, path, isPage: true) { request, context, state in
      do {
        return try await make(request, context, state).response
      } catch let failure as RequestFailure where failure.isOfPath(path) {
        // What can't be a name is the name of nothing.
        var failure = failure
        failure.status = .notFound
        throw failure
      }
    }
  }
}

extension RequestFailure {
  /// Whether a part of a path can't be read.
  fileprivate func isOfPath(_ path: String) -> Bool {
    code == "http.badParameter" && path.split(separator: "/").contains { $0 == ":\(details["name"] ?? "")" }
  }
}

extension PageContext {
  /// The context of a page at a path, with those members of the query that it goes by.
  init(_ request: Request, _ path: PagePath, _ members: [String], now: UInt64) {
    var path = path
    for name in members {
      path = path.with(name, request.uri.queryParameters[Substring(name)].map(String.init))
    }
    let named = request.uri.queryParameters["lang"].flatMap { PageLanguage(rawValue: String($0)) }
    if let named { path = path.with("lang", named.rawValue) }
    self.init(
      language: named ?? PageLanguage(accepting: request.headers[.acceptLanguage]),
      namesLanguage: named != nil,
      path: path, now: now)
  }
}

extension Request {
  /// Whether the answer is for somebody who reads pages; the API's own paths answer in JSON always.
  var wantsPage: Bool {
    let path = uri.path
    let isOfAPI =
      path == "/api" || path.hasPrefix("/api/") || ["/health", "/ready", "/metrics"].contains(path)
    return !isOfAPI && headers[.accept]?.contains("text/html") == true
  }

  /// Whether the server is asked to check what it shows.
  fileprivate var asksForCheck: Bool { uri.queryParameters["verify"] == "1" }

  /// An epoch of the query.
  fileprivate func epoch(_ name: String) throws(RequestFailure) -> UInt64? {
    try number(name, in: 1...UInt64(Int64.max) - 1)
  }
}

extension ServerContext {
  /// An epoch of the path.
  func epoch() throws(RequestFailure) -> UInt64 {
    try parameter("epoch", "an epoch, from 1") { text -> UInt64 in
      guard let epoch = UInt64(decimal: text), (1..<UInt64(Int64.max)).contains(epoch) else {
        throw FormatError.decimal(found: text)
      }
      return epoch
    }
  }
}
