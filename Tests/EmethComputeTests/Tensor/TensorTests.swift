import Testing

@testable import EmethCompute

@Suite struct TensorTests {
  private let device: Device
  init() throws { device = try Device.cpu(threads: 2) }

  private func tensor(_ values: [Float], _ shape: TensorShape) throws -> Tensor {
    try Tensor(values, shape: shape, on: device)
  }

  @Test func valuesKeepTheirPlaces() throws {
    let x = try tensor([1, 2, 3, 4, 5, 6], [2, 3])
    #expect(x.values == [1, 2, 3, 4, 5, 6])
    #expect(try x.reshaped(to: [3, 2]).matmul(x).values == [9, 12, 15, 19, 26, 33, 29, 40, 51])
    #expect(try x.matmul(x, transposed: true).values == [14, 32, 32, 77])
    #expect(
      try x.matmul(tensor([1, 0, 0, 1, 1, 1], [3, 2]), bias: tensor([10, 20], [2])).values == [
        14, 25, 20, 31,
      ])
    #expect(try (x + tensor([10, 20, 30], [3])).values == [11, 22, 33, 14, 25, 36])
    #expect(try (x - tensor([1], [])).values == [0, 1, 2, 3, 4, 5])
    #expect(try (x * x * 0.5).values == [0.5, 2, 4.5, 8, 12.5, 18])
    #expect(try x.sum().scalar() == 21 && x.mean().scalar() == 3.5)
    #expect(try x.columnSums().values == [5, 7, 9] && x.rowSums().values == [6, 15])
    #expect(try tensor([1, 3, 3, -1, -2, -3], [2, 3]).largestOfRows() == [1, 0])
    #expect("\(x.shape)" == "(2, 3)" && "\(x)".hasPrefix("float32 (2, 3) on cpu"))
  }

  @Test func typesOfTwoBytesRoundToNearestEven() throws {
    let values: [Float] = [
      0, -0.0, 1, 65_504, 65_519, 65_520, 1 + 0x1p-11, 1 + 0x1.8p-10, 0x1p-24, 0x1p-25, 0x1.8p-25, 3.39e38,
      -3.4e38,
      1 + 0x1p-8, 1 + 0x3p-8, .infinity, -.infinity, 0x1p-149, 0x1p-133,
    ]
    let x = try tensor(values, TensorShape(checked: [values.count]))
    let half = try x.converted(to: .float16).values
    #expect(half[0].sign == .plus && half[1].sign == .minus)
    #expect(Array(half[2...10]) == [1, 65_504, 65_504, .infinity, 1, 1 + 0x1p-9, 0x1p-24, 0, 0x1p-24])
    let brain = try x.converted(to: .bfloat16).values
    #expect(brain[3] == 65_536 && brain[6] == 1 && brain[13] == 1 && brain[14] == 1 + 0x1p-6)
    #expect(
      brain[11].isFinite && brain[12] == -.infinity && brain[15] == .infinity && brain[17] == 0
        && brain[18] == 0x1p-133)
    let nan = try tensor([.nan, Float(bitPattern: 0x7F80_0001)], [2])
    for dtype in [DType.float16, .bfloat16] {
      #expect(try nan.converted(to: dtype).values.allSatisfy(\.isNaN))
      // What is widened again is the same, for every pattern of bits.
      for bits in UInt16.min...UInt16.max where !dtype.widened(bits).isNaN {
        guard dtype.rounded(dtype.widened(bits)) == bits else {
          Issue.record("\(dtype) \(bits)")
          break
        }
      }
    }
    #expect(
      try x.converted(to: .bfloat16).reshaped(to: [1, 19]).matmul(
        tensor([Float](repeating: 0, count: 19), [19, 1])
      ).shape == [1, 1])
  }

  @Test func shapesThatDoNotFitAreNamedBoth() throws {
    let x = try tensor([Float](repeating: 1, count: 6), [2, 3])
    let y = try tensor([Float](repeating: 1, count: 8), [2, 4])
    func message(_ body: () throws -> Tensor) -> String {
      do { return "\(try body())" } catch { return (error as? ComputeError)?.message ?? "\(error)" }
    }
    for operation in [
      { try x.matmul(y) }, { try x.matmul(y, transposed: true) }, { try x + y }, { try x * y },
      { try x.reshaped(to: y.shape) }, { try Tensor.embedding([[0]], tokenTable: x, positionTable: y) },
    ] as [() throws -> Tensor] {
      let text = message(operation)
      #expect(text.contains("(2, 3)") && text.contains("(2, 4)"), "\(text)")
    }
    let vector = try tensor([1, 2], [2])
    #expect(message { try x.layerNorm(gain: vector, offset: vector) }.contains("(2, 3) and (2)"))
    #expect(
      message { try x.matmul(x, bias: vector, transposed: true).matmul(vector) }.contains("(2, 2) and (2)"))
    #expect(
      message { try x.matmul(x.reshaped(to: [3, 2]), bias: tensor([1], [1])) }.contains("(2, 2) and (1)"))
    let other = try Device.cpu(threads: 1)
    #expect(message { try x + Tensor([1], shape: [], on: other) }.contains("device"))
    #expect(throws: ComputeError.self) { try x.scalar() }
    #expect(throws: ComputeError.self) { try Tensor([1], shape: [2], on: device) }
    #expect(throws: ComputeError.self) { try TensorShape([-1]) }
    #expect(throws: ComputeError.self) { try TensorShape([1 << 40, 2]) }
    #expect(throws: ComputeError.self) { try TensorShape([Int.max, Int.max, 0]) }
    #expect(throws: ComputeError.self) { try TensorShape([1, 1, 1, 1, 1, 1, 1, 1, 1]) }
    #expect(throws: ComputeError.self) { try x.attention(heads: 1) }
    #expect(throws: ComputeError.self) { try x.reshaped(to: [1, 2, 3]).attention(heads: 2) }
    #expect(throws: ComputeError.self) { try x.crossEntropy(targets: [0]) }
    #expect(throws: ComputeError.self) { try x.crossEntropy(targets: [0, 3]) }
    #expect(throws: ComputeError.self) { try x.crossEntropy(targets: [.max, .max]) }
    #expect(throws: ComputeError.self) {
      try Tensor.embedding([[0], [0, 1]], tokenTable: x, positionTable: x)
    }
    #expect(throws: ComputeError.self) { try Tensor.embedding([[2]], tokenTable: x, positionTable: x) }
    #expect(throws: ComputeError.self) { try Tensor.embedding([[0, 0, 0]], tokenTable: x, positionTable: x) }
  }

  @Test func nothingIsSomethingToo() throws {
    let empty = try tensor([], [0, 3])
    #expect(try (empty + tensor([1, 2, 3], [3])).values == [])
    #expect(try empty.matmul(tensor([1, 2, 3], [3, 1])).shape == [0, 1])
    #expect(try empty.columnSums().values == [0, 0, 0] && empty.sum().scalar() == 0)
    #expect(throws: ComputeError.self) { try empty.mean() }
    let (tall, wide) = (try tensor([], [1 << 40, 0]), try tensor([], [0, 1 << 40]))
    #expect(throws: ComputeError.self) { try tall.matmul(wide) }
    #expect(throws: ComputeError.self) { try tensor([], [2, 0]).largestOfRows() }
    #expect(throws: ComputeError.self) {
      try tensor([], [2, 0]).layerNorm(gain: tensor([], [0]), offset: tensor([], [0]))
    }
  }
}
