import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a node opens, and to whom, whatever it is asked for.
@Suite struct NodeOpeningsTests {
  private func challenge(
    _ scene: SubmissionScene, by reader: UInt32 = 0, seed: UInt8 = 1, segments: [Int]? = nil
  ) -> Challenge {
    let seed = SHA256.hash([seed])
    return Challenge(
      subJob: scene.assignment.subJob, verifier: TestNetwork.key("verifier", reader).address, seed: seed,
      segments: segments ?? SegmentDraw.segments(seed: seed, count: 1, of: Int(scene.manifest.segmentCount)))
  }

  private func isRefused(_ challenge: Challenge, by node: TrainingNode) -> Bool {
    do throws(NetworkError) {
      try node.admit(challenge)
      return false
    } catch {
      return error.code == "node.notDrawn"
    }
  }

  @Test func itOpensWhatItsSeedDraws() throws {
    let scene = try SubmissionScene()
    let drawn = challenge(scene)
    let count = Int(scene.manifest.segmentCount)
    let wrong: [[Int]] = [[], [0], Array(0..<count - 1), [count - 1, count], [count - 1, 0]]
    for segments in wrong {
      #expect(isRefused(challenge(scene, segments: segments), by: scene.node), "\(segments)")
    }
    // One more than the last, or two of which one is the last: not any that one likes.
    #expect((0..<count - 1).count { challenge(scene, segments: [$0, count - 1]).isDrawn(of: count) } <= 2)
    try scene.node.admit(drawn)
    try scene.node.admit(drawn)
    // Where all are looked at, all are drawn; but not after others were.
    #expect(isRefused(challenge(scene, segments: Array(0..<count)), by: scene.node))
    #expect(isRefused(challenge(scene, seed: 2), by: scene.node), "another seed would open other segments")
    try scene.node.forget(scene.assignment.subJob)
    #expect(try scene.node.openings(of: scene.assignment.subJob) == nil)
  }

  /// A text of brackets is small as it comes and large once it is read.
  @Test func anOpeningIsNoLargerThanItLooks() throws {
    let scene = try SubmissionScene.shared.get()
    let text = try WireFormat.encoder.encode(scene.opening)
    #expect(Opening(encoded: text) == scene.opening)
    let configuration = try ModelConfiguration(scene.manifest.model)
    let limit = Opening.byteLimit(
      scene.manifest, segments: scene.segments.count, parameters: configuration.parameterCount)
    #expect(text.count < limit && limit < 64 << 20)
    // What readers do not know they pass over; here it would not be read at all.
    func with(_ further: String) -> Opening? {
      Opening(encoded: Data("{\"further\":\(further),".utf8) + text.dropFirst())
    }
    let brackets = "[" + String(repeating: "[],", count: 200_000) + "[]]"
    #expect(with("[[],[]]") == scene.opening && with(brackets) == nil)
    #expect(with(String(repeating: "[", count: 40) + String(repeating: "]", count: 40)) == nil)
    #expect(with("\"\(brackets) \\\" \(brackets)\"") == scene.opening, "words are no arrays")
    let extent = JSONExtent(of: Data(#"{"a":[1,2,{"b":"[,\"]"}],"c":[]}"#.utf8))
    #expect(extent.elements == 7 && extent.depth == 3)
  }

  @Test func allSegmentsAreADraw() throws {
    let scene = try SubmissionScene()
    try scene.node.admit(challenge(scene, segments: Array(0..<Int(scene.manifest.segmentCount))))
  }

  /// A node that starts again knows to whom it has opened: the file is all that it goes by.
  @Test func itOpensToAFewAccounts() throws {
    let scene = try SubmissionScene()
    for reader in 0..<UInt32(NodeOpenings.accountLimit) { try scene.node.admit(challenge(scene, by: reader)) }
    let further = challenge(scene, by: UInt32(NodeOpenings.accountLimit))
    #expect(isRefused(further, by: scene.node))
    let again = TrainingNode(
      key: scene.node.key, folder: scene.node.folder, store: scene.store, domain: .embedded, fault: nil)
    #expect(isRefused(further, by: again))
    try again.admit(challenge(scene, by: 3))
    #expect(try again.openings(of: scene.assignment.subJob)?.accounts.count == NodeOpenings.accountLimit)
  }
}
