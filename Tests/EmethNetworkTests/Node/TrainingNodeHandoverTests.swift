import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// A SubJob that another machine computes for its node.
@Suite struct TrainingNodeHandoverTests {
  /// A node with a worker, each with a folder and a store of its own, and the work done.
  private struct Scene {
    let known: SubmissionScene
    let folder: TemporaryFolder
    let master: TrainingNode
    let worker: TrainingNode
    let given: Assignment
    let document: Bytes32

    init() throws {
      known = try SubmissionScene.shared.get()
      folder = try TemporaryFolder()
      master = try Self.node(SubmissionScene.nodeKey, in: folder.url.appending(path: "master"))
      worker = try Self.node(TestNetwork.key("worker", 0), in: folder.url.appending(path: "worker"))
      for object in [known.assignment.data, known.assignment.startingParameters] {
        try master.store.put(known.store.get(object))
      }
      given = try master.assignment(known.assignment, for: worker.binding(expiry: 100), at: 1)
      for object in [given.data, given.startingParameters] {
        try worker.store.put(master.store.get(object))
      }
      _ = try worker.compute(given, on: Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in })
      let (document, objects) = try worker.handOver(given.subJob, at: 1)
      for object in objects { try master.store.put(worker.store.get(object)) }
      self.document = document
    }

    private static func node(_ key: PrivateKey, in folder: URL) throws -> TrainingNode {
      TrainingNode(
        key: key, folder: folder.appending(path: "work"),
        store: try ContentStore(folder: folder.appending(path: "objects")), domain: .embedded, fault: nil)
    }

    /// A sealed document that says something else.
    func other(_ change: (inout Handover) throws -> Void) throws -> Bytes32 {
      var stream = OpeningStream(identities: [master.key.sealingIdentity()])
      var text: [UInt8] = []
      try stream.append(master.store.get(document), to: &text)
      try stream.finish(to: &text)
      var handover = try JSONDecoder().decode(Handover.self, from: Data(text))
      try change(&handover)
      return try sealed(WireFormat.encoder.encode(handover))
    }

    func sealed(_ data: Data) throws -> Bytes32 {
      var random = SystemRandomNumberGenerator()
      return try master.store.putSealed(
        data, to: master.binding(expiry: 100).binding.recipient, using: &random)
    }
  }

  /// What comes of it is to the bit what the node would have computed and signed itself, and it answers for it alone.
  @Test func itIsAsIfTheNodeHadComputedIt() throws {
    let scene = try Scene()
    let known = scene.known
    let result = try scene.master.takeOver(scene.document, for: known.assignment)
    #expect(result == known.result)
    #expect(try scene.master.takeOver(scene.document, for: known.assignment) == known.result)
    // The worker and its objects are gone.
    try scene.master.forgetHandover(scene.document)
    try FileManager.default.removeItem(at: scene.folder.url.appending(path: "worker"))
    let challenge = Challenge(
      subJob: known.assignment.subJob, verifier: TestNetwork.key("verifier", 0).address, seed: known.seed,
      segments: known.segments)
    let (opening, states) = try scene.master.answer(challenge, on: Device.cpu(threads: 1))
    #expect(opening == known.opening)
    #expect(Set(states.values) == Set(known.segments.map { known.states[$0] }))
    // States came along: the first one is the round's model.
    let vault = NodeVault(node: scene.master.folder, subJob: known.assignment.subJob)
    #expect(try Set(vault.boundaries()).isSuperset(of: [1, 2, 3, 4]))
  }

  @Test func onlyItsWorkerCanReadThePart() throws {
    let scene = try Scene()
    #expect(scene.given.header.isEmpty && scene.given.data != scene.known.assignment.data)
    for key in [TestNetwork.key("worker", 1), SubmissionScene.nodeKey] {
      let folder = try TemporaryFolder()
      let stranger = TrainingNode(
        key: key, folder: folder.url, store: scene.worker.store, domain: .embedded, fault: nil)
      #expect(throws: NetworkError.self) {
        try stranger.compute(scene.given, on: Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in })
      }
    }
    // A key that is bound no longer gets nothing.
    #expect(throws: NetworkError.self) {
      try scene.master.assignment(scene.known.assignment, for: scene.worker.binding(expiry: 100), at: 101)
    }
  }

  @Test func whatIsNotTheWorkIsRefused() throws {
    let scene = try Scene()
    let assignment = scene.known.assignment
    let bad = [
      try scene.other { $0.stateRoots.removeLast() }, try scene.other { $0.stateRoots[0] = .zero },
      try scene.other { $0.update = try scene.sealed(Data(count: 12)) },
      try scene.other { $0.update = .zero }, try scene.sealed(Data("{}".utf8)), Bytes32.zero,
      assignment.startingParameters,
    ]
    for (index, document) in bad.enumerated() {
      #expect(throws: NetworkError.self, "\(index)") {
        try scene.master.takeOver(document, for: assignment)
      }
      #expect(try scene.master.hasNoRecord(of: assignment.subJob), "\(index)")
    }
    // After all that, the right one.
    #expect(try scene.master.takeOver(scene.document, for: assignment) == scene.known.result)
  }

  /// A state that came damaged is computed again when it is asked for.
  @Test func aWrongStateCostsTimeOnly() throws {
    let scene = try Scene()
    let known = scene.known
    let document = try scene.other { handover in
      for index in handover.states.indices {
        handover.states[index].object = try scene.sealed(Data(count: 100))
      }
    }
    #expect(try scene.master.takeOver(document, for: known.assignment) == known.result)
    let challenge = Challenge(
      subJob: known.assignment.subJob, verifier: TestNetwork.key("verifier", 0).address, seed: known.seed,
      segments: known.segments)
    #expect(try scene.master.answer(challenge, on: Device.cpu(threads: 1)).opening == known.opening)
  }
}

extension TrainingNode {
  fileprivate func hasNoRecord(of subJob: JobID) throws -> Bool {
    try NodeVault(node: folder, subJob: subJob).record() == nil
  }
}
