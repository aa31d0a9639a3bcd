import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

@Suite struct TrainingNodeTests {
  private func challenge(_ scene: SubmissionScene) -> Challenge {
    Challenge(
      subJob: scene.assignment.subJob, verifier: .zero, seed: scene.seed, segments: scene.segments)
  }

  private func states(of scene: SubmissionScene) throws -> [URL] {
    let folder = scene.node.folder.appending(path: "\(scene.assignment.subJob)")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.lastPathComponent.hasPrefix("state-") }
  }

  @Test(arguments: ["damaged", "missing"])
  func aStateThatTheDiskLostIsComputedAgain(how: String) throws {
    let scene = try SubmissionScene()
    for file in try states(of: scene) {
      if how == "missing" {
        try FileManager.default.removeItem(at: file)
      } else {
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 0x10
        try bytes.write(to: file)
      }
    }
    let opening = try scene.node.answer(challenge(scene), on: try Device.cpu(threads: 2)).opening
    #expect(opening == scene.opening)
  }

  @Test func aFinishedSubJobIsNotTrainedAgain() throws {
    let scene = try SubmissionScene()
    var steps = 0
    let again = try scene.node.compute(
      scene.assignment, on: try Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in steps += 1 })
    #expect(again == scene.result)
    #expect(steps == 0)
  }

  @Test func aPartThatIsNotTheAssignedOneIsRefused() throws {
    let scene = try SubmissionScene()
    try scene.node.forget(scene.assignment.subJob)
    var assignment = scene.assignment
    assignment.dataRoot = SHA256.hash([1])
    #expect(throws: NetworkError.self) {
      try scene.node.compute(assignment, on: try Device.cpu(threads: 1), stop: StopFlag(), onStep: { _ in })
    }
  }

  @Test func aFaultIsShownOnTheFirstSubJobOnly() throws {
    let scene = try SubmissionScene()
    let folder = try TemporaryFolder()
    let node = TrainingNode(
      key: SubmissionScene.nodeKey, folder: folder.url, store: scene.store, domain: .embedded, fault: .stall)
    let device = try Device.cpu(threads: 1)
    #expect(try node.compute(scene.assignment, on: device, stop: StopFlag(), onStep: { _ in }) == nil)
    #expect(
      try node.compute(scene.assignment, on: device, stop: StopFlag(), onStep: { _ in }) == nil,
      "dead stays dead")
    var second = scene.assignment
    second.position = SubJobPosition(
      parent: second.position.parent, round: second.position.round, part: second.position.part, attempt: 1)
    second.subJob = second.position.id
    #expect(try node.compute(second, on: device, stop: StopFlag(), onStep: { _ in }) != nil)
  }
}
