/// A step of a computation, as far as gradients flow through it: where they go on to, and how.
///
/// Nodes are made only for tensors that depend on a parameter of ``Tensor/valueAndGradients(of:_:)``.
final class GradientNode: Sendable {
  typealias Backward = @Sendable (Tensor) throws(ComputeError) -> [Tensor?]
  /// The nodes of the operation's inputs, nil for those that no parameter has a part in.
  let inputs: [GradientNode?]
  /// The gradients of the inputs from that of the output.
  let backward: Backward

  /// A parameter: gradients end here.
  init() {
    inputs = []
    backward = { _ in [] }
  }

  /// A step with several inputs; nil when no gradient is wanted for any.
  init?(inputs: [GradientNode?], backward: @escaping Backward) {
    guard inputs.contains(where: { $0 != nil }) else { return nil }
    self.inputs = inputs
    self.backward = backward
  }

  /// A step with one input; nil when no gradient is wanted for it.
  convenience init?(
    _ input: GradientNode?, backward: @escaping @Sendable (Tensor) throws(ComputeError) -> Tensor
  ) {
    self.init(inputs: [input]) { gradient throws(ComputeError) in [try backward(gradient)] }
  }

  /// All nodes that this one depends on and itself, each after those it depends on.
  var ordered: [GradientNode] {
    var order: [GradientNode] = []
    var seen: Set<ObjectIdentifier> = []
    // A path of its own, not the call stack: a computation may be long.
    var path: [(node: GradientNode, next: Int)] = [(self, 0)]
    seen.insert(ObjectIdentifier(self))
    while let (node, next) = path.last {
      guard next < node.inputs.count else {
        order.append(node)
        path.removeLast()
        continue
      }
      path[path.count - 1].next += 1
      if let input = node.inputs[next], seen.insert(ObjectIdentifier(input)).inserted {
        path.append((input, 0))
      }
    }
    return order
  }
}

extension Tensor {
  /// A loss and its gradients.
  ///
  /// ```swift
  /// let (loss, gradients) = try Tensor.valueAndGradients(of: [weight, bias]) { p in
  ///   try x.matmul(p[0], bias: p[1]).crossEntropy(targets: labels)
  /// }
  /// ```
  /// - Parameters:
  ///   - parameters: what gradients are wanted for.
  ///   - loss: computes a single number from the parameters it is given; it runs once.
  /// - Returns: the number, and a gradient for each parameter, of its shape; zeros where the loss does not
  ///   depend on it. Where a tensor is used twice its gradients are added in one fixed order.
  /// - Throws: what `loss` throws; `ComputeError.invalidInput` when it gives more than a single number.
  public static func valueAndGradients(
    of parameters: [Tensor], _ loss: ([Tensor]) throws -> Tensor
  ) throws -> (value: Float, gradients: [Tensor]) {
    let leaves = parameters.map { _ in GradientNode() }
    let tracked = zip(parameters, leaves).map { $0.tracked(by: $1) }
    let result = try loss(tracked)
    let value = try result.scalar()
    var gradients: [ObjectIdentifier: Tensor] = [:]
    if let node = result.node {
      gradients[ObjectIdentifier(node)] = try Tensor(repeating: 1, shape: result.shape, on: result.device)
      for node in node.ordered.reversed() where !node.inputs.isEmpty {
        guard let gradient = gradients.removeValue(forKey: ObjectIdentifier(node)) else { continue }
        for (input, part) in zip(node.inputs, try node.backward(gradient)) {
          guard let input, let part else { continue }
          let key = ObjectIdentifier(input)
          gradients[key] = try gradients[key].map { try $0 + part } ?? part
        }
      }
    }
    var results: [Tensor] = []
    for (parameter, leaf) in zip(parameters, leaves) {
      let gradient = gradients[ObjectIdentifier(leaf)]
      results.append(
        try gradient ?? Tensor(repeating: 0, shape: parameter.shape, on: parameter.device))
    }
    return (value, results)
  }

  private func tracked(by node: GradientNode) -> Tensor {
    switch storage {
    case .binary32(let arena): Tensor(arena, shape: shape, on: device, node: node)
    case .twoBytes(let elements): Tensor(elements, dtype: dtype, shape: shape, on: device, node: node)
    }
  }
}
