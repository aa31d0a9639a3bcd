import Testing

@testable import EmethCompute

/// Gradients of every operation against differences of its values, and of a whole block against the model's own.
@Suite struct TensorGradientTests {
  private let device: Device
  init() throws { device = try Device.cpu(threads: 2) }

  private func random(_ shape: TensorShape, _ seed: UInt8) throws -> Tensor {
    var generator = try CounterGenerator(
      label: "test", seed: [UInt8](repeating: seed, count: 32), part: 0, round: 0, pass: 0)
    return try Tensor(randomWithDeviation: 1, shape: shape, using: &generator, on: device)
  }

  /// A single number that depends on every element in another way.
  private func weighed(_ x: Tensor) throws -> Tensor { try (x * random(x.shape, 99)).sum() }

  private struct Operation: CustomStringConvertible, Sendable {
    let description: String
    let shapes: [TensorShape]
    let apply: @Sendable ([Tensor]) throws -> Tensor
  }

  private static let operations: [Operation] = [
    .init(description: "sum of two", shapes: [[3, 4], [4]]) { try $0[0] + $0[1] },
    .init(description: "difference", shapes: [[2, 3, 4], [3, 4]]) { try $0[0] - $0[1] },
    .init(description: "product", shapes: [[3, 4], [3, 4]]) { try $0[0] * $0[1] },
    .init(description: "product with one repeated", shapes: [[5, 4], [4]]) { try $0[0] * $0[1] },
    .init(description: "scaling", shapes: [[7]]) { try $0[0] * -2.5 },
    .init(description: "square", shapes: [[7]]) { try $0[0] * $0[0] },
    .init(description: "exp", shapes: [[7]]) { try $0[0].exp() },
    .init(description: "log", shapes: [[7]]) {
      try ($0[0] * $0[0] + Tensor([1], shape: [], on: $0[0].device)).log()
    },
    .init(description: "tanh", shapes: [[7]]) { try $0[0].tanh() },
    .init(description: "matmul", shapes: [[2, 3, 5], [5, 4], [4]]) { try $0[0].matmul($0[1], bias: $0[2]) },
    .init(description: "matmul with the transposed", shapes: [[6, 5], [4, 5]]) {
      try $0[0].matmul($0[1], transposed: true)
    },
    .init(description: "gelu", shapes: [[9]]) { try $0[0].gelu() },
    .init(description: "softmax", shapes: [[3, 6]]) { try $0[0].softmax() },
    .init(description: "layerNorm", shapes: [[3, 8], [8], [8]]) {
      try $0[0].layerNorm(gain: $0[1], offset: $0[2])
    },
    .init(description: "attention", shapes: [[2, 5, 12]]) { try $0[0].attention(heads: 2) },
    .init(description: "embedding", shapes: [[5, 4], [3, 4]]) {
      try Tensor.embedding([[4, 0, 4], [1, 1, 2]], tokenTable: $0[0], positionTable: $0[1])
    },
    .init(description: "crossEntropy", shapes: [[3, 5]]) { try $0[0].crossEntropy(targets: [1, .max, 4]) },
    .init(description: "mean", shapes: [[3, 5]]) { try $0[0].mean() },
    .init(description: "columnSums", shapes: [[3, 5]]) { try $0[0].columnSums() },
    .init(description: "rowSums", shapes: [[3, 5]]) { try $0[0].rowSums() },
    .init(description: "reshape", shapes: [[3, 4]]) { try $0[0].reshaped(to: [2, 6]).softmax() },
  ]

  @Test(arguments: operations.indices)
  func gradientsAreThoseOfDifferences(index: Int) throws {
    let operation = Self.operations[index]
    let inputs = try operation.shapes.enumerated().map { try random($1, UInt8($0 + 1)) }
    let (_, gradients) = try Tensor.valueAndGradients(of: inputs) { try weighed(operation.apply($0)) }
    for (which, input) in inputs.enumerated() {
      #expect(gradients[which].shape == input.shape)
      for element in 0..<input.shape.count {
        func value(_ step: Float) throws -> Double {
          var moved = inputs
          var values = input.values
          values[element] += step
          moved[which] = try Tensor(values, shape: input.shape, on: device)
          let output = try operation.apply(moved)
          return zip(output.values, try random(output.shape, 99).values).reduce(0) {
            $0 + Double($1.0) * Double($1.1)
          }
        }
        let step: Float = 0x1p-8
        let difference = (try value(step) - value(-step)) / Double(2 * step)
        let gradient = Double(gradients[which].values[element])
        #expect(
          abs(gradient - difference) <= 2e-3 * max(1, abs(gradient)),
          "\(operation), input \(which), element \(element): \(gradient), by differences \(difference)")
      }
    }
  }

  @Test func tensorsWithoutAPartInTheLossHaveZeros() throws {
    let (x, y) = (try random([3], 1), try random([2], 2))
    let (value, gradients) = try Tensor.valueAndGradients(of: [x, y]) { try $0[0].sum() }
    #expect(value == (try x.sum().scalar()))
    #expect(gradients[0].values == [1, 1, 1] && gradients[1].values == [0, 0])
    #expect(try Tensor.valueAndGradients(of: [x]) { _ in try y.sum() }.gradients[0].values == [0, 0, 0])
    #expect(throws: ComputeError.self) { try Tensor.valueAndGradients(of: [x]) { $0[0] } }
  }

  @Test func gradientsOfManySteps() throws {
    let x = try random([4], 3)
    let (_, gradients) = try Tensor.valueAndGradients(of: [x]) { p in
      var sum = p[0]
      for _ in 0..<2_000 { sum = try sum + p[0] }
      return try sum.sum()
    }
    #expect(gradients[0].values == [2001, 2001, 2001, 2001])
  }

  @Test func resultsAreTheSameForEveryNumberOfThreads() throws {
    let results = try [1, 3].map { threads in
      let device = try Device.cpu(threads: threads)
      let (x, w) = (
        try Tensor(random([5, 6, 12], 1).values, shape: [5, 6, 12], on: device),
        try Tensor(random([12, 12], 2).values, shape: [12, 12], on: device)
      )
      return try Tensor.valueAndGradients(of: [x, w]) {
        try $0[0].matmul($0[1]).gelu().attention(heads: 2).softmax().matmul($0[1].reshaped(to: [4, 36]))
          .crossEntropy(targets: [UInt32](repeating: 7, count: 30))
      }
    }
    #expect(results[0].value == results[1].value)
    for (one, three) in zip(results[0].gradients, results[1].gradients) {
      #expect(one.values == three.values)
    }
  }

  /// AdamW on tensors takes the step that the trainer takes.
  @Test func optimizerStepsAsTheTrainerDoes() throws {
    var optimizer = AdamW(learningRate: 0.1, weightDecay: 0.1)
    var parameters = [try random([2, 3], 1), try random([3], 2)]
    var expected = parameters.map { $0.values.map(Double.init) }
    var first = expected.map { $0.map { _ in 0.0 } }
    var second = first
    for step in 1...3 {
      let gradients = try parameters.map { try $0 * 0.5 }
      parameters = try optimizer.updated(parameters, gradients: gradients)
      for tensor in 0..<2 {
        for index in expected[tensor].indices {
          let gradient = expected[tensor][index] * 0.5
          first[tensor][index] = 0.9 * first[tensor][index] + 0.1 * gradient
          second[tensor][index] = 0.999 * second[tensor][index] + 0.001 * gradient * gradient
          let (m, v) = (
            first[tensor][index] / (1 - power(0.9, step)), second[tensor][index] / (1 - power(0.999, step))
          )
          let decay = tensor == 0 ? 0.1 * expected[tensor][index] : 0
          expected[tensor][index] -= 0.1 * (m / (v.squareRoot() + 1e-8) + decay)
          #expect(abs(Double(parameters[tensor].values[index]) - expected[tensor][index]) < 1e-5)
        }
      }
    }
    #expect(throws: ComputeError.self) { try optimizer.updated([parameters[0]], gradients: [parameters[0]]) }
    #expect(throws: ComputeError.self) { try optimizer.updated(parameters, gradients: parameters.reversed()) }
    let wrong = try Tensor([.nan, 0, 0], shape: [3], on: device)
    #expect(throws: ComputeError.notFinite(step: 3, tensor: "the gradient of parameter 1")) {
      try optimizer.updated(parameters, gradients: [parameters[0], wrong])
    }
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }
}
