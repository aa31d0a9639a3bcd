/// All that training carries from step to step: parameters, both AdamW moments, and two counters.
///
/// The three arenas lie in the order of `layout`. Writing through the buffers is the caller's business: a
/// state is used by one thread at a time, which is why it can be handed from one to another (`Sendable`). The
/// buffers live as long as the state: where a buffer is used after the last mention of the state, wrap the
/// use into `withExtendedLifetime(state)`, as the optimiser ends lives early.
///
/// ```swift
/// let state = try TrainingState(configuration: .tiny)
/// try state.initializeWeights(seed: seed)
/// let before = state.root
/// ```
public final class TrainingState: @unchecked Sendable {
  /// The model's shape.
  public let configuration: ModelConfiguration
  /// Where each tensor lies in the arenas.
  public let layout: ParameterLayout
  /// Optimizer steps taken over all rounds.
  public var step: UInt64 = 0
  /// Rounds completed.
  public var round: UInt64 = 0

  let parameterArena: FloatArena
  let firstMomentArena: FloatArena
  let secondMomentArena: FloatArena

  /// The model, `layout.count` elements, 64-byte aligned.
  public var parameters: UnsafeMutableBufferPointer<Float> { parameterArena.elements }
  /// AdamW's running mean of gradients.
  public var firstMoments: UnsafeMutableBufferPointer<Float> { firstMomentArena.elements }
  /// AdamW's running mean of squared gradients.
  public var secondMoments: UnsafeMutableBufferPointer<Float> { secondMomentArena.elements }

  /// A state of zeros.
  ///
  /// - Parameter device: what trains it; nil for any CPU. A GPU works on no other states.
  /// - Throws: `ComputeError.outOfMemory`, `deviceFailed`.
  public init(configuration: ModelConfiguration, device: Device? = nil) throws(ComputeError) {
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    parameterArena = try FloatArena(count: layout.count, device: device)
    firstMomentArena = try FloatArena(count: layout.count, device: device)
    secondMomentArena = try FloatArena(count: layout.count, device: device)
  }

  /// Takes over every bit of `other`, which must have the same configuration.
  public func copy(from other: TrainingState) {
    precondition(configuration == other.configuration, "states of different models")
    for (target, source) in zip(arenas, other.arenas) {
      _ = target.elements.update(fromContentsOf: source.elements)
    }
    step = other.step
    round = other.round
  }

  /// Sets both moments to zero, as at the start of a SubJob that does not carry them.
  public func clearMoments() {
    firstMomentArena.clear()
    secondMomentArena.clear()
  }

  var arenas: [FloatArena] { [parameterArena, firstMomentArena, secondMomentArena] }
}
