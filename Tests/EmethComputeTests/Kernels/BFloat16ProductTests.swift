import CEmethCompute
import Testing

@testable import EmethCompute

/// Matrix products of the `fast` profile against products of rounded operands in binary64.
@Suite(.enabled(if: !KernelSets.withBFloat16.isEmpty, "no set of this CPU has such products"))
struct BFloat16ProductTests {
  private struct Product {
    var (m, n, k) = (0, 0, 0)
    var a: [Float] = [], b: [Float] = [], bias: [Float] = [], start: [Float] = []
    var layout = 0
    var accumulate: Bool { layout & 4 != 0 }

    init(_ sample: inout SampleNumbers, m: Int, n: Int, k: Int, layout: Int) {
      (self.m, self.n, self.k, self.layout) = (m, n, k, layout)
      (a, b) = (sample.numbers(m * k), sample.numbers(k * n))
      (bias, start) = (sample.numbers(n), sample.numbers(m * n))
    }

    func run(on device: OpaquePointer) -> [Float] {
      var out = start
      var arguments = emeth_matmul_arguments()
      (arguments.m, arguments.n, arguments.k) = (m, n, k)
      arguments.a_transposed = layout & 1 != 0
      arguments.b_transposed = layout & 2 != 0
      arguments.accumulate = accumulate
      out.withUnsafeMutableBufferPointer { out in
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            bias.withUnsafeBufferPointer { bias in
              (arguments.out, arguments.a, arguments.b, arguments.bias) = (
                out.baseAddress, a.baseAddress, b.baseAddress, bias.baseAddress
              )
              emeth_matmul(device, &arguments)
            }
          }
        }
      }
      return out
    }

    /// The element that is furthest from the exact one, as a multiple of what rounding a sum of k products in
    /// any order may do.
    func worst(of out: [Float], rounded: Bool) -> Double {
      func operand(_ x: Float) -> Double { Double(rounded ? BFloat16ProductTests.rounded(x) : x) }
      var worst = 0.0
      for row in 0..<m {
        for column in 0..<n {
          var (sum, size) = (accumulate ? Double(start[row * n + column]) : 0, 0.0)
          size = abs(sum)
          for step in 0..<k {
            let x = operand(a[layout & 1 != 0 ? step * m + row : row * k + step])
            let y = operand(b[layout & 2 != 0 ? column * k + step : step * n + column])
            sum += x * y
            size += abs(x * y)
          }
          sum += Double(bias[column])
          size += abs(Double(bias[column]))
          let bound = Double(k + 3) * 0x1p-24 * size + 0x1p-120
          worst = max(worst, abs(Double(out[row * n + column]) - sum) / bound)
        }
      }
      return worst
    }
  }

  /// To nearest, ties to even, by arithmetic instead of bits.
  static func rounded(_ x: Float) -> Float {
    guard x != 0 else { return x }
    let unit = Float(sign: .plus, exponent: x.exponent - 7, significand: 1)
    return (x / unit).rounded(.toNearestOrEven) * unit
  }

  @Test("odd shapes in all layouts")
  func oddShapes() {
    var sample = SampleNumbers(seed: SampleNumbers.seed)
    print("seed \(SampleNumbers.seed)")
    let devices = KernelSets.withBFloat16
    for round in 0..<(40 * KernelSets.scale) {
      let (m, n) = (5 + sample.below(round % 3 == 0 ? 110 : 20), 1 + sample.below(round % 4 == 0 ? 400 : 70))
      let k = 1 + sample.below(round % 5 == 0 ? 900 : 70)
      let product = Product(&sample, m: m, n: n, k: k, layout: round % 8)
      for (name, device) in devices {
        let worst = product.worst(of: product.run(on: device.handle), rounded: true)
        #expect(worst <= 1, "\(name): m \(m) n \(n) k \(k) layout \(round % 8)")
      }
    }
  }

  @Test("operands are really rounded: a product in binary32 is told apart")
  func isNotBinary32() {
    var sample = SampleNumbers(seed: 7)
    let product = Product(&sample, m: 20, n: 40, k: 30, layout: 0)
    for (name, device) in KernelSets.withBFloat16 {
      #expect(product.worst(of: product.run(on: device.handle), rounded: false) > 100, "\(name)")
    }
  }

  @Test("ties go to even, infinities stay, a NaN stays one")
  func specialOperands() {
    // 1 + 2^-8 lies between 1 and 1 + 2^-7, 1 + 3·2^-8 between 1 + 2^-7 and 1 + 2^-6.
    let almost = Float(bitPattern: 0x7F80_0001)
    let given: [Float] = [1 + 0x1p-8, 1 + 3 * 0x1p-8, 1 + 0x1.02p-8, -1 - 0x1p-8, .infinity, almost, 0]
    let expected: [Float] = [1, 1 + 0x1p-6, 1 + 0x1p-7, -1, .infinity, .nan, 0]
    for (name, device) in KernelSets.withBFloat16 {
      // Each number is a row's only one that is not 0, and meets a 1.
      let (m, n, k) = (given.count, 17, given.count)
      var a = [Float](repeating: 0, count: m * k)
      for (index, number) in given.enumerated() { a[index * k + index] = number }
      var out = [Float](repeating: 0, count: m * n)
      let ones = [Float](repeating: 1, count: k * n)
      out.withUnsafeMutableBufferPointer { out in
        a.withUnsafeBufferPointer { a in
          ones.withUnsafeBufferPointer { ones in
            var arguments = emeth_matmul_arguments()
            (arguments.out, arguments.a, arguments.b) = (out.baseAddress, a.baseAddress, ones.baseAddress)
            (arguments.m, arguments.n, arguments.k) = (m, n, k)
            emeth_matmul(device.handle, &arguments)
          }
        }
      }
      for row in 0..<m {
        let found = out[row * n + n - 1]
        #expect(
          found == expected[row] || (found.isNaN && expected[row].isNaN), "\(name), row \(row): \(found)")
      }
    }
  }

  @Test("a set without such products refuses and goes on in binary32")
  func absent() throws {
    let device = try #require(KernelDevice(EMETH_SET_PORTABLE))
    #expect(emeth_device_use_bfloat16(device.handle) == EMETH_NOT_AVAILABLE)
    var sample = SampleNumbers(seed: 8)
    let product = Product(&sample, m: 6, n: 20, k: 50, layout: 3)
    #expect(product.worst(of: product.run(on: device.handle), rounded: false) <= 1)
  }
}
