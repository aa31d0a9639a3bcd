import CEmethCompute

/// AdamW for a list of tensors, element by element as PROTOCOL 6 has it.
///
/// ```swift
/// var optimizer = AdamW(learningRate: 0.01)
/// parameters = try optimizer.updated(parameters, gradients: gradients)
/// ```
public struct AdamW: Sendable {
  /// How far a step goes at most, nearly; change it between steps for a schedule.
  public var learningRate: Double
  /// Decay of the mean of gradients and of that of their squares, added to the root, and decay of weights (of
  /// tensors with two dimensions or more; vectors don't decay).
  public let beta1, beta2, epsilon, weightDecay: Double

  private var moments: [(first: FloatArena, second: FloatArena)] = []
  private var corrections: BiasCorrections
  private var step: UInt64 = 0

  /// An optimizer before its first step.
  public init(
    learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
    weightDecay: Double = 0
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    corrections = BiasCorrections(beta1: beta1, beta2: beta2)
  }

  /// The parameters after a step, in binary32; the optimizer's moments go on with it.
  ///
  /// - Parameters:
  ///   - parameters: the same tensors in the same order at every step.
  ///   - gradients: one for each, of its shape.
  /// - Throws: `ComputeError.invalidInput` for another number of tensors than before, `shapeMismatch`,
  ///   `notFinite` for a gradient, `outOfMemory`; nothing has changed then.
  public mutating func updated(
    _ parameters: [Tensor], gradients: [Tensor]
  ) throws(ComputeError) -> [Tensor] {
    guard parameters.count == gradients.count, moments.isEmpty || moments.count == parameters.count else {
      throw .invalidInput(
        what: "number of parameters and gradients", found: "\(parameters.count) and \(gradients.count)",
        allowed: "as many of both\(moments.isEmpty ? "" : " as before, \(moments.count)")")
    }
    // Memory first: a step is taken whole or not at all. A copy of an optimizer has moments of its own.
    var next: [(parameter: FloatArena, gradient: FloatArena, first: FloatArena, second: FloatArena)] = []
    for (index, (parameter, gradient)) in zip(parameters, gradients).enumerated() {
      let known = moments.isEmpty ? parameter.shape.count : moments[index].first.elements.count
      guard parameter.shape == gradient.shape, parameter.shape.count == known else {
        throw .shapeMismatch(
          operation: "AdamW for parameter \(index)", left: parameter.shape.dimensions,
          right: gradient.shape.dimensions, rule: "both are the same, at every step")
      }
      let slopes = try gradient.floats()
      guard slopes.elements.allSatisfy(\.isFinite) else {
        throw .notFinite(step: step, tensor: "the gradient of parameter \(index)")
      }
      let first = try moments.isEmpty ? FloatArena(count: known) : Self.copy(moments[index].first)
      let second = try moments.isEmpty ? FloatArena(count: known) : Self.copy(moments[index].second)
      next.append((try Self.copy(try parameter.floats()), slopes, first, second))
    }
    step += 1
    corrections.advance(to: step)
    var scalars = emeth_adamw_scalars(
      learning_rate: Float(learningRate), beta1: Float(beta1), one_minus_beta1: Float(1 - beta1),
      beta2: Float(beta2), one_minus_beta2: Float(1 - beta2), correction1: corrections.first,
      correction2: corrections.second, epsilon: Float(epsilon), limit: .infinity)
    moments = next.map { ($0.first, $0.second) }
    return zip(next, parameters).map { arenas, old in
      var span = emeth_decay_span(
        offset: 0, count: old.shape.count, decay: old.shape.dimensions.count > 1 ? Float(weightDecay) : 0)
      emeth_adamw(
        old.device.handle, arenas.parameter.base, arenas.first.base, arenas.second.base, arenas.gradient.base,
        nil, &span, 1, &scalars)
      return Tensor(arenas.parameter, shape: old.shape, on: old.device)
    }
  }

  private static func copy(_ arena: FloatArena) throws(ComputeError) -> FloatArena {
    let copy = try FloatArena(count: arena.elements.count)
    _ = copy.elements.update(fromContentsOf: arena.elements)
    return copy
  }
}
