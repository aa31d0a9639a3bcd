import CEmethCompute
import Testing

@testable import EmethCompute

/// Products with packed weights of every set against the scalar statement, and against plain matrix products.
@Suite struct PackedProductTests {
  private struct Inputs {
    let m: Int
    let n: Int
    let k: Int
    let a: [Float]
    let weights: [Float]
    let bias: [Float]
    let residual: [Float]

    init(_ sample: inout SampleNumbers, rows: Int, kind: Int) {
      (m, n, k) = (rows, 1 + sample.below(150), 1 + sample.below(300))
      a = sample.numbers(m * k, kind: kind)
      // binary16 ends at 65504.
      weights = sample.numbers(n * k, kind: kind).map { max(-60_000, min(60_000, $0)) }
      bias = sample.numbers(n, kind: kind)
      residual = sample.numbers(m * n, kind: kind)
    }
  }

  /// Memory of a device's packed weights, as floats so that it is aligned.
  private static func pack(
    _ inputs: Inputs, _ format: WeightFormat, transposed: Bool, _ device: OpaquePointer
  ) throws -> FloatArena {
    let arena = try FloatArena(count: (emeth_packed_bytes(format.raw, inputs.n, inputs.k) + 3) / 4)
    let status = emeth_pack_weights(
      device, arena.base, format.raw, inputs.weights, inputs.n, inputs.k, transposed)
    #expect(status == EMETH_OK)
    return arena
  }

  private static func product(
    _ inputs: Inputs, _ format: WeightFormat, transposed: Bool, options: Int, _ device: OpaquePointer
  ) throws -> [Float] {
    let packed = try pack(inputs, format, transposed: transposed, device)
    // The residual may be the output.
    var out = inputs.residual
    out.withUnsafeMutableBufferPointer { out in
      inputs.a.withUnsafeBufferPointer { a in
        inputs.bias.withUnsafeBufferPointer { bias in
          var arguments = emeth_packed_product_arguments(
            out: out.baseAddress, a: a.baseAddress, weights: packed.base,
            bias: options & 1 != 0 ? bias.baseAddress : nil,
            residual: options & 2 != 0 ? UnsafePointer(out.baseAddress) : nil, m: inputs.m, n: inputs.n,
            k: inputs.k, format: format.raw, gelu: options & 4 != 0)
          withExtendedLifetime(packed) { emeth_packed_product(device, &arguments) }
        }
      }
    }
    return out
  }

  @Test("odd shapes, all formats, rows, kinds of numbers", arguments: WeightFormat.allCases)
  func oddShapes(format: WeightFormat) throws {
    var sample = SampleNumbers(seed: SampleNumbers.seed + 77)
    print("seed \(SampleNumbers.seed)")
    for round in 0..<(30 * KernelSets.scale) {
      let inputs = Inputs(&sample, rows: round % 2 == 0 ? 1 : 1 + sample.below(80), kind: round % 5)
      var failure: (any Error)?
      let different = KernelSets.different { device in
        do {
          return try Self.product(inputs, format, transposed: round % 3 == 0, options: round % 8, device)
        } catch {
          failure = error
          return []
        }
      }
      #expect(different.isEmpty && failure == nil, "m \(inputs.m) n \(inputs.n) k \(inputs.k) round \(round)")
    }
  }

  @Test("weights in binary32 give the bits of the plain product, GELU and sum")
  func plainProduct() throws {
    var sample = SampleNumbers(seed: SampleNumbers.seed + 78)
    let device = try #require(KernelDevice(EMETH_SET_PORTABLE))
    for rows in [1, 2, 5, 70] {
      for transposed in [false, true] {
        let inputs = Inputs(&sample, rows: rows, kind: 0)
        let found = try Self.product(inputs, .f32, transposed: transposed, options: 7, device.handle)
        var expected = [Float](repeating: 0, count: inputs.m * inputs.n)
        expected.withUnsafeMutableBufferPointer { out in
          inputs.a.withUnsafeBufferPointer { a in
            inputs.weights.withUnsafeBufferPointer { weights in
              inputs.bias.withUnsafeBufferPointer { bias in
                var arguments = emeth_matmul_arguments(
                  out: out.baseAddress, a: a.baseAddress, b: weights.baseAddress, bias: bias.baseAddress,
                  activation: nil, slope_of: nil, m: inputs.m, n: inputs.n, k: inputs.k, a_transposed: false,
                  b_transposed: transposed, accumulate: false)
                emeth_matmul(device.handle, &arguments)
              }
            }
          }
          emeth_gelu_forward(device.handle, out.baseAddress, out.baseAddress, out.count)
          emeth_add(device.handle, out.baseAddress, inputs.residual, out.baseAddress, out.count)
        }
        #expect(found.map(KernelSets.bits) == expected.map(KernelSets.bits), "rows \(rows)")
      }
    }
  }

  /// Every binary16 is stored as itself and read back on every set; numbers between two go to the nearest.
  @Test("all binary16 values, and numbers half-way between them")
  func halves() throws {
    // Signs, 31 finite exponents, 1024 fractions.
    let values = (0..<0x7C00).flatMap { bits -> [Float] in
      let (exponent, fraction) = (bits >> 10, Float(bits & 0x3FF))
      let size =
        exponent == 0
        ? fraction * 0x1p-24 : Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1_024)
      return [size, -size]
    }
    for (name, set) in KernelSets.named {
      let device = try #require(KernelDevice(set))
      // One input of 1: each output is its weight.
      func stored(_ weights: [Float]) throws -> [Float] {
        var out: [Float] = []
        for first in stride(from: 0, to: weights.count, by: 4_096) {
          let part = Array(weights[first..<min(first + 4_096, weights.count)])
          let arena = try FloatArena(count: emeth_packed_bytes(EMETH_WEIGHTS_F16, part.count, 1) / 4)
          #expect(
            emeth_pack_weights(device.handle, arena.base, EMETH_WEIGHTS_F16, part, part.count, 1, false)
              == EMETH_OK)
          var products = [Float](repeating: 0, count: part.count)
          let one: [Float] = [1]
          products.withUnsafeMutableBufferPointer { products in
            one.withUnsafeBufferPointer { one in
              var arguments = emeth_packed_product_arguments()
              (arguments.out, arguments.a) = (products.baseAddress, one.baseAddress)
              arguments.weights = UnsafeRawPointer(arena.base)
              (arguments.m, arguments.n, arguments.k) = (1, part.count, 1)
              arguments.format = EMETH_WEIGHTS_F16
              withExtendedLifetime(arena) { emeth_packed_product(device.handle, &arguments) }
            }
          }
          out += products
        }
        return out
      }
      #expect(try stored(values) == values, "\(name)")
      // Between neighbours of one sign: just below the middle, the middle (to the even one), just above.
      let low = stride(from: 0, to: values.count - 2, by: 2).map { values[$0] }
      let high = stride(from: 2, to: values.count, by: 2).map { values[$0] }
      let middles = zip(low, high).map { ($0 + $1) / 2 }
      #expect(try stored(middles.map(\.nextDown)) == low, "\(name)")
      #expect(try stored(middles.map(\.nextUp)) == high, "\(name)")
      let even = low.indices.map { $0 % 2 == 0 ? low[$0] : high[$0] }
      #expect(try stored(middles) == even, "\(name)")
    }
  }

  @Test("int8: every weight is within half a step, and a step is a 127th of the block's largest")
  func int8Accuracy() throws {
    var sample = SampleNumbers(seed: SampleNumbers.seed + 79)
    let device = try #require(KernelDevice(EMETH_SET_PORTABLE))
    let inputs = Inputs(&sample, rows: 1, kind: 2)
    let packed = try Self.pack(inputs, .int8, transposed: true, device.handle)
    let positions = [Float](repeating: 0, count: inputs.k)
    var row = [Float](repeating: 0, count: inputs.k)
    for output in 0..<inputs.n {
      emeth_packed_embedding(
        device.handle, &row, [UInt32(output)], [0], packed.base, EMETH_WEIGHTS_INT8, positions, 1, inputs.k)
      for first in stride(from: 0, to: inputs.k, by: 32) {
        let block = first..<min(first + 32, inputs.k)
        let largest = block.map { abs(inputs.weights[output * inputs.k + $0]) }.max() ?? 0
        // 8 significant bits round the step up by 1/128 at most.
        let step = largest / 127 * (1 + 0x1p-7)
        for input in block {
          #expect(abs(row[input] - inputs.weights[output * inputs.k + input]) <= step / 2 * 1.0001)
        }
      }
    }
  }
}
