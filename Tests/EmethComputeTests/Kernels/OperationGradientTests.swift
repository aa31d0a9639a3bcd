import CEmethCompute
import Foundation
import Testing

@testable import EmethCompute

/// The backward half of every operation against finite differences of its formula in binary64, and against
/// what PyTorch's autograd gives for the same numbers (Fixtures/make_operations.py).
@Suite struct OperationGradientTests {
  /// One operation of the fixture: inputs, the weight of each output in a loss, and PyTorch's gradients.
  private struct Recorded: Decodable {
    var inputs: [[Float]]
    var weights: [Float]
    var gradients: [[Double]]
  }

  private typealias Formula = ([[Double]]) -> [Double]

  private static let rows = 5
  private static let channels = 12
  private static let heads = 3
  private static let vocabulary = 7
  private static let targets: [UInt32] = [3, 0, 6, EMETH_NO_TARGET, 2]
  private static let tokens: [UInt32] = [1, 4, 1, 0, 6]

  private func recorded(_ name: String) throws -> Recorded {
    let all = try RecordedFixture.decode([String: Recorded].self, "operation_gradients.json")
    return try #require(all[name])
  }

  private func check(_ name: String, _ found: [[Float]], _ recorded: Recorded, _ formula: Formula) throws {
    try #require(found.count == recorded.gradients.count)
    let inputs = recorded.inputs.map { $0.map(Double.init) }
    func loss(_ inputs: [[Double]]) -> Double {
      zip(formula(inputs), recorded.weights).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    for (index, gradient) in found.enumerated() {
      let expected = recorded.gradients[index]
      let size = max(1, expected.map(abs).max() ?? 1)
      for (place, value) in gradient.enumerated() {
        #expect(abs(Double(value) - expected[place]) < 3e-6 * size, "\(name) \(index) \(place): PyTorch")
        var moved = inputs
        moved[index][place] += 1e-5
        let above = loss(moved)
        moved[index][place] -= 2e-5
        let slope = (above - loss(moved)) / 2e-5
        #expect(abs(Double(value) - slope) < 1e-5 * size, "\(name) \(index) \(place): differences")
      }
    }
  }

  private func run(
    _ inputs: [[Float]], outputs counts: [Int],
    _ body: (Device, [UnsafePointer<Float>], [UnsafeMutablePointer<Float>]) throws -> Void
  ) throws -> [[Float]] {
    let device = try Device.cpu(threads: 2)
    let arenas = try inputs.map { values in
      let arena = try FloatArena(count: values.count)
      _ = arena.elements.update(fromContentsOf: values)
      return arena
    }
    let outputs = try counts.map { try FloatArena(count: $0) }
    return try withExtendedLifetime((arenas, outputs)) {
      try body(device, arenas.map { UnsafePointer($0.base) }, outputs.map(\.base))
      return outputs.map { Array($0.elements) }
    }
  }

  @Test func linearLayer() throws {
    let (m, k, n) = (Self.rows, Self.channels, 9)
    let recorded = try recorded("linear")
    let found = try run(recorded.inputs + [recorded.weights], outputs: [m * k, k * n, n]) { device, x, out in
      device.multiply(out[0], x[3], x[1], m: m, n: k, k: n, bTransposed: true)
      device.multiply(out[1], x[0], x[3], m: k, n: n, k: m, aTransposed: true)
      emeth_column_sum(device.handle, out[2], x[3], m, n)
    }
    try check("linear", found, recorded) { x in
      (0..<m * n).map { i in (0..<k).reduce(x[2][i % n]) { $0 + x[0][i / n * k + $1] * x[1][$1 * n + i % n] }
      }
    }
  }

  @Test func layerNorm() throws {
    let (m, n) = (Self.rows, Self.channels)
    let recorded = try recorded("layerNorm")
    let found = try run(recorded.inputs + [recorded.weights], outputs: [m * n, n, n, m * n, m, m]) {
      device, x, out in
      emeth_layer_norm_forward(device.handle, out[3], out[4], out[5], x[0], x[1], x[2], m, n)
      emeth_layer_norm_backward(device.handle, out[0], out[1], out[2], x[3], x[0], x[1], out[4], out[5], m, n)
    }
    try check("layerNorm", Array(found[..<3]), recorded) { x in
      (0..<m).flatMap { row -> [Double] in
        let values = Array(x[0][row * n..<(row + 1) * n])
        let mean = values.reduce(0, +) / Double(n)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n)
        return (0..<n).map { (values[$0] - mean) / (variance + 1e-5).squareRoot() * x[1][$0] + x[2][$0] }
      }
    }
  }

  @Test func gelu() throws {
    let recorded = try recorded("gelu")
    let count = recorded.weights.count
    let found = try run(recorded.inputs + [recorded.weights], outputs: [count]) { device, x, out in
      emeth_gelu_backward(device.handle, out[0], x[1], x[0], count)
    }
    try check("gelu", found, recorded) { x in
      x[0].map { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
    }
  }

  @Test func attention() throws {
    let (t, c, heads) = (Self.rows, Self.channels, Self.heads)
    let recorded = try recorded("attention")
    let found = try run(
      recorded.inputs + [recorded.weights], outputs: [t * 3 * c, t * c, heads * t, heads * t]
    ) {
      device, x, out in
      let mask = emeth_dropout_mask()
      try device.check(
        emeth_attention_forward(device.handle, out[1], out[2], out[3], x[0], 1, t, c, heads, mask))
      try device.check(
        emeth_attention_backward(device.handle, out[0], x[1], x[0], out[2], out[3], 1, t, c, heads, mask))
    }
    try check("attention", [found[0]], recorded) { x in
      let d = c / heads
      func at(_ row: Int, _ column: Int) -> Double { x[0][row * 3 * c + column] }
      return (0..<t).flatMap { query in
        (0..<c).map { channel -> Double in
          let head = channel / d * d
          let scores = (0...query).map { key in
            exp(
              (0..<d).reduce(0) { $0 + at(query, head + $1) * at(key, c + head + $1) }
                / Double(d).squareRoot())
          }
          let mixed = (0...query).reduce(0) { $0 + scores[$1] * at($1, 2 * c + channel) }
          return mixed / scores.reduce(0, +)
        }
      }
    }
  }

  @Test func crossEntropy() throws {
    let (m, v) = (Self.rows, Self.vocabulary)
    let recorded = try recorded("crossEntropy")
    let counted = Float(Self.targets.count { $0 != EMETH_NO_TARGET })
    let found = try run(recorded.inputs, outputs: [m * v, m]) { device, x, out in
      out[0].update(from: x[0], count: m * v)
      emeth_cross_entropy(device.handle, out[1], out[0], Self.targets, m, m, m, v, 1 / counted, true)
    }
    try check("crossEntropy", [found[0]], recorded) { x in
      let losses = Self.targets.enumerated().map { row, target -> Double in
        guard target != EMETH_NO_TARGET else { return 0 }
        let values = x[0][row * v..<(row + 1) * v]
        return log(values.reduce(0) { $0 + exp($1) }) - x[0][row * v + Int(target)]
      }
      return [losses.reduce(0, +) / Double(counted)]
    }
  }

  @Test func embedding() throws {
    let (t, c, v) = (Self.rows, Self.channels, Self.vocabulary)
    let recorded = try recorded("embedding")
    let found = try run([recorded.weights], outputs: [v * c, t * c]) { device, x, out in
      emeth_embedding_backward(device.handle, out[0], out[1], x[0], Self.tokens, t, 1, t, c)
    }
    try check("embedding", found, recorded) { x in
      (0..<t).flatMap { row in (0..<c).map { x[0][Int(Self.tokens[row]) * c + $0] + x[1][row * c + $0] } }
    }
  }
}
