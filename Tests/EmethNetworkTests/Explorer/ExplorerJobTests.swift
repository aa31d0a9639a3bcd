import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What the pages show of a real job: who computed, who cheated and what it cost, who was paid, and that it checks.
@Suite(.serialized) struct ExplorerJobTests {
  private static let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"]
  private static let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  @Test(arguments: TestDatabase.all)
  func aJobIsShownWithAllThatHappened(on kind: TestDatabase) async throws {
    try await ExplorerScene.with(kind) { scene in
      try await checkNetworkPage(scene)
      try await checkJobPage(scene)
      try await checkAccountPages(scene)
      try await checkBatchesAndTickets(scene)
      // What a browser makes of the same pages does not depend on the database.
      if kind == .sqlite, let python = Self.python, let chromium = Self.chromium {
        try await checkInBrowser(scene, python: python, chromium: chromium)
      }
    }
  }

  private func checkNetworkPage(_ scene: ExplorerScene) async throws {
    let html = try await scene.page("/")
    // A line of the list says what the job's own record says.
    let (row, view) = (
      try #require(try scene.service.jobRows(JobFilter()).jobs.first), try scene.service.job(scene.job)
    )
    #expect(row.id == scene.job && row.status == view.summary.status)
    #expect(row.line.dataSetName == view.summary.dataSet)
    #expect(
      row.requester == view.requester && row.requestedAt == view.requestedAt && row.number == view.number)
    #expect(row.line.escrow == view.summary.escrow && row.line.rounds == view.summary.rounds)
    #expect(row.line.roundsDone == view.summary.roundsDone)
    // To the digits that are shown.
    let (shown, exact) = (
      try #require(row.line.validationLoss), try #require(view.summary.losses.last?.validationLoss)
    )
    #expect(abs(shown - exact) < 1e-9)
    #expect(html.contains("href=\"/jobs/\(scene.job)\""))
    #expect(html.contains(Markup(ExplorerScene.dataSetName).html) && !html.contains("<script>alert"))
    #expect(html.contains("<progress max=\"2\" value=\"2\""))
    let totals = try #require(try scene.service.overview().slots.first)
    let granted = try scene.service.latestBatch()?.batch.totalPayout
    let burned = try scene.service.latestBatch()?.batch.totalBurned
    #expect(
      try scene.service.overview().slots.reduce(TokenAmount.zero) { try $0.adding($1.granted) } == granted)
    #expect(
      try scene.service.overview().slots.reduce(TokenAmount.zero) { try $0.adding($1.burned) } == burned)
    #expect(try scene.service.overview().slots.reduce(0) { $0 + $1.jobs } == 1)
    #expect(burned != .zero, "the cheat paid")
    #expect(html.contains(totals.burned.emethText))
    #expect(try await scene.page("/?status=VERIFIED").contains("/jobs/\(scene.job)"))
    #expect(try await !scene.page("/?status=FAILED").contains("/jobs/\(scene.job)"))
    let requester = ServiceScene.requester.address
    #expect(try await scene.page("/?requester=\(requester)").contains("/jobs/\(scene.job)"))
    #expect(try await !scene.page("/?before=1").contains("/jobs/\(scene.job)"))
  }

  private func checkJobPage(_ scene: ExplorerScene) async throws {
    let html = try await scene.page("/jobs/\(scene.job)?round=1")
    #expect(!html.contains("data-events"), "it has ended: nothing will change")
    #expect(html.contains("<svg") && html.contains("polyline"))
    let report = try scene.service.report(on: scene.job)
    for round in report.rounds {
      #expect(html.contains(NumberText.fixed(round.validationLoss, decimals: 4)))
    }
    let failed = try #require(report.subJobs.first { $0.status == "FAILED" })
    let page = try await scene.page("/jobs/\(scene.job)?round=\(failed.round + 1)")
    for subJob in report.subJobs where subJob.round == failed.round {
      #expect(page.contains("id=\"\(subJob.jobId)\""))
    }
    #expect(page.contains("status failed"))
    #expect(page.contains(Markup(Phrase(.rejected as JobEndReason).texts.english).html))
    // The penalty, the verifier that found it, and the cohort whose sum holds.
    // (It may have lost another one, in another round.)
    let cheat = try scene.service.database.read { db in try JobStore.subJob(failed.jobId, in: db) }
    let lost = try #require(cheat.machine.settlement).nodeLoss
    #expect(lost > .zero && page.contains(lost.emethText))
    #expect(
      page.contains("/accounts/\(ServiceScene.verifier(0).address)")
        || page.contains("/accounts/\(ServiceScene.verifier(1).address)"))
    #expect(page.contains(Phrase.sumHolds.texts.english) && page.contains(Phrase.cohorts.texts.english))
    let japanese = try await scene.page("/jobs/\(scene.job)?round=\(failed.round + 1)&lang=ja")
    #expect(japanese.contains(Markup(Phrase(.rejected as JobEndReason).texts.japanese).html))
    let found = try await Asked.send(
      to: scene.server, "GET", "/find?q=\(failed.jobId)", body: nil, headers: [("Accept", "text/html")])
    #expect(found.answerHeaders["location"] == "/jobs/\(scene.job)?round=\(failed.round + 1)#\(failed.jobId)")
  }

  private func checkAccountPages(_ scene: ExplorerScene) async throws {
    for index in 0..<4 {
      let account = ServiceScene.node(index).address
      let work = try scene.service.work(of: account, newest: 50)
      let html = try await scene.page("/accounts/\(account)")
      #expect(html.contains(work.earned.emethText) && html.contains(work.lost.emethText))
      for one in work.work { #expect(html.contains("#\(one.subJob.id)\"")) }
      // The sums are those of all its SubJobs, however they are paged.
      #expect(work.next == nil)
      #expect(work.earned == work.work.reduce(TokenAmount.zero) { $0 + $1.earned })
      #expect(work.lost == work.work.reduce(TokenAmount.zero) { $0 + $1.lost })
      var (paged, next): ([JobID], UInt32?) = ([], nil)
      repeat {
        let page = try scene.service.work(of: account, newest: 1, before: next)
        #expect(page.earned == work.earned && page.lost == work.lost && page.pending == work.pending)
        paged += page.work.map(\.subJob.id)
        next = page.next
      } while next != nil
      #expect(paged == work.work.map(\.subJob.id))
      let ticket = try #require(try scene.service.ticket(of: account))
      #expect(html.contains("/accounts/\(account)/tickets/\(ticket.ticket.epoch)"))
    }
    // A page with nothing on it leads back.
    let empty = try await scene.page("/accounts/\(ServiceScene.node(0).address)?work=1")
    #expect(empty.contains("href=\"/accounts/\(ServiceScene.node(0).address)#work\""))
    let verifier = try await scene.page("/accounts/\(ServiceScene.verifier(0).address)")
    #expect(verifier.contains(Phrase.verifierTitle.texts.english))
    let requester = try await scene.page("/accounts/\(ServiceScene.requester.address)")
    #expect(requester.contains("/jobs/\(scene.job)"))
    let nobody = try await Asked.send(
      to: scene.server, "GET", "/accounts/\(TestKeys.other.address)", body: nil,
      headers: [("Accept", "text/html")])
    #expect(nobody.status == 404)
  }

  private func checkBatchesAndTickets(_ scene: ExplorerScene) async throws {
    let latest = try #require(try scene.service.latestBatch())
    let list = try await scene.page("/batches")
    #expect(list.contains("href=\"/batches/\(latest.batch.epoch)\""))
    // Each batch checks after the one before it, as this server finds and says.
    for epoch in 1...latest.batch.epoch {
      let asked = try await scene.page("/batches/\(epoch)?verify=1")
      #expect(asked.contains(Markup(Phrase.allHoldServer.texts.english).html), "epoch \(epoch)")
      #expect(asked.components(separatedBy: "class=\"holds\"").count == 5)
      let silent = try await scene.page("/batches/\(epoch)")
      #expect(!silent.contains(Markup(Phrase.allHoldServer.texts.english).html))
    }
    for index in 0..<4 {
      let account = ServiceScene.node(index).address
      for signed in try scene.service.tickets(of: account, before: nil, limit: 100).tickets {
        let epoch = signed.ticket.epoch
        let detail = try #require(try scene.service.ticketDetail(of: account, epoch: epoch))
        try detail.proven.check(signers: TrustedSigners(scene.service.facts().signer))
        #expect(detail.proven.ticket == signed.ticket)
        let leaves = try scene.service.leaves(epoch: epoch, after: nil, limit: 100).tickets
        try detail.proven.batch.batch.check(leaves: leaves.map(\.ticket))
      }
      let newest = try #require(try scene.service.ticket(of: account)).ticket
      let html = try await scene.page("/accounts/\(account)/tickets/\(newest.epoch)?verify=1&lang=ja")
      #expect(html.contains(Phrase.allHoldServer.texts.japanese))
      #expect(html.components(separatedBy: "class=\"holds\"").count == 6)
    }
    // An account's ticket in another batch than that of its epoch.
    let account = ServiceScene.node(0).address
    let first = try #require(try scene.service.tickets(of: account, before: nil, limit: 100).tickets.last)
    let client = scene.server.client()
    for epoch in first.ticket.epoch...latest.batch.epoch {
      let proven = try await client.provenTicket(of: account, in: .epoch(epoch))
      try proven.check(
        signers: TrustedSigners(scene.service.facts().signer(of: epoch)), in: scene.service.domain)
      #expect(proven.batch.batch.epoch == epoch && proven.ticket.account == account)
      let tickets = try scene.service.tickets(of: account, before: epoch + 1, limit: 1).tickets
      #expect(proven.ticket == tickets.first?.ticket)
    }
    let newest = try await client.provenTicket(of: account, in: .newest)
    #expect(newest == (try await client.provenTicket(of: account, in: .epoch(latest.batch.epoch))))
    func refusal(_ account: Address, _ batch: ProvenBatch) async -> String? {
      do throws(NetworkError) {
        _ = try await client.provenTicket(of: account, in: batch)
        return nil
      } catch { return error.code }
    }
    #expect(await refusal(account, .epoch(latest.batch.epoch + 9)) == "batch.none")
    #expect(await refusal(account, .posted) == "batch.none", "it settles on no chain")
    #expect(await refusal(TestKeys.other.address, .newest) == "ticket.none")
    let wrong = try await Asked.send(
      to: scene.server, "GET", "/api/v2/accounts/\(account)/proven-ticket?batch=0", body: nil, headers: [])
    #expect(wrong.status == 400)
    let html = try await scene.page("/accounts/\(account)/tickets/\(newest.ticket.epoch)")
    #expect(html.contains("href=\"/api/v2/accounts/\(account)/proven-ticket?batch=newest\""))
    #expect(!html.contains("batch=posted"))
    try await checkPaging(scene, accounts: 7)
  }

  /// Walking through a list meets everything once.
  private func checkPaging(_ scene: ExplorerScene, accounts: Int) async throws {
    let epoch = try #require(try scene.service.latestBatch()).batch.epoch
    var (seen, after): ([Address], Address?) = ([], nil)
    repeat {
      let page = try scene.service.leaves(epoch: epoch, after: after, limit: 2)
      seen += page.tickets.map(\.ticket.account)
      after = page.last?.ticket.account
    } while after != nil
    #expect(Set(seen).count == seen.count && seen.count >= accounts)
    var (epochs, before): ([UInt64], UInt64?) = ([], epoch + 1)
    repeat {
      let page = try scene.service.batches(before: before, limit: 3)
      epochs += page.batches.map(\.batch.epoch)
      before = page.next
    } while before != nil
    #expect(epochs == Array((1...epoch).reversed()))
  }

  /// The same pages in Chromium, with scripts and without, by the keyboard.
  private func checkInBrowser(_ scene: ExplorerScene, python: String, chromium: String) async throws {
    let account = ServiceScene.node(0).address
    let ticket = try #require(try scene.service.ticket(of: account)).ticket
    let script = try #require(
      Bundle.module.url(forResource: "explorer_browser", withExtension: "py", subdirectory: "Fixtures"))
    let pictures = ProcessInfo.processInfo.environment["EMETH_EXPLORER_PICTURES"]
    let arguments =
      [
        script.path, chromium, "\(scene.server.address)", "\(scene.job)", "\(account)", "\(ticket.epoch)",
      ] + (pictures.map { [$0] } ?? [])
    let (status, output) = try await blocking {
      let process = Process()
      process.executableURL = URL(filePath: python)
      process.arguments = arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
    #expect(status == 0, "\(output)")
    print(output)
  }

  /// A page that is open follows the job without being loaded again.
  @Test(
    .enabled(
      if: python != nil && chromium != nil, "EMETH_PYTHON names no Python with playwright, or no Chromium"))
  func anOpenPageFollowsTheJob() async throws {
    let scene = try await ExplorerScene.start(on: .sqlite)
    let script = try #require(
      Bundle.module.url(forResource: "explorer_browser", withExtension: "py", subdirectory: "Fixtures"))
    let arguments = [
      script.path, try #require(Self.chromium), "\(scene.server.address)", "\(scene.job)", "--follow",
    ]
    let python = try #require(Self.python)
    let (status, output) = try await blocking {
      let process = Process()
      process.executableURL = URL(filePath: python)
      process.arguments = arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
    #expect(status == 0, "\(output)")
    try await scene.stop()
  }
}
