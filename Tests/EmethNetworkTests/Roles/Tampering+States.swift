import EmethCompute
import EmethKit
import Foundation

@testable import EmethNetwork

/// Cheats at the states themselves: wrong objects under an honest trace, and traces that were made up.
extension Tampering {
  static let states = [
    Tampering("state object altered by one byte", finding: "segment 1: its opening state cannot be read") {
      evidence, _ in
      let file = evidence.store.location(of: evidence.opening.segments[0].state)
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: file)
    },
    Tampering("altered state under its own hash", finding: "segment 1: the opened state does not have") {
      evidence, _ in
      var bytes = Data(try evidence.store.get(evidence.opening.segments[0].state))
      bytes[bytes.count / 2] ^= 1
      evidence.opening.segments[0].state = try evidence.store.put(bytes)
    },
    Tampering("state cut", finding: "segment 1: state") { evidence, _ in
      let bytes = try evidence.store.get(evidence.opening.segments[0].state)
      evidence.opening.segments[0].state = try evidence.store.put(bytes.dropLast(4))
    },
    Tampering("state missing", finding: "segment 4: its opening state cannot be read") { evidence, _ in
      try evidence.store.remove(evidence.opening.segments[1].state)
    },
    Tampering("state of another segment", finding: "segment 1: the opened state does not have") {
      evidence, _ in
      evidence.opening.segments[0].state = evidence.opening.segments[1].state
    },
    Tampering("trace of a shorter run, said to be whole", finding: "segments is 4, the job's is 5") {
      evidence, scene in
      try evidence.commit(to: Array(scene.states.dropLast()), opening: [1], scene: scene)
    },
    Tampering("trace of a shorter run, its last state twice", finding: "segment 4: replay ends in state") {
      evidence, scene in
      // The counters are those of the end, so that only a replay can tell.
      var last = scene.states[4]
      last.replaceSubrange(last.count - 16..<last.count, with: scene.states[5].suffix(16))
      try evidence.commit(to: scene.states.dropLast() + [last], opening: [1, 4], scene: scene)
    },
    Tampering("one bit of a middle state", finding: "segment 1: replay ends in state") { evidence, scene in
      var states = scene.states
      states[2][100] ^= 1
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("one bit of the first moments", finding: "segment 4: replay ends in state") { evidence, scene in
      var states = scene.states
      states[5][states[5].count / 2] ^= 1
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("begun from another model", finding: "initRoot is") { evidence, scene in
      var states = scene.states
      states[0][0] ^= 1
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("states that count other steps", finding: "counts step") { evidence, scene in
      var states = scene.states
      states[1][states[1].count - 16] += 1
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("states that count another round", finding: "segment 1: the opened state counts") {
      evidence, scene in
      var states = scene.states
      states[1][states[1].count - 8] += 1
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering(
      "parameters that are no numbers", finding: "segment 1: h.0.attn.c_attn.bias is not finite"
    ) { evidence, scene in
      var states = scene.states
      states[1].replaceSubrange(0..<4, with: notANumber)
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("moments that are no numbers, before the last step", finding: "segment 4:") { evidence, scene in
      var states = scene.states
      let moments = (states[4].count - 16) / 3
      states[4].replaceSubrange(moments..<moments + 4, with: notANumber)
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
    Tampering("an end that is no number, committed to", finding: "is not finite") { evidence, scene in
      // A last segment of one step takes no number from the moments to the end, and the end is committed to.
      var states = scene.states
      let moments = (states[4].count - 16) / 3
      states[4].replaceSubrange(moments..<moments + 4, with: notANumber)
      states[5] = try end(of: 4, from: states[4], scene: scene)
      try evidence.commit(to: states, opening: [1, 4], scene: scene)
    },
  ]

  /// A quiet NaN, little-endian.
  private static let notANumber: [UInt8] = [0, 0, 0xc0, 0x7f]

  /// The state that a segment gives, computed as any node would.
  static func end(of segment: Int, from state: Data, scene: SubmissionScene) throws -> Data {
    let run = try TrainingRun(
      manifest: scene.manifest, position: scene.assignment.position, sequenceCount: scene.facts.sequenceCount,
      device: Device.cpu(threads: 1))
    try run.state.decode(state)
    let data = scene.data
    for step in run.schedule.steps(ofSegment: segment) {
      _ = try run.train(step: step) { index in data.tokens(index) }
    }
    return run.state.encoded()
  }
}
