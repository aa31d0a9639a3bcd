/// Who shows a fault: the number after `@` counts within the role.
public enum FaultRole: String, Sendable, Codable, CaseIterable {
  /// A node that computes.
  case node
  /// A verifier that replays.
  case verifier
  /// The Aggregator, of which there is one.
  case aggregator
}
