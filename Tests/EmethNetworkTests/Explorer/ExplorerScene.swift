import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// A served network with a job that ran to its end over HTTP, one of its nodes a cheat: what pages show of it.
final class ExplorerScene: Sendable {
  let server: RunningServer
  let service: NetworkService
  let job: JobID
  private let agents: [Task<Void, Never>]
  private let folder: TemporaryFolder

  private init(
    server: RunningServer, service: NetworkService, job: JobID, agents: [Task<Void, Never>],
    folder: TemporaryFolder
  ) {
    self.server = server
    self.service = service
    self.job = job
    self.agents = agents
    self.folder = folder
  }

  /// The name of its data set, chosen by somebody who would like to be more than text.
  static let dataSetName = "sentences <script>alert(1)</script>"

  /// Runs a test on a network whose job has ended.
  static func with(
    _ kind: TestDatabase, _ test: (ExplorerScene) async throws -> Void
  ) async throws {
    let scene = try await start(on: kind)
    do {
      try await scene.waitForEnd()
      try await test(scene)
    } catch {
      try? await scene.stop()
      throw error
    }
    try await scene.stop()
  }

  /// Starts everybody and the job.
  static func start(on kind: TestDatabase) async throws -> ExplorerScene {
    let made = Mutex<NetworkService?>(nil)
    let server = try await RunningServer.start { folder in
      var settings = try ServiceScene.settings()
      settings.check = .all
      let service = try NetworkService(
        folder: folder.url, settings: settings, database: kind.location(in: folder))
      made.withLock { $0 = service }
      return service
    }
    let service = try #require(made.withLock { $0 })
    let folder = try TemporaryFolder()
    var agents = try verifiers(server, in: folder) + [node(0, fault: .swappedFinal, server, in: folder)]
    for index in 0..<3 {
      let account = ServiceScene.verifier(index).address
      for _ in 0..<400 where try service.verifier(account).unused == 0 {
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    // Commitments must be older than submissions, by the second.
    try await Task.sleep(for: .seconds(1))
    let dataSet = try service.give(Data(TestNetwork.text().utf8), by: ServiceScene.requester.address)
    let job = try service.submit(
      JobSubmission(
        salt: TestNetwork.seed(9), manifest: TestNetwork.manifest(), dataSetName: dataSetName,
        dataSet: dataSet,
        parallel: 3, fuelPrice: FuelPrice(gholon: 120), timeLimitSeconds: 3_600,
        retry: RetryPolicy(attempts: 4, baseDelayMilliseconds: 100, factor: 2)),
      by: ServiceScene.requester.address)
    // The cheat comes first, so that there is something to show of it.
    for _ in 0..<600 where try service.work(of: ServiceScene.node(0).address, newest: 1).work.isEmpty {
      try await Task.sleep(for: .milliseconds(50))
    }
    for index in 1..<4 { agents.append(try node(index, server, in: folder)) }
    return ExplorerScene(server: server, service: service, job: job, agents: agents, folder: folder)
  }

  private static func node(
    _ index: Int, fault: NodeFault? = nil, _ server: RunningServer, in folder: TemporaryFolder
  ) throws -> Task<Void, Never> {
    let key = ServiceScene.node(index)
    var settings = NodeAgent.Settings()
    settings.threads = 1
    settings.patience = 5
    let agent = try NodeAgent(
      key: key, folder: folder.url.appending(path: "node-\(index)"),
      connection: HTTPConnection(server: "\(server.address)", key: key), domain: .embedded,
      settings: settings,
      fault: fault, onEvent: { _ in })
    return Task { try? await agent.run() }
  }

  private static func verifiers(
    _ server: RunningServer, in folder: TemporaryFolder
  ) throws -> [Task<Void, Never>] {
    try (0..<3).map { index in
      let key = ServiceScene.verifier(index)
      var settings = VerifierAgent.Settings()
      settings.threads = 1
      settings.patience = 5
      let agent = try VerifierAgent(
        key: key, folder: folder.url.appending(path: "verifier-\(index)"),
        connection: HTTPConnection(server: "\(server.address)", key: key), settings: settings)
      return Task { try? await agent.run() }
    }
  }

  /// Waits for the job's end, and for the batch that holds its last payment.
  func waitForEnd() async throws {
    for _ in 0..<1_800 where try !service.job(job).summary.status.isFinal {
      try await Task.sleep(for: .milliseconds(100))
    }
    let status = try service.job(job).summary.status
    try #require(status == .verified, "\(status)")
    for _ in 0..<200 {
      let settled = try (0..<4).allSatisfy { index in
        let account = ServiceScene.node(index).address
        let paid = try service.ticket(of: account)?.ticket.cumulativePayout ?? .zero
        return try paid == service.balances(of: account).payout
      }
      if settled { break }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  func stop() async throws {
    for agent in agents { agent.cancel() }
    for agent in agents { await agent.value }
    try await server.stop()
  }

  /// A page as a browser gets it.
  func page(_ path: String) async throws -> String {
    let answer = try await Asked.send(
      to: server, "GET", path, body: nil, headers: [("Accept", "text/html,*/*;q=0.8")])
    #expect(answer.status == 200, "\(path): \(answer.status)")
    return String(decoding: answer.received, as: UTF8.self)
  }
}
