import Foundation

@testable import EmethCompute

/// The GPT-2 forward pass in binary64, written as the formulas stand: the yardstick of the gradient tests.
struct BinaryReferenceModel {
  let configuration: ModelConfiguration
  let layout: ParameterLayout
  /// The factor of dropout at a place of a layer, for element (row, column) of a matrix of n columns.
  typealias Factor = (_ place: Dropout.Place, _ layer: Int, _ row: Int, _ n: Int, _ column: Int) -> Double
  private let factor: Factor

  init(_ configuration: ModelConfiguration, dropout factor: @escaping Factor = { _, _, _, _, _ in 1 }) {
    self.configuration = configuration
    self.factor = factor
    layout = ParameterLayout(configuration)
  }

  /// Mean loss of sequences of T + 1 tokens.
  func loss(_ parameters: [Double], _ sequences: [[UInt32]]) -> Double {
    var total = 0.0
    var counted = 0
    for (b, sequence) in sequences.enumerated() {
      let logits = self.logits(parameters, sequence.dropLast().map { $0 == .max ? 0 : Int($0) }, at: b)
      for (row, target) in zip(logits, sequence.dropFirst()) where target != .max {
        let largest = row.max() ?? 0
        total += log(row.reduce(0) { $0 + exp($1 - largest) }) - (row[Int(target)] - largest)
        counted += 1
      }
    }
    return total / Double(counted)
  }

  private func logits(_ p: [Double], _ tokens: [Int], at b: Int) -> [[Double]] {
    let c = configuration.width
    let t = tokens.count
    func drop(_ row: [Double], _ place: Dropout.Place, _ layer: Int, _ at: Int) -> [Double] {
      row.indices.map { row[$0] * factor(place, layer, b * t + at, c, $0) }
    }
    let (wte, wpe) = (slice(p, "wte.weight"), slice(p, "wpe.weight"))
    var x = tokens.enumerated().map { t, token in
      drop((0..<c).map { wte[token * c + $0] + wpe[t * c + $0] }, .embedding, 0, t)
    }
    for layer in 0..<configuration.layers {
      func w(_ name: String) -> [Double] { slice(p, "h.\(layer).\(name)") }
      let norm = x.map { layerNorm($0, w("ln_1.weight"), w("ln_1.bias")) }
      let qkv = norm.map { linear($0, w("attn.c_attn.weight"), w("attn.c_attn.bias")) }
      let attention = self.attention(qkv, layer, at: b)
      for t in x.indices {
        let attended = linear(attention[t], w("attn.c_proj.weight"), w("attn.c_proj.bias"))
        x[t] = zip(x[t], drop(attended, .attentionOutput, layer, t)).map(+)
        let hidden = linear(
          layerNorm(x[t], w("ln_2.weight"), w("ln_2.bias")), w("mlp.c_fc.weight"), w("mlp.c_fc.bias"))
        let fed = linear(hidden.map(gelu), w("mlp.c_proj.weight"), w("mlp.c_proj.bias"))
        x[t] = zip(x[t], drop(fed, .feedForwardOutput, layer, t)).map(+)
      }
    }
    return x.map { row in
      let norm = layerNorm(row, slice(p, "ln_f.weight"), slice(p, "ln_f.bias"))
      return (0..<configuration.vocabularySize).map { v in
        (0..<c).reduce(0) { $0 + norm[$1] * wte[v * c + $1] }
      }
    }
  }

  private func slice(_ p: [Double], _ name: String) -> [Double] {
    layout[name].map { Array(p[$0.range]) } ?? []
  }

  private func linear(_ x: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
    bias.indices.map { j in x.indices.reduce(bias[j]) { $0 + x[$1] * weight[$1 * bias.count + j] } }
  }

  private func layerNorm(_ x: [Double], _ gain: [Double], _ offset: [Double]) -> [Double] {
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * gain[$0] + offset[$0] }
  }

  private func gelu(_ x: Double) -> Double {
    0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  private func attention(_ qkv: [[Double]], _ layer: Int, at b: Int) -> [[Double]] {
    let (c, d, count) = (configuration.width, configuration.headWidth, qkv.count)
    return qkv.indices.map { t in
      (0..<c).map { channel in
        let head = channel / d * d
        let scores = (0...t).map { key in
          (0..<d).reduce(0) { $0 + qkv[t][head + $1] * qkv[key][c + head + $1] } / Double(d).squareRoot()
        }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let sum = weights.reduce(0, +)
        let row = (b * configuration.heads + channel / d) * count + t
        return (0...t).reduce(0) {
          let kept = factor(.attentionProbabilities, layer, row, count, $1)
          return $0 + weights[$1] / sum * kept * qkv[$1][2 * c + channel]
        }
      }
    }
  }
}
