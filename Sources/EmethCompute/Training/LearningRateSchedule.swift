/// How the learning rate goes on after the warm-up.
public enum LearningRateSchedule: String, CaseIterable, Sendable, Hashable, Codable {
  /// Down to the lowest along half a cosine: PROTOCOL 6, what jobs are trained with.
  case cosine
  /// Down to the lowest in a straight line.
  case linear
  /// It stays at the highest.
  case constant
}
