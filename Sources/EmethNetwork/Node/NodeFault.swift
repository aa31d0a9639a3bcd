/// A way to cheat or to die that a local node can be told to show, so that the network can be seen to catch
/// it. It acts on the node's first SubJob that allows it and lives in the node only.
public enum NodeFault: String, Sendable, Codable, CaseIterable {
  /// Trains only the first half of every segment's steps, rounded down, and commits to what came out.
  case skipSteps = "skip-steps"
  /// Trains nothing at all: the weights stay as they were, only the step counter moves.
  case frozenWeights = "frozen-weights"
  /// Trains on other sequences of its part than the order demands.
  case otherData = "other-data"
  /// Takes the steps in reverse: the right sequences, in another order.
  case otherOrder = "other-order"
  /// Trains with twice the learning rate.
  case otherLearningRate = "other-learning-rate"
  /// Hands in the trace and the update of an earlier SubJob of its own, with the right beginning put before it.
  case replayedTrace = "replayed-trace"
  /// Hands in the roots that another node has published, with a result of its own making.
  case copiedTrace = "copied-trace"
  /// Trains honestly and hands in another update than its last state gives.
  case swappedFinal = "swapped-final"
  /// Stops after half of the segments, rounded down, and hands that in.
  case shorterRun = "shorter-run"
  /// Adds the smallest possible amount to one weight at the end of every segment.
  case smallNoise = "small-noise"
  /// Begins with other weights than the round's.
  case wrongInit = "wrong-init"
  /// Trains on the first half of its part only.
  case truncatedShard = "truncated-shard"
  /// Trains honestly and opens its trace with other salts than those that it committed to.
  case changedSalts = "changed-salts"
  /// Trains honestly and opens other states than those that it committed to.
  case alteredOpening = "altered-opening"
  /// Takes the SubJob and never answers.
  case stall
}

/// A fault and the node that shows it.
public struct FaultPlan: Sendable, Codable, Hashable {
  /// What it does.
  public var fault: NodeFault
  /// Which node, counted from 1.
  public var node: Int

  /// A fault of one node.
  public init(fault: NodeFault, node: Int) {
    self.fault = fault
    self.node = node
  }

  /// Reads `KIND@NODE`, for example `skip-steps@2`.
  public init?(_ text: String) {
    let fields = text.split(separator: "@", omittingEmptySubsequences: false)
    guard fields.count == 2, let fault = NodeFault(rawValue: String(fields[0])), let node = Int(fields[1]),
      node > 0
    else { return nil }
    self.init(fault: fault, node: node)
  }
}
