import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// How often sampled replay finds what it should, and never what it should not. What is trained is trained once: the
/// draw is what chance decides.
@Suite struct DetectionRateTests {
  /// A submission that is wrong in one way, and what a verifier needs to judge it.
  private struct Cheat {
    /// Twelve segments of two steps.
    static let steps: UInt32 = 24

    let scene: SubmissionScene
    let node: TrainingNode
    let evidence: Evidence
    /// The bad segments, of a fault that shows in some alone; never the last.
    let bad: Set<Int>

    /// - Parameter segments: in how many segments it cheats; nil is all of them.
    init(_ fault: NodeFault?, segments: Int?) throws {
      scene = try SubmissionScene(steps: Self.steps)
      var node = TrainingNode(
        key: scene.node.key, folder: scene.folder.url.appending(path: "cheat"), store: scene.store,
        domain: .embedded, fault: fault)
      node.faultSegments = segments
      let device = try Device.cpu(threads: 1)
      switch fault {
      case .copiedTrace:
        let other = try SubmissionScene(key: SubmissionScene.otherNodeKey, steps: Self.steps)
        node.published = { () throws(NetworkError) in [other.result.submission] }
      case .replayedTrace:
        let earlier = try SubmissionScene(part: 2, steps: Self.steps)
        let before = TrainingNode(
          key: node.key, folder: node.folder, store: earlier.store, domain: .embedded, fault: fault)
        let honest = try before.compute(earlier.assignment, on: device, stop: StopFlag(), onStep: { _ in })
        try #require(
          honest?.submission == earlier.result.submission, "it cheats where it has nothing to replay")
      default: break
      }
      self.node = node
      let result = try #require(
        try node.compute(scene.assignment, on: device, stop: StopFlag(), onStep: { _ in }))
      var evidence = try Evidence(scene)
      evidence.submission = result.submission
      self.evidence = evidence
      bad = try node.markedConduct(of: scene.assignment.subJob, segments: scene.segmentCount).segments ?? []
    }

    /// What a verifier says that draws `count` segments by this seed.
    func judged(seed: Bytes32, drawing count: Int, on device: Device) throws -> Judgement {
      let drawn = SegmentDraw.segments(seed: seed, count: count, of: scene.segmentCount)
      let answer = try node.answer(
        Challenge(
          subJob: scene.assignment.subJob, verifier: TestNetwork.key("verifier", 0).address, seed: seed,
          segments: drawn), on: device)
      var asked = evidence
      asked.opening = answer.opening
      for state in answer.states.values { try asked.store.put(state, durable: false) }
      defer { for hash in answer.states.keys { try? asked.store.remove(hash) } }
      return try asked.judged(segments: drawn, seed: seed, on: device)
    }
  }

  /// The seeds of draws: other ones in every run, EMETH_TEST_SEED repeats one, EMETH_TEST_SCALE takes more.
  private struct Seeds {
    let label: String
    let start: UInt64
    let count: Int

    init(_ label: String, count: Int) {
      let environment = ProcessInfo.processInfo.environment
      self.label = label
      self.count = count * (environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1)
      start = environment["EMETH_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 62)
    }

    subscript(index: Int) -> Bytes32 { SHA256.hash(Array("\(start) \(label) \(index)".utf8)) }

    /// Says what was counted, and how to count it again.
    func report(_ found: Int, probability: Double) {
      let share = String(format: "%.4f", probability)
      print(
        "detection: \(label): found in \(found) of \(count) draws, P = \(share), EMETH_TEST_SEED=\(start)")
    }
  }

  /// How seldom a right count fails a test, at either end.
  private static let risk = 1e-7

  /// Every kind of cheat that can be shown in some segments is found exactly when one of them is drawn, so as often as
  /// the formula says: 1 − C(n − m, k) / C(n, k). The last segment is replayed too, and it is good.
  @Test(arguments: AttackTableTests.cheats.filter(\.isOfSegments), [1, 3])
  func asOftenAsTheFormulaSays(fault: NodeFault, badSegments: Int) throws {
    let cheat = try Cheat(fault, segments: badSegments)
    let (all, drawing) = (cheat.scene.segmentCount, 3)
    #expect(cheat.bad.count == badSegments && !cheat.bad.contains(all - 1))
    let seeds = Seeds("\(fault.rawValue), \(badSegments) of \(all) segments bad, \(drawing) drawn", count: 60)
    let device = try Device.cpu(threads: 1)
    let kind = AttackTableTests.row(of: fault)?.kind
    var found = 0
    for index in 0..<seeds.count {
      let judgement = try cheat.judged(seed: seeds[index], drawing: drawing, on: device)
      let isDrawn = !cheat.bad.isDisjoint(with: judgement.segments)
      #expect(judgement.verdict.verdict.accepted != isDrawn, "\(judgement.finding)")
      if let mismatch = judgement.mismatch {
        found += 1
        #expect(mismatch.kind == kind && mismatch.segment.map(cheat.bad.contains) == true, "\(mismatch)")
      }
    }
    let missed = (0..<drawing).reduce(1.0) { $0 * Double(all - badSegments - $1) / Double(all - $1) }
    seeds.report(found, probability: 1 - missed)
    let allowed = BinomialRange.counts(tries: seeds.count, probability: 1 - missed, risk: Self.risk)
    #expect(allowed.contains(found), "\(found) of \(seeds.count), allowed \(allowed)")
  }

  /// What shows in every segment, in the first or the last boundary, or in the opening itself is found by every draw,
  /// also of a single segment besides the last: P = 1.
  @Test(arguments: AttackTableTests.cheats)
  func whateverIsDrawn(fault: NodeFault) throws {
    let cheat = try Cheat(fault, segments: nil)
    let seeds = Seeds("\(fault.rawValue), throughout, 1 drawn", count: 30)
    let device = try Device.cpu(threads: 1)
    let kind = try #require(AttackTableTests.row(of: fault)).kind
    var found = 0
    for index in 0..<seeds.count {
      let judgement = try cheat.judged(seed: seeds[index], drawing: 1, on: device)
      if judgement.mismatch?.kind == kind, !judgement.verdict.verdict.accepted { found += 1 }
    }
    seeds.report(found, probability: 1)
    #expect(found == seeds.count)
  }

  /// The same draws of honest work are accepted: what was counted above is the cheat's doing.
  @Test func honestWorkIsFoundByNoDraw() throws {
    let cheat = try Cheat(nil, segments: nil)
    let seeds = Seeds("honest, 3 drawn", count: 60)
    let device = try Device.cpu(threads: 1)
    var found = 0
    for index in 0..<seeds.count {
      let judgement = try cheat.judged(seed: seeds[index], drawing: 3, on: device)
      if !judgement.verdict.verdict.accepted { found += 1 }
    }
    seeds.report(found, probability: 0)
    #expect(found == 0)
  }

  /// The bounds themselves: by hand where that is short, and of no more than the risk.
  @Test func theBoundsAreThoseOfTheBinomialLaw() {
    // (1/2)^4 = 1/16 at either end; two at an end are 5/16.
    #expect(BinomialRange.counts(tries: 4, probability: 0.5, risk: 0.05) == 0...4)
    #expect(BinomialRange.counts(tries: 4, probability: 0.5, risk: 0.07) == 1...3)
    #expect(BinomialRange.counts(tries: 4, probability: 0.5, risk: 0.32) == 2...2)
    #expect(BinomialRange.counts(tries: 9, probability: 1, risk: 0.1) == 9...9)
    #expect(BinomialRange.counts(tries: 9, probability: 0, risk: 0.1) == 0...0)
    // A rate that is half of what the formula says does not pass unseen, however few the draws.
    #expect(!BinomialRange.counts(tries: 60, probability: 0.618, risk: Self.risk).contains(12))
    #expect(!BinomialRange.counts(tries: 6_000, probability: 0.25, risk: Self.risk).contains(1_300))
  }
}

extension SubmissionScene {
  /// How many segments its SubJob has.
  fileprivate var segmentCount: Int { Int(manifest.segmentCount) }
}
