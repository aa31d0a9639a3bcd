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
      let service = try scene.server.service()
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
      var settings = NodeAgent.Settings()
      (settings.threads, settings.patience) = (1, 1)
      let agent = try NodeAgent(
        key: key, folder: scene.folder.url.appending(path: "node-0"), connection: connection,
        domain: .embedded, settings: settings, fault: nil
      ) { _ in }
      // It takes nothing by itself.
      agent.isPaused = true
      let worker = ServiceScene.node(1)
      let desk = try WorkerDesk(
        agent, NodeAgent.Workers(server: ServerSettings(listen: "127.0.0.1:0"), accounts: [worker.address]),
        folder: scene.folder.url.appending(path: "desk"))
      let tasks = [
        Task<Void, Never> { _ = try? await agent.run() },
        Task<Void, Never> { _ = try? await desk.run { _, _ in } },
      ]
      var open: JobID?
      for _ in 0..<400 where open == nil {
        open = try service.openSubJobs(SubJobFilter(), for: key.address).first?.id
        try await Task.sleep(for: .milliseconds(25))
      }
      let subJob = try #require(open)
      // The worker asks once, is told to come again, and does not.
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: worker, expiry: secondsNow() + 3_600), in: .embedded, with: worker)
      let asked = Task.detached { () -> String? in
        do throws(NetworkError) {
          _ = try desk.process(subJob, by: worker.address, binding: binding)
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
      #expect(try service.work(of: key.address, newest: 10).lost == .zero)
      for task in tasks { task.cancel() }
      for task in tasks { await task.value }
    }
  }

  /// The worker gives a SubJob up while it is being given, and the giving fails after that: the node computes it, once.
  @Test func whatAWorkerDeclinesWhileItIsGivenIsComputedOnce() async throws {
    try await ServiceScene.with(ServiceScene.settings(), on: .sqlite) { scene in
      try scene.startVerifier(0)
      try await scene.verifiersStand(1)
      let job = try scene.submit(scene.submission(manifest: TestNetwork.manifest(rounds: 1), parallel: 1))
      let service = try scene.server.service()
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
      var settings = NodeAgent.Settings()
      (settings.workers, settings.threads, settings.patience) = (2, 1, 1)
      let agent = try NodeAgent(
        key: key, folder: scene.folder.url.appending(path: "node-0"), connection: connection,
        domain: .embedded, settings: settings, fault: nil
      ) { event in
        if case .took = event { taken.withLock { $0 += 1 } }
        if case .failed(let what, _) = event, what.hasPrefix("giving") { hasFailed.withLock { $0 = true } }
      }
      agent.isPaused = true
      let worker = ServiceScene.node(1)
      let desk = try WorkerDesk(
        agent, NodeAgent.Workers(server: ServerSettings(listen: "127.0.0.1:0"), accounts: [worker.address]),
        folder: scene.folder.url.appending(path: "desk"))
      let tasks = [
        Task<Void, Never> { _ = try? await agent.run() },
        Task<Void, Never> { _ = try? await desk.run { _, _ in } },
      ]
      var open: JobID?
      for _ in 0..<400 where open == nil {
        open = try service.openSubJobs(SubJobFilter(), for: key.address).first?.id
        try await Task.sleep(for: .milliseconds(25))
      }
      let subJob = try #require(open)
      let binding = SignedKeyBinding(
        signing: KeyBinding(of: worker, expiry: secondsNow() + 3_600), in: .embedded, with: worker)
      let asked = Task.detached { _ = try? desk.process(subJob, by: worker.address, binding: binding) }
      for _ in 0..<400 where begun.withLock({ $0 }) < 1 { try await Task.sleep(for: .milliseconds(25)) }
      try desk.decline(subJob, by: worker.address, reason: "its disk is full")
      for _ in 0..<400 where begun.withLock({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(25)) }
      fails.withLock { $0 = true }
      let report = try await scene.end(of: job)
      #expect(report.status == "VERIFIED", "\(report.reason)")
      #expect(report.subJobs.count == 1)
      #expect(taken.withLock { $0 } == 2, "once for the worker, and once to be computed here")
      _ = await asked.value
      for task in tasks { task.cancel() }
      for task in tasks { await task.value }
    }
  }
}
