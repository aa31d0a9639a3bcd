extension TrainingManifest {
  /// The inner optimizer: AdamW with gradient clipping.
  public struct Optimizer: Hashable, Sendable {
    /// The highest learning rate, above 0 and at most 1.
    public let learningRate: DecimalNumber
    /// The first moment's decay, from 0 to below 1.
    public let beta1: DecimalNumber
    /// The second moment's decay, from 0 to below 1.
    public let beta2: DecimalNumber
    /// What keeps the division finite, above 0 and at most 1.
    public let epsilon: DecimalNumber
    /// The weight decay of matrices, 0 to 1.
    public let weightDecay: DecimalNumber
    /// The largest gradient norm, above 0.
    public let gradientClip: DecimalNumber

    /// An optimizer; its limits are checked by the manifest.
    public init(
      learningRate: DecimalNumber, beta1: DecimalNumber, beta2: DecimalNumber, epsilon: DecimalNumber,
      weightDecay: DecimalNumber, gradientClip: DecimalNumber
    ) {
      self.learningRate = learningRate
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.gradientClip = gradientClip
    }

    /// 0.0006, 0.9, 0.95, 1e-8, 0.1 and 1: usual for models below 50 million parameters.
    public static let standard = Optimizer(
      learningRate: .known("0.0006"), beta1: .known("0.9"), beta2: .known("0.95"), epsilon: .known("1e-8"),
      weightDecay: .known("0.1"), gradientClip: .one)

    func check() throws(ProgramError) {
      try checkDecimal("optimizer.learningRate", learningRate, above: .zero, atMost: .one)
      try checkDecimal("optimizer.beta1", beta1, from: .zero, below: .one)
      try checkDecimal("optimizer.beta2", beta2, from: .zero, below: .one)
      try checkDecimal("optimizer.epsilon", epsilon, above: .zero, atMost: .one)
      try checkDecimal("optimizer.weightDecay", weightDecay, from: .zero, atMost: .one)
      try checkDecimal("optimizer.gradientClip", gradientClip, above: .zero)
    }
  }

  /// The learning rate's course: linear warm-up, then a cosine down to a share of the highest rate.
  public struct Schedule: Hashable, Sendable {
    /// The steps of the warm-up, at most all steps of the training.
    public let warmupSteps: UInt32
    /// The rate at the end as a share of the highest, 0 to 1.
    public let minimumRatio: DecimalNumber

    /// A course; its limits are checked by the manifest.
    public init(warmupSteps: UInt32, minimumRatio: DecimalNumber) {
      self.warmupSteps = warmupSteps
      self.minimumRatio = minimumRatio
    }

    /// A course down to 10 %, as the protocol has it.
    public init(warmupSteps: UInt32) {
      self.init(warmupSteps: warmupSteps, minimumRatio: .known("0.1"))
    }

    /// No warm-up, down to 10 %.
    public static let standard = Schedule(warmupSteps: 0)

    func check() throws(ProgramError) {
      try checkDecimal("schedule.minimumRatio", minimumRatio, from: .zero, atMost: .one)
    }
  }

  /// What training starts from.
  public enum InitialWeights: Hashable, Sendable {
    /// Random weights from the manifest's seed.
    case seed
    /// The weights of a given model, by its state root: fine-tuning.
    case model(Bytes32)
  }

  /// How numbers are calculated.
  public enum Profile: String, Codable, Sendable, CaseIterable {
    /// The same bits on every machine, checked byte for byte.
    case reproducible
    /// As fast as the machine can, checked by tolerance.
    case fast
  }

  /// How the updates of a round change the model: v = mu v + G; theta −= eta (G + mu v).
  public struct OuterOptimizer: Hashable, Sendable {
    /// The known settings.
    public enum Preset: String, Codable, Sendable, CaseIterable {
      /// Nesterov momentum; by default eta 0.7 and mu 0.9.
      case diloco
      /// The mean of the parts' weights: eta 1, mu 0.
      case average
      /// `average`, where a round is an epoch (Round 3-2).
      case round3_2 = "round3-2"
    }

    /// The setting that eta and mu belong to.
    public let preset: Preset
    /// The outer learning rate, above 0 and at most 10; 1 unless the preset is `diloco`.
    public let eta: DecimalNumber
    /// The outer momentum, from 0 to below 1; 0 unless the preset is `diloco`.
    public let mu: DecimalNumber

    /// An outer optimizer; its limits are checked by the manifest.
    public init(preset: Preset, eta: DecimalNumber, mu: DecimalNumber) {
      self.preset = preset
      self.eta = eta
      self.mu = mu
    }

    /// A preset with its own eta and mu.
    public init(preset: Preset) {
      switch preset {
      case .diloco: self.init(preset: preset, eta: .known("0.7"), mu: .known("0.9"))
      case .average, .round3_2: self.init(preset: preset, eta: .one, mu: .zero)
      }
    }

    /// eta 0.7, mu 0.9.
    public static let diloco = OuterOptimizer(preset: .diloco)
    /// eta 1, mu 0.
    public static let average = OuterOptimizer(preset: .average)
    /// eta 1, mu 0; a round is an epoch.
    public static let round3_2 = OuterOptimizer(preset: .round3_2)

    func check() throws(ProgramError) {
      try checkDecimal("outer.eta", eta, above: .zero, atMost: .known("10"))
      try checkDecimal("outer.mu", mu, from: .zero, below: .one)
      switch preset {
      case .diloco: break
      case .average, .round3_2:
        guard eta == .one else { throw .fieldOutOfRange(field: "outer.eta", found: eta.text, allowed: "1") }
        guard mu == .zero else { throw .fieldOutOfRange(field: "outer.mu", found: mu.text, allowed: "0") }
      }
    }
  }
}

extension DecimalNumber {
  static let one = known("1")

  /// A number of this library's own, whose text is known to be right.
  static func known(_ text: StaticString) -> DecimalNumber {
    do throws(FormatError) {
      return try DecimalNumber(text.description)
    } catch {
      preconditionFailure("\(text) is a decimal number")
    }
  }
}

/// Throws unless a manifest's real lies within its limits.
private func checkDecimal(
  _ field: String, _ found: DecimalNumber, above open: DecimalNumber? = nil,
  from closed: DecimalNumber? = nil,
  atMost last: DecimalNumber? = nil, below limit: DecimalNumber? = nil
) throws(ProgramError) {
  let inside = [
    open.map { found > $0 }, closed.map { found >= $0 }, last.map { found <= $0 }, limit.map { found < $0 },
  ]
  guard inside.contains(false) else { return }
  let words = [
    open.map { "above \($0)" }, closed.map { "from \($0)" }, last.map { "at most \($0)" },
    limit.map { "below \($0)" },
  ]
  throw .fieldOutOfRange(
    field: field, found: found.text, allowed: words.compactMap { $0 }.joined(separator: " and "))
}
