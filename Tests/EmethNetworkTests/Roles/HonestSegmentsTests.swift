import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Honest work is never rejected, whatever machines the node and the verifier have.
@Suite struct HonestSegmentsTests {
  /// 100 segments a scale: at 100 all 10,000 of the claim. Node and verifier go through all pairs of an
  /// instruction set and a number of threads, over models of odd shapes and ever new weights.
  @Test func areNeverRejected() throws {
    let environment = ProcessInfo.processInfo.environment
    let start = environment["EMETH_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
    print("HonestSegmentsTests: EMETH_TEST_SEED=\(start)")
    let scenes = UInt64(5 * (environment["EMETH_TEST_SCALE"].flatMap { Int($0) } ?? 1))
    let devices = try [1, 2, 3].flatMap { threads in
      try InstructionSet.allCases.filter(\.isAvailable).map {
        try Device.cpu(threads: threads, instructionSet: $0)
      }
    }
    let shapes = try [(1, 2, 16, 16), (2, 1, 7, 9), (1, 3, 21, 33), (3, 1, 5, 17)].map {
      try ModelShape(layers: $0, heads: $1, width: $2, context: $3, vocabularySize: 256)
    }
    var replayed = 0
    for index in 0..<scenes {
      let turn = start &+ index
      func device(_ number: UInt64) -> Device { devices[Int(number % UInt64(devices.count))] }
      let scene = try SubmissionScene(
        steps: 40, model: shapes[Int(turn % UInt64(shapes.count))], seed: turn, device: device(turn))
      let segments = Array(0..<Int(scene.manifest.segmentCount))
      let answer = try scene.node.answer(
        Challenge(
          subJob: scene.assignment.subJob, verifier: TestNetwork.key("verifier", 0).address,
          seed: scene.seed, segments: segments), on: device(turn))
      var evidence = try Evidence(scene)
      evidence.opening = answer.opening
      for state in answer.states.values { try evidence.store.put(state, durable: false) }
      // One further at each round of the nodes' devices, so that every pair has its turn.
      let judgement = try evidence.judged(
        segments: segments, seed: scene.seed, on: device(turn / UInt64(devices.count) &+ turn &+ 1))
      #expect(judgement.verdict.verdict.accepted, "seed \(turn): \(judgement.finding)")
      replayed += judgement.segments.count
    }
    #expect(replayed == 20 * Int(scenes))
  }
}
