/// AdamW's settings, the schedule of its learning rate, and the gradient clip.
public struct OptimizerConfiguration: Sendable, Hashable {
  /// The highest learning rate, reached at the end of the warm-up.
  public var learningRate: Double
  /// Decay of the running mean of gradients.
  public var beta1: Double
  /// Decay of the running mean of squared gradients.
  public var beta2: Double
  /// Added to the root of the second moment.
  public var epsilon: Double
  /// Decoupled weight decay of matrices; vectors do not decay.
  public var weightDecay: Double
  /// Largest norm of the whole gradient; a larger one is scaled down to it.
  public var gradientClip: Double
  /// Steps of linear warm-up.
  public var warmupSteps: Int
  /// Steps of the whole schedule, all rounds counted; past it the lowest learning rate stays.
  public var totalSteps: Int
  /// Lowest learning rate as a part of the highest.
  public var minimumRatio: Double
  /// The way from the highest to the lowest.
  public var schedule: LearningRateSchedule
  /// The global step at which both moments were zero: AdamW's bias correction counts from here, while the
  /// schedule counts all steps. A SubJob that does not carry moments starts at `round · H`.
  public var momentsStart: UInt64

  /// Settings with the defaults for models below 50 million parameters.
  public init(
    learningRate: Double = 6e-4, beta1: Double = 0.9, beta2: Double = 0.95, epsilon: Double = 1e-8,
    weightDecay: Double = 0.1, gradientClip: Double = 1.0, warmupSteps: Int = 0, totalSteps: Int = 1,
    minimumRatio: Double = 0.1, schedule: LearningRateSchedule = .cosine, momentsStart: UInt64 = 0
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.gradientClip = gradientClip
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.minimumRatio = minimumRatio
    self.schedule = schedule
    self.momentsStart = momentsStart
  }

  /// The learning rate of the step that follows `step` completed ones, in binary64.
  ///
  /// Below `warmupSteps` it is `learningRate · (step + 1) / warmupSteps`; then, with `low = learningRate ·
  /// minimumRatio` and `p = (step − warmupSteps) / (totalSteps − warmupSteps)`, at most 1,
  /// `low + (learningRate − low) · (0.5 · (1 + cos(π p)))`, or `low + (learningRate − low) · (1 − p)`, or
  /// `learningRate`, as the schedule says.
  public func learningRate(atStep step: Int) -> Double {
    if step < warmupSteps { return learningRate * Double(step + 1) / Double(warmupSteps) }
    if schedule == .constant { return learningRate }
    let low = learningRate * minimumRatio
    guard step < totalSteps else { return low }
    let progress = Double(step - warmupSteps) / Double(totalSteps - warmupSteps)
    if schedule == .linear { return low + (learningRate - low) * (1 - progress) }
    return low + (learningRate - low) * (0.5 * (1 + ReproducibleCosine.ofHalfTurns(progress)))
  }

  /// Checks that every number is finite and in its range.
  ///
  /// - Throws: `ComputeError.invalidConfiguration` naming the first that is not.
  public func validate() throws(ComputeError) {
    func check(_ what: String, _ found: Double, _ isAllowed: Bool, _ allowed: String) throws(ComputeError) {
      guard found.isFinite, isAllowed else {
        throw .invalidConfiguration(what: what, found: "\(found)", allowed: allowed)
      }
    }
    try check("learning rate", learningRate, learningRate >= 0, "a finite number of at least 0")
    try check("beta1", beta1, (0..<1).contains(beta1), "0 up to, not including, 1")
    try check("beta2", beta2, (0..<1).contains(beta2), "0 up to, not including, 1")
    try check("epsilon", epsilon, Float(epsilon) > 0, "a finite number above 0")
    try check("weight decay", weightDecay, weightDecay >= 0, "a finite number of at least 0")
    try check("gradient clip", gradientClip, gradientClip > 0, "a finite number above 0")
    try check("minimum ratio", minimumRatio, (0...1).contains(minimumRatio), "0 to 1")
    guard warmupSteps >= 0 else {
      throw .invalidConfiguration(what: "warm-up steps", found: "\(warmupSteps)", allowed: "at least 0")
    }
  }
}
