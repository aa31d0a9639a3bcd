import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct ModelCacheTests {
  @Test func neverMoreThanThereIsRoomFor() {
    for segments in 1...40 {
      for places in 0...50 {
        let cache = ModelCache(room: UInt64(places * 100 + 99), stateSize: 100, segments: segments)
        let kept = (0...segments).filter(cache.keeps)
        #expect(kept.count <= places, "\(segments) segments, \(places) places")
        #expect(!kept.contains(0) && !kept.contains(segments))
        if places > 0, segments > 1 { #expect(kept.contains(segments - 1)) }
        // All of them where all fit.
        if places >= segments - 1 { #expect(kept.count == max(0, segments - 1)) }
        // The farthest that a state lies behind one that is kept, in segments.
        let gaps = zip([0] + kept, kept).map { $1 - $0 }
        if let widest = gaps.max(), places > 1 {
          #expect(widest <= max(0, segments - 2) / places + 1, "\(kept)")
        }
      }
    }
  }

  /// Whatever a node keeps, it opens the same states.
  @Test(arguments: [0, 1, 3] as [UInt64])
  func whatIsNotKeptIsComputedAgain(places: UInt64) throws {
    let scene = try SubmissionScene()
    let size = UInt64(TrainingState.encodedByteCount(of: try ModelConfiguration(scene.manifest.model)))
    var node = TrainingNode(
      key: scene.node.key, folder: scene.folder.url.appending(path: "other"), store: scene.store,
      domain: .embedded, fault: nil)
    node.modelCache = places * size
    let device = try Device.cpu(threads: 2)
    let result = try #require(
      try node.compute(scene.assignment, on: device, stop: StopFlag(), onStep: { _ in }))
    #expect(result.submission == scene.result.submission)
    let vault = NodeVault(node: node.folder, subJob: scene.assignment.subJob)
    #expect(try NodeVault.stateBytes(of: node.folder) == UInt64(try vault.boundaries().count) * size)
    #expect(try vault.boundaries().count <= Int(places))
    let record = try #require(try vault.record())
    for (boundary, state) in scene.states.enumerated() {
      #expect(try node.state(at: boundary, of: record, in: vault, on: device) == state, "\(boundary)")
    }
  }

  /// A state that a power failure left torn is passed over.
  @Test func aDamagedStateIsComputedAgain() throws {
    let scene = try SubmissionScene()
    let vault = NodeVault(node: scene.node.folder, subJob: scene.assignment.subJob)
    let record = try #require(try vault.record())
    for boundary in try vault.boundaries() {
      try vault.keepState(Data(try vault.state(boundary: boundary).dropLast()), boundary: boundary)
    }
    let device = try Device.cpu(threads: 1)
    for boundary in scene.states.indices {
      #expect(
        try scene.node.state(at: boundary, of: record, in: vault, on: device) == scene.states[boundary])
    }
  }

  @Test func aSecondSubJobGetsWhatTheFirstLeaves() throws {
    let scene = try SubmissionScene()
    let used = try NodeVault.stateBytes(of: scene.node.folder)
    #expect(used > 0)
    var node = scene.node
    node.modelCache = used
    var assignment = scene.assignment
    assignment.subJob =
      SubJobPosition(parent: scene.assignment.position.parent, round: 1, part: 1, attempt: 1).id
    _ = try node.compute(assignment, on: Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in })
    #expect(try NodeVault.stateBytes(of: node.folder) == used)
  }
}
