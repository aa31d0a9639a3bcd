import EmethCompute

/// Trains a network of two layers to tell apart the points of two spirals, with tensors alone.
@main struct TrainNetwork {
  static func main() throws {
    let device = try Device.cpu(threads: 2)
    var generator = try CounterGenerator(
      label: "example", seed: [UInt8](repeating: 7, count: 32), part: 0, round: 0, pass: 0)
    let (points, labels) = try spirals(count: 200, on: device)

    var parameters = [
      try Tensor(randomWithDeviation: 1, shape: [2, 32], using: &generator, on: device),
      try Tensor(repeating: 0, shape: [32], on: device),
      try Tensor(randomWithDeviation: 0.2, shape: [32, 2], using: &generator, on: device),
      try Tensor(repeating: 0, shape: [2], on: device),
    ]
    func network(_ p: [Tensor]) throws -> Tensor {
      try points.matmul(p[0], bias: p[1]).gelu().matmul(p[2], bias: p[3])
    }

    var optimizer = AdamW(learningRate: 0.02)
    for step in 0...600 {
      let (loss, gradients) = try Tensor.valueAndGradients(of: parameters) { p in
        try network(p).crossEntropy(targets: labels)
      }
      if step % 200 == 0 { print("step \(step): loss \(Int((loss * 1000).rounded())) / 1000") }
      parameters = try optimizer.updated(parameters, gradients: gradients)
    }
    let right = zip(try network(parameters).largestOfRows(), labels).count { $0 == Int($1) }
    print("\(right) of \(labels.count) points are told apart")
  }

  /// Points (count, 2) on two arms that wind around each other, and the arm of each.
  static func spirals(count: Int, on device: Device) throws -> (Tensor, [UInt32]) {
    var values: [Float] = []
    for index in 0..<count {
      let (arm, way) = (index % 2, Float(index / 2) / Float(count / 2))
      let (x, y) = turned(by: way * 4)
      let side: Float = arm == 0 ? 1 : -1
      values += [side * (0.3 + way) * x, side * (0.3 + way) * y]
    }
    return (try Tensor(values, shape: [count, 2], on: device), (0..<count).map { UInt32($0 % 2) })
  }

  /// The point (1, 0) turned by an angle, in steps of small rotations.
  static func turned(by angle: Float) -> (Float, Float) {
    var (x, y): (Float, Float) = (1, 0)
    let step = angle / 256
    let length = (1 + step * step).squareRoot()
    for _ in 0..<256 { (x, y) = ((x - step * y) / length, (y + step * x) / length) }
    return (x, y)
  }
}
