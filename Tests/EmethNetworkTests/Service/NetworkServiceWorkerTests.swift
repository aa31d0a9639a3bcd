import EmethKit
import Foundation
import Synchronization
import Testing

@testable import EmethNetwork

/// What a node has taken for a worker, when the worker is gone before it is given.
@Suite struct NetworkServiceWorkerTests {
  @Test func whatCantBeGivenToAWorkerTheNodeComputesItself() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startVerifier(0)
      try await scene.verifiersStand(1)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      // What it needs comes late, and not at all the first time.
      let key = ServiceScene.node(0)
      let begun = Mutex(0)
      let tried = Mutex(0)
      var connection = DirectConnection(account: key.address, server: scene.server)
      connection.fetching = { () async throws(NetworkError) in
        guard
          begun.withLock({ count in
            count += 1
            return count == 1
          })
        else { return }
        try? await Task.sleep(for: .seconds(6))
        tried.withLock { $0 += 1 }
        throw .refused(code: "object.gone", message: "it is not there", hint: nil)
      }
      let node = try PausedNode(in: scene, connection, workers: 1) { _ in }
      let subJob = try await node.openSubJob()
      // The worker asks once, is told to come again, and does not.
      let asked = Task.detached { () -> String? in
        do throws(NetworkError) {
          try node.giveToWorker(subJob)
          return nil
        } catch {
          return error.code
        }
      }
      #expect(await asked.value == NetworkError.interrupted.code)
      let report = try await scene.end(of: job)
      #expect(tried.withLock { $0 } == 1)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.count == 1, "the first attempt ended well")
      #expect(try scene.server.service().work(of: key.address, newest: 10).lost == .zero)
      await node.stop()
    }
  }

  /// The worker gives a SubJob up while it is being given, and the giving fails after that: the node computes it, once.
  @Test func whatAWorkerDeclinesWhileItIsGivenIsComputedOnce() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startVerifier(0)
      try await scene.verifiersStand(1)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let key = ServiceScene.node(0)
      // The first object is fetched for the worker; the next ones by whoever of the node's own computes.
      let begun = Mutex(0)
      let fails = Mutex(false)
      let hasFailed = Mutex(false)
      var connection = DirectConnection(account: key.address, server: scene.server)
      connection.fetching = { () async throws(NetworkError) in
        let number = begun.withLock { count in
          count += 1
          return count
        }
        if number == 1 {
          while !fails.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(10)) }
          throw .refused(code: "object.gone", message: "it is not there", hint: nil)
        }
        guard number == 2 else { return }
        // Until the giving has failed, and long enough after that for another one to begin beside it.
        for _ in 0..<1_200 where !hasFailed.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(25)) }
        try? await Task.sleep(for: .milliseconds(500))
      }
      let taken = Mutex(0)
      let node = try PausedNode(in: scene, connection, workers: 2) { event in
        if case .took = event { taken.withLock { $0 += 1 } }
        if case .failed(let what, _) = event, what.hasPrefix("giving") { hasFailed.withLock { $0 = true } }
      }
      let subJob = try await node.openSubJob()
      let asked = Task.detached { try? node.giveToWorker(subJob) }
      for _ in 0..<400 where begun.withLock({ $0 }) < 1 { try await Task.sleep(for: .milliseconds(25)) }
      try node.desk.decline(subJob, by: node.worker.address, reason: "its disk is full")
      for _ in 0..<400 where begun.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(25)) }
      fails.withLock { $0 = true }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.count == 1)
      #expect(taken.withLock { $0 } == 2, "once for the worker, and once to be computed here")
      _ = await asked.value
      await node.stop()
    }
  }
}

/// A node that takes nothing by itself, with a desk for one worker.
private struct PausedNode {
  let desk: WorkerDesk
  let worker = ServiceScene.node(1)
  private let service: NetworkService
  private let tasks: [Task<Void, Never>]

  init(
    in scene: ServiceScene, _ connection: DirectConnection, workers: Int,
    onEvent: @escaping @Sendable (AgentEvent) -> Void
  ) throws {
    var settings = NodeAgent.Settings()
    (settings.workers, settings.threads, settings.patience) = (workers, 1, 1)
    let agent = try NodeAgent(
      key: ServiceScene.node(0), folder: scene.folder.url.appending(path: "node-0"), connection: connection,
      domain: .embedded, settings: settings, fault: nil, onEvent: onEvent)
    agent.isPaused = true
    let desk = try WorkerDesk(
      agent, NodeAgent.Workers(server: ServerSettings(listen: "127.0.0.1:0"), accounts: [worker.address]),
      folder: scene.folder.url.appending(path: "desk"))
    (self.desk, service) = (desk, try scene.server.service())
    tasks = [
      Task<Void, Never> { _ = try? await agent.run() },
      Task<Void, Never> { _ = try? await desk.run { _, _ in } },
    ]
  }

  /// The first SubJob that it could take.
  func openSubJob() async throws -> JobID {
    var open: JobID?
    for _ in 0..<400 where open == nil {
      open = try service.openSubJobs(SubJobFilter(), for: ServiceScene.node(0).address).first?.id
      try await Task.sleep(for: .milliseconds(25))
    }
    return try #require(open)
  }

  /// Lets the worker ask for a SubJob.
  func giveToWorker(_ subJob: JobID) throws(NetworkError) {
    let binding = SignedKeyBinding(
      signing: KeyBinding(of: worker, expiry: secondsNow() + 3_600), in: .embedded, with: worker)
    _ = try desk.process(subJob, by: worker.address, binding: binding)
  }

  func stop() async {
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }
}
