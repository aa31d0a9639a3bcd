import EmethCompute
import EmethKit
import Foundation

@testable import EmethNetwork

extension TrainingNode {
  /// What it opens to a challenge, the states by their hashes: a test's are small enough to be in memory together.
  func answer(
    _ challenge: Challenge, on device: Device
  ) throws(NetworkError) -> (opening: Opening, states: [Bytes32: Data]) {
    var states: [Bytes32: Data] = [:]
    let opening = try answer(challenge, on: device) { hash, state throws(NetworkError) in states[hash] = state
    }
    return (opening, states)
  }
}
