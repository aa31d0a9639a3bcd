/// A way to cheat or to die that a local node can be told to show, so that the network can be seen to catch
/// it. It acts on the node's first SubJob that allows it and lives in the node only.
public enum NodeFault: String, Sendable, Codable, CaseIterable {
  /// Trains only the first half of every segment's steps, rounded down, and commits to what came out.
  case skipSteps = "skip-steps"
  /// Trains on other sequences of its part than the order demands.
  case otherData = "other-data"
  /// Trains honestly and hands in another update than its last state gives.
  case swappedFinal = "swapped-final"
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
