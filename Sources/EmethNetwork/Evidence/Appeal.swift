import EmethKit

/// A node's own account of the segment that it is rejected for: what it is held to in a bisection.
public struct Appeal: Codable, Sendable, Hashable {
  /// The segment.
  public var segment: Int
  /// The node's signature under the list of its states.
  public var stepClaim: SignedBisectionClaim
  /// The state roots after each of its steps.
  public var steps: [Bytes32]
  /// The first step after which its state is another than the verifier's, from 0 within the SubJob.
  public var step: Int
  /// The node's signature under the list of that step's operators; `nil` when it computed none.
  public var operatorClaim: SignedBisectionClaim?
  /// The chain over the outputs of that step's operators, and the state root that it led to.
  public var operators: [Bytes32] = []
}

/// Where a node and the replay of its segment part.
public struct Divergence: Codable, Sendable, Hashable {
  /// The segment.
  public var segment: Int
  /// The step, from 0 within the SubJob.
  public var step: Int
  /// The first operator whose output differs, in words.
  public var `operator`: String
}
