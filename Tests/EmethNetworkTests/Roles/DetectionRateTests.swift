import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// How often sampled replay finds what it should, and never what it should not.
@Suite struct DetectionRateTests {
  /// A submission in which some segments, never the last, are bad, and what a verifier needs to judge it.
  private struct Cheat {
    let scene: SubmissionScene
    let node: TrainingNode
    let evidence: Evidence
    let bad: Set<Int>

    init(_ fault: NodeFault?, segments: Int, of steps: UInt32) throws {
      scene = try SubmissionScene(steps: steps)
      var node = TrainingNode(
        key: scene.node.key, folder: scene.folder.url.appending(path: "cheat"), store: scene.store,
        domain: .embedded, fault: fault)
      node.faultSegments = segments
      self.node = node
      let device = try Device.cpu(threads: 1)
      let result = try #require(
        try node.compute(scene.assignment, on: device, stop: StopFlag(), onStep: { _ in }))
      var evidence = try Evidence(scene)
      evidence.submission = result.submission
      self.evidence = evidence
      bad =
        try node.markedConduct(of: scene.assignment.subJob, segments: Int(scene.manifest.segmentCount))
        .segments
        ?? []
    }

    /// Whether a verifier that draws `count` segments by this seed accepts.
    func isAccepted(seed: Bytes32, drawing count: Int, on device: Device) throws -> (Bool, drawn: [Int]) {
      let drawn = SegmentDraw.segments(seed: seed, count: count, of: Int(scene.manifest.segmentCount))
      let answer = try node.answer(
        Challenge(
          subJob: scene.assignment.subJob, verifier: TestNetwork.key("verifier", 0).address, seed: seed,
          segments: drawn), on: device)
      var asked = evidence
      asked.opening = answer.opening
      for state in answer.states.values { try asked.store.put(state, durable: false) }
      defer { for hash in answer.states.keys { try? asked.store.remove(hash) } }
      let judgement = try asked.judged(segments: drawn, seed: seed)
      return (judgement.verdict.verdict.accepted, drawn)
    }
  }

  /// Every kind of cheat on some segments is found exactly when one of them is drawn, so as often as the
  /// formula says: within five standard deviations of it.
  @Test(arguments: NodeFault.allCases.filter(\.isOfSegments), [1, 3])
  func asOftenAsTheFormulaSays(fault: NodeFault, badSegments: Int) throws {
    let cheat = try Cheat(fault, segments: badSegments, of: 24)
    let (all, drawing) = (Int(cheat.scene.manifest.segmentCount), 3)
    #expect(cheat.bad.count == badSegments && !cheat.bad.contains(all - 1))
    let environment = ProcessInfo.processInfo.environment
    let start = environment["EMETH_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 62)
    print("DetectionRateTests, \(fault.rawValue): EMETH_TEST_SEED=\(start)")
    let device = try Device.cpu(threads: 1)
    let tries = 60 * (environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1)
    var found = 0
    for index in 0..<tries {
      let seed = SHA256.hash(Array("\(start) \(fault.rawValue) \(badSegments) \(index)".utf8))
      let (accepted, drawn) = try cheat.isAccepted(seed: seed, drawing: drawing, on: device)
      #expect(accepted == cheat.bad.isDisjoint(with: drawn))
      if !accepted { found += 1 }
    }
    // 1 − C(n − m, k) / C(n, k): the last segment is replayed too, and it is good.
    let missed = (0..<drawing).reduce(1.0) { $0 * Double(all - badSegments - $1) / Double(all - $1) }
    let probability = 1 - missed
    let expected = probability * Double(tries)
    let deviation = (expected * (1 - probability)).squareRoot()
    #expect(abs(Double(found) - expected) <= 5 * deviation + 1, "\(found) of \(tries), expected \(expected)")
  }
}
